"""What alignment wrote, for those who read a selection's images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from crossgen import records


def read(written: Sequence[Path], roots: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, Path]]:
    """MANIFEST rows that alignment wrote, and where paths begin, as `crossgen.data.pack.Sources.of` wants them.

    `written`: folders named <pool>/<shard> of align-jpeg or align-drawn; `roots`: pool to the folder that the paths of
    its other images are relative to.
    """
    tables = [records.read(folder / "index.parquet", records.MANIFEST).to_pandas() for folder in written]
    folders = {pool: Path(folder) for pool, folder in roots.items()}
    folders |= {f"aligned/{folder.parent.name}/{folder.name}": folder for folder in written}
    return pd.concat([records.from_rows([], records.MANIFEST).to_pandas(), *tables]), folders
