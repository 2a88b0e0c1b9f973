"""Manifests of GenImage's pools against `genimage_metadata.csv`: rows that one side lacks, values that differ.

Rows are matched by the generator's folder, GenImage's split and label, and the name of the file. Only folders and
labels that the manifests hold are compared, in both splits; what else was published is counted. The published quality
is that of the nearest luminance table of the IJG library, ties to the lower (so 0 is 1), and 100 for what is no JPEG.
Where a JPEG's tables are exactly the library's, ours must agree; ImageMagick's estimate of other tables need not.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.data import genimage, published
from crossgen.progress import Meter

#: Columns of a manifest that are read, and their types in memory: 2.7 million rows are held.
COLUMNS = {
    "path": pa.string(), "folder": pa.string(), "format": pa.string(), "width": pa.int32(), "height": pa.int32(),
    "jpeg_quality": pa.int16(), "jpeg_quality_estimate": pa.int16(), "class_index": pa.int16(), "defect": pa.string(),
}  # fmt: skip
_COMPARED = {name: kind for name, kind in COLUMNS.items() if name not in ("path", "folder")}
_TAIL = r"(?i)(?:^|/)(?P<split>train|val)/(?P<label>ai|nature)/(?P<name>[^/]+)$"
_FOLDER = r"(?i)(?:^|/)(?P<folder>[^/]+?)(?:/imagenet_[^/]*)?/(?:train|val)/(?:ai|nature)/[^/]+$"
EXAMPLES = 5

#: (generator's folder, label folder, split folder).
Key = tuple[str, str, str]
#: Counts that mean a disagreement, with what they count.
FAULTS = {
    "missing_in_manifests": "rows that no manifest has",
    "missing_in_published": "images that were not published",
    "sizes_differ": "sizes that differ",
    "qualities_differ": "qualities that differ",
    "classes_differ": "classes that differ",
}


def compare(csv: Path, manifests: Sequence[Path], partial: bool = False) -> dict[str, Any]:
    """The report, as JSON holds it; `agrees` says whether there is no disagreement.

    `partial`: the manifests hold a sample, so that rows they lack are counted but are no disagreement. Raises
    FileNotFoundError, ValueError for a file that is no manifest, or no genimage_metadata.csv, or if nothing compares.
    """
    ours, outside = _manifests(manifests)
    if not ours:
        raise ValueError(
            f"None of {len(manifests)} manifests holds an image of GenImage's layout "
            "(<folder>/<train|val>/<ai|nature>/<file>): nothing to compare."
        )
    theirs, others = _published(csv, {key[:2] for key in ours})
    keys = sorted({*ours, *theirs})
    groups = [_group(key, ours.pop(key, None), theirs.pop(key, None)) for key in keys]
    counted = [name for name in FAULTS if not (partial and name == "missing_in_manifests")]
    rows = sum(group["published"] for group in groups) + sum(others.values())
    return {
        "published": str(csv),
        "published_rows": rows,
        "published_rows_expected": published.ROWS,
        "manifests": [str(path) for path in manifests],
        "partial": partial,
        "images_outside_layout": outside,
        "groups": groups,
        "not_compared": [dict(zip(("folder", "label", "split"), key, strict=True)) | {"published": others[key]}
                         for key in sorted(others)],
        "totals": {name: sum(group[name] for group in groups) for name in (*FAULTS, "matched", "known_defects")},
        "agrees": not any(group[name] for group in groups for name in counted),
    }  # fmt: skip


def _manifests(paths: Sequence[Path]) -> tuple[dict[Key, pa.Table], int]:
    """Rows by key, and how many lie outside GenImage's layout."""
    found, outside = defaultdict[Key, list[pa.Table]](list), 0
    with Meter("cross-check: manifests", None) as meter:
        for path in paths:
            for batch in _batches(path):
                rows = _keyed(batch)
                outside += batch.num_rows - rows.num_rows
                for key, part in _by_key(rows):
                    found[key].append(part)
                meter.advance(batch.num_rows)
    return {key: _unique(pa.concat_tables(parts)) for key, parts in found.items()}, outside


def _batches(path: Path) -> Iterator[pa.Table]:
    try:
        file = pq.ParquetFile(path)
        missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            raise ValueError(f"{path}: a manifest lacks the columns {missing}: run extract_metadata again.")
        for batch in file.iter_batches(columns=list(COLUMNS)):
            yield pa.table(batch)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error}).") from error


