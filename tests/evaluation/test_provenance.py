"""Scores that cannot be laid beside each other are refused, by what their files tell of themselves."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Blur, Condition, Frame
from crossgen.data import frames
from crossgen.evaluation import provenance, render
from crossgen.evaluation.cells import Store
from crossgen.evaluation.scoring import logit_key
from toys import described

FRAME = Frame(kind="crop", size=64)
CLEAN = Condition(name="clean")
BLURRED = Condition(name="blurred", steps=(Blur(step="blur", sigma=2),), to="fake")
POOLS = {"checker": "fake", "photographs": "real"}
WEIGHTS = "a" * 32
HOW = {"device": "cpu", "precision": "bf16"}


@pytest.fixture
def scored(pools, tmp_path):
    """Manifests of two pools, a scoring job's index and its logit cells, as the workflow leaves them."""
    return Scored(tmp_path, {name: described(pools, name, label) for name, label in POOLS.items()}, pools)


class Scored:
    def __init__(self, folder, manifests, root):
        self.folder, self.root, self.store = folder, root, Store(folder / "logits")
        self.judged = {pool: {"judged": HOW} for pool in manifests}  # what the cells of a pool tell of themselves
        for name, table in manifests.items():
            records.write(folder / f"{name}.parquet", table, records.MANIFEST)

    def manifest(self, pool):
        return self.folder / f"{pool}.parquet"

    def collect(self, name="scores", conditions=(CLEAN, BLURRED), weights=WEIGHTS, spoil=lambda logits: logits):
        self.index(conditions, weights, spoil)
        return self.assemble(name, conditions)

    def index(self, conditions=(CLEAN, BLURRED), weights=WEIGHTS, spoil=lambda logits: logits):
        rows = []
        for pool in POOLS:
            images = render.shard_images(self.manifest(pool), 0, self.root)
            for condition in conditions:
                pixels = render.pixel_key(images, FRAME, render.effective_steps(condition, images.label, conditions))
                cell = logit_key(weights, pixels)
                values = spoil(np.linspace(-1, 1, len(images), dtype=np.float32) + images.label)
                if not self.store.whole(cell):
                    told = {"pixels": pixels, "failed": {3: "truncated"}}
                    self.store.write(cell, values, told | self.judged[pool])
                told = {"pool": pool, "shard": 0, "condition": condition.name, "frame": FRAME.model_dump_json()}
                keys = {"experiment": "raw", "train_set": "checker", "seed": 0}
                rows.append(keys | told | {"weights": weights, "pixels": pixels, "logits": cell})
        pq.write_table(pa.Table.from_pylist(rows), self.folder / "index.parquet")

    def assemble(self, name="scores", conditions=(CLEAN, BLURRED), expected=0):
        told = {pool: {"root": str(self.root), "manifest": str(self.manifest(pool))} for pool in POOLS}
        path = self.folder / f"{name}.parquet"
        words = ["--index", str(self.folder / "index.parquet"), "--pools", json.dumps(told)]
        words += ["--logits", str(self.store.root), "--experiment", "raw", "--train-set", "checker", "--seed", "0"]
        steps = json.dumps([item.model_dump(mode="json", exclude={"degradation"}) for item in conditions])
        assert main(["collect-scores", *words, "--conditions", steps, "--output", str(path)]) == expected
        return path

    def metrics(self, scores, *more):
        tests = {"test_sets": [{"name": "checker", "fake": "checker", "real": "photographs"}]}
        out = [str(self.folder / name) for name in ("metrics.parquet", "differences.parquet", "means.parquet")]
        words = ["--scores", *map(str, scores), "--manifests", *(str(self.manifest(pool)) for pool in POOLS)]
        words += ["--tests", json.dumps(tests), "--metrics", out[0], "--differences", out[1], "--seed-means", out[2]]
        return main(["compute-metrics", *words, *more])


def failed_row(logits):
    return np.where(np.arange(len(logits)) == 3, np.float32("nan"), logits)


def renamed(scored, name, change):
    """A copy of a score file of another experiment, its facts changed."""
    told = records.facts(scored)
    change(told)
    table = pq.read_table(scored)
    place = table.column_names.index("experiment")
    table = table.set_column(place, "experiment", pa.array(["other"] * table.num_rows))
    path = scored.with_name(f"{name}.parquet")
    records.write(path, table, records.SCORES, told)
    return path


def test_a_score_file_tells_weights_images_steps_and_versions(scored):
    told = provenance.read(scored.collect(spoil=failed_row))
    assert told.detectors == {"raw/checker/seed0": f"{WEIGHTS} {frames.key(FRAME)}"}
    images = render.shard_images(scored.manifest("checker"), 0, scored.root)
    assert told.images["checker/0"] == images.digest and set(told.images) == {"checker/0", "photographs/0"}
    assert told.conditions["blurred/real"] == [] and told.conditions["blurred/fake"][0]["sigma"] == 2
    assert set(told.versions) == {"pixels", "logits"}
    assert pq.read_table(scored.folder / "scores.parquet").num_rows == 4 * 24 - 4


def test_a_score_file_tells_all_that_its_logits_were_computed_on_and_in(scored):
    """Cells may come of several machines, and of versions that did not tell: none is refused, none is left out."""
    assert provenance.read(scored.collect("one", spoil=failed_row)).judged == {"raw/checker/seed0": [HOW]}
    other = {"device": "NVIDIA H200", "precision": "bf16"}
    for pool, how in (("checker", {"judged": other}), ("photographs", {})):
        scored.judged[pool] = how
    mixed = scored.collect("mixed", spoil=failed_row, weights="b" * 32)
    unknown = {"device": None, "precision": None}
    assert provenance.read(mixed).judged == {"raw/checker/seed0": [unknown, other]}
    first = renamed(mixed, "first", lambda told: told["judged"].update({"raw/checker/seed0": [HOW, other]}))
    assert provenance.check([mixed, first], []).judged == {"raw/checker/seed0": [unknown, other, HOW]}
    older = renamed(mixed, "older", lambda told: told.pop("judged"))
    assert provenance.check([older], []).judged == {}


