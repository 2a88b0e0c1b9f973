"""The tables that travel between steps: their columns, their types, and the checks at the door.

Tables are Parquet (zstd) and carry their own keys as columns; columns beyond the declared ones are kept. Light
commands work on `pyarrow.Table` directly, so that a small job does not pay for an import of pandas.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.files import write_whole

TEXT, INTEGER, REAL, LOGIT, FLAG = pa.string(), pa.int64(), pa.float64(), pa.float32(), pa.bool_()


@dataclass(frozen=True)
class Schema:
    """Declared columns of one kind of table: `key` columns identify a row; `optional` ones may hold nulls."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, pa.DataType]
    optional: frozenset[str] = frozenset()

    def only(self, names: Sequence[str]) -> "Schema":
        """The same table with these columns alone; repeats are not looked for without the key."""
        key = self.key if set(self.key) <= set(names) else ()
        kept = {name: kind for name, kind in self.columns.items() if name in names}
        return Schema(self.name, key, kept, self.optional)


FILES = Schema(
    "files",
    ("image_id",),
    {
        "image_id": TEXT, "path": TEXT, "pool": TEXT, "source": TEXT, "folder": TEXT, "generator": TEXT,
        "label": INTEGER, "split": TEXT, "group": TEXT, "stratum": TEXT, "class_index": INTEGER, "class_synset": TEXT,
        "class_name": TEXT, "published_quality": INTEGER, "defect": TEXT, "shard": INTEGER,
    },
    frozenset({"folder", "generator", "class_index", "class_synset", "class_name", "published_quality", "defect"}),
)  # fmt: skip

MANIFEST = Schema(
    "manifest",
    ("image_id",),
    {
        **FILES.columns,
        "format": TEXT, "mode": TEXT, "width": INTEGER, "height": INTEGER, "bytes": INTEGER, "blake3": TEXT,
        "jpeg_quality": INTEGER, "jpeg_quality_estimate": INTEGER, "jpeg_tables": TEXT, "chroma_subsampling": TEXT,
        "progressive": FLAG, "bit_depth": INTEGER, "frames": INTEGER, "exif": FLAG, "icc": FLAG, "xmp": FLAG,
        "software": TEXT, "ai_marker": TEXT, "conversion": TEXT, "quarantine": TEXT,
    },
    FILES.optional | frozenset({
        "format", "mode", "width", "height", "bytes", "blake3", "jpeg_quality",
        "jpeg_quality_estimate", "jpeg_tables", "chroma_subsampling", "progressive", "bit_depth", "frames", "exif",
        "icc", "xmp", "software", "ai_marker", "conversion", "quarantine",
    }),
)  # fmt: skip

#: A manifest's rows chosen for one train set: `split` is train or val.
SELECTION = Schema("selection", MANIFEST.key, MANIFEST.columns, MANIFEST.optional)

#: What each step of a selection removed and left, by split, label and pool; step 0 is what it began with. `digest` is
#: that of the whole selection (`crossgen.data.waterfall.digest`), the same in all its rows.
WATERFALL = Schema(
    "waterfall",
    ("subset", "train_set", "position", "split", "label", "pool"),
    {
        "subset": TEXT, "train_set": TEXT, "position": INTEGER, "step": TEXT, "setting": TEXT, "split": TEXT,
        "label": INTEGER, "pool": TEXT, "generator": TEXT, "removed": INTEGER, "left": INTEGER, "digest": TEXT,
    },
    frozenset({"generator", "setting"}),
)  # fmt: skip

#: One row a stored training crop; the facts are those of the file that was decoded (after alignment).
CROPS = Schema(
    "crops",
    ("image_id", "crop"),
    {
        **MANIFEST.columns, "crop": INTEGER, "row": INTEGER, "crop_size": INTEGER, "crop_x": INTEGER, "crop_y": INTEGER,
        "source_width": INTEGER, "source_height": INTEGER,
    },
    MANIFEST.optional,
)  # fmt: skip

#: Images that passed the manifest and were lost on the way, by stage (training, test) and what they were lost for: a
#: packing of a train set, a frame under a condition. One row an image and cause.
LOSSES = Schema(
    "losses",
    ("stage", "lost_for", "image_id"),
    {"stage": TEXT, "lost_for": TEXT, "pool": TEXT, "image_id": TEXT, "reason": TEXT},
)

#: How one training went: a row an epoch (or what is left of it). `val_*` are NaN where that epoch was not validated;
#: `lost` images could not be read in it.
HISTORY = Schema(
    "history",
    ("epoch",),
    {
        "epoch": INTEGER, "step": INTEGER, "lr": REAL, "train_loss": REAL, "val_loss": REAL,
        "val_balanced_accuracy": REAL, "val_roc_auc": REAL, "seconds": REAL, "images_per_second": REAL,
        "lost": INTEGER, "kept": FLAG,
    },
)  # fmt: skip

