"""Tables of breakdowns, agreement and the hardest images: all under the plain condition."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from crossgen.report.broken import SHARES, Broken, broken, correlations, count, rows_of, shown_condition, text
from crossgen.report.data import SHOWN_METRICS, ReportData
from crossgen.report.estimates import SHARE, Estimate, pool_seeds
from crossgen.report.printing import GAP, Gaps, Table, minus
from crossgen.report.seeds import seeds_text

EXTREMES = 10  # classes at either end
MEASURES = {"differently_judged": "Judged differently (%)", "kappa": "Cohen's kappa", "spearman": "Spearman (logits)"}
#: What a measure can be that is no share.
LIMITS = {"kappa": (-1.0, 1.0), "spearman": (-1.0, 1.0)}
BY = {"quality": "JPEG quality", "size": "short side (px)", "relative_size": "short side / S"}


def quality(data: ReportData) -> Table:
    """Shares called fake by the JPEG quality of the stored file: a row a bin, a column a train set."""
    return _binned(data, ("quality",), "JPEG quality of the stored file")


def size(data: ReportData) -> Table:
    """The same by the short side, in pixels and in multiples of S."""
    return _binned(data, ("size", "relative_size"), "short side; S is the median short side of a detector's fakes")


def _binned(data: ReportData, by: tuple[str, ...], what: str) -> Table:
    gaps = Gaps()
    rows = [
        {"Experiment": experiment, "By": BY[each], "Share": title, "Bin": name}
        | _cells(data, gaps, found, (metric, name))
        for experiment in data.experiments
        for each in by
        for found in [broken(data, experiment, each)]
        for metric, title in SHARES.items()
        for name in _filled(found, metric)
    ]
    caption = f"Shares of images called fake, by {what}; {_words(data)}"
    return Table(caption, pd.DataFrame(rows).fillna(""), _full(data, by), gaps.notes, blocks=3)


def _words(data: ReportData) -> str:
    return (
        f"all seen test sets together, {shown_condition(data)}. Percent, with {data.level * 100:g} % intervals by group"
        f" in brackets; below {data.minimum} images the interval alone. {seeds_text(data)}"
    )


def _filled(found: Broken, metric: str) -> list[str]:
    return [name for name in found.bins if found.images(metric, name)[1]]


def _cells(data: ReportData, gaps: Gaps, found: Broken, what: tuple[str, str]) -> dict[str, str]:
    few, many = found.images(*what)
    images = f"{many:,}" if few == many else f"{few:,}–{many:,}"
    cells = {name: text(data, gaps, found.cell(*what, name)) for name in found.train_sets}
    return {"Images": images, **cells}


def _full(data: ReportData, by: Iterable[str]) -> pd.DataFrame:
    parts = [rows_of(data, experiment, each) for experiment in data.experiments for each in by]
    return pd.concat(parts, ignore_index=True) if parts else data.breakdowns


def classes(data: ReportData) -> Table:
    """The classes that detectors do worst and best on, by the mean over train sets, and how much classes vary."""
    gaps = Gaps()
    rows, full = [], []
    for experiment in data.experiments:
        found = broken(data, experiment, "class")
        for metric, title in SHARES.items():
            names = _extremes(data, found, metric)
            place = {"Experiment": experiment, "Share": title}
            rows += [place | {"Class": name} | _cells(data, gaps, found, (metric, name)) for name in names]
            rows += [place | _spread(found, metric)] if names else []
            every = rows_of(data, experiment, "class")
            full.append(every[(every["metric"] == metric) & every["bin"].isin(names)])
    caption = (
        f"The {EXTREMES} classes with the highest and the lowest share called fake, by the mean over train sets, of"
        f" those with at least {data.minimum} images if there are such; extremes among many are partly luck. Last row:"
        " standard deviation over all classes, and what the chance of single images alone would give. Here:"
        f" {_words(data)}"
    )
    return Table(caption, pd.DataFrame(rows).fillna(""), pd.concat(full), gaps.notes, blocks=2)


def _extremes(data: ReportData, found: Broken, metric: str) -> list[str]:
    """Classes at both ends, from high to low; of those with enough images, if there are two."""
    known = [name for name in _filled(found, metric) if name != "unknown"]
    enough = [name for name in known if found.images(metric, name)[0] >= data.minimum]
    ranked = sorted(enough if len(enough) > 1 else known, key=lambda name: (-_mean(found, metric, name), name))
    return ranked if len(ranked) <= 2 * EXTREMES else ranked[:EXTREMES] + ranked[-EXTREMES:]


def _mean(found: Broken, metric: str, name: str) -> float:
    values = [cell.value for each in found.train_sets if (cell := found.cell(metric, name, each)).defined]
    return sum(values) / len(values) if values else 0.0


def _spread(found: Broken, metric: str) -> dict[str, str]:
    """Standard deviation over all classes by train set, and that of as many images drawn without regard to classes."""
    told = {"Class": "all: sd (by chance)", "Images": f"{len(_filled(found, metric)):,} classes"}
    for name in found.train_sets:
        cells = [cell for each in found.bins if (cell := found.cell(metric, each, name)).defined]
        values = pd.Series([cell.value for cell in cells])
        counts = pd.Series([count(cell) for cell in cells])
        mean = (values * counts).sum() / max(1, counts.sum())
        chance = (mean * (1 - mean) / counts).mean() ** 0.5 if len(cells) else 0.0
        told[name] = f"{100 * values.std():.1f} ({100 * chance:.1f})" if len(cells) > 1 else GAP
    return told


def correlation(data: ReportData) -> Table:
    """Pearson correlation of training rows: a row and a column a train set."""
    gaps = Gaps()
    rows = [
        {"Experiment": experiment, "Metric": data.title(metric), "Trained on": first}
        | {second: "1" if first == second else signed(gaps, cell(first, second)) for second in names}
        for experiment in data.experiments
        for metric in SHOWN_METRICS
        for names, cell in [(data.train_sets_of(experiment), correlations(data, experiment, metric))]
        for first in names
    ]
    caption = (
        f"Pearson correlation of training rows of the matrix, {shown_condition(data)}, with Fisher's"
        f" {data.level * 100:g} % intervals: a row has no more columns than there are seen test sets, and these are no"
        f" random sample. {seeds_text(data)}"
    )
    full = data.correlations[data.correlations["condition"] == shown_condition(data)]
    return Table(caption, pd.DataFrame(rows).fillna(""), full, gaps.notes, blocks=2)


def signed(gaps: Gaps, cell: Estimate) -> str:
    """`0.76 [0.12, 0.95]`: a coefficient, which is no share."""
    if not cell.defined:
        return gaps.mark(cell.reason)
    value = minus(f"{cell.value:.2f}")
    return f"{value} [{minus(f'{cell.low:.2f}')}, {minus(f'{cell.high:.2f}')}]" if cell.has_interval else value


def disagreement(data: ReportData) -> Table:
    """How far two detectors disagree: a row a pair; of one experiment, or of one train set in two experiments."""
    gaps = Gaps()
    full = data.disagreements[data.disagreements["condition"] == shown_condition(data)]
    found: dict[tuple[str, str], dict[str, list[Mapping[Any, Any]]]] = {}
    for row in full.to_dict("records"):
        found.setdefault(_pair(row), {}).setdefault(row["measure"], []).append(row)
    rows = [
        {"Detectors": head, "Pair": pair, "Images": f"{max(row['n'] for row in each['kappa']):,}"}
        | {
            title: _measure(name)(gaps, pool_seeds(each[name], data.level, LIMITS.get(name, SHARE)))
            for name, title in MEASURES.items()
        }
        for (head, pair), each in found.items()
    ]
    caption = (
        f"Disagreement of two detectors on the images of the seen test sets that both scored, {shown_condition(data)},"
        f" with {data.level * 100:g} % intervals by group. {seeds_text(data)}"
    )
    return Table(caption, pd.DataFrame(rows).fillna(""), full, gaps.notes, blocks=1)


def _pair(row: Mapping[Any, Any]) -> tuple[str, str]:
    if row["experiment"] == row["other_experiment"]:
        return str(row["experiment"]), f"{row['train_set']}, {row['other_train_set']}"
    return f"{row['experiment']}, {row['other_experiment']}", str(row["train_set"])


def _measure(name: str) -> Callable[[Gaps, Estimate], str]:
    return Gaps.percent if name == "differently_judged" else signed


def hardest(data: ReportData) -> Table:
    """The images that most detectors of an experiment misjudge."""
    full = data.hardest[data.hardest["condition"] == shown_condition(data)].drop(columns="thumbnail")
    rows = [
        {
            "Experiment": row["experiment"], "Rank": row["rank"], "Image": row["image_id"],
            "Label": "fake" if row["label"] else "real", "Class": known(row["class_name"]), "File": file_text(row),
            "Wrong": f"{row['wrong']} of {row['n']}", "Of these own": f"{row['wrong_own']} of {row['n_own']}",
            "Margin": minus(f"{row['margin']:.2f}"),
        }
        for row in full.to_dict("records")
    ]  # fmt: skip
    caption = (
        f"Images that most detectors misjudge, {shown_condition(data)}: by the share of detectors (of all seeds) that"
        " are wrong, then by the mean margin, the signed logit in standard deviations of each detector's. Own:"
        " detectors that learned from the image's pool."
    )
    return Table(caption, pd.DataFrame(rows), full, blocks=1)


def known(value: object) -> str:
    """A fact of a manifest, or a dash."""
    return GAP if pd.isna(value) else str(value)  # type: ignore[call-overload]


def file_text(row: Mapping[Any, Any]) -> str:
    """`500 x 375 JPEG, quality 96`."""
    size = [known(row[name]).removesuffix(".0") for name in ("width", "height")]
    quality = "" if pd.isna(row["jpeg_quality"]) else f", quality {row['jpeg_quality']:.0f}"
    return f"{' x '.join(size)} {known(row['format'])}{quality}"
