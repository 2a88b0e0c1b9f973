"""The compiled kernel against the NumPy reference, blocks and threads against the whole, and where its cache lies."""

import os
from dataclasses import replace

import numpy as np
import pytest
from judged_tables import TEST_SETS, make_facts, make_scores

from crossgen.config import Statistics
from crossgen.evaluation import kernel, resampling, statistics
from crossgen.evaluation.judged import Judged
from crossgen.evaluation.resampling import RESAMPLED, Resampler

METRICS = tuple(RESAMPLED)


def drawn(seed, n=150, decimals=None):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(np.int64)
    logits = rng.normal(size=n) + labels
    weights = rng.gamma(1, size=(40, n)).astype(np.float32)
    return (logits if decimals is None else np.round(logits, decimals)), labels, weights


def counted(logits, labels, weights):
    cell, across = kernel.in_order(logits, labels), np.ascontiguousarray(weights.T)
    return dict(zip(kernel.FOUND, kernel.metrics(across, cell, kernel.totals(across, cell)), strict=True))


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("shift", [0, -9, 9])
def test_the_kernel_gives_the_numbers_of_the_reference(decimals, shift):
    for seed in range(4):
        logits, labels, weights = drawn(seed, decimals=decimals)
        weights[:, :20] *= np.random.default_rng(seed).random((40, 20)) < 0.5  # weights of nothing
        found = counted(logits + shift, labels, weights)
        for name, values in found.items():
            expected = getattr(statistics, name)(logits + shift, labels, weights)
            assert values == pytest.approx(expected, abs=1e-12), name


def test_equal_logits_are_one_threshold():
    logits, labels, weights = drawn(0)
    assert counted(0 * logits, labels, weights)["roc_auc"] == pytest.approx(0.5, abs=1e-12)
    assert counted(0 * logits, labels, weights)["average_precision"] == pytest.approx(0.5, abs=1e-12)


def test_unscored_images_are_left_out():
    logits, labels, weights = drawn(1)
    gaps = logits.copy()
    gaps[::3] = np.nan
    there = ~np.isnan(gaps)
    found, expected = counted(gaps, labels, weights), counted(logits[there], labels[there], weights[:, there])
    assert all((found[name] == expected[name]).all() for name in kernel.FOUND)


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_its_rate_and_no_more(label):
    logits, labels, weights = drawn(2)
    weights[:, labels == label] = 0
    found = counted(logits, labels, weights)
    lost, held = (("tpr", "tnr"), ("tnr", "tpr"))[label == 0]
    assert all(np.isnan(found[name]).all() for name in ("roc_auc", "average_precision", lost))
    assert held == {1: "tnr", 0: "tpr"}[label]
    assert found[held] == pytest.approx(getattr(statistics, held)(logits, labels, weights), abs=1e-12)


@pytest.fixture(scope="module")
def resampler():
    facts = make_facts()
    scores = make_scores(facts)
    lost = scores.index[(scores["train_set"] == "adm") & (scores["pool"] == "sd14")][:4]
    return Resampler(Judged.of(scores.drop(index=lost), facts, TEST_SETS), Statistics(replicates=300))


def replicates(resampler, test_set="sd14"):
    judged = resampler.judged
    rows = judged.rows[test_set]
    return resampler.replicates(test_set, [vector[rows] for vector in judged.logits.values()], METRICS)


@pytest.mark.parametrize("test_set", ["sd14", "photographs_png"])
def test_compiled_cells_are_those_of_numpy_whatever_the_threads(resampler, test_set):
    plain = replicates(resampler, test_set)
    for threads in (1, 2):
        found = replicates(replace(resampler, compiled=True, threads=threads), test_set)
        assert np.allclose(found, plain, rtol=0, atol=1e-12, equal_nan=True)
    again = replicates(replace(resampler, compiled=True, threads=3), test_set)
    assert np.array_equal(found, again, equal_nan=True)


def test_blocks_move_no_number(resampler, monkeypatch):
    whole = replicates(resampler)
    monkeypatch.setattr(resampling, "HELD", 7 * len(resampler.judged.rows["sd14"]))
    assert (replicates(resampler) == whole).all()
    groups = np.array([f"g{i % 5}" for i in range(9)], dtype=object)
    parts = np.concatenate(list(statistics.weight_blocks(groups, 3, 11, 4)))
    assert (parts == statistics.bootstrap_weights(groups, 3, 11)).all()


def test_the_kernel_is_for_large_work_alone(resampler):
    judged = resampler.judged
    assert not Resampler.of(judged, Statistics(replicates=100), cells=3).compiled
    assert Resampler.of(judged, Statistics(replicates=100), cells=10**6).compiled


def test_lonely_groups_vary_together():
    # source 0 has two groups of reals; sources 1, 2 one each; the fakes' source 1 has one, source 0 three
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    sources = np.array([0, 0, 1, 2, 0, 0, 0, 1])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    strata = statistics.strata_of(groups, sources, labels)
    assert strata[2] == strata[3] != strata[0] == strata[1]
    assert len(set(strata[4:])) == 1 and not set(strata[:4]) & set(strata[4:])
    alone = statistics.strata_of(groups[:1], sources[:1], labels[:1])
    weights = statistics.balance_strata(statistics.bootstrap_weights(groups, 0, 30), groups, strata)
    assert len(alone) == 1 and (weights.std(axis=0) > 0.1).all()


def test_compiled_code_is_kept_where_the_user_may_write(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert resampling._cache_folder() == tmp_path / "crossgen" / "numba"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # as a home that cannot be written to
    folder = resampling._cache_folder()
    assert folder.is_dir() and not folder.is_relative_to(tmp_path) and os.access(folder, os.W_OK)
