"""genimage_metadata.csv: what the UnbiasedGenImage authors measured of GenImage's images.

2,681,150 rows of seven columns (224 MB), one an image: path (`GenImage/<folder>/<train|val>/<ai|nature>/<file>`),
generator (`nature` for every real, whose folder stands in the path alone), mode (train, val), width, height,
compression_rate (estimated JPEG quality, 100 for a PNG) and class (ImageNet-1k's index). Read in blocks, so that memory
holds the wanted rows alone. Source: Dataverse, doi:10.7910/DVN/AKDIHF.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from crossgen.config.values import Label

LOG = logging.getLogger(__name__)

#: Rows of the published file, for the record: a cut file is shorter.
ROWS = 2_681_150
COLUMNS = {
    "path": pa.string(), "generator": pa.string(), "mode": pa.string(), "width": pa.int32(), "height": pa.int32(),
    "compression_rate": pa.int16(), "class": pa.int16(),
}  # fmt: skip
RANGES = {"width": (1, None), "height": (1, None), "compression_rate": (0, 100), "class": (0, 999)}
FOLDER_OF_LABEL: dict[Label, str] = {"fake": "ai", "real": "nature"}

#: What a path says, at any depth: the folder before train or val, an archive's folder between them passed over.
PARTS = r"(?:^|/)(?P<folder>[^/]+?)(?:/imagenet_[^/]*)?/(?P<split>train|val)/(?P<label>ai|nature)/(?P<name>[^/]+)$"
_BLOCK = 2 << 20


def lookup(path: Path, folders: set[str], label: Label) -> dict[tuple[str, str], dict[str, tuple[int, int]]]:
    """(folder, train or val) -> name of file -> (class index, published quality), of these folders and this label.

    Raises FileNotFoundError, ValueError (see `batches`).
    """
    found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    wanted = pa.array(sorted(folders), pa.string())
    within = "|".join(f"(?:^|/){re.escape(folder)}/" for folder in sorted(folders))
    for batch in batches(path, ["path", "compression_rate", "class"], within):
        is_wanted = pc.and_(
            pc.is_in(batch["folder"], value_set=wanted), pc.equal(batch["label"], FOLDER_OF_LABEL[label])
        )
        batch = batch.filter(is_wanted)
        columns = [batch[name].to_pylist() for name in ("folder", "split", "name", "class", "compression_rate")]
        for folder, split, name, index, quality in zip(*columns, strict=True):
            found.setdefault((folder, split), {})[name] = (index, quality)
    return found


def batches(path: Path, columns: Sequence[str] = tuple(COLUMNS), within: str = "") -> Iterator[pa.Table]:
    """The file in pieces: these columns (path among them), and folder, split, label and name as the path tells them.

    `within`: only rows whose path this regular expression (RE2) finds something in. Raises FileNotFoundError for no
    such file, ValueError for other columns, no rows, cut rows, values of another type or outside their range, and paths
    outside GenImage's layout.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No file {path}: expected genimage_metadata.csv; correct its path.")
    _refuse_columns(path)
    n = 0
    try:
        options = pyarrow.csv.ConvertOptions(column_types=COLUMNS, include_columns=list(columns))
        reader = pyarrow.csv.open_csv(path, pyarrow.csv.ReadOptions(block_size=_BLOCK), convert_options=options)
        for batch in reader:
            n += batch.num_rows
            yield _parted(pa.table(batch), path, within)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is cut or damaged: {error}. Fetch genimage_metadata.csv again.") from error
    if not n:
        raise ValueError(f"{path} holds no row. Fetch genimage_metadata.csv again.")


def _refuse_columns(path: Path) -> None:
    with open(path, "rb") as file:
        names = file.readline(4096).decode("utf-8-sig", "replace").strip().replace('"', "").split(",")
        file.seek(-min(1, file.seek(0, 2)), 2)
        ended = file.read(1) == b"\n"
    if sorted(names) != sorted(COLUMNS):
        raise ValueError(
            f"{path} is no genimage_metadata.csv: expected the columns {', '.join(COLUMNS)}, "
            f"found {', '.join(names)[:200]}"
        )
    if not ended:
        LOG.warning(f"{path} does not end with a line end: its last row may be cut")


def _parted(batch: pa.Table, path: Path, within: str) -> pa.Table:
    for name in batch.column_names:
        if batch[name].null_count:
            raise ValueError(f"{path}: empty value of {name}. Fetch genimage_metadata.csv again.")
    if within:
        batch = batch.filter(pc.match_substring_regex(batch["path"], within))
    for name, (low, high) in RANGES.items():
        if name in batch.column_names and batch.num_rows:
            _refuse_outside(batch, name, (low, high), path)
    parts = pc.extract_regex(batch["path"], PARTS).combine_chunks()
    if parts.null_count:
        wrong = batch["path"].filter(pc.is_null(parts))[0].as_py()
        raise ValueError(f"{path}: path {wrong!r}: expected GenImage/<folder>/<train|val>/<ai|nature>/<file>")
    for name in ("folder", "split", "label", "name"):
        batch = batch.append_column(name, pc.struct_field(parts, name))
    return batch


def _refuse_outside(batch: pa.Table, name: str, ends: tuple[int, int | None], path: Path) -> None:
    seen = pc.min_max(batch[name]).as_py()
    if seen["min"] < ends[0] or (ends[1] is not None and seen["max"] > ends[1]):
        expected = f"at least {ends[0]}" if ends[1] is None else f"{ends[0]}-{ends[1]}"
        raise ValueError(f"{path}: {name} from {seen['min']} to {seen['max']}: expected {expected}")
