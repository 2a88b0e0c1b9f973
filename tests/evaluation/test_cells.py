"""Cells appear whole, are found by content, and half ones are computed again."""

import subprocess

import numpy as np
import pytest

from crossgen.evaluation.cells import Store, key

VALUES = np.arange(12, dtype=np.float32)
NAME = "a" * 32


def test_keys_depend_on_content_not_on_order():
    assert key(a=1, b=[2]) == key(b=[2], a=1) != key(a=1, b=[3])
    assert len(key(a=1)) == 32


def test_a_cell_is_written_once_and_found_again(tmp_path):
    store, name = Store(tmp_path), key(a=1)
    assert not store.holds(name)
    store.write(name, VALUES, {"pixels": "p"})
    assert store.holds(name) and store.facts(name)["pixels"] == "p"
    assert (store.read(name, verify=True) == VALUES).all()
    assert store.log("logit") == "logit cells: computed=1 reused=1"
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("damage", ["truncate", "drop facts", "garble facts"])
def test_half_cells_are_not_held(tmp_path, damage):
    store, name = Store(tmp_path), key(a=1)
    store.write(name, VALUES)
    folder = store.folder(name)
    if damage == "truncate":
        (folder / "values.npy").write_bytes((folder / "values.npy").read_bytes()[:-4])
    elif damage == "drop facts":
        (folder / "cell.json").unlink()
    else:
        (folder / "cell.json").write_text("{")
    with pytest.raises(ValueError, match="missing or damaged"):
        store.read(name)
    assert not store.holds(name) and not folder.exists()
    store.write(name, VALUES)
    assert store.holds(name)


def test_changed_values_are_noticed(tmp_path):
    store, name = Store(tmp_path), key(a=1)
    store.write(name, VALUES)
    blob = bytearray((store.folder(name) / "values.npy").read_bytes())
    blob[-1] ^= 1
    (store.folder(name) / "values.npy").write_bytes(blob)
    with pytest.raises(ValueError, match="has changed since"):
        store.read(name, verify=True)


def test_a_cell_that_appeared_meanwhile_stays(tmp_path):
    store, name = Store(tmp_path), key(a=1)
    part = store.begin(name)
    np.save(part / "values.npy", VALUES)
    store.finish(name, part)
    other = store.begin(name)
    np.save(other / "values.npy", VALUES + 1)
    store.finish(name, other)
    assert (store.read(name) == VALUES).all()


@pytest.fixture
def small_disk(tmp_path):
    """Two megabytes of memory as a disk of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a disk can be mounted by root only: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(small_disk):
    store = Store(small_disk / "cells")
    with pytest.raises(OSError, match="cannot write .*No space left on device"), store.filling([NAME]) as parts:
        values = store.allocate(parts[NAME], (3_000_000,), np.dtype(np.uint8))
        values[:] = 1  # without room taken before, this is where the process would be killed
    assert not store.folder(NAME).exists() and list((small_disk / "cells" / NAME[:2]).iterdir()) == []
    with pytest.raises(OSError, match="cannot write .*"):
        store.write(NAME, np.ones(3_000_000, np.uint8))
    assert list((small_disk / "cells" / NAME[:2]).iterdir()) == []
    store.write(NAME, np.ones(1_000_000, np.uint8))
    assert store.whole(NAME)
