"""The account of a run in words and tables of at most 100 columns."""

from collections.abc import Mapping
from typing import Any

from tabulate import tabulate

Told = Mapping[str, Any]


def text(told: Told) -> str:
    """What `crossgen plan` prints."""
    if not told["jobs"]:
        return f"Nothing to be done: {told['report']} is complete."
    parts = [
        _head(told),
        _rules(told),
        *_measured(told),
        _why(told),
        _images(told),
        _cells(told),
        _download(told),
        _cost(told),
    ]
    return "\n\n".join([*parts, *([_notes(told)] if told["notes"] else [])])


def _head(told: Told) -> str:
    cores, gpus = told["cores"], told["gpus_here"]
    here = f"{cores} {_plural(cores, 'core')}, {gpus or 'no'} {_plural(gpus, 'GPU')}"
    where = here if told["executor"] == "local" else f"{told['executor']}, {told['jobs_at_once']} jobs at once"
    return f"Plan of {told['report']} (store {told['store']}) on {where}. All figures are estimates."


def _rules(told: Told) -> str:
    rows = [
        [rule["rule"], rule["jobs"], *_seconds(rule), _bytes(rule["bytes"]) if rule["bytes"] else "-", _from(rule)]
        for rule in told["rules"]
    ]
    cost = told["cost"]
    total = {"cpu_seconds": cost["cpu_hours"] * 3600, "gpu_seconds": cost["gpu_hours"] * 3600}
    rows.append(["total", len(told["jobs"]), *_seconds(total), _bytes(cost["bytes"]), ""])
    headers = ["rule", "jobs", "CPU time", "GPU time", "disk", "figures from"]
    align = ("left", "right", "right", "right", "right", "left")
    return _table(rows, headers, align)


def _from(rule: Told) -> str:
    return str(rule["from"]).replace(" earlier", "") + ("" if rule["whole"] else "; rest unknown")


def _seconds(figures: Told) -> list[str]:
    return [_time(figures[key]) if figures[key] >= 0.5 else "-" for key in ("cpu_seconds", "gpu_seconds")]


def _measured(told: Told) -> list[str]:
    """What earlier jobs took over what the table says, if any were measured."""
    rows = [
        [_named(item), item["jobs"], f"{item['cpu_factor']:.2g}", _range(item), _wrapped(", ".join(item["from"]), 40)]
        for item in told["measured"]
    ]
    headers = ["measured", "jobs", "x table", "single jobs", "in"]
    return [_table(rows, headers, ("left", "right", "right", "left", "left"))] if rows else []


def _named(item: Told) -> str:
    of = item["of"] if item["alike"] else f"{item['of']}: by other networks"
    return _wrapped(f"{item['rule']} {of}".strip(), 30)


def _range(item: Told) -> str:
    """Of single jobs; a card tells the sum of several alone."""
    if item["low"] == item["high"] and item["jobs"] > 1:
        return "sum alone"
    low, high = (f"{item[key]:.2g}" for key in ("low", "high"))
    return f"{low} to {high}" if low != high else low


def _why(told: Told) -> str:
    """Reasons, and the rules they concern."""
    rows = []
    for reason, n in told["reasons"].items():
        rules = [_concerned(rule, reason) for rule in told["rules"] if reason in rule["why"]]
        rows.append([reason, n, _wrapped(", ".join(rules), 66)])
    return _table(rows, ["why", "jobs", "rules"], ("left", "right", "left"))


def _concerned(rule: Told, reason: str) -> str:
    """A rule, and how many of its jobs if it is not all."""
    n = rule["why"][reason]
    return str(rule["rule"]) if n == rule["jobs"] else f"{rule['rule']} ({n} of {rule['jobs']})"


def _wrapped(line: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(line, width)) or "-"


def _images(told: Told) -> str:
    rows = [
        [name, *(_number(item[key]) for key in ("train", "val", "test", "all")), item["from"]]
        for name, item in told["images"].items()
    ]
    sums = [_total([item[key] for item in told["images"].values()]) for key in ("train", "val", "test", "all")]
    rows.append(["all pools", *sums, ""])
    headers = ["images", "train", "val", "test", "all", "counted from"]
    return _table(rows, headers, ("left", *("right",) * 4, "left"))


def _total(parts: list[int | None]) -> str:
    known = _number(sum(part for part in parts if part is not None))
    return known if None not in parts else f"over {known}"


def _cells(told: Told) -> str:
    matrix = told["matrix"]
    rows = [
        [name, *(_number(cells[key]) for key in ("all", "there", "to_compute"))]
        for name, cells in told["cells"].items()
    ]
    words = ("detector", "experiment", "train set", "test set", "condition")
    n = {word: f"{(count := matrix[word.replace(' ', '_') + 's'])} {_plural(count, word)}" for word in words}
    size = (
        f"Matrix: {n['detector']} ({n['experiment']}, {n['train set']}) x {n['test set']} x {n['condition']} = "
        f"{matrix['numbers']:,} cells of tables"
    )
    headers = ["cells", "all", "there", "to compute"]
    return _wrapped(size, 98) + "\n\n" + _table(rows, headers, ("left", *("right",) * 3))


def _download(told: Told) -> str:
    items = told["download"]["items"]
    if not items:
        return "Download: nothing."
    rows = [
        [item["what"], "unknown" if item["bytes"] is None else _bytes(item["bytes"]), _wrapped(item["source"], 50)]
        for item in items
    ]
    rows.append(["all", _bytes(told["download"]["bytes"]), ""])
    return _table(rows, ["download", "size", "by"], ("left", "right", "left"))


def _cost(told: Told) -> str:
    cost = told["cost"]
    least = "at least" if cost["at_least"] else "about"
    gpu = f", {_time(cost['gpu_hours'] * 3600)} of GPU" if cost["gpu_hours"] else ""
    far = told["executor"] != "local"
    without = [*(["waiting in the queue"] if far else []), *(["downloads"] if told["download"]["items"] else [])]
    beside = f" without {' and '.join(without)}" if without else ""
    said = (
        f"In all {least} {_time(cost['cpu_hours'] * 3600)} of CPU{gpu}; {_time(cost['wall_hours'] * 3600)} on the clock"
        f"{beside}; {_bytes(cost['bytes'])} of disk."
    )
    return _wrapped(said, 98)


def _notes(told: Told) -> str:
    return "\n".join("Note: " + _wrapped(note, 92).replace("\n", "\n      ") for note in told["notes"])


def _table(rows: list[list[Any]], headers: list[str], align: tuple[str, ...]) -> str:
    lines = tabulate(rows, headers=headers, tablefmt="simple", colalign=align, disable_numparse=True)
    return "\n".join(line.rstrip() for line in lines.splitlines())


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _plural(n: int | None, word: str) -> str:
    return word if n == 1 else f"{word}s"


#: Largest first: seconds of a unit, its name.
_TIMES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def _time(seconds: float) -> str:
    return _rounded(seconds, _TIMES, "1 s" if seconds >= 0.5 else "0 s")


def _bytes(size: float) -> str:
    return _rounded(size, _SIZES, f"{round(size)} B")


def _rounded(value: float, units: tuple[tuple[float, str], ...], small: str) -> str:
    """Two digits, or more before the point: an estimate has no more."""
    for size, name in units:
        if value >= size:
            amount = value / size
            return f"{amount:,.0f} {name}" if amount >= 10 else f"{amount:.1f} {name}"
    return small
