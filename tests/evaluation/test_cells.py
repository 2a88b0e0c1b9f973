"""Cells appear whole, are found by content, and half ones are computed again."""

import numpy as np
import pytest

from crossgen.evaluation.cells import Store, key

VALUES = np.arange(12, dtype=np.float32)


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
