"""Images that are there more than once: the same bytes, or (see `near`) nearly the same picture.

What stands in two places tells its harm: under both labels it cannot be learned, in two splits it was trained on and is
tested. A place is (pool, split, label).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.intervals import Codes
from crossgen.records import DUPLICATES, MANIFEST, from_rows

PLACE = ("pool", "split", "label")
COLUMNS = ("image_id", *PLACE, "blake3")
#: Pairs of images that a row shows.
EXAMPLES = 5
#: Relation of two places, the worst first.
RELATIONS = ("across_label", "across_split", "within_split")

Rows = list[dict[str, object]]


def exact(manifests: Sequence[Path]) -> Rows:
    """DUPLICATES rows of the files of some manifests. Unusable images and those without a digest do not count.

    The digests alone are read first: memory stays at 64 bytes an image, and a little for what is found.
    """
    digests = pa.chunked_array(
        [each for path in manifests for each in pq.read_table(path, columns=["blake3"])[0].chunks]
    )
    counts = pc.value_counts(digests.drop_null())
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    found = [_held(path, repeated) for path in manifests]
    return of_frame(pa.concat_tables(found, promote_options="permissive").to_pandas())


def _held(path: Path, digests: pa.Array) -> pa.Table:
    """The rows of one manifest that have one of these digests."""
    table = pq.read_table(path, columns=[*COLUMNS, "quarantine"])
    kept = table.filter(pc.and_(pc.is_in(table["blake3"], digests), pc.is_null(table["quarantine"])))
    kinds = {name: MANIFEST.columns[name] for name in COLUMNS}
    return kept.select(list(COLUMNS)).cast(pa.schema(list(kinds.items())))


def of_frame(images: pd.DataFrame) -> Rows:
    """DUPLICATES rows of a frame with the columns image_id, pool, split, label, blake3: the same bytes."""
    images = images[images["blake3"].notna()]
    again = images[images["blake3"].duplicated(keep=False)]
    code, _ = pd.factorize(again["blake3"], sort=True)
    return linked(again, code.astype(np.int64), np.empty((0, 2), dtype=np.int64))


def linked(images: pd.DataFrame, code: Codes, links: Codes) -> Rows:
    """DUPLICATES rows, the worst relation first; `examples` as a list of pairs of image_ids (see `as_table`).

    `code` [n]: images of one code are the same; `links` [m, 2]: codes that are nearly the same, too.
    """
    images = images.assign(code=code, place=images.groupby(list(PLACE), sort=True).ngroup())
    images = images.sort_values("image_id", kind="stable")
    own = np.unique(code)
    pairs = np.concatenate([links, links[:, ::-1], np.column_stack([own, own])]) if len(own) else links
    held = images.groupby(["place", "code"], sort=True)["image_id"].agg(["size", "first", "last"]).reset_index()
    both = pd.DataFrame(pairs, columns=["code", "other_code"]).merge(held, on="code")
    both = both.merge(held, left_on="other_code", right_on="code", suffixes=("", "_other")).drop(columns="code_other")
    both = both[(both["place"] < both["place_other"]) | (both["place"] == both["place_other"])]
    alone = (both["place"] == both["place_other"]) & (both["code"] == both["other_code"]) & (both["size"] < 2)
    places: Any = images.drop_duplicates("place").set_index("place")[list(PLACE)].to_dict("index")
    rows = [
        _row(places, first, second, group) for (first, second), group in both[~alone].groupby(["place", "place_other"])
    ]
    return sorted(rows, key=lambda row: (RELATIONS.index(str(row["relation"])), -int(str(row["images"]))))


def _row(
    places: Mapping[Any, Mapping[str, Any]], first: object, second: object, group: pd.DataFrame
) -> dict[str, object]:
    """One pair of places. `group`: a row for each two codes that are alike, with the images of each in its place."""
    own, other = dict(places[first]), dict(places[second])
    images, others = (
        int(group.drop_duplicates(code)[size].sum()) for code, size in (("code", "size"), ("other_code", "size_other"))
    )
    last = group["first_other"]
    if first == second:
        last = last.where(group["code"] != group["other_code"], group["last"])
    shown = sorted(
        {tuple(sorted(pair)) if first == second else pair for pair in zip(group["first"], last, strict=True)}
    )
    examples = [list(pair) for pair in shown[:EXAMPLES]]
    row = own | {f"other_{name}": value for name, value in other.items()} | {"relation": relation(own, other)}
    return row | {"files": group["code"].nunique(), "images": images, "other_images": others, "examples": examples}


def relation(own: Mapping[str, object], other: Mapping[str, object]) -> str:
    """What it means that two places share images: one of RELATIONS."""
    if own["label"] != other["label"]:
        return "across_label"
    return "across_split" if own["split"] != other["split"] else "within_split"


def as_table(rows: Rows) -> pa.Table:
    """The rows as a DUPLICATES table: examples as JSON, for a name may hold any sign."""
    return from_rows([row | {"examples": json.dumps(row["examples"])} for row in rows], DUPLICATES)


def harmful(rows: Iterable[dict[str, object]]) -> Rows:
    """Those that stand under both labels, or in two splits."""
    return [row for row in rows if row["relation"] != "within_split"]
