"""The table of spectra: what the pools' images betray in their frequencies, in numbers."""

import json
from typing import Any

import numpy as np
import pandas as pd

from crossgen.intervals import Clusters, rate
from crossgen.intervals import Estimate as Limits
from crossgen.report.data import ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import GAP, Gaps, Table, minus
from crossgen.spectra.comparing import NOTHING, column, difference, mean, phase

LABELS = {0: "real", 1: "fake"}
NO_IMAGES = "no image large enough"
NO_REALS = "no test set pairs the pool with reals"
COLUMNS = (
    "Pool", "Label", "Images", "Left out", "High frequencies / reals", "Block edges (%)", "Blocks begin at",
    "Saved as JPEG (%)", "Quality", "Saved twice (%)", "Repeats every",
)  # fmt: skip
CAPTION = (
    "Traces in the frequencies of squares of {side} pixels (residual: {residual}), with {level:.0%} intervals."
    " High frequencies: power from a quarter cycle a pixel on, over that of the test set's reals (geometric means; 1 is"
    " alike). Block edges: how much larger differences are across edges of the file's own 8 x 8 blocks than elsewhere."
    " Saved as JPEG: images whose DCT coefficients have the comb of a quality, with the commonest; saved twice: with a"
    " second one under it. Repeats every: lags (right, down) at which the autocorrelation peaks, with their heights."
)


def real_of(data: ReportData, pool: str) -> str | None:
    """The pool of reals that a pool of fakes is tested against first."""
    return next((item.real for item in data.test_sets if item.fake == pool and item.real), None)


def images_of(data: ReportData, pool: str | None) -> pd.DataFrame:
    """The measured images of a pool."""
    return data.spectral[data.spectral["pool"] == pool]


def average(data: ReportData, pool: str, kind: str) -> np.ndarray:
    """An average [height, width] of a pool; of size 0 where it has no image."""
    rows = data.spectra[(data.spectra["pool"] == pool) & (data.spectra["kind"] == kind)]
    if not len(rows):
        return np.zeros((0, 0))
    row = rows.iloc[0]
    return np.asarray(row["values"], np.float64).reshape(row["height"], row["width"])


def peaks_of(data: ReportData, pool: str) -> np.ndarray:
    """Peaks [k, 3] of a pool's autocorrelation: right, down, height."""
    return average(data, pool, "peaks").reshape(-1, 3)


def options(data: ReportData) -> dict[str, Any]:
    """How the pools were measured: side, crop, residual, splits; empty without spectra."""
    found: dict[str, Any] = json.loads(data.spectra["options"].iloc[0]) if len(data.spectra) else {}
    return found


def pools(data: ReportData) -> list[str]:
    """Pools that were looked at, reals first, else in the config's order."""
    seen = data.spectra.drop_duplicates("pool")
    return [*seen.loc[seen["label"] == 0, "pool"], *seen.loc[seen["label"] == 1, "pool"]]


def spectra(data: ReportData) -> Table:
    """A row a pool; without rows if the config asks for no spectra."""
    if data.spectra.empty:
        caption = "No spectra: the config does not ask for them (key `spectra`)."
        return Table(caption, pd.DataFrame(columns=list(COLUMNS)), pd.DataFrame(columns=["pool"]))
    told = options(data)
    gaps, numbers = Gaps(), [_numbers(data, pool) for pool in pools(data)]
    caption = CAPTION.format(side=told["side"], residual=told["residual"], level=data.level).replace("%", " %")
    return Table(caption, pd.DataFrame([_printed(row, gaps) for row in numbers]), pd.DataFrame(numbers), gaps.notes)


def ratio(data: ReportData, pool: str) -> Limits:
    """Power of high frequencies over that of the reals, a ratio of geometric means."""
    mine, reals = images_of(data, pool), images_of(data, real_of(data, pool))
    (found,) = difference(mine, reals, (column(mine, "high"), column(reals, "high")), data.level)
    value, low, high = (float(10 ** (each / 10)) for each in found[:3])
    return Limits(value, low, high, found.interval)


def _numbers(data: ReportData, pool: str) -> dict[str, Any]:
    """All of a pool at full precision."""
    row = data.spectra[data.spectra["pool"] == pool].iloc[0]
    mine = images_of(data, pool)
    edges = [column(mine, name) for name in ("block_rows", "block_columns")]
    both = (edges[0][:, :1] + edges[1][:, :1]) / 2 if len(mine) else np.zeros((0, 1))
    begin, qualities = phase(mine, data.level), mine["quality"].dropna()
    return {
        "pool": pool,
        "label": int(row["label"]),
        "images": int(row["n"]),
        "left_out": row["left_out"],
        "reals": real_of(data, pool),
        **_named("high_ratio", ratio(data, pool)),
        **_named("block_edges", mean(mine, both, data.level)[0]),
        "phase_right": begin[0],
        "phase_down": begin[1],
        **_named("saved", _share(mine, "quality", data.level)),
        "quality": int(qualities.mode().iloc[0]) if len(qualities) else None,
        "of_that_quality": float((qualities == qualities.mode().iloc[0]).mean()) if len(qualities) else None,
        **_named("saved_twice", _share(mine, "first_quality", data.level)),
        "peaks": json.dumps([[int(x), int(y), round(float(h), 6)] for x, y, h in peaks_of(data, pool)]),
    }


def _share(rows: pd.DataFrame, name: str, level: float) -> Limits:
    """Share of the images that have a value."""
    if not len(rows):
        return NOTHING
    zeros, everyone = np.zeros(len(rows), np.int64), np.ones(len(rows), dtype=bool)
    clusters = Clusters.of(rows["group"].to_numpy(str), zeros, rows["stratum"].to_numpy(str))
    return rate(rows[name].notna().to_numpy(), everyone, clusters, level)


def _named(name: str, found: Limits) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _printed(row: dict[str, Any], gaps: Gaps) -> dict[str, str]:
    left_out = json.loads(row["left_out"])
    quality = f"{row['quality']} ({row['of_that_quality']:.0%})".replace("%", " %") if row["quality"] else GAP
    told = json.loads(row["peaks"])
    return dict(
        zip(
            COLUMNS,
            (
                row["pool"],
                LABELS[row["label"]],
                f"{row['images']:,}",
                ", ".join(f"{n}: {reason}" for reason, n in left_out.items()) or "0",
                _ratio_text(row, gaps),
                gaps.percent(_estimate(row, "block_edges")),
                GAP if row["phase_right"] is None else f"({row['phase_right']}, {row['phase_down']})",
                gaps.percent(_estimate(row, "saved")),
                quality,
                gaps.percent(_estimate(row, "saved_twice")),
                "; ".join(f"({minus(str(x))}, {y}): {height:.3f}" for x, y, height in told) or GAP,
            ),
            strict=True,
        )
    )


def _estimate(row: dict[str, Any], name: str) -> Estimate:
    return Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"], reason=NO_IMAGES)


def _ratio_text(row: dict[str, Any], gaps: Gaps) -> str:
    if np.isnan(row["high_ratio"]):
        return gaps.mark(NO_IMAGES if row["reals"] else NO_REALS)
    interval = (
        "" if np.isnan(row["high_ratio_low"]) else f" [{row['high_ratio_low']:.2f}, {row['high_ratio_high']:.2f}]"
    )
    return f"{row['high_ratio']:.2f}{interval}"