#: The validation images of other train sets, scored while a detector is trained: for the eye only.
WATCHED = Schema(
    "watched",
    ("epoch", "train_set"),
    {
        "epoch": INTEGER, "step": INTEGER, "train_set": TEXT, "loss": REAL, "balanced_accuracy": REAL, "roc_auc": REAL,
        "n_real": INTEGER, "n_fake": INTEGER,
    },
)  # fmt: skip

#: What decoding all of an image found (`outcome`), beside what the manifest says of it (`quarantine`).
VERIFIED = Schema(
    "verified",
    ("image_id",),
    {"image_id": TEXT, "path": TEXT, "quarantine": TEXT, "outcome": TEXT},
    frozenset({"quarantine"}),
)

#: Which pixel cell holds a pool's images under one frame and condition.
RENDERED = Schema(
    "rendered",
    ("pool", "shard", "frame", "condition"),
    {"pool": TEXT, "shard": INTEGER, "frame": TEXT, "condition": TEXT, "cell": TEXT, "n": INTEGER, "missing": INTEGER},
)

SCORES = Schema(
    "scores",
    ("experiment", "train_set", "seed", "pool", "condition", "image_id"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "pool": TEXT, "condition": TEXT, "image_id": TEXT,
        "label": INTEGER, "logit": LOGIT,
    },
)  # fmt: skip

METRICS = Schema(
    "metrics",
    ("experiment", "train_set", "seed", "test_generator", "condition", "metric"),
    {
        "experiment": TEXT, "train_set": TEXT, "train_generator": TEXT, "seed": INTEGER, "test_generator": TEXT,
        "condition": TEXT, "metric": TEXT, "value": REAL, "low": REAL, "high": REAL, "n_real": INTEGER,
        "n_fake": INTEGER, "coverage": REAL, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"train_generator", "interval", "reason"}),
)  # fmt: skip

