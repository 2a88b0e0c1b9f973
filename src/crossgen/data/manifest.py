"""The manifest: one row an image, header facts only. A file is read once, for its digest; nothing is decoded."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crossgen.data.facts import NAMES, Facts, facts_of, read_facts
from crossgen.records import FILES, MANIFEST

__all__ = ["VERSION", "Tally", "describe", "facts_of", "joined", "quarantined", "refuse_losses", "refuse_quarantine"]

#: Raised when a fact is read in another way.
VERSION = 2

#: Reason of an image that a published list names as broken.
KNOWN_DEFECT = "known_defect"
#: Images that a message names.
_NAMED = 3


def describe(files: pa.Table, root: Path, hashed: bool = True) -> pa.Table:
    """MANIFEST rows of FILES rows, read here and now. An unusable image keeps its row, the reason in `quarantine`."""
    return joined(files, read_facts(root, files["path"].to_pylist(), hashed))


def joined(files: pa.Table, facts: Sequence[Facts]) -> pa.Table:
    """MANIFEST rows from FILES rows and the facts of their files.

    A known defect is quarantined as one whatever was read, so that two copies of a data set give the same images.
    """
    columns = dict(zip(NAMES, zip(*facts, strict=True), strict=True)) if facts else dict.fromkeys(NAMES, ())
    told = {name: files[name] for name in FILES.columns}
    read = {name: pa.array(columns[name], MANIFEST.columns[name]) for name in MANIFEST.columns if name not in told}
    read["quarantine"] = pc.if_else(pc.is_valid(told["defect"]), KNOWN_DEFECT, read["quarantine"])
    return pa.table(told | read)


@dataclass
class Tally:
    """Counts of a pool's images, gathered piece by piece."""

    total: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)  # image_ids of unforeseen losses

    def add(self, manifest: pa.Table) -> pa.Table:
        """Count the rows of one piece; returns it."""
        lost = manifest.filter(pc.is_valid(manifest["quarantine"]))
        self.total += manifest.num_rows
        self.reasons.update(lost["quarantine"].to_pylist())
        if len(self.first) < _NAMED:
            unforeseen = lost.filter(pc.not_equal(lost["quarantine"], KNOWN_DEFECT))
            self.first += unforeseen["image_id"].slice(0, _NAMED - len(self.first)).to_pylist()
        return manifest

    def refuse(self, pool: str, limit: float) -> None:
        """Raise ValueError if more than the share `limit` of a pool's images is unusable by their headers.

        Known defects do not count: they were foreseen, and a list says which they are.
        """
        unforeseen = Counter({reason: n for reason, n in self.reasons.items() if reason != KNOWN_DEFECT})
        _refuse(f"Pool {pool!r}", unforeseen, self.first, self.total, limit)


def tally(pieces: Iterable[pa.Table]) -> Tally:
    """The counts of some pieces of a manifest."""
    counted = Tally()
    for piece in pieces:
        counted.add(piece)
    return counted


def quarantined(manifest: pa.Table) -> dict[str, int]:
    """Reasons for quarantine and how often each holds."""
    return dict(tally([manifest]).reasons)


def refuse_quarantine(manifest: pa.Table, pool: str, limit: float) -> None:
    """Raise ValueError if more than the share `limit` of a pool's images is unusable (see `Tally.refuse`)."""
    tally([manifest]).refuse(pool, limit)


def refuse_losses(what: str, reasons: Mapping[str, str], total: int, limit: float) -> None:
    """Raise ValueError if more than the share `limit` of `total` images is lost. `reasons`: lost image_id to reason."""
    _refuse(what, Counter(reasons.values()), list(reasons)[:_NAMED], total, limit)


def _refuse(what: str, reasons: Counter[str], first: list[str], total: int, limit: float) -> None:
    share = reasons.total() / max(1, total)
    if share > limit:
        raise ValueError(
            f"{what}: {share:.1%} of {total} images are unusable ({dict(reasons)}; first: {first}), "
            f"more than max_quarantine {limit:.1%}: repair or remove them and list the pool again (config/README.md "
            'tells how, under "Images as they come"), or raise max_quarantine of the pool.'
        )
