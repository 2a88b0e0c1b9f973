"""Jobs side by side take different GPUs, by locks that end with them."""

import os
import stat
import subprocess
import sys

import pytest
import torch

from crossgen.training import devices

TAKE = "from crossgen.training import devices; devices.take(1, lambda text: print(text, flush=True)); input()"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Locks of this test alone, let go in the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_HELD", [])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield tmp_path / "crossgen-gpus"
    for file in devices._HELD:
        file.close()


def taken(monkeypatch, seen: str, count: int) -> tuple[str, list[str]]:
    """What a job sees afterwards, and what it says."""
    said: list[str] = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    devices.take(count, said.append)
    return os.environ["CUDA_VISIBLE_DEVICES"], said


def test_each_job_takes_gpus_that_no_other_has_and_shares_those_of_the_fewest(monkeypatch):
    assert taken(monkeypatch, "0,1,2", 1) == ("0", ["GPU 0 of 0, 1, 2"])
    assert taken(monkeypatch, "0,1,2", 1) == ("1", ["GPU 1 of 0, 1, 2"])
    assert taken(monkeypatch, "0,1,2", 2) == ("0,2", ["GPU 0, 2 of 0, 1, 2, shared with 1 other jobs at most"])
    assert taken(monkeypatch, "0,1,2", 1)[0] == "1"
    assert taken(monkeypatch, "2,1,0", 2)[0] == "2,1"  # in the order that was told


def test_gpus_are_known_by_the_names_that_they_are_called_by(monkeypatch):
    names = "GPU-8f1c,MIG-GPU-8f1c/3/0"
    assert taken(monkeypatch, names, 1)[0] == "GPU-8f1c"
    assert taken(monkeypatch, names, 1)[0] == "MIG-GPU-8f1c/3/0"


@pytest.mark.parametrize(("seen", "count"), [("3", 1), ("0,1", 2), ("", 1), ("-1", 1), ("0,1", 4)])
def test_what_a_scheduler_or_the_user_has_chosen_stays(monkeypatch, seen, count, folder):
    assert taken(monkeypatch, seen, count) == (seen, [])
    assert not folder.exists()


def test_the_gpus_of_the_machine_are_counted_where_none_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices.take(1, lambda text: None)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    devices.take(1)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_gpu_is_free_again_when_its_job_has_ended_even_by_a_kill(monkeypatch):
    command = [sys.executable, "-c", TAKE]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "0,1"}
    other = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        assert other.stdout.readline() == b"GPU 0 of 0, 1\n"
        assert taken(monkeypatch, "0,1", 1)[0] == "1"
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()
    assert taken(monkeypatch, "0,1", 1)[0] == "0"


def test_all_users_of_a_machine_share_the_locks(monkeypatch, folder):
    taken(monkeypatch, "0,1", 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 for path in folder.iterdir())


def test_a_file_of_another_user_is_opened_to_read(monkeypatch, folder):
    """As in a folder with the sticky bit on a kernel that protects regular files."""
    opened = os.open

    def protected(path, flags, *more, **named):
        if flags & os.O_CREAT and str(path).endswith("0.0"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, *more, **named)

    folder.mkdir()
    (folder / "0.0").touch()
    monkeypatch.setattr(os, "open", protected)
    assert taken(monkeypatch, "0,1", 1)[0] == "0"


def test_on_a_file_system_without_locks_the_first_is_taken(monkeypatch):
    def without(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(devices.fcntl, "flock", without)
    assert taken(monkeypatch, "0,1", 1)[0] == "0"
