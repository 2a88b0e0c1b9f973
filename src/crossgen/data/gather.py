"""The shards of a train set's crops, seen as one: their indexes joined, their losses counted, gaps refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crossgen import records
from crossgen.data.manifest import refuse_losses
from crossgen.files import write_whole
from crossgen.records import CROPS

#: Raised when the joined index changes.
VERSION = 1


def images_in(paths: Sequence[Path]) -> pd.DataFrame:
    """image_id, split and label of the images that have crops in these indexes."""
    columns = ["image_id", "split", "label"]
    tables = [pq.read_table(path, columns=columns, filters=[("crop", "=", 0)]) for path in paths]
    found: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return found


def join_indexes(paths: Sequence[Path], target: Path) -> None:
    """Write the CROPS rows of all shards, in their order, as one table; `row` counts along their arrays joined.

    One shard is held in memory at a time.
    """

    def fill(part: Path) -> None:
        begin = 0
        with pq.ParquetWriter(part, pa.schema(list(CROPS.columns.items())), compression="zstd") as writer:
            for path in paths:
                table = records.read(path, CROPS).select(list(CROPS.columns)).replace_schema_metadata(None)
                rows = pa.array(table["row"].to_numpy() + begin)
                writer.write_table(table.set_column(table.column_names.index("row"), "row", rows))
                begin += table.num_rows

    write_whole(target, fill)


def refuse_losses_of_pools(losses: pd.DataFrame, selection: pd.DataFrame, limits: Mapping[str, float]) -> None:
    """Raise ValueError if, of a pool's selected images, more than its `max_quarantine` do not decode.

    Images that are smaller than the crop or the frame do not count: subset and recipe say what becomes of them.
    """
    broken = losses[losses["reason"] != "under_frame"]
    for pool, limit in limits.items():
        mine = broken[broken["pool"] == pool]
        reasons = dict(zip(mine["image_id"], mine["reason"], strict=True))
        total = int((selection["pool"] == pool).sum())
        refuse_losses(f"Pool {pool!r}, images selected to train on", reasons, total, limit)


def refuse_gaps(images: pd.DataFrame, losses: pd.DataFrame, selection: pd.DataFrame, what: str) -> None:
    """Raise ValueError unless every selected image has crops or a loss: shards that are not this selection's."""
    told = pd.concat([images["image_id"], losses["image_id"]])
    strange = sorted(set(told) ^ set(selection["image_id"]))
    if strange or len(told) != len(selection):
        raise ValueError(
            f"{what}: its shards tell of {len(told)} images, the selection holds {len(selection)} (first that differs:"
            f" {strange[0] if strange else told[told.duplicated()].iloc[0]}): pack the crops again."
        )


def refuse_unbalanced(images: pd.DataFrame, selection: pd.DataFrame, what: str) -> None:
    """Raise ValueError if so many images could not be framed that a label or split is gone."""
    for key, wanted in selection.groupby(["split", "label"])["image_id"].nunique().items():
        split, label = cast(tuple[str, int], key)
        if not ((images["split"] == split) & (images["label"] == label)).any():
            name = "fakes" if label else "reals"
            raise ValueError(
                f"{what}: none of {wanted} {split} {name} can be framed; see frame.size and frame.small of the recipe,"
                " crop.size and crop.small of the subset."
            )
