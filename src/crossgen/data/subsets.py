"""From manifests to the rows one detector learns from: filters, then the same number of images of each label.

Every choice is by hash of (seed, image id) and looks at nothing else: neither the order of the rows nor the machine
matters, and a smaller sample is part of a larger one.
"""

from dataclasses import dataclass

import pandas as pd

from crossgen.config import Subset
from crossgen.data.choosing import Chooser, Roles
from crossgen.data.paired_choosing import PairedChooser
from crossgen.data.waterfall import digest

#: Raised when other rows are chosen, here or by the modules that do it. Not a digest of the code: what depends on a
#: selection is dear.
VERSION = 2


__all__ = ["Roles", "Selection", "choose", "select"]


#: `pairing` of a subset -> who chooses.
CHOOSERS: dict[str, type[Chooser]] = {"none": Chooser, "name": PairedChooser}


@dataclass(frozen=True)
class Selection:
    """The chosen rows, with the columns of the manifest that was given, what each step removed, and the digest."""

    rows: pd.DataFrame
    waterfall: pd.DataFrame
    digest: str
    undigested: int  # images looked at of which nothing can be said about leaks and repetitions


def select(manifest: pd.DataFrame, subset: Subset, train_set: str) -> pd.DataFrame:
    """The chosen rows alone; see `choose`."""
    return choose(manifest, subset, Roles(train_set)).rows


def choose(manifest: pd.DataFrame, subset: Subset, roles: Roles) -> Selection:
    """The subset's rows of a train set's manifests: splits train and val, usable images, both labels.

    `manifest` holds the rows of all the pools read, test rows too: they are looked at for leaks, and never chosen.
    Raises ValueError, with counts and remedy, where too few are left and where images contradict what is declared.
    """
    chooser = CHOOSERS[subset.pairing](manifest, subset, roles)
    for step in (chooser.honest, chooser.wanted, chooser.validated, chooser.thinned, chooser.sampled):
        step()
    rows = chooser.sieve.left().sort_values("image_id").reset_index(drop=True)
    made = manifest.groupby("pool")["generator"].first() if "generator" in manifest else pd.Series(dtype=object)
    told = chooser.sieve.table().assign(subset=subset.name, train_set=roles.train_set, digest=digest(rows))
    unknown = int((chooser.usable & chooser.rows["blake3"].isna().to_numpy()).sum())
    return Selection(rows, told.assign(generator=told["pool"].map(made)), digest(rows), unknown)
