"""Which folders of a tree a source's `subset` means, and which folders tell a split."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from crossgen.config.values import Split

#: Names of folders that tell the split, in lower case (case is ignored); GenImage's own meaning of `val` is another.
SPLITS: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def without_splits(folders: Sequence[str]) -> tuple[str, ...]:
    """The folders that are no folders of a split."""
    return tuple(folder for folder in folders if folder.lower() not in SPLITS)


def is_below(folders: Sequence[str], subset: str | None, layout: str) -> bool:
    """Whether a file in `folders` (below the source's root) is of the subset.

    A bare name means every folder so called, at any depth. A path (with a /; ./name right below the root) means that
    folder; where the layout knows folders of splits, those may stand anywhere: `a/b` is also `train/a/b`.
    """
    if subset is None:
        return True
    if _is_name(subset):
        return subset in folders
    return _begins(folders, subset) or (layout != "plain" and _begins(without_splits(folders), subset))


def may_lead_below(folders: Sequence[str], subset: str | None, layout: str) -> bool:
    """Whether files of the subset may lie in `folders` or below: what need not be walked is told by the names alone."""
    if subset is None or _is_name(subset):
        return True
    shapes = [folders] if layout == "plain" else [folders, without_splits(folders)]
    wanted = PurePosixPath(subset).parts
    return any(tuple(shape[: len(wanted)]) == wanted[: len(shape)] for shape in shapes)


def _is_name(subset: str) -> bool:
    return "/" not in subset and subset != "."


def _begins(folders: Sequence[str], subset: str) -> bool:
    wanted = PurePosixPath(subset).parts
    return tuple(folders[: len(wanted)]) == wanted
