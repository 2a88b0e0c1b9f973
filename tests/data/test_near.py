"""Near duplicates: what is scaled or re-encoded is found, what is another picture or none is not."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crossgen.data import near


def drawn(seed, side=160):
    """A smooth random picture, uint8 [side, side, 3]."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("threshold", [0, 1, 3, 6, 9, 16])
def test_pairs_equal_those_of_brute_force(threshold):
    rng = np.random.default_rng(threshold)
    first = rng.integers(0, 2**64, 250, dtype=np.uint64)
    flips = np.array(
        [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, 18), False)) for _ in first], np.uint64
    )
    values = np.unique(np.concatenate([first, first ^ flips]))
    distance = np.bitwise_count(values[:, None] ^ values[None])
    assert np.array_equal(near.pairs(values, threshold), np.argwhere(np.triu(distance <= threshold, 1)))


def saved(folder, pictures):
    rows, paths = [], []
    for name, label, picture, options in pictures:
        path = folder / name
        Image.fromarray(picture).save(path, **options)
        rows.append({"image_id": name, "pool": f"p{label}", "split": "all", "label": label, "blake3": name})
        paths.append(path)
    return pd.DataFrame(rows), paths


def test_a_picture_is_found_again_after_scaling_and_jpeg(tmp_path):
    others = [(f"other{seed}.png", seed % 2, drawn(seed), {}) for seed in range(100, 140)]
    smaller = np.asarray(Image.fromarray(drawn(0)).resize((90, 90), Image.Resampling.LANCZOS))
    images, paths = saved(
        tmp_path,
        [
            ("a.png", 0, drawn(0), {}),
            ("b.jpg", 1, smaller, {"quality": 60}),
            ("c.jpg", 1, drawn(0), {"quality": 30}),
            *others,
        ],
    )
    found = near.search(images, paths)
    assert found.hashed == 43 and found.flat == 0 and not found.unreadable
    across, within = found.rows
    assert (across["relation"], across["images"], across["other_images"]) == ("across_label", 1, 2)
    assert across["examples"] == [["a.png", "b.jpg"], ["a.png", "c.jpg"]]
    assert (within["relation"], within["examples"]) == ("within_split", [["b.jpg", "c.jpg"]])


def test_blank_pages_are_not_near_each_other(tmp_path):
    blank = [(f"{grey}.png", grey % 2, np.full((64, 64, 3), grey, np.uint8), {}) for grey in (0, 1, 128, 255)]
    images, paths = saved(tmp_path, blank)
    found = near.search(images, paths)
    assert (found.flat, found.hashed, found.rows) == (4, 0, [])


def test_identical_files_are_told_once_elsewhere(tmp_path):
    images, paths = saved(tmp_path, [("a.png", 0, drawn(0), {}), ("b.png", 1, drawn(0), {})])
    found = near.search(images.assign(blake3="same"), paths)
    assert found.hashed == 1 and found.rows == []


def test_broken_files_are_counted(tmp_path):
    images, paths = saved(tmp_path, [("a.png", 0, drawn(0), {}), ("b.png", 1, drawn(1), {})])
    paths[1].write_bytes(paths[1].read_bytes()[:300])
    found = near.search(images, paths)
    assert found.unreadable == ["b.png"] and found.hashed == 1


def test_refusals(tmp_path):
    images, paths = saved(tmp_path, [("a.png", 0, drawn(0), {})])
    with pytest.raises(ValueError, match="0 to 16 of 64 bits, not 17"):
        near.search(images, paths, 17)


def test_processes_give_what_one_gives(tmp_path):
    _, paths = saved(tmp_path, [(f"{seed}.png", 0, drawn(seed, 48), {}) for seed in range(2 * 64)])
    assert list(near.hashed(paths)) == [near.hash_of(path) for path in paths]
