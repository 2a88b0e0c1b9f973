"""Validation images of detectors and ensembles: none of them tested, none unaccounted for."""

import numpy as np
import pandas as pd
import pytest

from crossgen.evaluation.own_images import validations
from crossgen.evaluation.validation import Choice

KEYS = {"train_set": "adm", "seed": 0}


def rows(experiment, names, shift=0.0):
    facts = {"group": names, "stratum": "a", "label": [int(name.startswith("f")) for name in names]}
    logits = np.arange(len(names), dtype=np.float32) + shift
    return pd.DataFrame({"experiment": experiment, **KEYS, "image_id": names, **facts, "logit": logits})


def counts(*experiments, reason=None):
    return pd.DataFrame([{"experiment": name, **KEYS, "reason": reason} for name in experiments])


BOTH = {"both/adm/seed0": ["raw/adm/seed0", "unbiased/adm/seed0"]}


def test_an_ensemble_has_the_mean_logit_of_the_images_that_all_members_share():
    table = pd.concat([rows("raw", ["r1", "r2", "f1"]), rows("unbiased", ["f1", "r2", "r9"], 10)])
    found = validations(table, counts("raw", "unbiased"), BOTH, ())
    assert list(found) == [("raw", "adm", 0), ("unbiased", "adm", 0), ("both", "adm", 0)]
    both = found["both", "adm", 0]
    assert both.logits.tolist() == [(2 + 10) / 2, (1 + 11) / 2] and both.labels.tolist() == [1, 0]
    assert both.groups.tolist() == ["f1", "r2"] and both.reason is None


def test_an_ensemble_that_shares_too_little_says_so():
    table = pd.concat([rows("raw", ["r1", "f1"]), rows("unbiased", ["r1", "f2"])])
    found = validations(table, counts("raw", "unbiased"), BOTH, ())["both", "adm", 0]
    assert found.counts() == (1, 0) and found.reason == "its members share no fakes of validation"
    told = pd.concat([counts("raw"), counts("unbiased", reason="published weights")])
    alone = validations(rows("raw", ["r1", "f1"]), told, BOTH, ())["both", "adm", 0]
    assert alone.counts() == (0, 0) and alone.reason == "its member unbiased/adm/seed0: published weights"
    nothing = validations(rows("raw", []), counts("raw", "unbiased", reason="published weights"), BOTH, ())
    assert nothing["both", "adm", 0].reason == "its member raw/adm/seed0: published weights"


def test_a_test_image_is_refused():
    with pytest.raises(ValueError, match=r"Validation image 'r2' is a test image of the manifests \(1 such rows\)"):
        validations(rows("raw", ["r1", "r2", "f1"]), counts("raw"), {}, {"r2", "x"})


def test_rows_and_members_that_nobody_counts_are_refused():
    with pytest.raises(ValueError, match="Validation logits of raw/adm/seed0, which no table of --validated counts"):
        validations(rows("raw", ["r1"]), counts("unbiased"), {}, ())
    with pytest.raises(ValueError, match="its member unbiased/adm/seed0 is in no table of --validated"):
        validations(rows("raw", ["r1"]), counts("raw"), BOTH, ())


def test_the_subset_depends_on_names_and_seed_and_not_on_order():
    table = pd.DataFrame({"image_id": [f"{k:03d}" for k in range(100)], "label": np.arange(100) % 2})
    first = Choice(10, 0).of(table)
    assert first.groupby("label").size().tolist() == [10, 10] and first["image_id"].is_monotonic_increasing
    shuffled = Choice(10, 0).of(table.sample(frac=1, random_state=1))
    assert shuffled["image_id"].tolist() == first["image_id"].tolist()
    more = Choice(20, 0).of(table)
    assert set(first["image_id"]) < set(more["image_id"]) and len(Choice(500, 0).of(table)) == 100
    assert set(Choice(10, 1).of(table)["image_id"]) != set(first["image_id"])
