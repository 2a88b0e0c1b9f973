"""Validation images of trained detectors: scored by training's readers, once, and no test image among them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Frame, Recipe
from crossgen.data import frames
from crossgen.data.images import decode
from crossgen.detectors.detector import load, prepare, save
from crossgen.evaluation.validation import IMPORTED, SIMULATED
from crossgen.training.loop import score
from crossgen.training.validated import judge_validation
from toys import described, draw_pools, toy_config, write_tables

RECIPE = toy_config(Path())["recipes"][0] | {"frame": {"kind": "crop", "size": 48}, "precision": "fp32"}
KEY = "raw/checker/seed0"


@pytest.fixture
def store(tmp_path) -> Path:
    """A selection of drawn images, its crops, and what a scoring job reads beside: no test image is left."""
    draw_pools(tmp_path / "images", n=12, generators=("checker",))
    write_tables(tmp_path / "images")
    tables = [
        described(tmp_path / "images", name, label) for name, label in (("photographs", "real"), ("checker", "fake"))
    ]
    rows = pd.concat([table.to_pandas() for table in tables], ignore_index=True).query("split != 'test'")
    rows = rows.assign(split=["val" if place % 3 == 0 else "train" for place in range(len(rows))])
    records.write(tmp_path / "rows.parquet", pa.Table.from_pandas(rows, preserve_index=False), records.SELECTION)
    words = {
        "--selection": "rows.parquet",
        "--crops": "crops.npy",
        "--index": "index.parquet",
        "--losses": "lost.parquet",
    }
    told = [word for key, name in words.items() for word in (key, str(tmp_path / name))]
    told += ["--folders", folders(tmp_path), "--frame", json.dumps(RECIPE["frame"]), "--crops-per-image", "2"]
    assert main(["pack-crops", *told, "--lost-for", "x"]) == 0
    records.write(tmp_path / "rendered.parquet", records.from_rows([], records.RENDERED), records.RENDERED)
    for path in tmp_path.glob("images/*/test/*"):
        path.unlink()
    return tmp_path


def folders(store):
    return json.dumps({name: str(store / "images") for name in ("photographs", "checker")})


def detector(store, identity=None, **changes):
    recipe = Recipe.model_validate_json(json.dumps(RECIPE | changes))
    torch.manual_seed(0)
    path, names = store / "detector.safetensors", {"experiment": "raw", "train_set": "checker", "seed": 0}
    save(path, prepare(recipe, torch.device("cpu")).state_dict(), recipe, names | (identity or {}))
    return path


def score_images(store, *more, told=None):
    crops = {"crops": [str(store / "crops.npy")], "index": str(store / "index.parquet")}
    words = ["score-images", "--detectors", store / "detector.safetensors", "--rendered", store / "rendered.parquet"]
    words += ["--pools", "{}", "--conditions", '[{"name": "clean"}]', "--pixels", store / "p", "--logits", store / "l"]
    words += ["--output", store / "o.parquet", "--losses", store / "x.parquet", "--folders", folders(store)]
    words += ["--trained-on", json.dumps({KEY: crops} if told is None else told), "--validation-logits", store / "v"]
    words += ["--validation", store / "validation.parquet", "--validated", store / "validated.parquet"]
    return main([str(word) for word in (*words, *more)])


def read(store):
    rows = records.read(store / "validation.parquet", records.VALIDATION).to_pandas()
    return rows, records.read(store / "validated.parquet", records.VALIDATED).to_pandas().iloc[0]


def test_stored_crops_are_judged_as_tests_judge_and_a_second_run_computes_nothing(store, capsys):
    path = detector(store, validate_on="augmented", augment=[{"step": "flip"}])
    assert score_images(store) == 0
    assert "validation cells: computed=1 reused=0" in capsys.readouterr().out
    rows, counted = read(store)
    index = pd.read_parquet(store / "index.parquet").query("split == 'val' and crop == 0").sort_values("image_id")
    assert rows.image_id.tolist() == index.image_id.tolist() and rows.label.tolist() == index.label.tolist()
    expected = score(load(path), np.load(store / "crops.npy"), index["row"].to_numpy())
    np.testing.assert_array_equal(rows.logit, expected.astype(np.float32))
    assert (counted.n_real, counted.n_fake, counted.lost) == (4, 4, 0) and pd.isna(counted.reason)
    assert score_images(store) == 0
    assert "validation cells: computed=0 reused=1" in capsys.readouterr().out


def test_files_are_read_again_as_training_reads_them(store):
    path = detector(store, reading="files", crops_per_image=1, augment=[{"step": "random_crop", "size": 48}])
    chosen = pd.read_parquet(store / "rows.parquet").query("split == 'val'").sort_values("image_id")
    (store / "images" / chosen.path.iloc[2]).write_bytes(b"no image")
    files = {"selection": str(store / "rows.parquet"), "aligned": []}
    assert score_images(store, told={KEY: files}) == 0
    rows, counted = read(store)
    kept = chosen.drop(chosen.index[2])
    assert rows.image_id.tolist() == kept.image_id.tolist() and counted.lost == 1
    seen = [frames.fit(Frame(kind="crop", size=48), decode((store / "images" / p).read_bytes())) for p in kept.path]
    expected = score(load(path), np.stack(seen), np.arange(len(seen)))
    np.testing.assert_allclose(rows.logit, expected, rtol=1e-5, atol=1e-6)


def test_other_images_under_the_same_names_are_scored_again(store, capsys):
    detector(store)
    assert score_images(store) == 0
    index = pd.read_parquet(store / "index.parquet")
    place = index.index[index.split.eq("val")][0]
    index.loc[place, "blake3"] = "0" * 64
    records.write(store / "index.parquet", pa.Table.from_pandas(index, preserve_index=False), records.CROPS)
    assert score_images(store) == 0
    assert "validation cells: computed=1 reused=0" in capsys.readouterr().out.split("validation images")[-2]


def test_no_more_images_than_the_config_says(store):
    detector(store)
    assert score_images(store, "--validation-images", "2") == 0
    rows, counted = read(store)
    assert (counted.n_real, counted.n_fake, len(rows)) == (2, 2, 4)


def test_published_weights_have_no_validation_images_and_say_so(store):
    detector(store, {"weights": "blur.pth"})
    assert score_images(store, told={}) == 0
    rows, counted = read(store)
    assert len(rows) == 0 and counted.reason == IMPORTED and counted.n_real == counted.n_fake == 0


def test_a_detector_of_simulated_fakes_is_shown_no_true_fake(store):
    detector(store, fakes="simulated")
    assert score_images(store) == 0
    rows, counted = read(store)
    assert set(rows.label) == {0} and len(rows) == 4 and counted.reason == SIMULATED


def test_what_is_not_told_or_no_validation_image_is_refused(store, capsys):
    path = detector(store)
    assert score_images(store, told={"other": {}}) == 1
    assert f"holds the detector {KEY!r}, of whose validation images nothing is told" in capsys.readouterr().err
    from crossgen.training.given import Images

    images = Images(crops=(store / "crops.npy",), index=store / "index.parquet")
    train = pd.read_parquet(store / "index.parquet").query("split == 'train'").image_id.iloc[0]
    with pytest.raises(ValueError, match="is no validation image of this train set"):
        judge_validation(load(path), Recipe.model_validate(RECIPE), images, [train])
