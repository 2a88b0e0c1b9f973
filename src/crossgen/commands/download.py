"""List a pool's images and verify their files; or fetch GenImage's deposit, or the wanted part of it, by hand."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossgen.config import DataverseSource

EXAMPLE = """crossgen download --output files.parquet \\
    --pool '{"name": "mine", "label": "real", "source": {"kind": "folder", "root": "photos"}}'
  crossgen download --destination genimage --subset biggan adm --splits test --fraction 0.01"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pool", help="list this pool: JSON of the config's item")
    what.add_argument("--destination", type=Path, help="fetch GenImage's Dataverse deposit to this folder (by hand)")
    listed = parser.add_argument_group("with --pool")
    listed.add_argument("--output", type=Path, help="listing to write (Parquet)")
    listed.add_argument("--made", type=Path, nargs="*", help="tables of its images, where a rule made them (Parquet)")
    listed.add_argument("--split-seed", type=int, help="seed of the val and test carve (default: 0)")
    listed.add_argument("--val-fraction", type=float, help="share of train groups for val (0.15)")
    listed.add_argument("--test-fraction", type=float, help="share tested where no split is stated (0.3)")
    fetched = parser.add_argument_group("with --destination")
    fetched.add_argument(
        "--continue",
        dest="go_on",
        action="store_true",
        help="verify (size and digest) whatever the folder holds, fetch the rest; needed where another program put it",
    )
    fetched.add_argument("--only", choices=("metadata", "images"), help="everything but the images; the images alone")
    fetched.add_argument("--extract", action="store_true", default=None, help="fetch all parts, unpack the images too")
    fetched.add_argument("--connections", type=int, help="files or ranges fetched at a time (4)")
    fetched.add_argument("--server", help="the Dataverse installation (https://dataverse.harvard.edu)")
    fetched.add_argument("--doi", help="the data set (doi:10.7910/DVN/AKDIHF)")
    wanted = parser.add_argument_group("images wanted, with --destination (without --extract: fetched by ranges alone)")
    wanted.add_argument("--subset", nargs="+", help="midjourney sd14 sd15 adm glide wukong vqdm biggan (all)")
    wanted.add_argument("--splits", nargs="+", help="train test (both); GenImage's val is its test set")
    wanted.add_argument("--per-class", type=int, help="images of each class and split (all)")
    wanted.add_argument("--fraction", type=float, help="share of the images, by hash of seed and path (1)")
    wanted.add_argument("--seed", type=int, help="seed of --per-class and --fraction (0)")


def run(options: argparse.Namespace) -> None:
    """Write the listing, or fetch."""
    if options.pool is None:
        _refuse(options, ("output", "made", "split_seed", "val_fraction", "test_fraction"), "--pool")
        _fetch(options)
    else:
        others = ("go_on", "only", "extract", "connections", "server", "doi", "subset", "splits")
        _refuse(options, (*others, "per_class", "fraction", "seed"), "--destination")
        _list(options)


def _refuse(options: argparse.Namespace, names: tuple[str, ...], belongs_to: str) -> None:
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if given:
        option = {"go_on": "continue"}.get(given[0], given[0]).replace("_", "-")
        raise ValueError(f"--{option} goes with {belongs_to}, which was not given")


def _list(options: argparse.Namespace) -> None:
    from crossgen import records
    from crossgen.config import Pool
    from crossgen.data.listing import build

    if options.output is None:
        raise ValueError("--pool needs --output, the listing to write")
    told = {"split_seed": 0, "val_fraction": 0.15, "test_fraction": 0.3} | _given(
        options, "split_seed", "val_fraction", "test_fraction"
    )
    pool = Pool.model_validate_json(options.pool)
    files = build(pool, told["split_seed"], told["val_fraction"], told["test_fraction"], options.made or ())
    records.write(options.output, files, records.FILES)
    print(f"{options.output}: {files.num_rows} images of pool {pool.name!r}, verified")


def _fetch(options: argparse.Namespace) -> None:
    from crossgen.config import DataverseSource
    from crossgen.data.by_hand import Wish, download

    subsets = tuple(options.subset or ())
    chosen = _given(options, "splits", "per_class", "fraction", "seed")
    is_whole = options.extract or not (subsets or chosen)
    told = _given(options, "server", "doi", "connections") | {"members": chosen, "metadata": options.only != "images"}
    told |= {"kind": "genimage_dataverse", "root": str(options.destination), "mode": "whole" if is_whole else "partial"}
    source, *_ = [_checked(DataverseSource, told | {"subset": name}) for name in subsets or ("adm",)]
    members = source.members if options.extract or not is_whole else None
    if options.only == "metadata" and members is not None:
        raise ValueError("--only metadata fetches no images: leave out the options that choose images")
    for line in download(Wish(source, subsets, members, options.only, options.go_on)):
        print(line, flush=True)


def _checked(kind: "type[DataverseSource]", told: dict[str, Any]) -> "DataverseSource":
    """Raises ValueError that names the options, never their values: an address may hold a password."""
    import json

    from pydantic import ValidationError

    try:
        return kind.model_validate_json(json.dumps(told))
    except ValidationError as error:
        faults = [
            f"--{each['loc'][-1 if each['loc'][0] != 'members' else 1]}: {each['msg']}" for each in error.errors()
        ]
        raise ValueError("; ".join(faults).replace("per_class", "per-class")) from None


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}
