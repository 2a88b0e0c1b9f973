"""Tables of the data: what each pool holds, from the headers of its files, and what was lost of it on the way."""

import json

import pandas as pd

from crossgen.report.data import ReportData
from crossgen.report.printing import Table

SPLITS = ("train", "val", "test")
LABELS = {0: "real", 1: "fake"}
SIDES = (("train", 0, "Reals"), ("train", 1, "Fakes"), ("val", 0, "Reals"), ("val", 1, "Fakes"))
#: Steps of a selection that nobody declares.
SILENT = ("quarantine", "drop_leaks", "groups of val", "shared reals")
RELATIONS = {"across_label": "real and fake", "across_split": "across splits", "within_split": "within a split"}


def pools(data: ReportData) -> Table:
    """A row a pool: images by split, formats, sizes, the commonest JPEG quality, converted, quarantined and lost."""
    rows = [
        {"Pool": str(name), **_printed(rows), "Lost later": _lost(data.losses[data.losses["pool"] == name])}
        for name, rows in data.facts.groupby("pool", sort=False)
    ]
    caption = (
        "Images of each pool, from the headers of their files. Quarantined images are used nowhere; what was lost "
        "later passed by its header and is missing from training or test (table losses)."
    )
    return Table(caption, pd.DataFrame(rows), _counts(data.facts))


def losses(data: ReportData) -> Table:
    """A row for each stage, pool and reason: images that passed by their headers and are missing nevertheless."""
    distinct = data.losses.drop_duplicates(["stage", "pool", "reason", "image_id"])
    rows = [
        {"Stage": stage, "Pool": pool, "Reason": reason, "Images": f"{len(lost):,}", "First": _first(lost["image_id"])}
        for (stage, pool, reason), lost in distinct.groupby(["stage", "pool", "reason"], sort=False)
    ]
    caption = (
        "Images lost after their headers were read: those that did not decode, and those a frame or condition cannot "
        "take. Missing test images lower the coverage of their metrics. " + ("" if rows else "None.")
    ).strip()
    columns = ["Stage", "Pool", "Reason", "Images", "First"]
    return Table(caption, pd.DataFrame(rows, columns=columns), data.losses)


def waterfall(data: ReportData) -> Table:
    """A row for each selection and each of its steps that was declared or removed something: what is left of it."""
    rows = []
    for (subset, train_set, position), step in data.waterfall.groupby(["subset", "train_set", "position"], sort=False):
        if position and not step["removed"].sum() and step["step"].iloc[0] in SILENT:
            continue
        place = {"Subset": subset, "Trained on": train_set, "Step": _named(step.iloc[0])}
        rows.append(place | {f"{name} {split}": _passed(step, split, label) for split, label, name in SIDES})
    caption = (
        "From the images found to those learnt from: left after each step and, in brackets, removed by it. Steps that "
        "are always taken are shown where they removed something. " + ("" if rows else "None.")
    ).strip()
    columns = ["Subset", "Trained on", "Step", *(f"{name} {split}" for split, _, name in SIDES)]
    return Table(caption, pd.DataFrame(rows, columns=columns), data.waterfall, blocks=1)


def _named(step: "pd.Series[str]") -> str:
    return f"{step['step']} {step['setting'] or ''}".strip()


def _passed(step: pd.DataFrame, split: str, label: int) -> str:
    mine = step[step["split"].eq(split) & step["label"].eq(label)]
    removed, left = int(mine["removed"].sum()), int(mine["left"].sum())
    return f"{left:,} (−{removed:,})" if removed else f"{left:,}"


def duplicates(data: ReportData) -> Table:
    """A row for each two places (pool, split, label) that share files, the most harmful first."""
    rows = [
        {
            "Shared": RELATIONS[str(row["relation"])],
            "Pool": f"{row['pool']} ({LABELS[row['label']]}, {row['split']})",
            "And": f"{row['other_pool']} ({LABELS[row['other_label']]}, {row['other_split']})",
            "Files": f"{row['files']:,}",
            "Images": f"{row['images']:,} and {row['other_images']:,}",
            "First": " = ".join(repr(name)[1:-1] for name in json.loads(row["examples"])[0]),
        }
        for row in data.duplicates.to_dict("records")
    ]
    caption = (
        "Files that are there more than once, byte by byte, over all pools and splits. What is both in training and "
        "in test is no test; what bears both labels cannot be learned. " + ("" if rows else "None.")
    ).strip()
    return Table(
        caption, pd.DataFrame(rows, columns=["Shared", "Pool", "And", "Files", "Images", "First"]), data.duplicates
    )


def _first(image_ids: "pd.Series[str]") -> str:
    """A name on one line, whatever it holds."""
    return repr(str(image_ids.min()))[1:-1]


def _lost(losses: pd.DataFrame) -> str:
    images = losses.drop_duplicates(["stage", "image_id", "reason"])
    return _tally(images["stage"] + ", " + images["reason"])


def _printed(rows: pd.DataFrame) -> dict[str, str]:
    usable = rows[rows.quarantine.isna()]
    return {
        "Label": " and ".join(LABELS[int(label)] for label in sorted(rows.label.unique())),
        **{split: f"{int((usable.split == split).sum()):,}" for split in SPLITS},
        "Formats": ", ".join(f"{name} {share:.0%}" for name, share in _shares(usable.format)).replace("%", " %"),
        "Width": _range(usable.width),
        "Height": _range(usable.height),
        "JPEG quality": _quality(usable.jpeg_quality),
        "Converted": _tally(usable.conversion.dropna()),
        "Quarantined": _tally(rows.quarantine.dropna()),
    }


def _shares(column: "pd.Series[str]") -> list[tuple[str, float]]:
    return [(str(name), share) for name, share in column.value_counts(normalize=True).items()]


def _range(column: "pd.Series[float]") -> str:
    known = column.dropna()
    if known.empty:
        return "–"
    low, high = int(known.min()), int(known.max())
    return str(low) if low == high else f"{low}–{high}, median {known.median():.0f}"


def _quality(column: "pd.Series[float]") -> str:
    known = column.dropna()
    if known.empty:
        return "–"
    value, share = known.value_counts(normalize=True).index[0], known.value_counts(normalize=True).iloc[0]
    return f"{int(value)}: {share:.0%} of {len(known):,} known".replace("%", " %")


def _tally(words: "pd.Series[str]") -> str:
    return ", ".join(f"{count}: {word}" for word, count in words.value_counts().items()) or "0"


def _counts(facts: pd.DataFrame) -> pd.DataFrame:
    """Images and their sizes by everything else that the printed table sums over."""
    keys = ["pool", "label", "split", "format", "jpeg_quality", "conversion", "quarantine"]
    sizes = {f"{side}_{how}": (side, how) for side in ("width", "height") for how in ("min", "median", "max")}
    counts = facts.groupby(keys, sort=False, dropna=False).agg(images=("image_id", "size"), **sizes)
    return counts.reset_index()
