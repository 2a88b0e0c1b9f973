"""Drawings through the workflow: drawn, reconstructed, trained on as pairs, tested on photographs; not drawn twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from checkout import Checkout
from crossgen.procedural.registry import draw
from toys import ROOT

pytestmark = pytest.mark.long
FAMILIES = ["plasma", "marble", "voronoi", "discs"]


def configured(checkout: Checkout) -> None:
    """Pairs of drawings and their round trips; tested on the toy's photographs and generators, and on drawings."""
    by = {"kind": "crossgen", "weights": str(ROOT / "data" / "mini" / "autoencoder.safetensors")}
    drawn = {"kind": "procedural", "root": "made/drawn", "n": 60, "size": [112, 96], "families": FAMILIES}
    again = {"kind": "reconstructed", "root": "made/again", "of": "drawn", "by": by, "splits": ["train", "val", "test"]}
    checkout.config["pools"] += [
        {"name": "drawn", "label": "real", "source": drawn, "shards": 2},
        {"name": "again", "label": "fake", "source": again, "shards": 2},
    ]
    tiny = checkout.config["recipes"][0] | {"pairing": "name", "synchronised": True, "steps": 40}
    checkout.config["test_sets"].append({"name": "drawings", "fake": "again", "real": "drawn"})
    checkout.config |= {
        "comparisons": [],
        "train_sets": [{"name": "drawings_alone", "fake": ["again"], "real": ["drawn"]}],
        "subsets": [{"name": "pairs", "pairing": "name"}],
        "recipes": [tiny],
        "experiments": [{"name": "aligned", "subset": "pairs", "recipe": "tiny", "train_sets": ["drawings_alone"]}],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("shaders") / "run")
    configured(checkout)
    checkout.snakemake("matrix")
    return checkout


def store(run: Checkout, name: str) -> list[Path]:
    return sorted((run.folder / "results" / "toy").glob(name))


def test_drawings_are_reals_whose_class_is_their_family(run):
    (path,) = store(run, "manifest/drawn.parquet")
    rows = pd.read_parquet(path)
    assert len(rows) == 60 and set(rows["label"]) == {0} and rows["quarantine"].isna().all()
    assert rows["class_name"].value_counts().to_dict() == dict.fromkeys(FAMILIES, 15)
    assert set(rows["split"]) == {"train", "val", "test"}
    row = rows[rows["path"].str.contains("0000007")].iloc[0]
    pixels = np.asarray(Image.open(run.folder / "made" / "drawn" / row["path"]))
    assert (pixels == draw("discs", 0, 7, (112, 96))).all()
    assert len(store(run, "made/drawn/*.parquet")) == 2


def test_every_drawing_has_its_round_trip_on_its_own_side(run):
    reals, fakes = (pd.read_parquet(store(run, f"manifest/{name}.parquet")[0]) for name in ("drawn", "again"))
    both = fakes.merge(reals, left_on="pair", right_on="image_id", suffixes=("", "_real"))
    assert len(both) == 60
    for column in ("split", "group", "class_name", "width", "height"):
        assert (both[column] == both[f"{column}_real"]).all(), column
    assert both["psnr"].between(15, 60).all() and not (both["blake3"] == both["blake3_real"]).any()


def test_a_detector_of_drawings_alone_is_tested_on_photographs(run):
    (log,) = store(run, "logs/train_detector/**/*.log")
    assert "images_without_their_other_half=0" in log.read_text()
    metrics = pd.read_parquet(store(run, "metrics.parquet")[0])
    told = metrics.query("metric == 'balanced_accuracy' and train_set == 'drawings_alone' and condition == 'clean'")
    assert {"checker", "stripes", "drawings"} <= set(told["test_generator"])
    photographs = told[told["test_generator"].isin(["checker", "stripes"])]
    assert photographs["value"].between(0, 1).all() and (photographs["n_real"] == 24).all()
    training = pd.read_parquet(store(run, "subsets/pairs/drawings_alone.parquet")[0])
    assert set(training["image_id"].str.split("/").str[0]) == {"drawn", "again"}


def test_nothing_is_drawn_twice_and_another_seed_is_drawn_anew(run):
    assert run.planned("matrix") == {}
    pools = [dict(pool) for pool in run.config["pools"]]
    pools[3] = pools[3] | {"source": pools[3]["source"] | {"seed": 1}}
    planned = run.planned("matrix", config=run.config | {"pools": pools})
    assert planned["draw_shaders"] == planned["reconstruct"] == 2
    assert planned["train_detector"] == 1
