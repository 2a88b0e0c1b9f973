"""A shard of reconstructions: boxes, names, values, and work that was killed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from crossgen.config import ReconstructedSource
from crossgen.data.made_files import Made
from crossgen.data.unfinished import Journal
from crossgen.reconstruction.makers import Maker, quantised
from crossgen.reconstruction.making import Box, Work, boxed, chosen, reconstruct

SIZES = {"a.jpg": (21, 18), "b.jpg": (21, 18), "deep/c.jpeg": (21, 18), "d.png": (40, 16), "e.png": (9, 30)}


def _manifest(root: Path) -> pd.DataFrame:
    rows = []
    for number, (path, size) in enumerate(SIZES.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(root / path)
        rows.append({"image_id": f"reals/{path}", "path": path, "width": size[0], "height": size[1], "split": "train"})
    empty = {"quarantine": None, "class_index": None, "class_synset": None, "class_name": None, "stratum": "reals"}
    frame = pd.DataFrame(rows).assign(**empty)
    return frame.assign(group=frame["image_id"])


def _source(root: Path, **told: Any) -> ReconstructedSource:
    by = {"kind": "crossgen", "weights": "none"}
    return ReconstructedSource.model_validate(
        {"kind": "reconstructed", "root": str(root), "of": "reals", "by": by} | told
    )


class Inverse:
    """A maker that needs no network: 255 - image. `fails_at`: the batch that it is killed in."""

    factor = 4

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at, self.batches = fails_at, 0

    def make(self, images: np.ndarray, names: list[str]) -> np.ndarray:
        if self.batches == self.fails_at:
            raise KeyboardInterrupt
        self.batches += 1
        return 255 - images


def _made(tmp_path: Path, maker: Maker, size: int = 2, **told: Any) -> Made:
    source = _source(tmp_path / "made", batch_size=size, **told)
    (tmp_path / "journal").mkdir(parents=True, exist_ok=True)
    work = Work(source, tmp_path / "reals", Journal(tmp_path / "journal"))
    rows = chosen(_manifest(tmp_path / "reals"), source, 0, 1)
    return reconstruct(rows, work, lambda: maker, size)


def test_boxes_are_multiples_of_the_factor() -> None:
    assert boxed(427, 640, 8, "corner") == Box(0, 0, 424, 640)
    assert boxed(500, 375, 64, "centre") == Box(26, 27, 448, 320)
    assert boxed(427, 640, 8, "centre") == Box(1, 0, 424, 640)
    assert boxed(9, 30, 4, "corner") is None


def test_a_fake_is_lossless_of_the_box_and_tells_of_its_real(tmp_path: Path) -> None:
    made = _made(tmp_path, Inverse())
    assert made.lost == {"reals/e.png": "under_frame"}
    assert {row["path"] for row in made.rows} == {"a.png", "b.png", "deep/c.png", "d.png"}
    row = next(row for row in made.rows if row["path"] == "deep/c.png")
    real = np.asarray(Image.open(tmp_path / "reals/deep/c.jpeg"))[:16, :20]
    assert (np.asarray(Image.open(tmp_path / "made/deep/c.png")) == 255 - real).all()
    told = ("pair", "pair_x", "pair_y", "split", "group", "stratum")
    assert [row[key] for key in told] == ["reals/deep/c.jpeg", 0, 0, "train", "reals/deep/c.jpeg", "reals"]


@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_job_goes_on_to_the_same_rows(tmp_path: Path, killed_in: int) -> None:
    whole = _made(tmp_path / "whole", Inverse())
    with pytest.raises(KeyboardInterrupt):
        _made(tmp_path / "again", Inverse(fails_at=killed_in))
    rest = Inverse()
    again = _made(tmp_path / "again", rest)
    assert again.rows == whole.rows
    assert again.lost == whole.lost
    assert rest.batches == 3 - killed_in  # of the three batches that hold an image large enough


def test_a_file_that_was_harmed_meanwhile_is_made_again(tmp_path: Path) -> None:
    first = _made(tmp_path, Inverse())
    (tmp_path / "made/a.png").write_bytes(b"half")
    assert _made(tmp_path, Inverse()).rows == first.rows
    assert Image.open(tmp_path / "made/a.png").size == (20, 16)


def test_shards_are_the_whole(tmp_path: Path) -> None:
    source, manifest = _source(tmp_path), _manifest(tmp_path / "reals")
    parts = [set(chosen(manifest, source, place, 3)["path"]) for place in range(3)]
    assert set.union(*parts) == set(SIZES)
    assert sum(map(len, parts)) == len(SIZES)


def test_quarantined_reals_and_other_splits_are_left_out(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "reals")
    manifest.loc[0, "quarantine"] = "truncated"
    manifest.loc[1, "split"] = "test"
    assert set(chosen(manifest, _source(tmp_path), 0, 1)["path"]) == set(SIZES) - {"a.jpg", "b.jpg"}


def test_reals_that_would_become_one_file_are_refused(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "reals").replace({"path": {"b.jpg": "a.png"}})
    with pytest.raises(ValueError, match=r"a\.jpg, a\.png would both become a\.png"):
        chosen(manifest, _source(tmp_path), 0, 1)


def test_values_are_cut_off_or_rounded_and_clamped() -> None:
    values = torch.tensor([-0.5, 200.9 / 255, 2.0])[None, None, None, :].expand(1, 3, 1, 3)
    assert quantised(values, "truncate")[0, 0, :, 0].tolist() == [0, 200, 255]
    assert quantised(values, "round")[0, 0, :, 0].tolist() == [0, 201, 255]
