"""The verdict in one paragraph: own and other generators, files, file facts, seeds; by intervals, as `meaning`."""

from collections.abc import Iterator

from crossgen.report.changes import change
from crossgen.report.data import MEAN_UNSEEN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF, ReportData
from crossgen.report.dots import PROBED
from crossgen.report.facts import detectors
from crossgen.report.meaning import gap, mean, separable, share
from crossgen.report.payload import described
from crossgen.report.seeds import seeds_text
from crossgen.report.summary import METRIC, verdict

#: Experiments that the paragraph tells of; a grid of an ablation has more than a paragraph holds.
TOLD = 4
APART = {
    "yes": "separated from 0",
    "no": "separated from 0",
    "not separated": "not separated from 0",
    "unknown": "without an interval",
}


def in_short(data: ReportData) -> list[tuple[str, str]]:
    """(what it is about, sentences), in the order of the paragraph."""
    words = {
        name: f"Ensembles {name}" if name in data.ensembles else f"Detectors of {name}" for name in data.experiments
    }
    told = [(words[name], _experiment(data, name)) for name in data.experiments[:TOLD]]
    more = len(data.experiments) - len(told)
    tested = f"of {len(data.train_sets)} train sets were tested on {len(data.generators)} generators."
    return [
        (f"{detectors(data)} detectors", tested),
        *told,
        *([(f"{more} more experiments", "stand in section 6.")] if more else []),
        *([("File facts alone", facts)] if (facts := _file_facts(data)) else []),
        ("Training runs:", seeds_text(data)),
    ]


def _experiment(data: ReportData, experiment: str) -> str:
    own, off, unseen = (mean(data, experiment, kind) for kind in (OWN, OFF_DIAGONAL, MEAN_UNSEEN))
    between = mean(data, experiment, OWN_MINUS_OFF)
    also = f", {share(unseen)} on unseen ones" if unseen.defined else ""
    return " ".join([
        f"reach {share(own)} balanced accuracy on the generator they were trained on and {share(off)} on others{also};"
        f" the difference is {gap(between)}, {APART[verdict(between)]}.",
        *_changes(data, experiment),
    ])  # fmt: skip


def _changes(data: ReportData, experiment: str) -> Iterator[str]:
    """Conditions that change the files of one label only: a detector of fakes does not care."""
    words = {"yes": "it rises", "no": "it falls", "not separated": "not separated from 0", "unknown": "unknown"}
    for condition in (c for c in data.conditions if c.name in data.undegraded and c.to != "all" and c.steps):
        moved = change(data, (experiment, OWN, METRIC), condition.name)
        yield (
            f"Under {condition.name} ({described(condition)}) the score on the own generator changes by {gap(moved)}:"
            f" {words[verdict(moved)]}."
        )


def _file_facts(data: ReportData) -> str:
    """What the file header tells before selection, and what the detector's input tells after alignment."""
    chosen = (
        ("before_selection", "header", f"the {PROBED['header']}"),
        ("after_alignment", "detector_reads", PROBED["detector_reads"]),
    )
    told = []
    for stage, group, words in chosen:
        rows = data.probes[data.probes["stage"].eq(stage) & data.probes["group"].eq(group)]
        held = {str(subset): separable(frame) for subset, frame in rows.groupby("subset", sort=False)}
        counts = [f"in {each.above} of {each.sets} test sets (subset {name})" for name, each in held.items() if each]
        if counts:
            told.append(f"from {words}, {stage.replace('_', ' ')}: {', '.join(counts)}")
    return f"tell real from fake better than guessing {'; '.join(told)}." if told else ""
