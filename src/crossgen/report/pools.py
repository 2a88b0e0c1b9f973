"""The table of the data: what each pool holds, from the headers of its files."""

import pandas as pd

from crossgen.report.data import ReportData
from crossgen.report.printing import Table

SPLITS = ("train", "val", "test")
LABELS = {0: "real", 1: "fake"}


def pools(data: ReportData) -> Table:
    """A row a pool: images by split, formats, sizes, the commonest JPEG quality, quarantined files."""
    groups = list(data.facts.groupby("pool", sort=False))
    rows = [{"Pool": str(name), **_printed(rows)} for name, rows in groups]
    caption = "Images of each pool, from the headers of their files. Quarantined images are used nowhere."
    return Table(caption, pd.DataFrame(rows), _counts(data.facts))


def _printed(rows: pd.DataFrame) -> dict[str, str]:
    usable = rows[rows.quarantine.isna()]
    return {
        "Label": " and ".join(LABELS[int(label)] for label in sorted(rows.label.unique())),
        **{split: f"{int((usable.split == split).sum()):,}" for split in SPLITS},
        "Formats": ", ".join(f"{name} {share:.0%}" for name, share in _shares(usable.format)).replace("%", " %"),
        "Width": _range(usable.width),
        "Height": _range(usable.height),
        "JPEG quality": _quality(usable.jpeg_quality),
        "Quarantined": _quarantined(rows.quarantine.dropna()),
    }


def _shares(column: "pd.Series[str]") -> list[tuple[str, float]]:
    return [(str(name), share) for name, share in column.value_counts(normalize=True).items()]


def _range(column: "pd.Series[float]") -> str:
    known = column.dropna()
    if known.empty:
        return "–"
    low, high = int(known.min()), int(known.max())
    return str(low) if low == high else f"{low}–{high}, median {known.median():.0f}"


def _quality(column: "pd.Series[float]") -> str:
    known = column.dropna()
    if known.empty:
        return "–"
    value, share = known.value_counts(normalize=True).index[0], known.value_counts(normalize=True).iloc[0]
    return f"{int(value)}: {share:.0%} of {len(known):,} known".replace("%", " %")


def _quarantined(reasons: "pd.Series[str]") -> str:
    return ", ".join(f"{count}: {reason}" for reason, count in reasons.value_counts().items()) or "0"


def _counts(facts: pd.DataFrame) -> pd.DataFrame:
    """Images and their sizes by everything else that the printed table sums over."""
    keys = ["pool", "label", "split", "format", "jpeg_quality", "quarantine"]
    sizes = {f"{side}_{how}": (side, how) for side in ("width", "height") for how in ("min", "median", "max")}
    counts = facts.groupby(keys, sort=False, dropna=False).agg(images=("image_id", "size"), **sizes)
    return counts.reset_index()
