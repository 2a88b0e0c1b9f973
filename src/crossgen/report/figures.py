"""The report's figures: what can be drawn, and which a report needs."""

from collections.abc import Callable
from functools import partial

from matplotlib.figure import Figure

from crossgen.report import ablation, beside, contents, spectral_figures
from crossgen.report.binned import qualities, sizes
from crossgen.report.correlation import correlation
from crossgen.report.curves import degradation
from crossgen.report.data import SHOWN_METRICS, ReportData
from crossgen.report.dots import controls, experiments, probes
from crossgen.report.heatmaps import matrix
from crossgen.report.histograms import biases
from crossgen.report.learning import learning
from crossgen.report.reliability import reliability
from crossgen.report.style import save

__all__ = ["FIGURES", "plan", "save"]

#: Kind to drawer; every drawer takes the report's data first.
FIGURES: dict[str, Callable[..., Figure]] = {
    "matrix": matrix,  # condition, metric
    "degradation": degradation,  # metric
    "experiments": experiments,
    "ablation": ablation.figure,  # ablation
    "published": beside.figure,  # name of the comparison
    "biases": biases,  # subset
    "probes": probes,  # subset
    "contents": contents.figure,
    "controls": controls,
    "learning": learning,  # experiment
    "sizes": sizes,  # experiment
    "qualities": qualities,  # experiment
    "correlation": correlation,  # experiment
    "reliability": reliability,  # experiment
    "spectra": spectral_figures.figure,  # kind
}


def plan(data: ReportData) -> dict[str, Callable[[], Figure]]:
    """Every figure of a report by file stem; nothing is drawn before it is called."""
    planned: dict[str, tuple[str, ...]] = {
        **{f"matrix_{c}_{m}": ("matrix", c, m) for c in data.matrix_conditions for m in SHOWN_METRICS},
        **{f"degradation_{metric}": ("degradation", metric) for metric in SHOWN_METRICS},
        "experiments": ("experiments",),
        **{f"ablation_{each.name}": ("ablation", each.name) for each in data.ablations},
        **{f"published_{each.name}": ("published", each.name) for each in data.compared},
        **{f"biases_{subset}": ("biases", subset) for subset in dict.fromkeys(data.selections["subset"])},
        **{f"probes_{subset}": ("probes", subset) for subset in dict.fromkeys(data.probes["subset"])},
        **({"contents": ("contents",)} if data.class_groups else {}),
        **({"controls": ("controls",)} if data.controls else {}),
        **{f"learning_{name}": ("learning", name) for name in dict.fromkeys(data.histories["experiment"])},
        **{
            f"{kind}_{name}": (kind, name)
            for kind in ("sizes", "qualities", "correlation")
            for name in data.experiments
        },
        **{f"reliability_{name}": ("reliability", name) for name in data.experiments if data.generators},
        **{f"spectra_{kind}": ("spectra", kind) for kind in spectral_figures.KINDS if len(data.spectra)},
    }
    return {name: partial(FIGURES[kind], data, *rest) for name, (kind, *rest) in planned.items()}
