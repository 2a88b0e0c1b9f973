"""Own generators in the report: outlines, changes, and the summary of one train set that bears no test set's name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from synthetic_report import CONDITIONS, draw

from crossgen.config import PublishedFinding, Statistics, TestSet
from crossgen.evaluation.metrics import compute_metrics
from crossgen.records import DIFFERENCES
from crossgen.report.changes import change, control_excess
from crossgen.report.comparisons import comparisons
from crossgen.report.data import MEAN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.heatmaps import matrix
from crossgen.report.meaning import published
from crossgen.report.payload import payload
from crossgen.report.reliability import _rows
from crossgen.report.summary import summary, summary_text

NAMES = ("adm", "sd14", "autoencoder")
#: `pairs` has learned two of the three generators.
SEEN = {"adm": ("adm",), "sd14": ("sd14", "pairs"), "autoencoder": ("autoencoder", "pairs")}
LEARNED = {"adm": (), "biggan": ("pairs",), "sd14": ()}
REALS = {"adm": "a", "biggan": "b", "sd14": "a"}


@pytest.fixture(scope="module")
def told() -> ReportData:
    data = draw(generators=NAMES, conditions=(CONDITIONS[0], CONDITIONS[7]), extra=("pairs",))
    tests = tuple(TestSet(name=name, fake=name, real="photographs", seen_by=trains) for name, trains in SEEN.items())
    return replace(data, test_sets=tests)


def test_every_learned_generator_is_outlined(told):
    for axes in matrix(told, "clean", "roc_auc").axes[:3]:
        outlined = [patch.get_xy() for patch in axes.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
        places = {(int(x), int(y)) for x, y in outlined}  # column, row
        assert places == {(0, 0), (1, 1), (2, 2), (1, 3), (2, 3)}
    assert payload(told)["own"]["pairs"] == ("sd14", "autoencoder") and payload(told)["own"]["adm"] == ("adm",)


def test_changes_are_of_the_learned_generators(told):
    def of(train, test, condition, metric="balanced_accuracy"):
        return told.cell("unbiased", train, test, condition, metric).value

    def moved(train, *tests):
        return np.mean([of(train, test, "fakes_q96") - of(train, test, "clean") for test in tests])

    each = [*(moved(name, name) for name in NAMES), moved("pairs", "sd14", "autoencoder")]
    assert change(told, ("unbiased", OWN, "balanced_accuracy"), "fakes_q96").value == pytest.approx(np.mean(each))
    assert moved("pairs", "sd14", "autoencoder") != moved("pairs", *NAMES)


@pytest.fixture(scope="module")
def alone(told) -> ReportData:
    """Computed metrics of one train set, `pairs`, that has learned the generator of `biggan`."""
    rng, labels = np.random.default_rng(0), {"adm": 1, "biggan": 1, "sd14": 1, "a": 0, "b": 0, "png": 0}
    facts = pd.DataFrame(
        {"image_id": f"{pool}/{i}", "group": f"{pool}/{i}", "stratum": "x", "pool": pool, "label": label}
        for pool, label in labels.items()
        for i in range(16)
    ).assign(split="test", quarantine=None)
    keys = {"experiment": "raw", "train_set": "pairs", "seed": 0, "condition": "clean"}
    logits = (rng.normal(size=len(facts)) + facts["label"] - 0.5).astype(np.float32)
    scores = facts[["pool", "image_id", "label"]].assign(logit=logits, **keys)
    tests = (
        *(TestSet(name=name, fake=name, real=REALS[name], seen_by=trains) for name, trains in LEARNED.items()),
        TestSet(name="png", real="png", seen_by=()),
    )
    return replace(
        told, metrics=compute_metrics(scores, facts, tests, {}, Statistics(replicates=100)), train_sets=("pairs",),
        experiments=("raw",), comparisons=(), generators=tuple(LEARNED), controls=("png",), test_sets=tests,
        conditions=CONDITIONS[:1], seed_means=told.seed_means.iloc[:0], differences=told.differences.iloc[:0],
    )  # fmt: skip


def test_the_summary_of_one_train_set_has_own_and_other_generators(alone):
    (row,) = summary(alone).frame.to_dict("records")
    value = lambda test: alone.cell("raw", "pairs", test, "clean", "balanced_accuracy").value  # noqa: E731
    others = 100 * (value("adm") + value("sd14")) / 2
    assert row["Own"].split()[0] == f"{100 * value('biggan'):.1f}" and row["Off-diagonal"].split()[0] == f"{others:.1f}"
    gap = f"{100 * value('biggan') - others:+.1f}".replace("-", "−")
    assert row["Own − off-diagonal"].split()[0] == gap
    assert "–" not in [row[name][:1] for name in ("Own", "Off-diagonal", "Worst")]
    assert f"{others:.1f}" in summary_text(alone)
    excess = control_excess(alone, "raw", "png")
    called = [alone.cell("raw", "pairs", test, "clean", "fpr").value for test in ("png", "biggan")]
    assert excess.value == pytest.approx(called[0] - called[1])
    assert called[1] != alone.cell("raw", "pairs", "adm", "clean", "fpr").value


def test_reliability_is_of_generators_that_were_not_learned(alone):
    bins = alone.reliability.reindex(range(3)).assign(
        experiment="raw", train_set="pairs", condition="clean", test_generator=list(LEARNED), rule="fixed"
    )
    rows, words = _rows(replace(alone, reliability=bins), "raw")
    assert rows["test_generator"].tolist() == ["adm", "sd14"] and words == "other generators than the own"


def test_the_own_mean_of_one_train_set_with_one_own_test_set_is_its_cell(alone, told):
    own = alone.cell("raw", MEAN, OWN, "clean", "balanced_accuracy")
    assert own == alone.cell("raw", "pairs", "biggan", "clean", "balanced_accuracy") and own.has_interval
    assert alone.cell("raw", MEAN, OFF_DIAGONAL, "clean", "balanced_accuracy").has_interval
    assert told.sole(("raw", "unbiased")) is None and alone.sole(("raw",)) == ("pairs", "biggan")
    assert alone.sole(("raw", "other")) is None


def test_a_comparison_of_one_train_set_has_the_test_of_its_cell(alone):
    metrics = pd.concat([alone.metrics, alone.metrics.assign(experiment="new")])
    common = {"experiment": "new", "baseline": "raw", "seed": 0, "baseline_seed": 0, "condition": "clean"}
    common |= {"baseline_condition": "clean", "baseline_train_set": "pairs", "metric": "balanced_accuracy"}
    rows = [
        {"train_set": "pairs", "test_generator": "biggan", "kind": "cell", "value": 0.2, "low": 0.1, "high": 0.3,
         "p_holm": 0.01, "separated": True},
        {"train_set": MEAN, "test_generator": OWN, "kind": "overall", "value": 0.2, "separated": False},
        {"train_set": MEAN, "test_generator": OFF_DIAGONAL, "kind": "overall", "value": 0.1, "low": -0.1, "high": 0.3,
         "p_holm": 0.2, "separated": False},
    ]  # fmt: skip
    frame = pd.DataFrame([common | row for row in rows]).reindex(columns=list(DIFFERENCES.columns))
    said = [
        PublishedFinding(experiment="new", baseline="raw", says="lower", mean=mean, source="X")
        for mean in ("own", "others")
    ]
    data = replace(
        alone, metrics=metrics, differences=frame, experiments=("raw", "new"), comparisons=(("new", "raw"),),
        published=tuple(said),
    )  # fmt: skip
    (row,) = comparisons(data).frame.to_dict("records")
    assert row[data.title(OWN)] == "+20.0 [10.0, 30.0] separated"
    assert row[data.title(OFF_DIAGONAL)] == "+10.0 [−10.0, 30.0] not separated"
    assert [finding.mark for finding in published(data)] == ["contradicts", "not separated"]
