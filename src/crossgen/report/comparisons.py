"""The table of comparisons: every paired difference, and whether it is separated after Holm's correction."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from crossgen.records import DIFFERENCES
from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.estimates import pool
from crossgen.report.printing import Gaps, Table, points
from crossgen.report.seeds import seeds_text

#: Metrics that are told of; the CSV file has them all.
SHOWN = ("balanced_accuracy", "roc_auc", "accuracy")
MEANS = (OWN, OFF_DIAGONAL, MEAN, MEAN_UNSEEN)
#: What makes a printed row.
ROW = ("experiment", "baseline", "condition", "baseline_condition", "seed", "baseline_seed", "metric")

Row = Mapping[Hashable, Any]


def comparisons(data: ReportData) -> Table:
    """A row a comparison, condition of each side and metric: its means over the train sets, and its cells counted."""
    gaps = Gaps()
    tested = with_means_over_seeds(data)
    shown = tested[tested["metric"].isin(SHOWN)]
    order = {name: place for place, name in enumerate(SHOWN)}
    groups = sorted(shown.groupby([*ROW], sort=False, dropna=False), key=lambda item: order[str(item[0][-1])])
    placed = {key: place for place, key in enumerate(dict.fromkeys(tuple(row[:-1]) for row, _ in groups))}
    groups.sort(key=lambda item: placed[tuple(item[0][:-1])])
    rows = [_row(data, gaps, rows) for _, rows in groups]
    return Table(_caption(data), pd.DataFrame(rows), data.differences, gaps.notes, blocks=1)


def _caption(data: ReportData) -> str:
    level = round(100 * data.level)
    return (
        f"Paired differences in points, on the same images with the same weights on both sides; {level} % intervals in"
        f" brackets. Separated: p below {100 - level} % after Holm's correction within one table, which is the means of"
        " a row or its cells (train set by test set). Tests: Student's t over generators for means, for cells on the"
        f" bootstrap's standard error, of accuracy McNemar's. {seeds_text(data)}"
    )


def with_means_over_seeds(data: ReportData) -> pd.DataFrame:
    """Differences of one seed each; those of several as their mean."""
    means = data.seed_means[data.seed_means["baseline"].notna()]
    keys = ["experiment", "baseline", "condition", "baseline_condition", "metric"]
    several = means[keys].drop_duplicates().assign(several=True)
    if several.empty:
        return data.differences
    rows = data.differences.merge(several, on=keys, how="left")
    alone = rows[rows["several"].isna() | (rows["seed"] != rows["baseline_seed"])]
    parts = [part for part in (alone, means) if len(part)]
    both: pd.DataFrame = pd.concat(parts, ignore_index=True) if parts else alone
    return both.reindex(columns=list(DIFFERENCES.columns))


def _row(data: ReportData, gaps: Gaps, rows: pd.DataFrame) -> dict[str, str]:
    first = rows.iloc[0].to_dict()
    overall = {row["test_generator"]: row for row in rows[rows["kind"] == "overall"].to_dict("records")}
    overall |= _of_one(data, rows, (str(first["experiment"]), str(first["baseline"])))
    kinds = [kind for kind in MEANS if kind in overall or (kind != MEAN_UNSEEN)]
    return {
        "Compared": _compared(first),
        "Condition": _sides(first, "condition"),
        "Metric": data.title(str(first["metric"])),
        **{data.title(kind): _told(gaps, overall.get(kind)) for kind in kinds},
        "Cells separated": _counted(rows[rows["kind"] == "cell"]),
    }


def _of_one(data: ReportData, rows: pd.DataFrame, pair: tuple[str, str]) -> dict[str, dict[Hashable, Any]]:
    """The own mean of one train set with one own test set: its cell."""
    place = data.sole(tuple(dict.fromkeys(pair)))
    if place is None:
        return {}
    cell = rows[(rows["train_set"] == place[0]) & (rows["test_generator"] == place[1]) & (rows["kind"] == "cell")]
    found = cell.to_dict("records")
    return {OWN: found[0]} if found else {}


def _compared(row: Row) -> str:
    """`unbiased − raw`, `raw`; with the train sets, where these are not the same."""
    names = [row["experiment"], row["baseline"]]
    text = names[0] if names[0] == names[1] else f"{names[0]} − {names[1]}"
    seeds = row.get("seed"), row.get("baseline_seed")
    return text if pd.isna(seeds[0]) or seeds[0] == seeds[1] else f"{text}, seed {seeds[0]:.0f} − seed {seeds[1]:.0f}"


def _sides(row: Row, what: str) -> str:
    first, second = row[what], row[f"baseline_{what}"]
    return str(first) if first == second else f"{first} − {second}"


def _told(gaps: Gaps, row: Row | None) -> str:
    """`+12.5 [3.1, 21.9] separated`."""
    if row is None:
        return gaps.mark("no train set with a test set of its own")
    estimate = pool([{name: value for name, value in row.items() if name != "seed"}])
    if not estimate.defined:
        return gaps.mark(estimate.reason)
    return f"{points(estimate)} {verdict(row)}"


def verdict(row: Row) -> str:
    """By the corrected p alone: `separated`, `not separated`, or `not tested` where there is none."""
    if pd.isna(row["p_holm"]):
        return "not tested"
    return "separated" if row["separated"] else "not separated"


def _counted(cells: pd.DataFrame) -> str:
    """`12 of 64 (9 higher, 3 lower)`; cells without a test are left out of the second number."""
    made = cells[cells["p_holm"].notna()]
    apart = made[made["separated"].astype(bool)]
    higher = int((apart["value"] > 0).sum())
    told = f"{len(apart)} of {len(made)}"
    return f"{told} ({higher} higher, {len(apart) - higher} lower)" if len(apart) else told
