"""Measure what header facts alone tell of real and fake."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = """crossgen audit-biases --manifests photographs.parquet biggan.parquet \\
    --train-sets '{"biggan": ["photographs", "biggan"]}' \\
    --audited '[["raw", "biggan", "selection.parquet", "index.parquet"]]' \\
    --biases biases.parquet --probes probes.parquet"""

Stage = tuple[str, str, str, "pd.DataFrame"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the pools")
    parser.add_argument("--train-sets", required=True, help="JSON: train set to its pools")
    parser.add_argument("--audited", required=True, help="JSON list of [subset, train set, selection, index of crops]")
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument("--biases", required=True, type=Path, help="attributes one by one, to write (Parquet)")
    parser.add_argument("--probes", required=True, type=Path, help="probes on all attributes, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write both tables."""
    import pandas as pd
    import pyarrow as pa

    from crossgen import records
    from crossgen.data.audit import audit_stage
    from crossgen.progress import track

    biases: list[dict[str, object]] = []
    probes: list[dict[str, object]] = []
    stages = 3 * len(json.loads(options.audited))
    for subset, stage, train_set, rows in track(_stages(options), "audit_biases", stages, "stages"):
        found = audit_stage(rows, subset, stage, train_set, options.level)
        biases += found[0]
        probes += found[1]
    for path, rows_of, schema in ((options.biases, biases, records.BIASES), (options.probes, probes, records.PROBES)):
        table = pa.Table.from_pandas(pd.DataFrame(rows_of, columns=list(schema.columns)), preserve_index=False)
        records.write(path, table, schema)
    print(f"{options.biases}: {len(biases)} attributes; {options.probes}: {len(probes)} probes")


def _stages(options: argparse.Namespace) -> Iterator[Stage]:
    """Training images of each train set: all usable ones, those selected, and the crops that are read."""
    from crossgen import records

    manifest = records.read_all(options.manifests, records.MANIFEST).to_pandas()
    usable = manifest[manifest["split"].isin(["train", "val"]) & manifest["quarantine"].isna()]
    train_sets: dict[str, list[str]] = json.loads(options.train_sets)
    for subset, train_set, selection, index in json.loads(options.audited):
        yield subset, "before_selection", train_set, usable[usable["pool"].isin(train_sets[train_set])]
        yield subset, "after_selection", train_set, records.read(selection, records.SELECTION).to_pandas()
        yield subset, "after_alignment", train_set, records.read(index, records.CROPS).to_pandas()
