"""The hardest images: ranked by hand, own pools apart, small pictures where files are."""

import io

import numpy as np
import pyarrow as pa
import pytest
from broken_tables import answers_of, drawn, known_facts
from judged_tables import GENERATORS, make_scores
from PIL import Image

from crossgen import records
from crossgen.evaluation.hardest import SIDE, THUMBNAILS, hardest, with_thumbnails

LEARNED = {("raw", name): [name, "photographs"] for name in GENERATORS}


@pytest.fixture
def answers():
    """Three detectors that are right everywhere, with a logit of 1 in size."""
    facts = known_facts()
    answers = answers_of(make_scores(facts), facts)
    for vector in answers.logits.values():
        vector[:] = np.where(facts["label"] == 1, 1, -1)
    return answers


def spoil(answers, image, logits):
    """Give an image these logits of the detectors, in the order of GENERATORS."""
    place = answers.facts["image_id"].tolist().index(image)
    for vector, logit in zip(answers.logits.values(), logits, strict=True):
        vector[place] = logit


def test_images_are_ranked_by_detectors_that_are_wrong_and_then_by_margin(answers):
    spoil(answers, "adm/3.png", [-1, -1, 1])
    spoil(answers, "sd14/5.png", [-1, -2, -1])
    spoil(answers, "photographs/7.png", [3, 3, 1])
    spoil(answers, "biggan/1.png", [1, 1, -0.1])
    table = hardest(answers, LEARNED, 3)
    assert table["image_id"].tolist() == ["photographs/7.png", "sd14/5.png", "adm/3.png"]
    assert table["rank"].tolist() == [1, 2, 3] and table["wrong"].tolist() == [3, 3, 2]
    assert table["n_own"].tolist() == [3, 1, 1] and table["wrong_own"].tolist() == [3, 1, 1]
    spreads = [np.std(vector) for vector in answers.logits.values()]
    expected = -np.mean(np.array([3, 3, 1]) / spreads)
    assert table["margin"][0] == pytest.approx(expected, rel=1e-6)
    written = pa.Table.from_pandas(table.drop(columns="path"), preserve_index=False)
    records.check(written, records.HARDEST, "test")


def test_equal_images_stand_in_the_order_of_their_names(answers):
    for name in ("sd14/5.png", "adm/3.png", "biggan/9.png"):
        spoil(answers, name, [-1, -1, -1])
    assert hardest(answers, LEARNED, 9)["image_id"].tolist() == ["adm/3.png", "biggan/9.png", "sd14/5.png"]


def test_images_that_few_detectors_scored_are_not_ranked(answers):
    spoil(answers, "adm/3.png", [-1, np.nan, np.nan])
    spoil(answers, "adm/4.png", [-1, -1, np.nan])
    table = hardest(answers, LEARNED, 9)
    assert table["image_id"].tolist() == ["adm/4.png"] and table["n"].tolist() == [2] and table["share"][0] == 1


def test_without_an_error_there_is_no_hardest_image(answers):
    table = hardest(answers, LEARNED, 9)
    assert table.empty
    assert with_thumbnails(table, {}).empty
    written = pa.Table.from_pandas(table.drop(columns="path"), preserve_index=False)
    assert records.check(written, records.HARDEST, "test").num_rows == 0


def test_experiments_and_conditions_have_lists_of_their_own():
    facts = known_facts()
    scores = make_scores(facts, experiments=("raw", "unbiased"), conditions=("clean", "jpeg"))
    table = hardest(answers_of(scores, facts), LEARNED, 5)
    assert table.groupby(["experiment", "condition"]).size().tolist() == [5] * 4
    assert table[table["experiment"] == "unbiased"]["n_own"].eq(0).all()  # nothing is known of what it learned


def test_thumbnails_are_few_small_and_only_of_files_at_hand(tmp_path):
    table = hardest(drawn(), LEARNED, 50)
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    for path in table["path"]:
        Image.fromarray(noise).save(tmp_path / path)
    broken = table[table["pool"] == "adm"]["path"].iloc[0]
    for name in table[(table["path"] == broken)]["path"]:
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / table[table["pool"] == "sd14"]["path"].iloc[0]).unlink(missing_ok=True)
    found = with_thumbnails(table, {"adm": tmp_path, "sd14": tmp_path})
    there = found["thumbnail"].notna()
    assert 0 < there.sum() <= THUMBNAILS and set(found[there]["pool"]) == {"adm", "sd14"}
    assert found[there]["rank"].max() <= THUMBNAILS and not there[found["path"] == broken].any()
    picture = Image.open(io.BytesIO(found[there]["thumbnail"].iloc[0]))
    assert picture.format == "JPEG" and max(picture.size) == SIDE
    assert not with_thumbnails(table, {})["thumbnail"].notna().any()