def _keyed(batch: pa.Table) -> pa.Table:
    parts = pc.extract_regex(batch["path"], _TAIL).combine_chunks()
    from_path = pc.struct_field(pc.extract_regex(batch["path"], _FOLDER).combine_chunks(), "folder")
    told = pc.coalesce(batch["folder"].combine_chunks(), from_path)
    names = {value: genimage.canonical(value) for value in pc.unique(told).to_pylist()}
    folders = pc.dictionary_encode(told)
    canonical = pa.array([names[value] for value in folders.dictionary.to_pylist()], pa.string())
    columns = {
        "folder": canonical.take(folders.indices),
        "label": pc.utf8_lower(pc.struct_field(parts, "label")),
        "split": pc.utf8_lower(pc.struct_field(parts, "split")),
        "name": pc.struct_field(parts, "name"),
    }
    rows = pa.table(columns | {name: batch[name].cast(kind) for name, kind in _COMPARED.items()})
    return rows.filter(pc.and_(pc.is_valid(rows["name"]), pc.is_valid(rows["folder"])))


def _by_key(rows: pa.Table) -> Iterator[tuple[Key, pa.Table]]:
    keys = rows.group_by(["folder", "label", "split"]).aggregate([]).to_pylist()
    for each in keys:
        is_mine = pc.and_(
            pc.and_(pc.equal(rows["folder"], each["folder"]), pc.equal(rows["label"], each["label"])),
            pc.equal(rows["split"], each["split"]),
        )
        kept = (
            rows.filter(is_mine).drop_columns(["folder", "label", "split"])
            if len(keys) > 1
            else rows.drop_columns(["folder", "label", "split"])
        )
        yield (each["folder"], each["label"], each["split"]), kept


def _unique(rows: pa.Table) -> pa.Table:
    """One row a name: pools that share images list them twice."""
    rows = rows.combine_chunks()
    names = pc.dictionary_encode(rows["name"].combine_chunks())
    if len(names.dictionary) == rows.num_rows:
        return rows
    first = (
        pa.table({"name": names.indices, "row": pa.array(range(rows.num_rows))})
        .group_by("name")
        .aggregate([("row", "min")])
    )
    return rows.take(first["row_min"].combine_chunks())


def _published(csv: Path, wanted: set[tuple[str, str]]) -> tuple[dict[Key, pa.Table], dict[Key, int]]:
    """Published rows by key, of the wanted (folder, label), and the numbers of the others."""
    found, others = defaultdict[Key, list[pa.Table]](list), defaultdict[Key, int](int)
    columns = ["path", "width", "height", "compression_rate", "class"]
    with Meter("cross-check: published", published.ROWS, "rows") as meter:
        for batch in published.batches(csv, columns):
            meter.advance(batch.num_rows)
            for key, part in _by_key(batch.drop_columns(["path"])):
                if key[:2] in wanted:
                    found[key].append(part)
                else:
                    others[key] += part.num_rows
    tables = {key: pa.concat_tables(parts) for key, parts in found.items()}
    for (folder, label, split), rows in tables.items():
        doubled = rows.num_rows - pc.count_distinct(rows["name"]).as_py()
        if doubled:
            raise ValueError(f"{csv}: {doubled} files of {folder}/{split}/{label} are listed twice; fetch it again.")
    return tables, dict(others)


def _group(key: Key, ours: pa.Table | None, theirs: pa.Table | None) -> dict[str, Any]:
    """Counts and first examples of one folder, label and split."""
    folder, label, split = key
    n_ours, n_theirs = (0 if rows is None else rows.num_rows for rows in (ours, theirs))
    ours = _EMPTY_OURS if ours is None else ours
    theirs = _EMPTY_THEIRS if theirs is None else theirs
    pair = theirs.rename_columns({"width": "published_width", "height": "published_height"}).append_column(
        "is_published", pa.array([True] * theirs.num_rows, pa.bool_())
    )
    pair = ours.append_column("is_ours", pa.array([True] * ours.num_rows, pa.bool_())).join(
        pair, "name", join_type="full outer"
    )
    faults, counts = _faults(pair)
    found: dict[str, Any] = {"folder": folder, "label": label, "split": split, "published": n_theirs, "images": n_ours}
    found |= {"matched": counts.pop("matched")} | {name: rows.num_rows for name, rows in faults.items()} | counts
    found["examples"] = {
        name: _examples(rows, f"{folder}/{split}/{label}") for name, rows in faults.items() if rows.num_rows
    }
    return found


