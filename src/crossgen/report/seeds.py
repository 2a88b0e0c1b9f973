"""Several training runs of one experiment: what they are called, and their mean and standard deviation."""

import pandas as pd

from crossgen.report.data import CELL, ReportData

LEFT_OUT = "seed variation not included"
ONE = f"one training run; {LEFT_OUT}"
SEVERAL = "mean ± standard deviation over them (n − 1); brackets hold the training runs as well (Student's t)"
#: What a count of an ensemble over seeds is called: its members' runs vary, itself it is one.
ALL = "All seeds in one"


def seeds_text(data: ReportData) -> str:
    """What is known of the variation between training runs."""
    counted: dict[tuple[int, str], list[str]] = {}
    for name in data.experiments:
        counted.setdefault((len(data.seeds_of(name)), counting(data, name)), []).append(name)
    which = {key: f" ({', '.join(names)})" if len(counted) > 1 else "" for key, names in counted.items()}
    return " ".join(f"{key[1]}{which[key]}: {_meaning(*key)}." for key in sorted(counted))


def counting(data: ReportData, experiment: str) -> str:
    """`3 seeds`, `One seed`, or, of an ensemble over them, `All seeds in one`."""
    count, ensemble = len(data.seeds_of(experiment)), data.ensembles.get(experiment)
    if ensemble and ensemble.over == "experiments_and_seeds":
        return ALL
    return "One seed" if count == 1 else f"{count} seeds"


def pair_text(data: ReportData, pair: tuple[str, str]) -> str:
    """The same of a difference, whose seeds are those of both."""
    shared = len(data.seeds_of_pair(pair))
    return f"One seed: {ONE}." if shared == 1 else f"{shared} seeds: {SEVERAL}."


def experiment_text(data: ReportData, experiment: str) -> str:
    """The same of one experiment."""
    counted = counting(data, experiment)
    return f"{counted}: {_meaning(len(data.seeds_of(experiment)), counted)}."


def _meaning(seeds: int, counted: str) -> str:
    return SEVERAL if seeds > 1 else LEFT_OUT if counted == ALL else ONE


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
