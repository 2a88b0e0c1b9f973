"""A sample of rows is the same in any order, keeps groups whole and says what it left out."""

import numpy as np
import pyarrow as pa
import pytest

from crossgen.data import sample


def rows(n=300, seed=0):
    labels = np.arange(n) % 2
    groups = [f"g{i // 6}" for i in range(n)]
    return pa.table({"image_id": [f"i{seed}_{i}" for i in range(n)], "label": labels, "group": groups})


def test_few_rows_stay_as_they_are():
    assert sample.at_most(rows(), 150).equals(rows())


def test_so_many_of_each_label_and_the_same_in_any_order():
    table = rows()
    chosen = sample.at_most(table, 60)
    assert np.bincount(chosen["label"].to_numpy()).tolist() == [60, 60]
    shuffled = table.take(np.random.default_rng(0).permutation(300))
    again = sample.at_most(shuffled, 60)
    assert set(again["image_id"].to_pylist()) == set(chosen["image_id"].to_pylist())
    # three images of each label make a group: 20 whole groups, the same for both labels
    assert len(set(chosen["group"].to_pylist())) == 20


def test_part_by_part_is_as_all_at_once():
    parts = [rows(seed=seed) for seed in range(4)]
    together, seen = sample.gathered(iter(parts), 100)
    assert set(together["image_id"].to_pylist()) == set(
        sample.at_most(pa.concat_tables(parts), 100)["image_id"].to_pylist()
    )
    assert seen == {0: 600, 1: 600}
    assert sample.said(seen, 100) == "a sample by hash: 100 of 600 reals and 100 of 600 fakes"
    assert sample.said({0: 90, 1: 101}, 100) == "a sample by hash: 100 of 101 fakes" and sample.said(seen, 600) is None


def test_crops_of_an_image_are_rows_of_their_own():
    table = rows(12).append_column("crop", pa.array([0] * 12))
    both = pa.concat_tables([table, table.set_column(3, "crop", pa.array([1] * 12))])
    assert sample.at_most(both, 4).num_rows == 8


def test_no_table_is_refused():
    with pytest.raises(ValueError, match="at least one table"):
        sample.gathered(iter([]))
