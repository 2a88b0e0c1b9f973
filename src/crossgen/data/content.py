"""Content classes: which image shows what, classes listed or drawn, and equal numbers of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.config import Classes
from crossgen.config.breakdowns import ClassRange
from crossgen.data.splits import order

Mask = npt.NDArray[np.bool_]

#: Columns that tell the content class. The first that is known of some real and of some fake is the class.
COLUMNS = ("class_index", "class_synset", "class_name")


@dataclass(frozen=True)
class Content:
    """The class of each row: a place in `names`, or -1 where none is known."""

    code: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def orders(self, seed: int) -> dict[int, str]:
        """Code to the class's place in the order of the seed: by its name, whichever other classes there are."""
        return {code: order(seed, name) for code, name in enumerate(self.names)}


def content(rows: pd.DataFrame) -> Content:
    """The class of each row. Raises ValueError where reals and fakes have no way in common to tell it."""
    fake = rows["label"].to_numpy() == 1
    for column in COLUMNS:
        known = rows[column].notna().to_numpy() if column in rows else np.zeros(len(rows), bool)
        if known[fake].any() and known[~fake].any():
            code, names = pd.factorize(rows[column], sort=True)
            whole = column == "class_index"
            return Content(code, tuple(str(int(name)) if whole else str(name) for name in names))
    raise ValueError(
        f"The content class is not known of both reals and fakes ({', '.join(COLUMNS)} are empty for one of them): "
        "classes, images_per_content_class and balance_classes need it; name a table or metadata that tells it in the "
        "pools' sources, or drop these keys."
    )


def listed(rows: pd.DataFrame, among: Mask, wanted: Sequence[int | str | ClassRange]) -> Mask:
    """Rows of these classes: numbers are indices, ranges of these, texts synsets or names.

    Raises ValueError for classes that no row of `among` shows.
    """
    masks = {entry: of_classes(rows, [entry]) for entry in wanted}
    unknown = [entry for entry, mask in masks.items() if not (mask & among).any()]
    if unknown:
        raise ValueError(
            f"classes names {len(unknown)} of {len(wanted)} that no image shows: "
            f"{', '.join(_with_hint(rows, entry) for entry in unknown[:5])}; numbers are class indices, texts synsets "
            "or names: correct or drop them."
        )
    return np.asarray(np.logical_or.reduce(list(masks.values())))


def of_classes(rows: pd.DataFrame, entries: Sequence[int | str | ClassRange]) -> Mask:
    """Rows of any of these classes: numbers are indices, ranges of these, texts synsets or names."""
    masks = [_of_range(rows, entry) if isinstance(entry, ClassRange) else _of_class(rows, entry) for entry in entries]
    return np.asarray(np.logical_or.reduce([np.zeros(len(rows), bool), *masks]))


def _of_range(rows: pd.DataFrame, wanted: ClassRange) -> Mask:
    if "class_index" not in rows:
        return np.zeros(len(rows), bool)
    index = pd.to_numeric(rows["class_index"]).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray((index >= wanted.first) & (index <= wanted.last))


def _of_class(rows: pd.DataFrame, entry: int | str) -> Mask:
    columns = ("class_index",) if isinstance(entry, int) else ("class_synset", "class_name")
    masks = [rows[column].eq(entry).fillna(False).to_numpy(bool) for column in columns if column in rows]
    return np.asarray(np.logical_or.reduce([np.zeros(len(rows), bool), *masks]))


def _with_hint(rows: pd.DataFrame, entry: int | str | ClassRange) -> str:
    if isinstance(entry, ClassRange):
        return f"{entry.first} to {entry.last}"
    if isinstance(entry, int):
        return str(entry)
    known = [str(name) for column in COLUMNS[1:] if column in rows for name in rows[column].dropna().unique()]
    close = get_close_matches(entry, known, 1)
    return f"{entry!r} (did you mean {close[0]!r}?)" if close else repr(entry)


def drawn(shown: Content, among: Mask, wanted: Classes) -> tuple[Mask, list[str]]:
    """Rows of the first n classes in the order of the seed, of those that a row of `among` shows; and their names.

    Whoever else is there does not matter: two train sets whose fakes show the same classes draw the same. Raises
    ValueError for fewer than n.
    """
    there = np.unique(shown.code[among & (shown.code >= 0)])
    if len(there) < wanted.n:
        raise ValueError(f"classes.n asks for {wanted.n} content classes, but the fakes show {len(there)}: lower it.")
    orders = shown.orders(wanted.seed)
    ranked = sorted(there.tolist(), key=lambda code: orders[code])[: wanted.n]
    return np.isin(shown.code, ranked), [shown.names[code] for code in sorted(ranked)]


def places(rows: pd.DataFrame, seed: int, within: Sequence[str]) -> npt.NDArray[np.int64]:
    """Each row's place in its group of `within`: pools take turns, and each gives its images in the order of the seed.

    Rows below n in place are n images, spread over the pools, and part of those below any larger n.
    """
    frame = rows[[*dict.fromkeys([*within, "pool"])]].reset_index(drop=True)
    frame["_order"] = [order(seed, image_id) for image_id in rows["image_id"]]
    frame = frame.sort_values("_order")
    frame["_turn"] = frame.groupby([*dict.fromkeys([*within, "pool"])]).cumcount()
    place = frame.sort_values(["_turn", "_order"]).groupby(list(within)).cumcount()
    return np.asarray(place.sort_index(), np.int64)


def first_of_class(rows: pd.DataFrame, seed: int, n: int) -> Mask:
    """At most n rows of each split, label and class (column `content`)."""
    return places(rows, seed, ["split", "label", "content"]) < n


def balanced(rows: pd.DataFrame, seed: int) -> Mask:
    """As many reals as fakes of each split and class (column `content`): the larger number is cut down."""
    counts = rows.groupby(["split", "content", "label"]).size().unstack("label", fill_value=0)
    fewest = counts.reindex(columns=[0, 1], fill_value=0).min(axis=1)
    limit = fewest.reindex(pd.MultiIndex.from_frame(rows[["split", "content"]])).to_numpy()
    return np.asarray(places(rows, seed, ["split", "label", "content"]) < limit)


def first_by_turns(rows: pd.DataFrame, turns: Mapping[int, str], seed: int, n: int) -> Mask:
    """n rows of each split and label, classes (column `content`) in turn, so that classes that are balanced stay so.

    `turns`: order of the classes within a turn (`Content.orders`).
    """
    place = places(rows, seed, ["split", "label", "content"])
    frame = rows[["split", "label"]].assign(_place=place, _class=rows["content"].map(turns))
    ranked = frame.reset_index(drop=True).sort_values(["_place", "_class"], kind="stable")
    return np.asarray((ranked.groupby(["split", "label"]).cumcount() < n).sort_index())
