"""Images of tables as folders that other code trains from: <split>/0_real and <split>/1_fake, pairs under one stem."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd

from crossgen.data import aligned
from crossgen.data.names import located
from crossgen.data.pack import Sources

#: Label to the folder; split to the folder, but for `val`, which code and README of AlignedForensics call differently.
FOLDERS = {0: "0_real", 1: "1_fake"}

How = Literal["link", "symlink", "copy"]
PLACE: Mapping[How, Callable[[Path, Path], object]] = {
    "link": os.link,
    "symlink": lambda source, target: target.symlink_to(source.resolve()),
    "copy": shutil.copyfile,
}


@dataclass(frozen=True)
class Layout:
    """Where to lay images out, how, and what the folder of validation images is called."""

    output: Path
    how: How = "link"
    val: Literal["val", "valid"] = "valid"


def planned(rows: pd.DataFrame, layout: Layout) -> dict[str, int]:
    """Path below the output -> place of its row (columns image_id, path, split, label, pool; pair if there are pairs).

    A fake with a pair bears its real's stem. Raises ValueError for two images of one name.
    """
    found: dict[str, int] = {}
    names = {"train": "train", "val": layout.val, "test": "test"}
    pairs = rows["pair"] if "pair" in rows else pd.Series([None] * len(rows), index=rows.index)
    for place, (row, pair) in enumerate(zip(rows.to_dict("records"), pairs, strict=True)):
        own = PurePosixPath(row["path"])
        stem = PurePosixPath(pair).stem if isinstance(pair, str) else own.stem
        path = f"{names[row['split']]}/{FOLDERS[row['label']]}/{stem}{own.suffix}"
        if path in found:
            other = rows["image_id"].iloc[found[path]]
            raise ValueError(
                f"{other} and {row['image_id']} would both be {path}: lay them out in folders of their own (a run for"
                " each pool, or each table)."
            )
        found[path] = place
    return found


def lay_out(
    rows: pd.DataFrame, roots: Mapping[str, str], layout: Layout, written: Sequence[Path] = ()
) -> dict[str, int]:
    """Lay the images out, all or none; how many are in each folder. `roots`: pool to where its paths begin.

    `written`: folders of alignment (`crossgen.data.aligned`), whose files take the place of the images'; `rows` are a
    selection then, and what alignment could not read is left out together with its other half.

    Raises ValueError for an output that is there already, a pool without a root, names that are not unique, and a
    selected image that alignment did not write.
    """
    if layout.output.exists():
        raise ValueError(f"{layout.output} is there already, and nothing is overwritten: name another, or remove it.")
    strange = sorted(set(rows["pool"]) - set(roots))
    if strange:
        raise ValueError(f"No folder of the pools {', '.join(strange)}: name it, as JSON {{pool: folder}}.")
    rows, files = _files(rows, roots, written)
    targets = planned(rows, layout)
    part = layout.output.with_name(f".{layout.output.name}.{os.getpid()}.part")
    try:
        for target, place in targets.items():
            (part / target).parent.mkdir(parents=True, exist_ok=True)
            PLACE[layout.how](files[place], part / target)
        os.replace(part, layout.output)
    except OSError as error:
        raise _unlaid(layout, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {str(key): int(n) for key, n in pd.Series(list(targets)).str.rpartition("/")[0].value_counts().items()}


def _files(rows: pd.DataFrame, roots: Mapping[str, str], written: Sequence[Path]) -> tuple[pd.DataFrame, list[Path]]:
    """The rows that are laid out, under the names that they get, and their files."""
    if not written:
        paths = zip(rows["pool"], rows["path"], strict=True)
        return rows, [located(Path(roots[pool]), path) for pool, path in paths]
    sources = Sources.of(rows, *aligned.read(written, roots))
    lost = sources.rows["quarantine"].notna()
    halves = sources.rows["pair"].where(sources.rows["pair"].notna(), sources.rows["image_id"])
    kept = ~(lost | halves.isin(halves[lost])).to_numpy(bool)
    # a file of alignment is called by a number: the image's own name stays, as far as its format does
    names = [
        str(PurePosixPath(path).with_suffix(file.suffix))
        for path, file in zip(rows["path"], sources.files, strict=True)
    ]
    return sources.rows.assign(path=names)[kept], [
        file for file, stays in zip(sources.files, kept, strict=True) if stays
    ]


def _unlaid(layout: Layout, error: OSError) -> ValueError:
    remedy = "; hard links need one file system: --how copy, or symlink" if layout.how == "link" else ""
    return ValueError(f"Cannot lay out {layout.output}: {error}; nothing was left there{remedy}.")
