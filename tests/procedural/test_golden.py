"""Pictures cannot change without a new VERSION of `crossgen.data.drawing`.

golden.csv holds means of blocks, not bytes: other processors may differ in last bits. To write it anew after a change
that is meant: raise VERSION, then `PYTHONPATH=src:tests python tests/procedural/test_golden.py`.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from crossgen.data.drawing import VERSION
from crossgen.procedural.registry import NAMES, draw

TABLE = Path(__file__).with_name("golden.csv")
#: Levels of 256 that the mean of a block may be off.
TOLERANCE = 3.0


def blocks(name: str) -> np.ndarray:
    """Means of 2 x 2 blocks of an image's channels, float [12]."""
    image = draw(name, 0, 1, (64, 64)).astype(np.float64)
    return image.reshape(2, 32, 2, 32, 3).mean(axis=(1, 3)).ravel()


def golden() -> dict[str, np.ndarray]:
    with open(TABLE, newline="", encoding="utf-8") as file:
        return {row["name"]: np.array(row["means"].split(), float) for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_that_of_this_version(name):
    off = np.abs(blocks(name) - golden()[name]).max()
    assert off < TOLERANCE, f"{name}: other by {off:.1f} levels; raise VERSION in data/drawing.py if that is meant"


def test_the_table_is_of_this_version():
    with open(TABLE, newline="", encoding="utf-8") as file:
        assert {row["version"] for row in csv.DictReader(file)} == {str(VERSION)}
    assert set(golden()) == set(NAMES)


def test_pictures_differ_by_more_than_the_tolerance():
    told = np.array(list(golden().values()))
    far = np.abs(told[:, None] - told).max(axis=2) + 999 * np.eye(len(told))
    assert far.min() > 2 * TOLERANCE


if __name__ == "__main__":
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["version", "name", "means"])
        writer.writerows([VERSION, name, " ".join(f"{value:.1f}" for value in blocks(name))] for name in NAMES)
