"""Identical files are found wherever they stand, and told by what harm they do."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3

from crossgen import records
from crossgen.data import duplicates


def frame(rows):
    """(image_id, pool, split, label, content) as the columns that count."""
    names = ["image_id", "pool", "split", "label", "blake3"]
    found = pd.DataFrame(rows, columns=names)
    return found.assign(blake3=[None if pd.isna(each) else blake3(each.encode()).hexdigest() for each in found.blake3])


def manifest(path, images):
    full = images.assign(
        path=images.image_id, source="folder", group=images.image_id, stratum=images.pool, shard=0, quarantine=None
    )
    written(path, full)
    return path


def written(path, full):
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in full.to_dict("records")]
    records.write(path, records.from_rows(rows, records.MANIFEST), records.MANIFEST)


def test_what_it_means_depends_on_where_they_stand():
    rows = duplicates.of_frame(
        frame([
            ("r/1", "r", "train", 0, "a"), ("f/1", "f", "train", 1, "a"), ("r/2", "r", "train", 0, "b"),
            ("r/3", "r", "test", 0, "b"), ("f/2", "f", "train", 1, "c"), ("f/3", "f", "train", 1, "c"),
            ("f/4", "f", "train", 1, "d"), ("f/5", "f", "train", 1, None), ("f/6", "f", "train", 1, None),
        ])
    )  # fmt: skip
    assert [(row["relation"], row["examples"]) for row in rows] == [
        ("across_label", [["f/1", "r/1"]]),
        ("across_split", [["r/3", "r/2"]]),
        ("within_split", [["f/2", "f/3"]]),
    ]
    assert len(duplicates.harmful(rows)) == 2


def test_counts_equal_those_of_every_pair():
    """Against all pairs of 300 images, one by one."""
    rng = np.random.default_rng(0)
    images = frame([
        (f"{p}/{i}", p, rng.choice(["train", "test"]), int(p == "f"), str(rng.integers(0, 150)))
        for i, p in enumerate(rng.choice(["r", "f", "s"], 300))
    ])  # fmt: skip
    expected = {}
    for one, two in combinations(images.sort_values("image_id").itertuples(), 2):
        if one.blake3 == two.blake3:
            places = sorted(
                [(one.pool, one.split, one.label, one.image_id), (two.pool, two.split, two.label, two.image_id)]
            )
            held = expected.setdefault((places[0][:3], places[1][:3]), (set(), set(), set()))
            held[0].add(one.blake3)
            held[1].add(places[0][3])
            held[2].add(places[1][3])
    found = {}
    for row in duplicates.of_frame(images):
        own, other = (tuple(row[f"{side}{name}"] for name in ("pool", "split", "label")) for side in ("", "other_"))
        found[own, other] = (row["files"], row["images"], row["other_images"])
    assert set(found) == set(expected)
    for key, (files, first, second) in expected.items():
        count = (len(first | second),) * 2 if key[0] == key[1] else (len(first), len(second))
        assert found[key] == (len(files), *count), key


def test_leaks_between_manifests(tmp_path):
    """The known case: 17 test files of a generator are byte-identical to files it is trained on."""
    train = frame([(f"sd14/train/{i}", "sd14", "train", 1, str(i)) for i in range(400)])
    test = frame([(f"sd14/test/{i}", "sd14", "test", 1, str(i if i < 17 else 1000 + i)) for i in range(60)])
    reals = frame([(f"real/{i}", "real", "train", 0, f"r{i}") for i in range(50)])
    paths = [manifest(tmp_path / "a.parquet", pd.concat([train, test])), manifest(tmp_path / "b.parquet", reals)]
    rows = duplicates.exact(paths)
    (row,) = rows
    assert (row["relation"], row["files"], row["images"], row["other_images"]) == ("across_split", 17, 17, 17)
    assert row["examples"][0] == ["sd14/test/0", "sd14/train/0"]
    table = records.check(duplicates.as_table(rows), records.DUPLICATES, "test")
    assert json.loads(table["examples"][0].as_py()) == row["examples"]


def test_unusable_images_do_not_count(tmp_path):
    images = frame([("r/1", "r", "train", 0, "a"), ("r/2", "r", "test", 0, "a")])
    path = manifest(tmp_path / "a.parquet", images)
    table = records.read(path, records.MANIFEST).to_pandas().assign(quarantine=[None, "truncated"])
    written(path, table)
    assert duplicates.exact([path]) == []


@pytest.mark.parametrize("rows", [[], [("r/1", "r", "train", 0, "a")], [("r/1", "r", "train", 0, None)]])
def test_nothing_twice_is_an_empty_table(rows, tmp_path):
    found = duplicates.exact([manifest(tmp_path / "a.parquet", frame(rows))])
    assert found == [] and duplicates.as_table(found).num_rows == 0
