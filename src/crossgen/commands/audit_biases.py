"""Measure what header facts alone tell of real and fake, and find files that are there twice."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from crossgen.records import Schema

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "all"
EXAMPLE = """crossgen audit-biases --manifests photographs.parquet biggan.parquet \\
    --train-sets '{"biggan": ["photographs", "biggan"]}' \\
    --audited '[["raw", "biggan", "selection.parquet", "index.parquet"]]' \\
    --biases biases.parquet --probes probes.parquet --duplicates duplicates.parquet"""

#: subset, stage, train set, tables that hold its rows, one at a time
Stage = tuple[str, str, str, "Iterator[pa.Table]"]
#: Rows of BIASES and of PROBES.
Found = tuple[list[dict[str, object]], list[dict[str, object]]]
KEYS = ("image_id", "label", "group", "stratum")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the pools")
    parser.add_argument("--train-sets", required=True, help="JSON: train set to its pools")
    parser.add_argument("--audited", required=True, help="JSON list of [subset, train set, selection, index of crops]")
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")
    parser.add_argument("--biases", required=True, type=Path, help="attributes one by one, to write (Parquet)")
    parser.add_argument("--probes", required=True, type=Path, help="probes on all attributes, to write (Parquet)")
    parser.add_argument("--duplicates", required=True, type=Path, help="files that are there twice, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the three tables."""
    from crossgen import records
    from crossgen.data import duplicates, sample
    from crossgen.data.audit import audit_stage
    from crossgen.progress import track

    biases: list[dict[str, object]] = []
    probes: list[dict[str, object]] = []
    cut: list[str] = []
    before: dict[str, Found] = {}  # it is the same for every subset
    stages = 3 * len(json.loads(options.audited))
    for subset, stage, train_set, tables in track(_stages(options), "audit_biases", stages, "stages"):
        found = before.get(train_set) if stage == "before_selection" else None
        if found is None:
            rows, seen = sample.gathered(tables)
            left_out = sample.said(seen)
            cut += [f"{subset}/{train_set}, {stage}: {left_out}"] if left_out else []
            found = _noted(audit_stage(rows.to_pandas(), subset, stage, train_set, options.level), left_out)
            before |= {train_set: found} if stage == "before_selection" else {}
        biases += [row | {"subset": subset} for row in found[0]]
        probes += [row | {"subset": subset} for row in found[1]]
    twice = duplicates.exact(options.manifests)
    records.write(options.biases, records.from_rows(biases, records.BIASES), records.BIASES)
    records.write(options.probes, records.from_rows(probes, records.PROBES), records.PROBES)
    records.write(options.duplicates, duplicates.as_table(twice), records.DUPLICATES)
    print("\n".join([*cut, f"{options.biases}: {len(biases)} attributes; {options.probes}: {len(probes)} probes"]))
    print(f"{options.duplicates}: {len(duplicates.harmful(twice))} pairs of labels or splits share files")


def _noted(found: "Found", left_out: str | None) -> "Found":
    """Rows that say of how many images they speak, if not of all."""
    if not left_out:
        return found
    biases, probes = (
        [row | {"reason": "; ".join(str(each) for each in (row["reason"], left_out) if each)} for row in rows]
        for rows in found
    )
    return biases, probes


def _stages(options: argparse.Namespace) -> Iterator[Stage]:
    """Training images of each train set: all usable ones, those selected, and the crops that are read."""
    from crossgen import records

    manifests = {pool: path for path in options.manifests for pool in _pools(path)}
    train_sets: dict[str, list[str]] = json.loads(options.train_sets)
    for subset, train_set, selection, index in json.loads(options.audited):
        missing = [name for name in train_sets[train_set] if name not in manifests]
        if missing:
            raise ValueError(f"Train set {train_set!r} names the pool {missing[0]!r}, of which no manifest is given.")
        paths = dict.fromkeys(manifests[name] for name in train_sets[train_set])
        yield subset, "before_selection", train_set, (_usable(path, train_sets[train_set]) for path in paths)
        yield subset, "after_selection", train_set, iter([_read(selection, records.SELECTION)])
        yield subset, "after_alignment", train_set, iter([_read(index, records.CROPS)])


def _pools(path: Path) -> list[str]:
    """Pools that a manifest holds (one, as the workflow writes them)."""
    import pyarrow.parquet as pq

    names: list[str] = pq.read_table(path, columns=["pool"], read_dictionary=["pool"])["pool"].unique().to_pylist()
    return names


def _usable(path: Path, pools: list[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    from crossgen import records

    rows = _read(path, records.MANIFEST, "pool", "split", "quarantine")
    training = pc.and_(pc.is_in(rows["split"], pa.array(["train", "val"])), pc.is_in(rows["pool"], pa.array(pools)))
    return rows.filter(pc.and_(training, pc.is_null(rows["quarantine"])))


def _read(path: str | Path, schema: "Schema", *more: str) -> "pa.Table":
    """The columns that an audit needs: of millions of rows the others would be most of the memory."""
    from crossgen import records
    from crossgen.data.attributes import COLUMNS

    return records.read(path, schema, [n for n in schema.columns if n in {*KEYS, *COLUMNS, *more, "crop"}])
