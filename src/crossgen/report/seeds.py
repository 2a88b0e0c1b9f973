"""Several training runs of one experiment: what they are called, and their mean and standard deviation."""

import pandas as pd

from crossgen.report.data import CELL, ReportData

ONE = "says nothing of variation between training runs"
SEVERAL = (
    "mean ± standard deviation over them (n − 1); brackets reach from the lowest to the highest bound of any of them"
)


def seeds_text(data: ReportData) -> str:
    """What is known of the variation between training runs."""
    counted: dict[int, list[str]] = {}
    for name in data.experiments:
        counted.setdefault(len(data.seeds_of(name)), []).append(name)
    return " ".join(_told(count, names, len(counted) > 1) for count, names in sorted(counted.items()))


def _told(count: int, names: list[str], mixed: bool) -> str:
    which = f" ({', '.join(names)})" if mixed else ""
    return f"One seed{which}: {ONE}." if count == 1 else f"{count} seeds{which}: {SEVERAL}."


def short_text(data: ReportData) -> str:
    """The same for the second line of a figure: `mean ± sd over 3 seeds`."""
    counts = sorted({len(data.seeds_of(name)) for name in data.experiments})
    if counts[-1:] == [1]:
        return "1 seed"
    return f"mean ± sd over {'–'.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seeds"


def with_seeds(metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows of the metrics, each with what all seeds say of its number: `seeds` (how many), their `mean` and `sd`.

    `sd` is the sample standard deviation (n - 1), empty with one seed. Where a seed's number is undefined, so are both.
    """
    groups = metrics.groupby(["experiment", "train_set", *CELL], sort=False)["value"]
    seeds, known = groups.transform("size"), groups.transform("count")
    told = {"seeds": seeds, "mean": groups.transform("mean"), "sd": groups.transform("std")}
    whole = {name: column.where(known == seeds) if name != "seeds" else column for name, column in told.items()}
    return metrics.assign(**whole).reset_index(drop=True)
