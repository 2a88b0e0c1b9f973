"""A manifest without digests (`hash: false`): nothing takes two unknown files for the same one."""

import pandas as pd
import pyarrow as pa
import pytest
from test_extraction import write_listing

from crossgen import records
from crossgen.config import Subset, Validation
from crossgen.data.manifest import describe
from crossgen.data.subsets import select
from crossgen.evaluation import render


@pytest.fixture
def manifest(pools, tmp_path):
    def described(hashed=False):
        files = records.read(write_listing(pools, tmp_path / "files.parquet"), records.FILES)
        return describe(files, pools, hashed)

    return described


def trained(manifest: pa.Table) -> pd.DataFrame:
    """Half of the rows as fakes, in pools of their own; every eighth image is val."""
    rows = manifest.to_pandas()
    return rows.assign(
        label=rows.index % 2,
        pool=["real" if index % 2 == 0 else "fake" for index in rows.index],
        split=["val" if index % 8 < 2 else "train" for index in rows.index],
    )


def test_unknown_files_are_not_the_same_file(manifest):
    assert len(select(trained(manifest()), Subset(name="s"), "t")) == 144
    rows = trained(manifest(hashed=True))
    rows.loc[1, "blake3"] = rows.loc[0, "blake3"]  # the control: known ones are
    with pytest.raises(ValueError, match="both as real and as fake"):
        select(rows, Subset(name="s"), "t")


def test_a_named_validation_pool_shares_no_unknown_file(manifest):
    rows = trained(manifest())
    named = Subset(name="s", validation=Validation(pool="lent", n=4))
    lent = rows[(rows["label"] == 0) & (rows["split"] == "val")].head(8).index
    rows.loc[lent, "pool"] = "lent"
    chosen = select(rows, named, "t")
    assert (chosen["pool"] == "lent").sum() == 4


def test_cells_are_named_by_the_sizes_of_their_files(manifest, pools):
    def cell(table):
        tested = table.set_column(table.column_names.index("split"), "split", pa.array(["test"] * table.num_rows))
        return render.tested_images(tested, pools).digest

    first, hashed = cell(manifest()), cell(manifest(hashed=True))
    assert first == cell(manifest()) and first != hashed
    path = pools / "checker" / "train" / "000.png"
    blob = path.read_bytes()
    path.write_bytes(blob + b"\0")
    assert cell(manifest()) != first and cell(manifest(hashed=True)) != hashed
    path.write_bytes(blob[:-20] + bytes([blob[-20] ^ 1]) + blob[-19:])  # as long, other bytes: stated, not noticed
    assert cell(manifest()) == first and cell(manifest(hashed=True)) != hashed
