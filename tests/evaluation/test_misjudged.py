"""What a detector gets wrong on a test set: counted again by hand, over seeds, with pictures and without."""

import numpy as np
import pyarrow as pa
import pytest
from broken_tables import drawn
from PIL import Image

from crossgen import intervals, records
from crossgen.config import Breakdowns
from crossgen.evaluation import misjudged as module
from crossgen.evaluation.misjudged import CLASSES, IMAGES, misjudged, pictured, pictured_as

LEVEL = 0.95


@pytest.fixture(scope="module")
def answers():
    return drawn(fakes=60, reals=90)


@pytest.fixture(scope="module")
def table(answers):
    return misjudged(answers, Breakdowns(), LEVEL)


def cell(table, judge, test):
    same = (table["experiment"] == judge.experiment) & (table["train_set"] == judge.train_set)
    return table[same & (table["condition"] == judge.condition) & (table["test_generator"] == test)]


def seeds_of(answers, judge):
    return [each for each in answers.logits if (each[0], each[1], each[3]) == (judge[0], judge[1], judge[3])]


def test_the_table_keeps_its_schema(table):
    records.check(pa.Table.from_pandas(table.drop(columns="path"), preserve_index=False), records.MISJUDGED, "t")


def test_classes_are_those_counted_by_hand(answers, table):
    count = 0
    for judge in answers.logits:
        judges = seeds_of(answers, judge)
        for test in answers.test_sets:
            rows = cell(table, judge, test.name)
            classes = rows[rows["kind"] == "class"].sort_values("rank")
            assert len(classes) <= CLASSES and (classes["low"].diff().dropna() <= 1e-12).all()
            assert test.pair or rows.empty
            here = answers.rows([test])
            for row in classes.to_dict("records"):
                shows = answers.facts["class_name"].fillna("unknown").to_numpy() == row["name"]
                members = here[shows[here] & (answers.labels[here] == row["label"])]
                members = members[answers.scored(judges, members)]
                wrong = np.concatenate([(answers.logits[each][members] > 0) != (row["label"] == 1) for each in judges])
                assert (row["n"], row["wrong"]) == (len(wrong), wrong.sum())
                if len(judges) == 1:
                    everyone = np.ones(len(members), bool)
                    limits = intervals.rate(wrong, everyone, answers.clusters(members), LEVEL)
                    assert (row["low"], row["high"]) == pytest.approx((limits.low, limits.high))
                count += 1
    assert count > 10


def test_images_are_wrong_and_the_worst(answers, table):
    for judge in answers.logits:
        judges = seeds_of(answers, judge)
        for test in (each for each in answers.test_sets if each.pair):
            rows = cell(table, judge, test.name)
            images = rows[rows["kind"] == "image"]
            here = answers.rows([test])
            here = here[answers.scored(judges, here)]
            for label in (0, 1):
                mine = images[images["label"] == label].sort_values("rank")
                signs = 2 * answers.labels[here] - 1
                logits = [answers.logits[each][here].astype(float) for each in judges]
                signed = np.mean([signs * each / each.std() for each in logits], axis=0)
                worst = np.sort(signed[(answers.labels[here] == label) & (signed < 0)])[:IMAGES]
                assert mine["value"].to_numpy() == pytest.approx(worst, rel=1e-5)
                assert set(mine["pool"]) <= {test.fake if label else test.real}
                assert (mine["wrong"] <= mine["n"]).all() and (mine["n"] == len(judges)).all()


def test_pictures_are_of_the_first_condition_and_limited(answers, table, tmp_path, monkeypatch):
    for path in answers.facts["path"]:
        Image.new("RGB", (200, 100), "red").save(tmp_path / path, "PNG")
    roots = dict.fromkeys(answers.facts["pool"], tmp_path)
    monkeypatch.setattr(module, "PICTURES", 3)
    shown = pictured(table, roots)
    held = shown[shown["thumbnail"].notna()]
    assert len(set(zip(held["pool"], held["path"], strict=True))) == 3
    assert set(held["condition"]) == {table["condition"].iloc[0]} and set(held["kind"]) == {"image"}
    again = pictured_as(table, shown.drop(columns="path"))
    assert again["thumbnail"].tolist() == shown["thumbnail"].tolist()
    assert pictured(table, {})["thumbnail"].isna().all()
    assert pictured(table.iloc[:0], roots).empty
