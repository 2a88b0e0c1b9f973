"""Choose the images that one detector learns from."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from crossgen.data.subsets import Selection

EXAMPLE = """crossgen filter-subset --manifests photographs.parquet biggan.parquet --train-set biggan \\
    --subset '{"name": "raw", "images_per_class": 60}' --output selection.parquet --waterfall waterfall.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the pools read")
    parser.add_argument("--subset", required=True, help="the subset, as JSON of the config's item")
    parser.add_argument("--train-set", required=True, help="name of the train set, for messages")
    parser.add_argument(
        "--roles",
        default="{}",
        help="JSON of what pools are: only_tested (list: looked at for leaks, never chosen from), shared (list of pairs"
        " that may hold the same reals)",
    )
    parser.add_argument("--output", required=True, type=Path, help="selection to write (Parquet)")
    parser.add_argument("--waterfall", type=Path, help="what each filter removed, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the selection, and what each filter removed."""
    import json

    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Subset
    from crossgen.config.presets import applied
    from crossgen.data import choice_tables
    from crossgen.data.subsets import Roles, choose

    subset = Subset.model_validate_json(json.dumps(applied(json.loads(options.subset))))
    roles = Roles.from_json(options.train_set, json.loads(options.roles))
    looked_at = choice_tables.read(options.manifests, subset, roles.only_tested)
    chosen = choose(looked_at, subset, roles)
    del looked_at
    records.write(options.output, choice_tables.whole(options.manifests, chosen.rows), records.SELECTION)
    if options.waterfall:
        told = pa.Table.from_pandas(chosen.waterfall, preserve_index=False)
        records.write(options.waterfall, told, records.WATERFALL)
    _say(options.output, chosen)


def _say(output: Path, chosen: "Selection") -> None:
    """What each step removed, what is left, and the digest."""
    told = chosen.waterfall[chosen.waterfall["removed"] > 0]
    for _, rows in told.groupby("position"):
        first = rows.iloc[0]
        print(f"{first['step']} {first['setting']}".strip() + f": removed {_counted(rows, rows['removed'])}")
    if chosen.undigested:
        print(
            f"{chosen.undigested:,} images have no digest (hash: false): leaks and repetitions among them stay unseen"
        )
    print(f"{output}: {_counted(chosen.rows)}, digest {chosen.digest}")


def _counted(rows: "pd.DataFrame", numbers: "pd.Series[int] | int" = 1) -> str:
    """`60 train reals, ...`: rows, or sums of `numbers`, by split and label."""
    names = rows["split"] + " " + rows["label"].map({0: "reals", 1: "fakes"})
    sums = rows.assign(_what=names, _n=numbers).groupby("_what")["_n"].sum()
    return ", ".join(f"{count:,} {what}" for what, count in sums.items())
