"""Scores and manifests read as arrays: what is joined, and what is refused."""

import numpy as np
import pytest
from broken_tables import known_facts, write_run
from judged_tables import TEST_SETS, make_scores

from crossgen.evaluation.answers import read_answers
from crossgen.evaluation.judged import Judge


@pytest.fixture(scope="module")
def facts():
    return known_facts()


def read(folder, facts, scores, conditions=("clean",)):
    return read_answers(*write_run(folder, facts, scores), TEST_SETS, conditions)


def test_logits_lie_beside_their_images(tmp_path, facts):
    scores = make_scores(facts, conditions=("jpeg", "clean", "blur"))
    answers = read(tmp_path, facts, scores.sample(frac=1, random_state=0), ("clean", "jpeg"))
    assert [judge.condition for judge in answers.logits] == ["clean"] * 3 + ["jpeg"] * 3
    part = scores[(scores.train_set == "biggan") & (scores.condition == "jpeg")].sort_values("image_id")
    assert answers.logits[Judge("raw", "biggan", 0, "jpeg")].tolist() == part["logit"].tolist()
    assert answers.facts["image_id"].tolist() == sorted(facts["image_id"])
    assert len(answers.rows(answers.seen)) == 180 and len(answers.rows(TEST_SETS)) == 186


def test_an_image_without_a_score_is_nan(tmp_path, facts):
    scores = make_scores(facts)
    answers = read(tmp_path, facts, scores[scores["image_id"] != "adm/0.png"])
    place = answers.facts["image_id"].tolist().index("adm/0.png")
    assert all(np.flatnonzero(np.isnan(vector)).tolist() == [place] for vector in answers.logits.values())


def nan(scores):
    scores.loc[3, "logit"] = np.nan


def infinite(scores):
    scores.loc[3, "logit"] = np.inf


def unknown(scores):
    scores.loc[3, "image_id"] = "adm/none.png"


def relabelled(scores):
    scores.loc[3, "label"] = 1 - scores.loc[3, "label"]


def doubled(scores):
    scores.loc[3, "image_id"] = scores.loc[4, "image_id"]
    scores.loc[3, "label"] = scores.loc[4, "label"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (nan, r"scores0.parquet: raw/adm/seed0 under clean: a logit that is no finite number"),
        (infinite, "no finite number"),
        (unknown, "no test image of the manifests.*'adm/none.png', and 0 more"),
        (relabelled, "another label in the manifest"),
        (doubled, "an image that is judged twice"),
    ],
)
def test_scores_that_do_not_fit_are_refused(tmp_path, facts, spoil, message):
    scores = make_scores(facts)
    spoil(scores)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, facts, scores)


def test_one_detector_in_two_files_is_refused(tmp_path, facts):
    paths, manifests = write_run(tmp_path, facts, make_scores(facts))
    with pytest.raises(ValueError, match="raw/adm/seed0 under clean has scores in another file"):
        read_answers([*paths, paths[0]], manifests, TEST_SETS, ("clean",))
    with pytest.raises(ValueError, match="hold image .* twice"):
        read_answers(paths, manifests * 2, TEST_SETS, ("clean",))


def test_no_score_under_the_conditions_is_refused(tmp_path, facts):
    with pytest.raises(ValueError, match="No score under the conditions jpeg: score the detectors first"):
        read(tmp_path, facts, make_scores(facts), ("jpeg",))
