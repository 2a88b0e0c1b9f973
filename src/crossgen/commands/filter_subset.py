"""Choose the images that one detector learns from."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen filter-subset --manifests photographs.parquet biggan.parquet --train-set biggan \\
    --subset '{"name": "raw", "images_per_class": 60}' --output selection.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the train set's pools")
    parser.add_argument("--subset", required=True, help="the subset, as JSON of the config's item")
    parser.add_argument("--train-set", required=True, help="name of the train set, for messages")
    parser.add_argument("--output", required=True, type=Path, help="selection to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the selection."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Subset
    from crossgen.data.subsets import select

    subset = Subset.model_validate_json(options.subset)
    manifest = records.read_all(options.manifests, records.MANIFEST).to_pandas()
    chosen = select(manifest, subset, options.train_set)
    records.write(options.output, pa.Table.from_pandas(chosen, preserve_index=False), records.SELECTION)
    counts = (chosen["split"] + " " + chosen["label"].map({0: "reals", 1: "fakes"})).value_counts().to_dict()
    print(f"{options.output}: {counts}")
