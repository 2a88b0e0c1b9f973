"""An environment without diffusers: what needs it says so, and what does not works."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import ReconstructedSource
from crossgen.reconstruction.makers import maker
from toys import ROOT, described, draw_pools, write_tables

MESSAGE = r"needs the package 'diffusers', which cannot be imported .*: install it .*make setup"


@pytest.fixture(autouse=True)
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed, also if another test has imported it."""
    for name in [each for each in sys.modules if each.split(".")[0] == "diffusers"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "diffusers", None)


def _source(root: Path, **by: Any) -> ReconstructedSource:
    told = {"kind": "reconstructed", "root": str(root / "made"), "of": "photographs", "by": by, "splits": ("train",)}
    return ReconstructedSource.model_validate(told)


@pytest.mark.parametrize("kind", ["diffusers", "img2img"])
def test_what_needs_it_names_it_and_the_remedy(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match=MESSAGE):
        maker(_source(tmp_path, kind=kind, model=str(tmp_path)), torch.device("cpu"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command on a few photographs: its exit status."""
    draw_pools(tmp_path, n=4)
    write_tables(tmp_path)
    records.write(tmp_path / "reals.parquet", described(tmp_path, "photographs", "real"), records.MANIFEST)
    monkeypatch.setattr("crossgen.training.loop.set_up", lambda seed: None)  # it would change torch for other tests

    def reconstruct(**by: Any) -> int:
        told = json.dumps(_source(tmp_path, **by).model_dump(mode="json"))
        words = ["--manifest", str(tmp_path / "reals.parquet"), "--root", str(tmp_path), "--source", told]
        return main(["reconstruct", *words, "--output", str(tmp_path / "made.parquet")])

    return reconstruct


def test_the_command_says_it_in_one_line_and_leaves_no_table(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(kind="diffusers", model=str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "needs the package 'diffusers'" in said and "make setup" in said and "Traceback" not in said
    assert not (tmp_path / "made.parquet").exists() and not list((tmp_path / "made").rglob("*.png"))


def test_our_own_autoencoders_do_without(run: Any, tmp_path: Path) -> None:
    assert run(kind="crossgen", weights=str(ROOT / "data" / "mini" / "autoencoder.safetensors")) == 0
    made = records.read(tmp_path / "made.parquet", records.MADE).to_pandas()
    assert len(made) and len(made) == len(list((tmp_path / "made").rglob("*.png")))
    assert set(made["split"]) == {"train"}
