"""`crossgen look-into` on toy pictures: what it writes, twice the same, and what it refuses."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import prepare, save
from toys import described


@pytest.fixture
def asked(pools, tmp_path):
    """Arguments of the command, and the folder that it writes into."""
    options = {"model": "test_resnet"}
    told = {"name": "toy", "architecture": "residual", "options": options, "steps": 1, "precision": "fp32"}
    recipe = Recipe(**told, frame=Frame(kind="crop", size=64), optimiser=Optimiser(lr=1e-3))
    identity = {"experiment": "raw", "train_set": "checker", "seed": 0}
    save(tmp_path / "detector.safetensors", prepare(recipe).state_dict(), recipe, identity)
    named = {}
    for pool, label in (("photographs", "real"), ("checker", "fake"), ("stripes", "fake")):
        records.write(tmp_path / f"{pool}.parquet", described(pools, pool, label), records.MANIFEST)
        named[pool] = {"root": str(pools), "manifest": str(tmp_path / f"{pool}.parquet")}
    command = ["look-into", "--detector", str(tmp_path / "detector.safetensors"), "--pools", json.dumps(named)]
    return [*command, "--images", "12", "--output", str(tmp_path / "looked")], tmp_path / "looked"


def test_everything_is_written_and_the_same_again(asked):
    command, folder = asked
    assert main([*command, "--qualities", "90", "30"]) == 0
    drift = pq.read_table(folder / "drift.parquet").to_pandas()
    assert set(drift["quality"]) == {30, 90} and set(drift["label"]) == {0, 1} and (drift["low"] <= drift["high"]).all()
    plane = pq.read_table(folder / "plane.parquet").to_pandas()
    assert plane.groupby("pool").size().to_dict() == {"checker": 12, "photographs": 12, "stripes": 12}
    assert plane["image_id"].str.contains("/test/").all()
    with np.load(folder / "maps.npz") as maps:
        assert maps["maps"].shape == (6, 64, 64) and set(maps["image_id"]) <= set(plane["image_id"])
    written = {path.name for path in folder.iterdir()}
    assert {f"{name}.{kind}" for name in ("maps", "plane", "drift") for kind in ("png", "svg")} <= written
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".parquet")}
    assert main([*command, "--qualities", "90", "30"]) == 0
    assert all((folder / name).read_bytes() == content for name, content in before.items())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--qualities", "0"], "JPEG quality 0 in --qualities: expected 1 to 100"),
        (["--images", "2"], "images are too few to lay out"),
    ],
)
def test_what_cannot_be_looked_at_is_one_message(asked, capsys, more, message):
    command, folder = asked
    assert main([*command, *more]) == 1
    assert message in capsys.readouterr().err and not (folder / "numbers.json").exists()
