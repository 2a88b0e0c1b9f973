"""A shard of generated images: files and rows, what is lost, and work that was killed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossgen.config import GeneratedSource, Prompts
from crossgen.data.made_files import Made
from crossgen.data.prompts import Item, classes_of, share
from crossgen.data.unfinished import Journal
from crossgen.generation.generating import generate


class Noise:
    """A maker that needs no network: noise of the seed. `fails_at`: the batch that it is killed in."""

    told = '{"pipeline": "noise"}'

    def __init__(self, fails_at: int | None = None, flagged: str = "") -> None:
        self.fails_at, self.flagged, self.batches = fails_at, flagged, 0

    def make(self, items: Sequence[Item]) -> list[np.ndarray | str]:
        if self.batches == self.fails_at:
            raise KeyboardInterrupt
        self.batches += 1
        drawn = [np.random.default_rng(item.seed).integers(0, 256, (9, 12, 3), np.uint8) for item in items]
        return ["flagged" if item.path == self.flagged else each for item, each in zip(items, drawn, strict=True)]


def made(folder: Path, maker: Noise, shard: int = 0, shards: int = 1, batch: int = 2) -> Made:
    source = GeneratedSource(
        kind="generated", root=str(folder / "images"), pipeline="p", train_per_class=2, test_per_class=1,
        prompts=Prompts(classes=("n01440764", "my dog")), batch_size=batch,
    )  # fmt: skip
    (folder / f"journal{shard}").mkdir(parents=True, exist_ok=True)
    items = share(source, classes_of(source.prompts), shard, shards)
    return generate(items, source, lambda: maker, Journal(folder / f"journal{shard}"))


def test_a_file_is_lossless_and_its_row_tells_all(tmp_path: Path) -> None:
    rows = made(tmp_path, Noise()).rows
    assert [row["split"] for row in rows] == ["train", "train", "test"] * 2
    row = rows[2]
    assert row["path"] == "test/n01440764/000000.png" and row["prompt"] == "photo of tench"
    told = ("class_index", "class_synset", "class_name", "made_with")
    assert [row[key] for key in told] == [0, "n01440764", "tench, Tinca tinca", Noise.told]
    pixels = np.asarray(Image.open(tmp_path / "images" / row["path"]))
    assert (pixels == np.random.default_rng(row["image_seed"]).integers(0, 256, (9, 12, 3), np.uint8)).all()
    assert rows[5]["class_name"] == "my dog" and rows[5]["class_index"] is None


@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_job_goes_on_to_the_same_rows_and_bytes(tmp_path: Path, killed_in: int) -> None:
    whole = made(tmp_path / "whole", Noise())
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "again", Noise(fails_at=killed_in))
    rest = Noise()
    again = made(tmp_path / "again", rest)
    assert again.rows == whole.rows and rest.batches == 3 - killed_in
    for row in whole.rows:
        assert (tmp_path / "again/images" / row["path"]).read_bytes() == (
            tmp_path / "whole/images" / row["path"]
        ).read_bytes()


def test_shards_and_batches_make_what_one_job_makes(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole", Noise(), batch=1).rows
    parts = [row for shard in range(4) for row in made(tmp_path / "parts", Noise(), shard, 4, batch=3).rows]
    assert sorted(parts, key=lambda row: row["path"]) == sorted(whole, key=lambda row: row["path"])


def test_what_is_lost_is_named_and_not_written(tmp_path: Path) -> None:
    path = "train/n01440764/000001.png"
    found = made(tmp_path, Noise(flagged=path))
    assert found.lost == {path: "flagged"} and len(found.rows) == 5
    assert not (tmp_path / "images" / path).exists()
    assert found.left_out("images") == [f"left out: 1 images, flagged, such as {path}"]
    again = Noise()
    assert made(tmp_path, again).lost == {path: "flagged"} and again.batches == 0  # the journal remembers it


def test_nothing_is_loaded_where_nothing_is_left_to_do(tmp_path: Path) -> None:
    first = made(tmp_path, Noise())
    assert made(tmp_path, Noise(fails_at=0)).rows == first.rows
