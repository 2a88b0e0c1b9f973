"""What the page says of the run itself: what there was, what was left out, and what follows from neither."""

from dataclasses import dataclass

import pandas as pd

import crossgen
from crossgen.config import Ensemble
from crossgen.report.data import MEAN, ReportData
from crossgen.report.payload import described
from crossgen.report.seeds import seeds_text

#: Names of quarantined images that the page lists; the rest is counted.
NAMED = 200


@dataclass(frozen=True)
class LeftOut:
    """Images and numbers that are not there, each with its reason."""

    quarantined: pd.DataFrame
    names: tuple[str, ...]
    more: int
    uncovered: pd.DataFrame
    undefined: pd.DataFrame


def run(data: ReportData) -> dict[str, str]:
    """What was run, in numbers and names."""
    seeds = ", ".join(map(str, data.seeds))
    trained = [name for name in data.experiments if name not in data.ensembles]
    return {
        "Config": data.name,
        "Program": f"crossgen {crossgen.__version__}",
        "Images": f"{len(data.facts):,} in {data.facts['pool'].nunique()} pools",
        "Quarantined": f"{int(data.facts['quarantine'].notna().sum()):,}",
        "Detectors": f"{detectors(data)} ({len(trained)} experiments, {len(data.train_sets)} train sets)",
        "Seeds": f"{len(data.seeds)} ({seeds})",
        "Experiments": ", ".join(trained),
        **({"Ensembles": "; ".join(map(ensemble, data.ensembles.values()))} if data.ensembles else {}),
        "Train sets": ", ".join(data.train_sets),
        "Test sets": ", ".join(data.generators),
        "Unseen": ", ".join(data.unseen) or "none",
        "Controls": ", ".join(data.controls) or "none",
        "Differences": ", ".join(f"{pair[0]} − {pair[1]}" for pair in data.comparisons) or "none",
    }


def detectors(data: ReportData) -> int:
    """How many networks were trained."""
    runs = data.metrics[(data.metrics["train_set"] != MEAN) & ~data.metrics["experiment"].isin(list(data.ensembles))]
    return len(runs[["experiment", "train_set", "seed"]].drop_duplicates())


def ensemble(item: Ensemble) -> str:
    """`both: mean logit of raw, unbiased, each seed`."""
    which = "each seed" if item.over == "experiments" else "all seeds together"
    return f"{item.name}: mean logit of {', '.join(item.experiments)}, {which}"


def conditions(data: ReportData) -> pd.DataFrame:
    """What each condition does."""
    rows = [(c.name, described(c), c.degradation or "–") for c in data.conditions]
    return pd.DataFrame(rows, columns=["Condition", "What is done to test images", "Degradation"])


def limits(data: ReportData) -> list[str]:
    """What nobody may conclude from this page."""
    pools = data.facts["pool"].nunique()
    return [
        f"Nothing is said of other detectors than these {detectors(data)}, nor of published ones.",
        f"Nothing is said of other generators than {', '.join(data.generators)}, nor of other images than those of"
        f" these {pools} pools.",
        f"Training runs: {seeds_text(data)}",
        "Cells that differ in value are not thereby different: only intervals tell, and each holds for its own cell,"
        " not for the best or the worst of many.",
    ]


def left_out(data: ReportData) -> LeftOut:
    """Quarantined images by pool and reason, test sets not covered whole, numbers that are undefined."""
    lost = data.facts[data.facts["quarantine"].notna()]
    counts = lost.groupby(["pool", "quarantine"], sort=False).size().reset_index()
    counts.columns = pd.Index(["Pool", "Reason", "Images"])
    names = tuple(map(str, lost["image_id"]))
    return LeftOut(counts, names[:NAMED], max(0, len(names) - NAMED), _uncovered(data), _undefined(data))


def _uncovered(data: ReportData) -> pd.DataFrame:
    """Cells of single train and test sets that rest on a part of their images."""
    cells = data.metrics[(data.metrics["coverage"] < 1) & (data.metrics["train_set"] != MEAN)]
    cells = cells[cells["test_generator"].isin([*data.generators, *data.controls])]
    keys = ["test_generator", "condition", "coverage", "n_real", "n_fake"]
    found = cells[keys].drop_duplicates()
    found = found.assign(coverage=[f"{100 * share:.1f} %" for share in found["coverage"]])
    return found.set_axis(["Test set", "Condition", "Coverage", "Reals judged", "Fakes judged"], axis=1)


def _undefined(data: ReportData) -> pd.DataFrame:
    """Undefined cells of test sets with both labels, counted by reason."""
    cells = data.metrics[data.metrics["value"].isna() & data.metrics["test_generator"].isin(data.generators)]
    reasons = cells["reason"].fillna("no reason given")
    counts = cells.assign(reason=reasons).groupby(["experiment", "reason"], sort=False).size().reset_index()
    return counts.set_axis(["Experiment", "Reason", "Numbers"], axis=1)
