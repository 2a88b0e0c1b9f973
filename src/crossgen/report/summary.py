"""The few lines that answer the two questions: other generators, and fakes or JPEG files?"""

import textwrap
from dataclasses import replace

import pandas as pd
from tabulate import tabulate

from crossgen.report.changes import change
from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF, WORST_OFF, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import Gaps, Table, deviation, percent, points
from crossgen.report.seeds import seeds_text, with_seeds

METRIC = "balanced_accuracy"
WIDTH = 100
QUESTIONS = (
    "Does a detector recognise fakes of generators it was not trained on?",
    "Does it recognise fakes, or JPEG files?",
)


def summary(data: ReportData) -> Table:
    """A row an experiment and undegraded condition; controls in its plain row."""
    gaps = Gaps()
    rows = [_row(data, gaps, e, c) for e in data.experiments for c in data.undegraded]
    controls = (
        " Columns named after controls: share of their images called fake, mean over train sets."
        if data.controls
        else ""
    )
    worst = " Worst: each train set's worst other generator, mean over them." if data.knows_worst else ""
    caption = (
        f"Balanced accuracy in percent, differences in points, {data.level:.0%} intervals in brackets."
        f" Change: from {data.plain} to the condition, of the mean over all cells.{worst}{controls} {seeds_text(data)}"
    )
    return Table(caption.replace("%", " %"), pd.DataFrame(rows), _full(data), gaps.notes)


def _row(data: ReportData, gaps: Gaps, experiment: str, condition: str) -> dict[str, str]:
    own, off, gap = (_mean(data, experiment, condition, kind) for kind in (OWN, OFF_DIAGONAL, OWN_MINUS_OFF))
    is_plain = condition == data.plain
    shares = {name: data.called_fake(experiment, MEAN, name) for name in data.controls}
    return {
        "Experiment": experiment,
        "Condition": condition,
        "Own": gaps.percent(own),
        "Off-diagonal": gaps.percent(off),
        "Own − off-diagonal": gaps.points(gap),
        "Own > off-diagonal": verdict(gap),
        **({"Unseen": gaps.percent(_mean(data, experiment, condition, MEAN_UNSEEN))} if data.unseen else {}),
        **({"Worst": gaps.percent(_mean(data, experiment, condition, WORST_OFF))} if data.knows_worst else {}),
        "Change": "" if is_plain else _change(data, experiment, condition),
        **{name: gaps.percent(share) if is_plain else "" for name, share in shares.items()},
    }


def _mean(data: ReportData, experiment: str, condition: str, kind: str) -> Estimate:
    return data.cell(experiment, MEAN, kind, condition, METRIC)


def verdict(difference: Estimate) -> str:
    """Whether own is above off-diagonal: by the interval, never by the value alone."""
    if not difference.has_interval:
        return "unknown"
    if not difference.separated:
        return "not separated"
    return "yes" if difference.low > 0 else "no"


def _change(data: ReportData, experiment: str, condition: str) -> str:
    """Of the mean over all cells, paired by train set."""
    return points(change(data, (experiment, MEAN, METRIC), condition))


def _full(data: ReportData) -> pd.DataFrame:
    metrics = data.metrics
    kinds = [OWN, OFF_DIAGONAL, OWN_MINUS_OFF, MEAN, MEAN_UNSEEN, WORST_OFF]
    shown = metrics.test_generator.isin(kinds) & (metrics.metric == METRIC) & metrics.condition.isin(data.undegraded)
    control = metrics.test_generator.isin(data.controls) & metrics.metric.isin(["fpr", "tpr"])
    chosen = (metrics.train_set == MEAN) & (shown | (control & (metrics.condition == data.plain)))
    return with_seeds(metrics[chosen])


def summary_text(data: ReportData) -> str:
    """The summary for a terminal: plain text of at most 100 columns."""
    lines = [f"{QUESTIONS[0]}", f"Balanced accuracy in %, [{round(100 * data.level)} % interval]", ""]
    for experiment in data.experiments:
        lines += [experiment, *_table_lines(data, experiment), *_unseen_lines(data, experiment), ""]
    lines += [QUESTIONS[1], "Mean over all cells in %; controls: share of their images called fake in %", ""]
    for experiment in data.experiments:
        lines += [experiment, *_jpeg_lines(data, experiment), ""]
    lines.append(seeds_text(data))
    return "\n".join(piece for line in lines for piece in _folded(line)) + "\n"


def _folded(line: str) -> list[str]:
    return [line] if len(line) <= WIDTH else textwrap.wrap(line, WIDTH, subsequent_indent="    ")


def _table_lines(data: ReportData, experiment: str) -> list[str]:
    kinds = {"own": OWN, "off-diagonal": OFF_DIAGONAL, "own − off-diagonal": OWN_MINUS_OFF}
    rows = []
    for condition in data.undegraded:
        own, off, gap = (_mean(data, experiment, condition, kind) for kind in kinds.values())
        rows.append([condition, percent(_bare(own)), percent(_bare(off)), points(_bare(gap)), verdict(gap)])
        if own.has_sd:  # beside the values the rows would be too wide
            rows.append(["", *(" ".join(deviation(cell)) for cell in (own, off, gap)), ""])
    return _plain_table(rows, ["", *kinds, "own > off-diagonal"])


def _bare(estimate: Estimate) -> Estimate:
    """Without its seeds."""
    return replace(estimate, by_seed=())


def _unseen_lines(data: ReportData, experiment: str) -> list[str]:
    """Generators beside the matrix: their mean under every condition."""
    if not data.unseen:
        return []
    rows = [[name, percent(_mean(data, experiment, name, MEAN_UNSEEN))] for name in data.undegraded]
    return ["", *_plain_table(rows, ["", f"unseen: {', '.join(data.unseen)}"])]


def _jpeg_lines(data: ReportData, experiment: str) -> list[str]:
    """Means by condition with their change, then the controls."""
    rows = []
    for condition in data.undegraded:
        change = "" if condition == data.plain else f"{_change(data, experiment, condition)} points"
        rows.append([condition, percent(_mean(data, experiment, condition, MEAN)), change])
    for control in data.controls:
        rows.append([control, percent(data.called_fake(experiment, MEAN, control)), "called fake"])
    return _plain_table(rows, [])


def _plain_table(rows: list[list[str]], headers: list[str]) -> list[str]:
    table = tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True)
    return [f"  {line}".rstrip() for line in table.splitlines()]
