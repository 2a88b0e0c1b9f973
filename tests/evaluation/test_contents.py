"""Numbers by content: counted again by hand, learned groups told apart from others, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from broken_tables import drawn
from sklearn.metrics import roc_auc_score

from crossgen import intervals
from crossgen.config import Breakdowns
from crossgen.evaluation.contents import Number, codes_of, contents, difference, learned_groups
from crossgen.evaluation.judged import Judge

GROUPS = {"cats": ("cat",), "dogs": ("dog",)}


@pytest.fixture(scope="module")
def answers():
    return drawn()


def groups_of(written):
    return Breakdowns.model_validate_json(json.dumps({"class_groups": written})).class_groups


def learned_by(answers, counts):
    return {judge[:2]: counts for judge in answers.logits}


def numbers(answers, counts=None, groups=GROUPS):
    found = contents(answers, learned_by(answers, counts or {"cats": 30, "dogs": 0}), groups, 0.95)
    keys = ["experiment", "train_set", "seed", "condition", "place", "class_group", "metric"]
    assert not found.duplicated(keys).any()
    return found.set_index(keys).sort_index()


def rows_by_hand(answers, judge, classes):
    """Scored images of these classes on the judge's own test sets."""
    own = [item for item in answers.test_sets if item.pair and item.name == judge.train_set]
    pools = {pool for item in own for pool in (item.fake, item.real)}
    here = answers.facts["pool"].isin(pools) & answers.facts["class_name"].isin(classes)
    return np.flatnonzero(here & ~np.isnan(answers.logits[judge]))


def test_balanced_accuracy_and_auc_are_those_counted_by_hand(answers):
    found = numbers(answers)
    for judge in answers.logits:
        for group, classes in GROUPS.items():
            rows = rows_by_hand(answers, judge, classes)
            labels, logits = answers.labels[rows], answers.logits[judge][rows]
            rates = [((logits > 0) == (labels == 1))[labels == label].mean() for label in (0, 1)]
            place = (*judge, "own", group)
            assert found.loc[(*place, "balanced_accuracy"), "value"] == pytest.approx(np.mean(rates))
            assert found.loc[(*place, "roc_auc"), "value"] == pytest.approx(roc_auc_score(labels, logits))
            assert found.loc[(*place, "roc_auc"), "n_fake"] == (labels == 1).sum()


def test_learned_less_not_learned_is_their_difference(answers):
    found = numbers(answers)
    judge = next(iter(answers.logits))
    cats, dogs, gap = (
        found.loc[(*judge, "own", name, "balanced_accuracy")]
        for name in ("learned", "not_learned", "learned_minus_not")
    )
    assert cats["value"] == found.loc[(*judge, "own", "cats", "balanced_accuracy"), "value"]
    assert gap["value"] == pytest.approx(cats["value"] - dogs["value"])
    assert gap["low"] <= gap["value"] <= gap["high"]
    assert (cats["learned"], dogs["learned"]) == (30, 0)


def test_who_learned_every_group_has_no_difference(answers):
    found = numbers(answers, {"cats": 30, "dogs": 30})
    assert set(found.index.get_level_values("class_group")) == {"cats", "dogs"}


def test_the_mean_runs_over_train_sets(answers):
    found = numbers(answers)
    judge = next(iter(answers.logits))
    place = (judge.condition, "own", "cats", "roc_auc")
    trains = [each.train_set for each in answers.logits if each.condition == judge.condition]
    values = [found.loc[(judge.experiment, name, judge.seed, *place), "value"] for name in trains]
    mean = found.loc[(judge.experiment, "mean", judge.seed, *place)]
    expected = intervals.student_t(values, 0.95)
    assert (mean["value"], mean["low"], mean["high"]) == pytest.approx(tuple(expected)[:3])


def test_a_group_without_one_label_has_a_reason(answers):
    facts = answers.facts.assign(class_name=answers.facts["class_name"].where(answers.facts["label"] == 1, "dog"))
    one = type(answers)(facts, answers.test_sets, answers.logits)
    found = numbers(one)
    judge = next(iter(one.logits))
    row = found.loc[(*judge, "own", "cats", "roc_auc")]
    assert np.isnan(row["value"])
    assert row["reason"] == "no scored reals of these classes"
    assert "undefined for" in found.loc[(judge.experiment, "mean", *judge[2:], "own", "cats", "roc_auc"), "reason"]


def test_intervals_of_a_difference_join_both_sides():
    gap = difference(Number(0.8, 0.7, 0.85, 10, 10), Number(0.6, 0.5, 0.68, 10, 10))
    assert gap.value == pytest.approx(0.2)
    assert gap.low == pytest.approx(0.2 - np.hypot(0.1, 0.08))
    assert gap.high == pytest.approx(0.2 + np.hypot(0.05, 0.1))
    assert gap.n_fake == 20


def test_without_groups_there_are_no_rows(answers):
    assert contents(answers, {}, {}, 0.95).empty


def test_a_group_that_no_image_shows_is_refused_with_the_classes_that_there_are(answers):
    with pytest.raises(ValueError, match=r"class_groups birds: known are cat, dog"):
        codes_of(answers.facts, {"birds": ("bird",)})


def test_a_class_of_two_groups_is_refused_when_images_tell(answers):
    facts = answers.facts.assign(class_index=np.where(answers.facts["class_name"] == "cat", 3, 8))
    with pytest.raises(ValueError, match="Class 'cat' is in two of breakdowns.class_groups, cats and low"):
        codes_of(facts, groups_of({"cats": ["cat"], "low": [3]}))


def test_ranges_hold_both_ends():
    facts = pd.DataFrame({"class_index": [0, 150, 151, 268, 269, None], "class_name": None, "class_synset": None})
    groups = groups_of({"dogs": [{"first": 151, "last": 268}]})
    assert codes_of(facts, groups).tolist() == [-1, -1, 0, 0, -1, -1]


def test_what_was_learned_is_counted_from_selections():
    rows = pd.DataFrame({"class_name": ["cat", "cat", "dog", None], "class_index": None, "class_synset": None})
    assert learned_groups({("raw", "adm"): rows}, GROUPS) == {("raw", "adm"): {"cats": 2, "dogs": 1}}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["cat"], "b": ["cat"]}, "a class in one group alone; 'cat' is in a and in b"),
        ({"a": [{"first": 1, "last": 5}], "b": [5]}, "a class in one group alone; '5' is in a and in b"),
        ({"a": [{"first": 5, "last": 1}]}, "a `last` of at least `first`"),
        ({"a": []}, "at least 1 item"),
        ({"A b": ["cat"]}, "match pattern"),
    ],
)
def test_wrong_groups_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        groups_of(groups)


def test_a_judge_without_images_of_its_own_has_no_own_place(answers):
    judge = next(iter(answers.logits))
    stranger = Judge(judge.experiment, "all_of_them", judge.seed, judge.condition)
    one = type(answers)(answers.facts, answers.test_sets, {stranger: answers.logits[judge]})
    found = contents(one, {}, GROUPS, 0.95)
    assert set(found["place"]) == {"others"}
