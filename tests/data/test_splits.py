"""Splits: by group, by hash, the same wherever they are asked."""

import pytest

from crossgen.data.splits import assign, carve, fraction

GROUPS = [f"photo{index:03d}" for index in range(200)]


def test_carve_takes_the_share_and_depends_on_the_seed_alone():
    first = carve(GROUPS, 0, 0.15)
    assert len(first) == 30
    assert carve(reversed(GROUPS), 0, 0.15) == first
    assert carve(GROUPS, 1, 0.15) != first
    assert carve(["only"], 0, 0.15) == {"only"}


def test_fraction_is_uniform():
    values = [fraction(0, f"image{index}") for index in range(4000)]
    assert abs(sum(values) / len(values) - 0.5) < 0.02
    assert 0 <= min(values) < 0.01 < 0.99 < max(values) < 1


def test_a_group_stays_whole_and_stated_tests_stay_tests():
    groups = [group for group in GROUPS for _ in range(3)]
    splits = assign(groups, [None] * len(groups), 0, 0.15, 0.3)
    assert set(splits) == {"train", "val", "test"}
    by_group = {}
    for group, split in zip(groups, splits, strict=True):
        by_group.setdefault(group, set()).add(split)
    assert all(len(found) == 1 for found in by_group.values())
    stated = ["test" if index % 2 else "train" for index in range(len(GROUPS))]
    assigned = assign(GROUPS, stated, 0, 0.15, 0.3)
    assert [split == "test" for split in assigned] == [split == "test" for split in stated]
    assert assigned.count("val") == 15


def test_a_source_with_val_keeps_it_and_torn_groups_are_refused():
    assert assign(["a", "b"], ["train", "val"], 0, 0.15, 0.3) == ["train", "val"]
    with pytest.raises(ValueError, match="'a' has images in train and in test"):
        assign(["a", "a", "b", "c"], ["train", "test", "train", "train"], 0, 0.15, 0.3)


def test_the_test_carve_is_the_same_in_every_pool():
    here = dict(zip(GROUPS, assign(GROUPS, [None] * 200, 0, 0.15, 0.3), strict=True))
    there = dict(zip(GROUPS[:90], assign(GROUPS[:90], [None] * 90, 0, 0.15, 0.3), strict=True))
    assert {g for g in there if there[g] == "test"} == {g for g in GROUPS[:90] if here[g] == "test"}
