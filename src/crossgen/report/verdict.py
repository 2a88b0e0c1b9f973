"""What an audit's findings mean, in words, and the exit status that follows from them.

The number of the verdict is the balanced accuracy of the better of tree and boosting on header and size. It is *above*
a limit if the value is, and its interval excludes 0.5: a few images by chance are no bias.
"""

from typing import Any

from crossgen.data.findings import VERDICT
from crossgen.data.hints import SIGNS

Json = dict[str, Any]

#: Exit statuses of `crossgen audit`; 1 is an error: nothing was measured.
FINE, ABOVE = 0, 2
#: Labels that differ by more than this are said to be unbalanced.
UNBALANCED = 3.0
#: Shares of a sign that differ by more than this between the labels are a bias of their own.
DIFFERENT = 0.2
RELATIONS = {
    "across_label": "stand under both labels: nobody can tell real from fake there",
    "across_split": "stand in two splits: what is tested was trained on",
    "within_split": "are repeated within a split",
}


def verdict(found: Json, limit: float | None = None) -> Json:
    """`status` (told, chance, between, unknown), the number with its interval, `words` (one sentence or more, the
    verdict first), and `exit_status`. `limit`: what --fail-above names.

    Raises ValueError if a limit is asked for and there is no number to compare with it.
    """
    best = _best(found["probes"])
    if best is None:
        if limit is not None:
            raise ValueError(f"--fail-above {limit:g} cannot be decided: {found['undefined']}.")
        words = [f"No verdict: {found['undefined']}."]
        return {"status": "unknown", "fail_above": None, "exit_status": FINE, "words": [*words, *_others(found)]}
    above = limit is not None and best["balanced_accuracy"] > limit and best["low"] > 0.5
    told = {key: best[key] for key in ("model", "balanced_accuracy", "low", "high")}
    return {
        "status": _status(best),
        **told,
        "fail_above": limit,
        "exit_status": ABOVE if above else FINE,
        "words": [*_main(found, best), *_limit(best, limit, above), *_others(found)],
    }


def _best(probes: list[Json]) -> Json | None:
    own = [row for row in probes if row["probe"] == VERDICT and row["balanced_accuracy"] is not None]
    return max(own, key=lambda row: row["balanced_accuracy"]) if own else None


def _status(best: Json) -> str:
    if best["low"] <= 0.5:
        return "chance"
    return "told" if best["balanced_accuracy"] >= 0.6 else "between"


def _main(found: Json, best: Json) -> list[str]:
    number = f"{_percent(best['balanced_accuracy'])} (interval {_percent(best['low'])} to {_percent(best['high'])})"
    sentences = {
        "told": f"Real and fake can be told apart without looking at the picture: {number} are told right by their "
        f"files alone ({_model(best)}); 50 % is guessing. A detector trained on these files may learn the files.",
        "between": f"File facts tell a little of real and fake: {number} are told right by their files alone "
        f"({_model(best)}); 50 % is guessing.",
        "chance": f"File facts do not tell real from fake here: {number} are told right by their files alone, and 50 % "
        "is guessing. With more images a smaller difference could be found.",
    }
    rules = next((row["rules"] for row in found["probes"] if row["probe"] == VERDICT and row["rules"]), None)
    told = [sentences[_status(best)]]
    if rules and _status(best) != "chance":
        told.append(f"The rules: {rules}.")
    if found["sampled"]:
        told.append(f"Learned from {found['sampled']}.")
    return told


def _limit(best: Json, limit: float | None, above: bool) -> list[str]:
    if limit is None:
        return []
    if not above and best["balanced_accuracy"] > limit:
        return [f"That is above --fail-above {limit:g}, but the interval includes 50 %: too few images to say so."]
    return [f"That is {'above' if above else 'not above'} --fail-above {limit:g}."]


def _others(found: Json) -> list[str]:
    return [
        *_balance(found["balance"]),
        *_unusable(found),
        *_repeated(found),
        *_near(found["near"]),
        *_hints(found["hints"]),
    ]


def _balance(counts: Json) -> list[str]:
    few, many = sorted((counts["real"], counts["fake"]))
    told = []
    if few and many > UNBALANCED * few:
        told.append(
            f"The labels are unbalanced: {counts['real']:,} reals and {counts['fake']:,} fakes. Accuracies here weigh "
            "both alike; a plain accuracy would not."
        )
    classes = counts["classes"]
    if classes and classes["distance"] is not None and classes["distance"] > DIFFERENT:
        told.append(
            f"What is shown differs: {classes['real']} classes of reals and {classes['fake']} of fakes, and "
            f"{_percent(classes['distance'])} of the images would have to change class to agree."
        )
    return told


def _unusable(found: Json) -> list[str]:
    lost = found["unusable"]
    if not lost["images"]:
        return []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in lost["reasons"].items())
    files = (
        "1 file cannot be used and was" if lost["images"] == 1 else f"{lost['images']:,} files cannot be used and were"
    )
    return [f"{files} left out ({reasons})."]


def _repeated(found: Json) -> list[str]:
    told = [f"{found['without_digest']:,} images have no digest: duplicates among them are unknown."]
    return (told if found["without_digest"] else []) + _pairs(found["duplicates"], "files")


def _near(near: Json | None) -> list[str]:
    return _pairs(near["rows"], f"pictures (at most {near['threshold']} of 64 bits differ)") if near else []


def _pairs(rows: list[Json], what: str) -> list[str]:
    told = []
    for relation, words in RELATIONS.items():
        own = [row for row in rows if row["relation"] == relation]
        if own:
            count = sum(row["files" if what == "files" else "images"] for row in own)
            first = " = ".join(repr(name)[1:-1] for name in own[0]["examples"][0])
            kind = "Identical" if what == "files" else "Nearly identical"
            told.append(f"{kind} {what} {words}: {count:,} (first: {first}).")
    return told


def _hints(hints: Json | None) -> list[str]:
    if not hints:
        return []
    told = []
    for sign, words in SIGNS.items():
        shares = {name: _share(hints[name][sign]) for name in ("real", "fake")}
        if any((share or 0) > DIFFERENT for share in shares.values()):
            said = ", ".join(_counted(hints[name][sign], name) for name in shares)
            told.append(f"Hint from pixels ({words}): {said}.")
    return told


def _share(counted: Json) -> float | None:
    return counted["found"] / counted["of"] if counted["of"] else None


def _counted(counted: Json, name: str) -> str:
    return f"{counted['found']} of {counted['of']} {name}s" if counted["of"] else f"no {name}s to ask"


def _model(best: Json) -> str:
    return {"tree": "a tree of depth 3", "boosting": "a small boosted forest"}[best["model"]]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