#: Paired differences of two experiments, the same weights in both.
DIFFERENCES = Schema(
    "differences",
    ("experiment", "baseline", "train_set", "seed", "test_generator", "condition", "metric"),
    {
        "experiment": TEXT, "baseline": TEXT, "train_set": TEXT, "seed": INTEGER, "test_generator": TEXT,
        "condition": TEXT, "metric": TEXT, "value": REAL, "low": REAL, "high": REAL, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: How well one attribute alone tells real from fake. `stage`: before_selection, after_selection, after_alignment.
BIASES = Schema(
    "biases",
    ("subset", "stage", "test_generator", "attribute"),
    {
        "subset": TEXT, "stage": TEXT, "test_generator": TEXT, "attribute": TEXT, "group": TEXT, "auc": REAL,
        "low": REAL, "high": REAL, "n_real": INTEGER, "n_fake": INTEGER, "reason": TEXT,
    },
    frozenset({"reason"}),
)  # fmt: skip

#: How well a small tree on all attributes of one `group` (header or geometry) does, with its rules in words.
PROBES = Schema(
    "probes",
    ("subset", "stage", "test_generator", "group"),
    {
        "subset": TEXT, "stage": TEXT, "test_generator": TEXT, "group": TEXT, "balanced_accuracy": REAL, "low": REAL,
        "high": REAL, "n_real": INTEGER, "n_fake": INTEGER, "rules": TEXT, "reason": TEXT,
    },
    frozenset({"reason", "rules"}),
)  # fmt: skip

#: The same file more than once: images of two places (pool, split, label), which may be one and the same, that share
#: bytes: so many different files, and so many images of either place. `examples`: JSON list of pairs of image_ids.
#: `relation`: across_label, across_split, else within_split.
DUPLICATES = Schema(
    "duplicates",
    ("pool", "split", "label", "other_pool", "other_split", "other_label"),
    {
        "relation": TEXT, "pool": TEXT, "split": TEXT, "label": INTEGER, "other_pool": TEXT, "other_split": TEXT,
        "other_label": INTEGER, "files": INTEGER, "images": INTEGER, "other_images": INTEGER, "examples": TEXT,
    },
)  # fmt: skip


def check(table: pa.Table, schema: Schema, where: str) -> pa.Table:
    """Return `table` with the declared columns first and cast to their types.

    Raises ValueError that names the table, the column and the first offending row: a missing column, a value of
    another type, a null where none may be, a repeated key.
    """
    missing = [name for name in schema.columns if name not in table.column_names]
    if missing:
        raise ValueError(f"{where}: {schema.name} table lacks the columns {missing}; it has {table.column_names}.")
    extra = [name for name in table.column_names if name not in schema.columns]
    table = table.select([*schema.columns, *extra])
    for name, kind in schema.columns.items():
        table = _typed(table, name, kind, f"{where}: column {name!r} of a {schema.name} table")
        if name not in schema.optional and table[name].null_count:
            row = table[name].is_null().to_pylist().index(True)
            raise ValueError(f"{where}: column {name!r} of a {schema.name} table is empty in row {row}.")
    _refuse_repeats(table, schema, where)
    return table


def _typed(table: pa.Table, name: str, kind: pa.DataType, what: str) -> pa.Table:
    """Cast one column. NaN among integers or texts counts as empty (pandas writes it so); an empty number is NaN."""
    column = table[name]
    if pa.types.is_floating(kind) and column.null_count:
        column = column.cast(kind).fill_null(float("nan"))
        return table.set_column(table.column_names.index(name), name, column)
    if column.type == kind:
        return table
    if pa.types.is_floating(column.type) and not pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        return table.set_column(table.column_names.index(name), name, column.cast(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{what}: expected {kind}, found {column.type} ({error}).") from error


def _refuse_repeats(table: pa.Table, schema: Schema, where: str) -> None:
    if not schema.key:
        return
    counts = table.select(list(schema.key)).group_by(list(schema.key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        first = {name: repeated[name][0].as_py() for name in schema.key}
        raise ValueError(f"{where}: {repeated.num_rows} repeated keys in a {schema.name} table, first: {first}.")


def read(path: str | Path, schema: Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read and check one table, or some `columns` of it. Raises FileNotFoundError, ValueError (see `check`)."""
    wanted = schema if columns is None else schema.only(columns)
    with _readable(path):
        there = None if columns is None else [name for name in pq.read_schema(path).names if name in columns]
        table = pq.read_table(path, columns=there)
    return check(table, wanted, str(path))


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error}); remove it and run again.") from error


def read_all(paths: Sequence[str | Path], schema: Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read tables of one kind, or some `columns` of them, as one; keys may not repeat across them."""
    tables = [read(path, schema, columns) for path in paths]
    wanted = schema if columns is None else schema.only(columns)
    return check(pa.concat_tables(tables, promote_options="default"), wanted, f"{len(paths)} tables together")


def stream(path: str | Path, schema: Schema, rows: int = 65_536) -> Iterator[pa.Table]:
    """One table in checked pieces of at most so many rows: what does not fit into memory as a whole.

    Keys may not repeat within a piece. Raises as `read` does.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, use_threads=False):
            yield check(pa.Table.from_batches([batch]), schema, str(path))


def stream_column(path: str | Path, name: str, kind: pa.DataType) -> Iterator[pa.Array]:
    """One column of a table in pieces. Raises ValueError if the table is not readable or lacks it."""
    with _readable(path), pq.ParquetFile(path) as file:
        if name not in file.schema_arrow.names:
            raise ValueError(f"{path}: no column {name!r}; it has {file.schema_arrow.names}.")
        for batch in file.iter_batches(columns=[name]):
            yield batch.column(0).cast(kind)


def write_stream(path: str | Path, pieces: Iterable[pa.Table], schema: Schema) -> int:
    """Write one table whole from pieces, each of them a row group and checked; returns the number of rows.

    Without pieces the table is empty. Columns beyond the declared ones are those of the first piece; ValueError if
    another lacks one of them.
    """
    rows = 0

    def fill(part: Path) -> None:
        nonlocal rows
        following = iter(pieces)
        first = check(next(following, from_rows([], schema)).replace_schema_metadata(None), schema, str(path))
        with pq.ParquetWriter(part, first.schema, compression="zstd") as writer:
            for piece in chain([first], following):
                writer.write_table(_like(first, check(piece.replace_schema_metadata(None), schema, str(path)), path))
                rows += piece.num_rows

    write_whole(path, fill)
    return rows


def _like(first: pa.Table, piece: pa.Table, path: str | Path) -> pa.Table:
    missing = set(first.column_names) - set(piece.column_names)
    if missing:
        raise ValueError(f"{path}: a piece of the table lacks the columns {sorted(missing)} that the first piece has.")
    return piece.select(first.column_names).cast(first.schema)


def write(path: str | Path, table: pa.Table, schema: Schema) -> None:
    """Check a table and write it whole (see `write_whole`)."""
    checked = check(table.replace_schema_metadata(None), schema, str(path))
    write_whole(path, lambda part: pq.write_table(checked, part, compression="zstd"))


def from_rows(rows: Sequence[dict[str, object]], schema: Schema) -> pa.Table:
    """A table of `schema` from dictionaries, one a row; also right when there are no rows."""
    columns = {name: [row.get(name) for row in rows] for name in schema.columns}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in schema.columns.items()})
