"""The command `generate` on a tiny pipeline: tables, shards, a kill, and a table's way into the manifest."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines
from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Pool
from crossgen.data.listing import build
from crossgen.data.manifest import describe
from crossgen.generation import pipelines


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    return tiny_pipelines.stable_diffusion(folder / "saved", folder / "words")


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossgen.training.loop.set_up", lambda seed: None)  # it would change torch for other tests


def told(folder: Path, pipeline: Path, **changes: Any) -> dict[str, Any]:
    base = {"kind": "generated", "root": str(folder / "images"), "pipeline": str(pipeline), "size": [16, 24]}
    base |= {"train_per_class": 2, "test_per_class": 1, "steps": 1, "batch_size": 1}
    return base | {"prompts": {"classes": ["n01440764", "my dog"]}} | changes


def run(folder: Path, source: dict[str, Any], shard: int = 0, shards: int = 1) -> pd.DataFrame:
    output = folder / f"{shard}.parquet"
    words = ["--source", json.dumps(source), "--shard", str(shard), "--shards", str(shards), "--output", str(output)]
    assert main(["generate", *words]) == 0
    return records.read(output, records.MADE).to_pandas().sort_values("path", ignore_index=True)


def test_a_kill_and_shards_change_no_byte(
    tmp_path: Path, pipeline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(tmp_path / "whole", told(tmp_path / "whole", pipeline))
    assert len(whole) == 6 and "6 images of" in capsys.readouterr().out
    make, seen = pipelines.TextToImage.make, []

    def killed(self: pipelines.TextToImage, items: Any) -> Any:
        seen.append(items)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return make(self, items)

    monkeypatch.setattr(pipelines.TextToImage, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "again", told(tmp_path / "again", pipeline))
    assert not (tmp_path / "again" / "0.parquet").exists()
    again = run(tmp_path / "again", told(tmp_path / "again", pipeline))
    assert len(seen) == 4 + 3  # the three that were not there
    parts = pd.concat([run(tmp_path / "parts", told(tmp_path / "parts", pipeline), k, 2) for k in range(2)])
    for other in (again, parts.sort_values("path", ignore_index=True)):
        pd.testing.assert_frame_equal(other, whole)
        # blake3 of the files is a column; the files are what it says:
    for folder in ("again", "parts"):
        for path in whole["path"]:
            assert (tmp_path / folder / "images" / path).read_bytes() == (
                tmp_path / "whole" / "images" / path
            ).read_bytes()


def test_the_manifest_tells_how_each_image_was_made(tmp_path: Path, pipeline: Path) -> None:
    source = told(tmp_path, pipeline, negative_prompt="a cat")
    run(tmp_path, source)
    pool = Pool.model_validate_json(json.dumps({"name": "tiny", "label": "fake", "source": source}))
    listing = build(pool, 0, 0.15, 0.3, [tmp_path / "0.parquet"])
    table = records.check(describe(listing, Path(source["root"])), records.MANIFEST, "test").to_pandas()
    assert table.groupby(["class_name", "split"]).size().unstack().drop(columns="val")["test"].tolist() == [1, 1]
    assert set(table["prompt"]) == {"photo of tench", "photo of my dog"} and table["image_seed"].nunique() == 6
    assert (table["width"] == 16).all() and (table["height"] == 24).all() and set(table["format"]) == {"PNG"}
    (made_with,) = table["made_with"].unique()
    facts = json.loads(made_with)
    assert facts["negative_prompt"] == "a cat" and facts["steps"] == 1 and facts["scheduler"] == "DDIMScheduler"
    assert facts["pipeline"] == str(pipeline) and facts["dtype"] == "fp32" and facts["versions"]["diffusers"]


def test_flagged_images_are_counted_named_and_left_out(
    tmp_path: Path, pipeline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = pipelines.TextToImage.make

    def flagged(self: pipelines.TextToImage, items: Any) -> Any:
        return [pipelines.FLAGGED] if items[0].path.startswith("test/n01440764") else make(self, items)

    monkeypatch.setattr(pipelines.TextToImage, "make", flagged)
    table = run(tmp_path, told(tmp_path, pipeline))
    said = capsys.readouterr().out
    assert "left out: 1 images, flagged_by_safety_checker, such as test/n01440764/000000.png" in said
    assert "fewer images than asked for: 1, such as 'tench, Tinca tinca'" in said and len(table) == 5
    facts = records.facts(tmp_path / "0.parquet")
    assert facts == {"lost": {"test/n01440764/000000.png": "flagged_by_safety_checker"}}
