"""A pipeline of the hub is fetched once, recorded, and found again where there is no network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from huggingface_hub import constants

import tiny_pipelines
from crossgen.config import GeneratedSource
from crossgen.generation.weights import _refuse_parts, found, name_of
from loopback_hub import REVISION, Hub

MODEL = "lab/tiny-diffusion"


def source(**told: Any) -> GeneratedSource:
    base = {"kind": "generated", "root": "made", "pipeline": MODEL, "revision": REVISION, "test_per_class": 1}
    return GeneratedSource.model_validate_json(json.dumps(base | told))


def fetch(folder: Path, told: GeneratedSource, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["fetch-pipeline", "--source", told.model_dump_json(), "--output", str(folder / "record.json")]
    own = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"} | environment
    return subprocess.run(
        [sys.executable, "-m", "crossgen", *command], capture_output=True, text=True, env=os.environ | own
    )


@pytest.mark.long
def test_it_is_fetched_once_recorded_and_found_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_pipelines.stable_diffusion(tmp_path / "saved", tmp_path / "words")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with Hub(files | {"big_checkpoint.ckpt": b"unwanted"}, model=MODEL) as hub:
        done = fetch(tmp_path, source(), HF_ENDPOINT=hub.url)
        assert done.returncode == 0, done.stderr
        assert hub.sent() == sum(map(len, files.values()))  # each once, and nothing that is not loaded
        assert fetch(tmp_path, source(), HF_ENDPOINT=hub.url).returncode == 0
        assert hub.sent() == sum(map(len, files.values()))
    record = tmp_path / "record.json"
    told = json.loads(record.read_text())
    assert (
        told["lies"] == f"models--lab--tiny-diffusion/snapshots/{REVISION}" and str(tmp_path) not in record.read_text()
    )
    assert {each["name"] for each in told["files"]} == set(files)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    place = found(source(), record)
    assert place.digest == told["digest"] == found(source(pipeline=str(folder)), None).digest
    harmed = place.folder / "model_index.json"
    text = harmed.read_text()
    harmed.unlink()
    harmed.write_text(text.replace("0", "1"))
    with pytest.raises(ValueError, match=r"holds other bytes of lab/tiny-diffusion .*delete .*record\.json"):
        found(source(), record)
    harmed.unlink()
    with pytest.raises(ValueError, match=r"holds not model_index\.json of \d+ bytes"):
        found(source(), record)


def test_a_fetch_that_brought_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(
        '{"_class_name": "X", "unet": ["diffusers", "Y"], "checker": [null, null]}'
    )
    with pytest.raises(ValueError, match="no whole pipeline for 'lab/tiny-diffusion' .*its parts unet did not come"):
        _refuse_parts(tmp_path, source())
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    _refuse_parts(tmp_path, source())
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ValueError, match="names its parts did not come"):
        _refuse_parts(tmp_path, source())


@pytest.mark.long
def test_what_is_not_to_be_had_is_one_message(tmp_path: Path) -> None:
    done = fetch(tmp_path, source(), HF_HUB_OFFLINE="1")
    assert done.returncode == 1 and "Cannot fetch the pipeline 'lab/tiny-diffusion'" in done.stderr
    assert "HF_TOKEN" in done.stderr and "Traceback" not in done.stderr and not (tmp_path / "record.json").exists()
    done = fetch(tmp_path, source(revision=None))
    assert done.returncode == 1 and "in source.pipeline is no folder here" in done.stderr


def test_pools_of_one_pipeline_share_its_files() -> None:
    assert name_of(source()) == name_of(source(root="other", steps=3, seed=5))
    names = {name_of(source()), name_of(source(variant="fp16")), name_of(source(revision="b" * 40))}
    assert len(names) == 3 and all(name.replace("_", "").isalnum() for name in names)
