"""Pairs: a real and the fake that was made from it; found, checked, and where the fake lies in the real.

A fake's real is the one that its `pair` names, where that is known; else the real with the same name: the path inside
the source without its ending, and without folders that tell the label (Aligned Datasets: 0_real and 1_fake).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.data.filters import Mask
from crossgen.data.splits import order

Places = npt.NDArray[np.int64]

#: Columns of a manifest that pairs are found and checked by.
COLUMNS = ("path", "pair", "pair_x", "pair_y", "width", "height")
#: Columns of a selection that boxes follow from.
BOXES = ("image_id", "label", "pair", "pair_x", "pair_y", "width", "height")
#: What a selection of pairs writes anew.
WRITTEN = ("pair", "pair_x", "pair_y", "group")
#: Folders that tell the label and are no part of a name.
LABEL_FOLDERS = frozenset({"0_real", "1_fake", "real", "fake", "nature", "ai"})
#: A fake may lack so many pixels of its real at the right and at the bottom, where only names tell the pair: decoders
#: return multiples of a factor of at most 16.
SLACK = 15
#: Faults of one kind that a message names.
SHOWN = 3


def stem(path: str) -> str:
    """What both halves of a pair by name are called: `lsun/a` of `lsun/0_real/a.jpg`."""
    *folders, name = path.split("/")
    ending = name.rfind(".")
    return "/".join([*(f for f in folders if f not in LABEL_FOLDERS), name[:ending] if ending > 0 else name])


@dataclass(frozen=True)
class Pairs:
    """By row of a manifest: the place of its other half (-1: none), and where a fake's corner lies in its real.

    `faults`: kind to the places of what has no place in a pair, an image each, of those that might be used.
    """

    other: Places
    x: Places
    y: Places
    faults: dict[str, Places]

    def refuse(self, rows: pd.DataFrame, subset: str, train_set: str) -> None:
        """Raise ValueError if there are faults, with the first ones of each kind."""
        told = [_told(rows, kind, places) for kind, places in self.faults.items() if len(places)]
        if told:
            raise ValueError(
                f"Subset {subset!r} keeps whole pairs (pairing: name), and of train set {train_set!r} "
                f"{'; '.join(told)}. Correct the sources, or say unpaired: drop in the subset, which leaves them out"
                " and counts them."
            )

    def counted(self) -> str:
        """The faults by kind, for the waterfall."""
        return ", ".join(f"{len(places)} {kind}" for kind, places in self.faults.items() if len(places))


def _told(rows: pd.DataFrame, kind: str, places: Places) -> str:
    names = ", ".join(sorted(rows["image_id"].iloc[places])[:SHOWN])
    return f"{len(places)} {kind} ({names}{', ...' if len(places) > SHOWN else ''})"


def find(rows: pd.DataFrame, among: Mask, usable: Mask, seed: int) -> Pairs:
    """The pairs of the rows of `among`. Rows that are not `usable` are halves too, so that they drop their pairs, but
    no fault of theirs counts. Of several fakes of one real the first in the order of the seed is its half."""
    label = rows["label"].to_numpy()
    reals, fakes = np.flatnonzero(among & (label == 0)), np.flatnonzero(among & (label == 1))
    real_of, ambiguous, named = _reals_of(rows, reals, fakes)
    x, y = (_corner(rows, name) for name in ("pair_x", "pair_y"))
    faults = {"of a name that several reals have": fakes[ambiguous]}
    found = real_of >= 0
    faults["fakes without their real"] = fakes[~found & ~ambiguous]
    fakes, real_of, named = fakes[found], real_of[found], named[found]
    extra = _extra(rows, real_of, fakes, usable, seed)
    faults["fakes of a real that another is the half of"] = fakes[extra]
    checks = {
        "fakes in another split than their real (give both sources one `group`)": _differ(
            rows, "split", fakes, real_of
        ),
        "fakes in another group than their real": _strangers(rows, fakes, real_of),
        "fakes whose size does not fit their real": ~_fits(rows, fakes, real_of, named, (x, y)),
    }
    wrong = extra.copy()
    for kind, mask in checks.items():
        faults[kind] = fakes[mask & ~wrong]
        wrong |= mask
    other = np.full(len(rows), -1)
    other[fakes[~wrong]], other[real_of[~wrong]] = real_of[~wrong], fakes[~wrong]
    spoken_for = np.isin(reals, real_of)  # by a fake that is a fault itself
    faults["reals without a fake"] = reals[~spoken_for]
    return Pairs(other, x, y, {kind: places[usable[places]] for kind, places in faults.items()})


def _reals_of(rows: pd.DataFrame, reals: Places, fakes: Places) -> tuple[Places, Mask, Mask]:
    """The place of each fake's real, or -1; whether its name is several reals'; whether only its name tells it."""
    told = rows["pair"].iloc[fakes].to_numpy(object) if "pair" in rows else np.full(len(fakes), None, object)
    named = pd.isna(told)
    by_id = pd.Index(rows["image_id"].iloc[reals]).get_indexer(np.where(named, "", told))
    at = np.where(named, -1, by_id)
    ambiguous = np.zeros(len(fakes), bool)
    if named.any():
        names = pd.Series([stem(path) for path in rows["path"].iloc[reals]], dtype=object)
        doubled = set(names[names.duplicated(keep=False)])
        wanted = [stem(path) for path in rows["path"].iloc[fakes[named]]]
        ambiguous[named] = [name in doubled for name in wanted]
        single = names.drop_duplicates(keep=False)
        place = dict(zip(single, single.index, strict=True))
        at[named] = [place.get(name, -1) for name in wanted]
    return np.where(at >= 0, reals[at] if len(reals) else -1, -1), ambiguous, named


def _extra(rows: pd.DataFrame, real_of: Places, fakes: Places, usable: Mask, seed: int) -> Mask:
    """All but one fake of each real: a usable one, the first in the order of the seed."""
    several = pd.Series(real_of).duplicated(keep=False).to_numpy()
    names = rows["image_id"].iloc[fakes[several]]
    ranked = pd.DataFrame({"real": real_of[several], "lost": ~usable[fakes[several]]})
    ranked = ranked.assign(order=[order(seed, name) for name in names], place=np.flatnonzero(several))
    ranked = ranked.sort_values(["real", "lost", "order"])
    extra = np.zeros(len(fakes), bool)
    extra[ranked.loc[ranked["real"].duplicated(), "place"].to_numpy()] = True
    return extra


def _differ(rows: pd.DataFrame, column: str, fakes: Places, reals: Places) -> Mask:
    told = rows[column].to_numpy(object)
    return np.array(told[fakes] != told[reals], bool)


def _strangers(rows: pd.DataFrame, fakes: Places, reals: Places) -> Mask:
    """Where both groups differ, and the fake's is not merely its own id: then no source told one, and its real's
    holds."""
    alone = rows["group"].iloc[fakes].to_numpy(object) == rows["image_id"].iloc[fakes].to_numpy(object)
    return np.asarray(_differ(rows, "group", fakes, reals) & ~alone, bool)


def _fits(rows: pd.DataFrame, fakes: Places, reals: Places, named: Mask, corner: tuple[Places, Places]) -> Mask:
    """Whether each fake's box lies in its real; where only names tell, it begins at the corner and ends within SLACK.
    Sizes that no header tells are not looked at: such images are quarantined."""
    fit = np.ones(len(fakes), bool)
    for at, side in zip(corner, ("width", "height"), strict=True):
        sizes = rows[side].to_numpy(np.float64, na_value=np.nan)
        left = sizes[reals] - sizes[fakes] - at[fakes]
        fit &= np.isnan(left) | ((left >= 0) & (at[fakes] >= 0) & (~named | (left <= SLACK)))
    return fit


def _corner(rows: pd.DataFrame, column: str) -> Places:
    """Where the fake's corner lies in its real, by row; 0 where nobody tells."""
    if column not in rows:
        return np.zeros(len(rows), np.int64)
    return np.asarray(rows[column].fillna(0), np.int64)


def boxed(selection: pd.DataFrame) -> pd.DataFrame:
    """A selection with, for both halves of each pair, `pair_key` (the id of its real, null of what has no pair) and the
    box that they share: `box_x`, `box_y`, `box_width`, `box_height`, in pixels of the image itself.

    The box of a real is where its fake lies; a fake's is all of it. Sizes are those of the files as they came.
    """
    fakes = selection[(selection["label"] == 1) & selection["pair"].notna()]
    fakes = fakes[fakes["pair"].isin(selection["image_id"])]
    sizes = {"box_width": fakes["width"], "box_height": fakes["height"]}
    corner = {"box_x": fakes["pair_x"], "box_y": fakes["pair_y"]}
    whole = pd.DataFrame({"image_id": fakes["image_id"], "pair_key": fakes["pair"], "box_x": 0, "box_y": 0, **sizes})
    part = pd.DataFrame({"image_id": fakes["pair"], "pair_key": fakes["pair"], **corner, **sizes})
    at = pd.concat([whole, part]).set_index("image_id").reindex(selection["image_id"])
    return selection.assign(**{str(name): at[name].to_numpy() for name in at})
