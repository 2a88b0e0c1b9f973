"""Images that a file names: explicit image ids, and published lists of file names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Mask = npt.NDArray[np.bool_]

#: Columns of a list in CSV form, the first that is there: AlignedForensics' (filename), DMimageDetection's (src).
LISTED = ("path", "filename", "src")


@dataclass(frozen=True)
class Named:
    """The rows that the entries of files name, and the entries that name none of them."""

    mask: Mask
    entries: int
    absent: tuple[str, ...]

    @property
    def told(self) -> str:
        """The count of absent entries, for a waterfall."""
        return f"{len(self.absent):,} of {self.entries:,} entries absent"

    def refuse_absent(self, limit: float, what: str) -> None:
        """Raise ValueError where more than the share `limit` of the entries names nothing, or there is no entry."""
        if not self.entries:
            raise ValueError(f"{what} names no image of the pools read: expected image ids or file names, one a line.")
        if len(self.absent) > limit * self.entries:
            raise ValueError(
                f"{what}: {self.told} from the usable train and val images (first: {', '.join(self.absent[:3])}), "
                f"more than max_absent {limit:.1%}: they are unknown, quarantined, or test images; correct the file, "
                "or raise max_absent of the subset."
            )


def together(parts: Sequence[Named]) -> Named:
    """What several lists name of the same rows."""
    entries, absent = sum(part.entries for part in parts), [name for part in parts for name in part.absent]
    return Named(np.logical_or.reduce([part.mask for part in parts]), entries, tuple(absent))


def by_id(file: str, rows: pd.DataFrame) -> Named:
    """Rows by image id. Ids of pools that `rows` does not hold are for other train sets: not counted as absent.

    Raises ValueError for a file that cannot be read.
    """
    pools = set(rows["pool"].unique())
    entries = {entry for entry in _entries(Path(file), ("image_id",)) if entry.split("/", 1)[0] in pools}
    return _named(entries, {0: rows["image_id"].tolist()}, len(rows))


def by_name(files: Sequence[str], rows: pd.DataFrame) -> Named:
    """Rows whose path is an entry or ends in it, at a `/`: bare file names, or more of the path. Case counts.

    Raises ValueError for a file that cannot be read.
    """
    entries = {_plain(entry) for file in files for entry in _entries(Path(file), LISTED)}
    paths = rows["path"].tolist()
    depths = {entry.count("/") + 1 for entry in entries}
    return _named(entries, {depth: [_ending(path, depth) for path in paths] for depth in depths}, len(rows))


def _named(entries: set[str], texts: Mapping[int, list[str]], rows: int) -> Named:
    """Rows of which one of the `texts` is an entry."""
    masks = [np.fromiter((text in entries for text in column), bool, len(column)) for column in texts.values()]
    mask = np.logical_or.reduce([np.zeros(rows, bool), *masks])
    found = {text for column in texts.values() for text in column if text in entries}
    return Named(mask, len(entries), tuple(sorted(entries - found)))


def _ending(path: str, parts: int) -> str:
    return "/".join(path.rsplit("/", parts)[-parts:])


def _plain(entry: str) -> str:
    return entry.replace("\\", "/").removeprefix("./").lstrip("/")


def _entries(path: Path, columns: tuple[str, ...]) -> Iterable[str]:
    """Lines of a text file, or the values of the first of `columns` that a CSV or Parquet table has."""
    suffix = path.suffix.lower()
    try:
        if suffix not in (".csv", ".parquet"):
            return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The file {path} of ids or lists cannot be read ({' '.join(str(error).split())}): name a UTF-8 text, CSV "
            "or Parquet file, from the folder that the run is started in."
        ) from error
    there = [name for name in columns if name in table.columns]
    if not there:
        raise ValueError(f"{path} has no column {' or '.join(columns)}: it has {', '.join(table.columns)}.")
    return [str(value) for value in table[there[0]]]
