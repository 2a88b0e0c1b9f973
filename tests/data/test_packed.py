"""Arrays that grow on the disk and several read as one: NumPy is the oracle."""

import io
import tracemalloc

import numpy as np
import pytest

from crossgen.data.packed import Growing, Stacked


def crops(n: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3)).astype(np.uint8)


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("n", [0, 1, 9, 10, 999, 1000])
def test_it_writes_what_numpy_saves(n, tmp_path):
    with Growing(tmp_path / "a.npy", (8, 8, 3)) as array:
        for start in range(0, n, 7):
            array.append(list(crops(n)[start : start + 7]))
    assert (tmp_path / "a.npy").read_bytes() == saved(crops(n))


def test_it_goes_on_after_the_rows_that_count(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(saved(crops(10))[:-50])  # nine whole rows and a part
    with Growing(path, (8, 8, 3), rows=6) as array:
        assert array.rows == 6
        array.append(list(crops(10)[6:]))
    assert path.read_bytes() == saved(crops(10))
    with Growing(path, (8, 8, 3), rows=11) as array:  # it holds ten
        assert array.rows == 0
    assert path.read_bytes() == saved(crops(0))


def test_what_was_synced_can_be_loaded_although_nobody_closed_it(tmp_path):
    array = Growing(tmp_path / "a.npy", (8, 8, 3))
    array.append(list(crops(5)))
    array.sync()
    assert (np.load(tmp_path / "a.npy") == crops(5)).all()
    array.append([crops(1)[0]])
    array.sync()
    assert len(np.load(tmp_path / "a.npy")) == 6


def test_it_names_the_file_that_it_cannot_write(tmp_path):
    with pytest.raises(OSError, match=r"cannot write .*absent/a.npy: .*nothing was left there"):
        Growing(tmp_path / "absent" / "a.npy", (8, 8, 3))


def test_it_holds_no_rows_in_memory(tmp_path):
    one, n = crops(1, 128)[0], 400
    tracemalloc.start()
    with Growing(tmp_path / "a.npy", one.shape) as array:
        for _ in range(n):
            array.append([one])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < one.nbytes * n / 20


@pytest.mark.parametrize("lengths", [[12], [5, 0, 7], [0, 12], [12, 0], [1] * 12])
def test_several_arrays_are_read_as_one(lengths, tmp_path):
    whole, begin, paths = crops(12), 0, []
    for number, length in enumerate(lengths):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], whole[begin : begin + length])
        begin += length
    found = Stacked(paths)
    assert len(found) == 12
    for rows in (np.arange(12), np.array([11, 0, 5, 5, 4, 11]), np.array([], np.int64), np.array([7])):
        assert (found[rows] == whole[rows]).all() and found[rows].shape == whole[rows].shape
    for row in (12, -13):
        with pytest.raises(IndexError):
            found[np.array([0, row])]


def test_arrays_that_do_not_belong_together_are_refused(tmp_path):
    paths = [tmp_path / "0.npy", tmp_path / "1.npy"]
    np.save(paths[0], crops(3))
    for other in (crops(3, size=9), crops(3).astype(np.float32)):
        np.save(paths[1], other)
        with pytest.raises(ValueError, match=r"1.npy holds crops .*0.npy uint8 \[8, 8, 3\].* pack them again"):
            Stacked(paths)
