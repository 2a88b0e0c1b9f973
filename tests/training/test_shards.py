"""Training on crops in several shards gives the weights that one shard gives, bit by bit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_loop import data, trained, untimed

from crossgen.data.packed import Stacked
from crossgen.training.loop import Data


def sharded(folder: Path, shards: int) -> Data:
    """The toy's crops, two an image, dealt over shards, image by image."""
    whole, paths, rows, begin = data(), [], [], 0
    for shard in range(shards):
        mine = whole.index[np.arange(len(whole.index)) % shards == shard]
        twice = np.repeat(mine["row"].to_numpy(), 2)
        crops = whole.crops[twice]
        crops[1::2] = crops[1::2, ::-1]
        paths.append(folder / f"{shards}_{shard}.npy")
        np.save(paths[-1], crops)
        index = mine.loc[np.repeat(mine.index, 2)].assign(crop=np.arange(len(twice)) % 2)
        rows.append(index.assign(row=begin + np.arange(len(twice))))
        begin += len(twice)
    return Data(Stacked(paths), pd.concat(rows, ignore_index=True))


def test_the_number_of_shards_changes_no_weight(tmp_path):
    told = [sharded(tmp_path, shards) for shards in (1, 3)]
    for split, label in ((split, label) for split in ("train", "val") for label in (0, 1)):
        orders = [each.part(split, label)[["image_id", "crop"]].to_numpy().tolist() for each in told]
        assert orders[0] == orders[1]  # sums of floating point numbers depend on it
    results = [trained(each, steps=5) for each in told]
    first, other = (result.state for result in results)
    assert all(torch.equal(first[name], other[name]) for name in first)
    pd.testing.assert_frame_equal(untimed(results[0].history), untimed(results[1].history))


def test_it_is_the_array_itself_that_shards_stand_for(tmp_path):
    told = data()
    np.save(tmp_path / "all.npy", told.crops)
    first, again = trained(told, steps=3), trained(Data(Stacked([tmp_path / "all.npy"]), told.index), steps=3)
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)


def test_an_index_of_other_arrays_is_refused():
    told = data()
    with pytest.raises(ValueError, match="handed 90 crops with an index of 96: pack and gather the crops again"):
        Data(told.crops[:90], told.index)
