"""How a training went, as tables (Parquet) and as TensorBoard's event files."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from crossgen import records
from crossgen.files import unwritable

Row = Mapping[str, Any]
Rows = Sequence[Row]

#: TensorBoard's names of the columns of records.HISTORY that are drawn.
SCALARS = {
    "train_loss": "loss",
    "val_loss": "val_loss",
    "val_roc_auc": "val_auc",
    "lr": "lr",
    "images_per_second": "images_per_second",
}
#: TensorBoard reads every file with `tfevents` in its name. Its own writers add the host's name, which is nobody's.
EVENTS = "events.out.tfevents.crossgen"


def write(path: Path, history: pd.DataFrame) -> None:
    """Write the epochs as a table of records.HISTORY. Raises ValueError for other columns, OSError for a full disk."""
    records.write(path, _table(history, records.HISTORY), records.HISTORY)


def write_watched(path: Path, watched: pd.DataFrame) -> None:
    """The same for records.WATCHED; without a row if nothing was watched."""
    records.write(path, _table(watched, records.WATCHED), records.WATCHED)


def _table(rows: pd.DataFrame, schema: records.Schema) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False) if len(rows) else records.from_rows([], schema)


Tell = Callable[[Rows, Rows], None]


@contextmanager
def events(folder: Path | None) -> Iterator[Tell]:
    """TensorBoard's event file of one training, begun anew in `folder` and written as the training goes (None: not).

    Until the end it bears a hidden name, which TensorBoard reads as well: an earlier file stays if this one fails.

    Yields a function of all rows so far, those of the history and those watched, which writes what is new among them:
    after a resumption that is all, so that the file is whole. Scalars are `loss`, `val_loss`, `val_auc`, `lr` and
    `images_per_second`, and `watched_roc_auc/<train set>`, at the step that an epoch ended with. What is not a number
    is left out. Raises OSError that names the file.
    """
    if folder is None:
        yield lambda history, watched: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / EVENTS
    with _growing(path) as writer:
        _put(writer, path, [Event(wall_time=time.time(), file_version="brain.Event:2")])
        told = [0, 0]

        def tell(history: Rows, watched: Rows) -> None:
            epochs = [(row, {tag: row[name] for name, tag in SCALARS.items()}) for row in history[told[0] :]]
            eyed = [(row, {f"watched_roc_auc/{row['train_set']}": row["roc_auc"]}) for row in watched[told[1] :]]
            _put(writer, path, [_event(scalars, row, history) for row, scalars in (*epochs, *eyed)])
            told[:] = len(history), len(watched)

        yield tell


def _event(scalars: Mapping[str, float], row: Row, history: Rows) -> Event:
    """Of one row, at the time that it was made: as long ago as the epochs after it took."""
    since = sum(later["seconds"] for later in history if later["epoch"] > row["epoch"])
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items() if math.isfinite(value)]
    return Event(wall_time=time.time() - since, step=int(row["step"]), summary=Summary(value=values))


@contextmanager
def _growing(path: Path) -> Iterator[RecordWriter]:
    part = path.with_name(f".{path.name}.part")
    writer = RecordWriter(str(part))
    try:
        yield writer
        try:
            writer.close()
            os.replace(part, path)
        except OSError as error:
            raise unwritable(path, error) from error
    finally:
        with suppress(OSError):  # of what no longer fits: told of already
            writer.close()
        part.unlink(missing_ok=True)


def _put(writer: RecordWriter, path: Path, events: Sequence[Event]) -> None:
    try:
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()
    except OSError as error:
        raise unwritable(path, error) from error
