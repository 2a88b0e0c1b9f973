"""Several training runs of one experiment: what they are called, and their mean and standard deviation."""

import pandas as pd

from crossgen.report.data import CELL, ReportData

ONE = "says nothing of variation between training runs"
SEVERAL = (
    "mean ± standard deviation over them (n − 1); brackets reach from the lowest to the highest bound of any of them"
)


def seeds_text(data: ReportData) -> str:
    """What is known of the variation between training runs."""
    counted: dict[tuple[int, str], list[str]] = {}
    for name in data.experiments:
        counted.setdefault((len(data.seeds_of(name)), counting(data, name)), []).append(name)
    which = {key: f" ({', '.join(names)})" if len(counted) > 1 else "" for key, names in counted.items()}
    return " ".join(f"{key[1]}{which[key]}: {SEVERAL if key[0] > 1 else ONE}." for key in sorted(counted))


def counting(data: ReportData, experiment: str) -> str:
    """`3 seeds`, `One seed`, or, of an ensemble over them, `All seeds in one`."""
    count, ensemble = len(data.seeds_of(experiment)), data.ensembles.get(experiment)
    if ensemble and ensemble.over == "experiments_and_seeds":
        return "All seeds in one"
    return "One seed" if count == 1 else f"{count} seeds"


def pair_text(data: ReportData, pair: tuple[str, str]) -> str:
    """The same of a difference, whose seeds are those of both."""
    shared = len(data.seeds_of_pair(pair))
    return f"One seed: {ONE}." if shared == 1 else f"{shared} seeds: {SEVERAL}."


def experiment_text(data: ReportData, experiment: str) -> str:
    """The same of one experiment."""
    several = len(data.seeds_of(experiment)) > 1
    return f"{counting(data, experiment)}: {SEVERAL if several else ONE}."


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