def _faults(pair: pa.Table) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Rows of each fault, and counts of what was compared."""
    both = pair.filter(pc.and_(pc.is_valid(pair["is_ours"]), pc.is_valid(pair["is_published"])))
    unpublished = pair.filter(pc.is_null(pair["is_published"]))
    exact = both.filter(pc.is_valid(both["jpeg_quality"]))
    estimated = both.filter(
        pc.and_(
            pc.and_(pc.equal(both["format"], "JPEG"), pc.is_null(both["jpeg_quality"])),
            pc.is_valid(both["jpeg_quality_estimate"]),
        )
    )
    other = both.filter(pc.not_equal(both["format"], "JPEG"))
    floor = pc.max_element_wise(exact["compression_rate"], pa.scalar(1, pa.int16()))
    wrong_exact = exact.filter(pc.not_equal(floor, exact["jpeg_quality"]))
    wrong_other = other.filter(pc.not_equal(other["compression_rate"], 100))
    wrong_size = pc.or_(
        pc.not_equal(both["width"], both["published_width"]), pc.not_equal(both["height"], both["published_height"])
    )
    faults = {
        "missing_in_manifests": pair.filter(pc.is_null(pair["is_ours"])),
        "missing_in_published": unpublished.filter(pc.is_null(unpublished["defect"])),
        "sizes_differ": both.filter(wrong_size),
        "qualities_differ": pa.concat_tables([wrong_exact, wrong_other]),
        "classes_differ": both.filter(pc.not_equal(both["class_index"], both["class"])),
    }
    gaps = pc.subtract(estimated["compression_rate"], estimated["jpeg_quality_estimate"])
    counts = {
        "matched": both.num_rows,
        "known_defects": unpublished.num_rows - faults["missing_in_published"].num_rows,
        "sizes_compared": both.num_rows - both["width"].null_count,
        "qualities_compared": exact.num_rows + other.num_rows,
        "estimates_compared": estimated.num_rows,
        "estimates_differ": int(pc.sum(pc.not_equal(gaps, 0)).as_py() or 0),
        "estimates_largest_gap": int(pc.max(pc.abs(gaps)).as_py() or 0),
        "classes_compared": both.num_rows - both["class_index"].null_count,
    }
    return faults, counts


def _examples(rows: pa.Table, folder: str) -> list[dict[str, Any]]:
    """The first by name, with what both sides say."""
    first = rows.sort_by("name").slice(0, EXAMPLES).to_pylist()
    return [{"path": f"{folder}/{row['name']}", "ours": _ours(row), "published": _theirs(row)} for row in first]


def _ours(row: dict[str, Any]) -> dict[str, Any] | None:
    if not row["is_ours"]:
        return None
    return {name: row[name] for name in _COMPARED if row[name] is not None}


def _theirs(row: dict[str, Any]) -> dict[str, Any] | None:
    if not row["is_published"]:
        return None
    return {
        "width": row["published_width"], "height": row["published_height"], "quality": row["compression_rate"],
        "class_index": row["class"],
    }  # fmt: skip


_EMPTY_OURS = pa.schema({"name": pa.string(), **_COMPARED}).empty_table()
_EMPTY_THEIRS = pa.schema(
    {
        "width": pa.int32(),
        "height": pa.int32(),
        "compression_rate": pa.int16(),
        "class": pa.int16(),
        "name": pa.string(),
    }
).empty_table()


def as_markdown(report: dict[str, Any]) -> str:
    """The report for people: a table of groups, then the first examples of each disagreement."""
    verdict = "They agree." if report["agrees"] else "They disagree."
    rows = f"{report['published_rows']:,} published rows ({report['published_rows_expected']:,} expected)"
    lines = [
        "# GenImage's manifests against genimage_metadata.csv", "",
        f"{verdict} {rows}, {len(report['manifests'])} manifests.", "",
        "| folder | label | split | published | images | matched | " + " | ".join(FAULTS.values())
        + " | known defects | estimates that differ |",
        "|" + "---|" * (8 + len(FAULTS)),
    ]  # fmt: skip
    names = ("published", "images", "matched", *FAULTS, "known_defects", "estimates_differ")
    for group in report["groups"]:
        cells = [group["folder"], group["label"], group["split"], *(f"{group[name]:,}" for name in names)]
        lines.append("| " + " | ".join(cells) + " |")
    for group in report["groups"]:
        for name, examples in group["examples"].items():
            lines += ["", f"{group['folder']}/{group['split']}/{group['label']}: {FAULTS[name]}, first:", ""]
            lines += [f"- `{each['path']}`: ours {each['ours']}, published {each['published']}" for each in examples]
    if report["not_compared"]:
        told = ", ".join(f"{row['folder']}/{row['split']}/{row['label']} {row['published']:,}" for row in
                         report["not_compared"])  # fmt: skip
        lines += ["", f"Published, and in no manifest given: {told}."]
    return "\n".join(lines) + "\n"
