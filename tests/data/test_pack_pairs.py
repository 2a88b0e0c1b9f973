"""Stored crops of pairs: both halves at the same places of what they share, whichever shard they lie in."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Crop, Frame
from crossgen.data.manifest import facts_of
from crossgen.data.pairs import boxed
from packing import packed
from toys import photograph

FRAME = Frame(kind="crop", size=32, grid=8)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Six reals, and of each a cut without a change, at (5, 3): the folder and the selection."""
    root, rows = tmp_path_factory.mktemp("pairs"), []
    for place in range(6):
        real = photograph(place, 120 + place, 100)
        for label, image in enumerate((real, np.ascontiguousarray(real[3:93, 5:109]))):
            name = f"{place}_{label}.png"
            Image.fromarray(image).save(root / name)
            pair = {"pair": f"real/{place}_0.png", "pair_x": 5, "pair_y": 3} if label else {}
            pool = ("real", "fake")[label]
            shared = {"source": "table", "generator": "g" if label else None, "split": "train", "group": f"g{place}"}
            told = {"image_id": f"{pool}/{name}", "path": name, "pool": pool, "label": label, "shard": place % 2}
            rows.append(shared | told | pair | {"stratum": "s"} | facts_of((root / name).read_bytes()))
    return root, records.from_rows(rows, records.SELECTION).to_pandas()


def by_half(crops: np.ndarray, index: pd.DataFrame, label: int) -> list[np.ndarray]:
    mine = index[index["label"] == label].sort_values(["group", "crop"])
    return [crops[row] for row in mine["row"]]


@pytest.mark.parametrize("crop", [None, Crop(size=64)])
def test_halves_are_cut_at_one_place_of_the_scene(halves, crop):
    root, rows = halves
    folders = {"real": root, "fake": root}
    crops, index, losses = packed(boxed(rows), pd.DataFrame({"image_id": []}), folders, FRAME, 5, crop)
    assert losses.empty and len(index) == 60 and not {"pair_key", "box_x"} & set(index)
    for real, fake in zip(by_half(crops, index, 0), by_half(crops, index, 1), strict=True):
        assert (real == fake).all()
    places = index.sort_values(["group", "crop"]).groupby("label")[["crop_x", "crop_y"]]
    assert (places.get_group(0).to_numpy() - places.get_group(1).to_numpy() == [5, 3]).all()
    assert places.get_group(1).drop_duplicates().shape[0] > 5
    crops, index, _ = packed(rows, pd.DataFrame({"image_id": []}), folders, FRAME, 5, crop)
    apart = [(a == b).all() for a, b in zip(by_half(crops, index, 0), by_half(crops, index, 1), strict=True)]
    assert not any(apart)


def test_the_command_finds_boxes_in_other_shards(halves, tmp_path):
    root, rows = halves
    selection = tmp_path / "selection.parquet"
    records.write(selection, pa.Table.from_pandas(rows, preserve_index=False), records.SELECTION)
    found = []
    for pool in ("real", "fake"):
        place = tmp_path / pool
        names = {name: str(place / f"{name}.{end}") for name, end in (("index", "parquet"), ("losses", "parquet"))}
        main(
            ["pack-crops", "--selection", str(selection), "--shards", f'[["{pool}", 1]]', "--synchronised"]
            + ["--folders", f'{{"real": "{root}", "fake": "{root}"}}', "--frame", '{"kind": "crop", "size": 32}']
            + ["--crops-per-image", "3", "--crops", str(place / "crops.npy")]
            + [word for name, path in names.items() for word in (f"--{name}", path)]
        )
        found.append(np.load(place / "crops.npy"))
    assert found[0].shape == (9, 32, 32, 3) and (found[0] == found[1]).all()
