"""The history as a table and as TensorBoard's events, read back by the format's description."""

import re
import resource
import struct
import time
from pathlib import Path

import pandas as pd
import pytest
from tensorboardX.proto.event_pb2 import Event

from crossgen import records
from crossgen.training import history

NAN = float("nan")


def epoch(number: int, **changes: float) -> dict:
    return {
        "epoch": number, "step": 10 * number + 10, "lr": 0.1, "train_loss": 0.5, "val_loss": 0.25,
        "val_balanced_accuracy": 0.75, "val_roc_auc": 0.875, "seconds": 100.0, "images_per_second": 64.0, "lost": 0,
        "kept": number == 1,
    } | changes  # fmt: skip


def eyed(number: int, train_set: str) -> dict:
    return {
        "epoch": number, "step": 10 * number + 10, "train_set": train_set, "loss": 0.5, "balanced_accuracy": 0.5,
        "roc_auc": 0.625, "n_real": 4, "n_fake": 4,
    }  # fmt: skip


def read(path: Path) -> list[Event]:
    """TFRecord: length uint64, its checksum, the bytes, their checksum (uint32 each)."""
    blob, found, place = path.read_bytes(), [], 0
    while place < len(blob):
        (length,) = struct.unpack_from("<Q", blob, place)
        found.append(Event.FromString(blob[place + 12 : place + 12 + length]))
        place += length + 16
    assert place == len(blob)
    return found


def scalars(path: Path) -> dict[tuple[int, str], float]:
    return {(event.step, value.tag): value.simple_value for event in read(path) for value in event.summary.value}


FIRST = {(10, "loss"): 0.5, (10, "val_loss"): 0.25, (10, "val_auc"): 0.875, (10, "images_per_second"): 64.0}


def test_events_are_on_disk_after_every_epoch_without_what_is_no_number(tmp_path):
    path = tmp_path / "events" / history.EVENTS
    growing = path.with_name(f".{path.name}.part")  # TensorBoard reads it: `tfevents` is in its name
    with history.events(path.parent) as tell:
        assert [event.file_version for event in read(growing)] == ["brain.Event:2"]
        rows, watched = [epoch(0)], []
        tell(rows, watched)
        assert scalars(growing) == {**FIRST, (10, "lr"): pytest.approx(0.1)}
        rows.append(epoch(1, val_loss=NAN, val_roc_auc=NAN))
        watched += [eyed(1, "biggan"), eyed(1, "sd14")]
        tell(rows, watched)
    found = scalars(path)
    assert len(read(path)) == 5  # nothing twice
    assert {tag for step, tag in found if step == 20} == {
        "loss", "lr", "images_per_second", "watched_roc_auc/biggan", "watched_roc_auc/sd14"
    }  # fmt: skip
    assert found[20, "watched_roc_auc/sd14"] == 0.625


def test_a_resumed_training_tells_the_restored_epochs_again_at_their_time(tmp_path):
    path = tmp_path / history.EVENTS
    path.write_bytes(b"what a killed job left")
    with history.events(tmp_path) as tell:
        tell([epoch(0), epoch(1)], [eyed(0, "biggan")])
        tell([epoch(0), epoch(1), epoch(2)], [eyed(0, "biggan")])
    events = read(path)
    assert [event.step for event in events[1:]] == [10, 20, 10, 30]
    ago = [round(time.time() - event.wall_time, -1) for event in events[1:]]
    assert ago == [100, 0, 100, 0]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with history.events(None) as tell:
        tell([epoch(0)], [])
    assert not list(tmp_path.iterdir())


def test_the_files_name_no_host(tmp_path):
    import socket

    with history.events(tmp_path) as tell:
        tell([epoch(0)], [])
    (path,) = tmp_path.iterdir()
    assert socket.gethostname() not in path.name and socket.gethostname().encode() not in path.read_bytes()


def test_a_full_disk_is_told_and_an_error_of_the_training_is_not_taken_for_one(tmp_path):
    ordinary = resource.getrlimit(resource.RLIMIT_FSIZE)
    with history.events(tmp_path) as tell:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, ordinary[1]))
        try:
            with pytest.raises(OSError, match=f"cannot write .*{re.escape(history.EVENTS)}: .*File too large"):
                tell([epoch(0)], [])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, ordinary)
    with pytest.raises(OSError, match="^of its own$"), history.events(tmp_path):
        raise OSError("of its own")


def test_a_training_that_fails_leaves_the_file_of_an_earlier_one(tmp_path):
    path = tmp_path / history.EVENTS
    path.write_bytes(b"an earlier one")
    with pytest.raises(ValueError, match="diverged"), history.events(tmp_path) as tell:
        tell([epoch(0)], [])
        raise ValueError("diverged")
    assert path.read_bytes() == b"an earlier one" and list(tmp_path.iterdir()) == [path]


def test_tables_are_checked_and_may_be_empty(tmp_path):
    path = tmp_path / "table.parquet"
    history.write(path, pd.DataFrame([epoch(0), epoch(1)]))
    assert records.read(path, records.HISTORY).to_pylist() == [epoch(0), epoch(1)]
    history.write_watched(path, pd.DataFrame([eyed(0, "a"), eyed(0, "b")]))
    assert records.read(path, records.WATCHED)["train_set"].to_pylist() == ["a", "b"]
    history.write_watched(path, pd.DataFrame())
    assert records.read(path, records.WATCHED).num_rows == 0
    with pytest.raises(ValueError, match="history"):
        history.write(path, pd.DataFrame([{"epoch": 0, "loss": 1.0}]))
