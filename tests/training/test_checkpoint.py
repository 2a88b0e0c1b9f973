"""Checkpoints: bit-exact, whole or absent, and never a damaged one."""

import resource
import shutil
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from crossgen.training.checkpoint import Checkpoints


def state(step: int) -> dict:
    """What an engine keeps: nested tensors of several types, plain values, the states of random generators."""
    torch.manual_seed(step)
    return {
        "step": step,
        "network": OrderedDict(weight=torch.randn(64, 64), count=torch.tensor(step)),
        "optimiser": {"state": {0: {"exp_avg": torch.randn(64).bfloat16()}}, "param_groups": [{"betas": (0.9, 0.99)}]},
        "random": torch.get_rng_state(),
        "history": [{"epoch": 0, "val_loss": float("nan"), "kept": True}],
        "ema": None,
    }


def assert_same(found, expected) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            assert_same(found[name], expected[name])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected or (found != found and expected != expected)


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def two(tmp_path, log) -> Checkpoints:
    """Checkpoints of steps 9 and 10, of which 10 is the newest (and the first by name, were names not padded)."""
    checkpoints = Checkpoints(tmp_path, log.append)
    for step in (8, 9, 10):
        checkpoints.write(step, state(step))
    return checkpoints


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(path.name.split(".")[0] for path in checkpoints.folder.iterdir())


def test_what_is_read_back_is_what_was_written(two, log):
    assert_same(two.newest(), state(10))
    assert names(two) == ["step000000009", "step000000010"]
    assert not log


def test_an_empty_folder_holds_none_and_says_nothing(tmp_path, log):
    assert Checkpoints(tmp_path, log.append).newest() is None and not log


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1  # within a tensor: torch.load alone would not notice
    path.write_bytes(blob)


@pytest.mark.parametrize("damage", [truncated, emptied, flipped])
def test_a_damaged_one_is_passed_over_for_the_one_before(damage, two, log):
    newest, older = sorted(two.folder.iterdir(), reverse=True)
    damage(newest)
    assert_same(two.newest(), state(9))
    assert log == [
        f"checkpoint {newest} is passed over: its bytes are not those that were written; the one before it is tried."
    ]
    damage(older)
    assert two.newest() is None
    assert log[-1].startswith(f"checkpoint {older} is passed over") and log[-1].endswith("; training begins anew.")


def test_a_foreign_file_is_never_loaded(two, log):
    class Evil:
        def __reduce__(self):
            return (shutil.rmtree, (str(two.folder),))

    foreign = two.folder / "step000000099.pt"
    torch.save(Evil(), foreign)
    assert_same(two.newest(), state(10))
    for path in two.folder.glob("step*.*.pt"):
        path.unlink()
    assert two.newest() is None and foreign.exists()
    assert log == [
        f"checkpoint {foreign} is passed over: its name is not one that crossgen gives; training begins anew."
    ]


@pytest.mark.parametrize("limit", [900, 20_000])
def test_a_full_disk_leaves_the_older_ones_whole_and_no_half_file(limit, two):
    before = {path.name: path.read_bytes() for path in two.folder.iterdir()}
    ordinary = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, ordinary[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write .*step000000011\.pt: .*File too large; nothing was left"):
            two.write(11, state(11) | {"large": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, ordinary)
    assert {path.name: path.read_bytes() for path in two.folder.iterdir()} == before
    two.write(11, state(11))
    assert_same(two.newest(), state(11))


def test_what_a_killed_writer_left_is_removed_by_the_next(two):
    (two.folder / ".step000000011.77.part").write_bytes(b"half")
    assert_same(two.newest(), state(10))
    two.write(11, state(11))
    assert names(two) == ["step000000010", "step000000011"]


@pytest.mark.parametrize("strange", [np.float64(1), np.zeros(2), Path("here"), {1, 2}, torch.float32, iter([1])])
def test_what_could_not_be_read_back_is_refused_when_it_is_written(strange, two):
    with pytest.raises(TypeError, match=r"state\['history'\]\[1\]\['it'\] is a .*: a checkpoint holds tensors"):
        two.write(11, {"history": [{}, {"it": strange}]})
    assert names(two) == ["step000000009", "step000000010"]