def test_good_scores_are_judged_and_a_lost_image_shows_in_the_coverage(scored):
    assert scored.metrics([scored.collect(spoil=failed_row)]) == 0
    metrics = pq.read_table(scored.folder / "metrics.parquet").to_pandas()
    cells = metrics[(metrics["train_set"] != "mean") & (metrics["test_generator"] == "checker")]
    assert len(cells) == 2 * 7 and cells["coverage"].eq(46 / 48).all() and cells["n_fake"].eq(23).all()


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda told: told["conditions"].update({"blurred/fake": []}), "by condition blurred/fake"),
        (lambda told: told["images"].update({"checker/0": "0" * 32}), "different images: checker/0"),
        (lambda told: told["versions"].update(pixels=0), "different versions: pixels is"),
        (lambda told: told["detectors"].update({"raw/checker/seed0": "b"}), "raw/checker/seed0 with different weights"),
    ],
)
def test_score_files_of_different_runs_are_refused(scored, capsys, change, expected):
    first = scored.collect(spoil=failed_row)
    other = renamed(first, "other", change)
    assert scored.metrics([first, renamed(first, "same", lambda told: None)]) == 0
    assert scored.metrics([first, other]) == 1
    told = capsys.readouterr().err
    assert "Score files of different runs" in told and expected in told and "other.parquet" in told


def test_a_manifest_that_changed_after_scoring_is_refused_by_name(scored, capsys):
    scores = scored.collect(spoil=failed_row)
    table = records.read(scored.manifest("checker"), records.MANIFEST)
    changed = pc.if_else(pc.equal(table["split"], "test"), pa.scalar("0" * 64), table["blake3"])
    records.write(scored.manifest("checker"), table.set_column(table.column_names.index("blake3"), "blake3", changed),
                  records.MANIFEST)  # fmt: skip
    assert scored.metrics([scores]) == 1
    told = capsys.readouterr().err
    assert "checker.parquet: the test images of pool 'checker'" in told and "changed after scoring" in told
    scored.assemble(expected=1)
    assert "changed after scoring" in capsys.readouterr().err


def test_conditions_that_changed_after_scoring_are_refused(scored, capsys):
    scored.index(spoil=failed_row)
    scored.assemble(conditions=(CLEAN, Condition(name="blurred", steps=BLURRED.steps)), expected=1)
    assert "pool 'photographs' under condition 'blurred' are of other images, steps or code" in capsys.readouterr().err
    scored.assemble(conditions=(CLEAN,), expected=1)
    assert "not among the conditions given" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_broken_detector_is_refused_and_not_taken_for_a_gap(scored, capsys, value):
    scored.index(spoil=lambda logits: np.where(np.arange(len(logits)) == 5, np.float32(value), failed_row(logits)))
    scored.assemble(expected=1)
    told = capsys.readouterr().err
    assert "Detector raw/checker/seed0 gave 1 of 23 images of pool 'checker'" in told and "Train it again" in told


def test_scores_of_another_program_need_to_be_asked_for(scored, capsys):
    scores = scored.collect(spoil=failed_row)
    records.write(scores, pq.read_table(scores), records.SCORES)
    assert scored.metrics([scores]) == 1
    assert "does not tell what it was made of" in capsys.readouterr().err
    assert scored.metrics([scores], "--unproven") == 0
    records.write(scores, pq.read_table(scores), records.SCORES, {"of": "something else"})
    assert scored.metrics([scores], "--unproven") == 1
    assert "tells of its scores in another form" in capsys.readouterr().err


def test_the_same_scores_twice_are_refused(scored, capsys):
    scores = scored.collect(spoil=failed_row)
    assert scored.metrics([scores, scores]) == 1
    assert "repeated keys in a scores table" in capsys.readouterr().err


def test_an_ensemble_tells_of_all_its_members_and_refuses_strangers(scored, capsys):
    first = scored.collect(spoil=failed_row)
    second = renamed(first, "second", lambda told: told.update(detectors={"other/checker/seed0": "b c"}))
    stranger = renamed(first, "stranger", lambda told: told["versions"].update(logits=0))
    words = ["--experiment", "both", "--train-set", "checker", "--seed", "0", "--output", str(scored.folder / "both")]
    assert main(["average-scores", "--scores", str(first), str(second), *words]) == 0
    assert set(provenance.read(scored.folder / "both").detectors) == {"raw/checker/seed0", "other/checker/seed0"}
    assert main(["average-scores", "--scores", str(first), str(stranger), *words]) == 1
    assert "different versions: logits" in capsys.readouterr().err


def test_validation_scores_of_other_weights_are_refused():
    scored = provenance.Provenance(detectors={"raw/adm/seed0": "aa frame"}, images={}, conditions={}, versions={})
    row = {"experiment": "raw", "train_set": "adm", "seed": 0, "weights": "aa"}
    provenance.refuse_other_weights([row, row | {"train_set": "glide", "weights": "cc"}], scored)
    with pytest.raises(ValueError, match="raw/adm/seed0 were scored with the weights bb, its test images with aa"):
        provenance.refuse_other_weights([row | {"weights": "bb"}], scored)
