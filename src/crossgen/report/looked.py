"""What was seen in detectors that were looked into: a table, and figures as they were drawn."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from crossgen.report.data import ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import Gaps, Table

#: Of numbers.json a row a detector, label and JPEG quality; `folder` holds the figures.
COLUMNS = (
    "detector", "folder", "images", "method", "neighbours", "neighbours_low", "neighbours_high", "chance", "label",
    "quality", "measure", "value", "low", "high", "verdicts_changed",
)  # fmt: skip
LABELS = {0: "reals", 1: "fakes"}
#: Width of the maps on a page, in pixels, and their JPEG quality.
WIDTH, QUALITY = 900, 80


def read_looked(paths: Sequence[Path]) -> pd.DataFrame:
    """The numbers.json of every detector that was looked into, as rows of COLUMNS."""
    rows = [row for path in paths for row in _rows(path)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(path: Path) -> list[dict[str, Any]]:
    told = json.loads(path.read_text(encoding="utf-8"))
    near = told["neighbours"]
    of = {
        "detector": told["detector"], "folder": path.parent.as_posix(), "images": told["images"],
        "method": told["maps"]["method"], "neighbours": near["value"], "neighbours_low": near["low"],
        "neighbours_high": near["high"], "chance": near["chance"],
    }  # fmt: skip
    return [{name: row[name] for name in COLUMNS if name in row} | of for row in told["drift"]]


def table(data: ReportData) -> Table:
    """A row a detector: how well neighbours tell the pool, and how far JPEG moves its reals and fakes."""
    gaps = Gaps()
    rows = [_row(gaps, str(name), rows) for name, rows in data.looked.groupby("detector", sort=False)]
    caption = (
        "Detectors that were looked into. Neighbours tell the pool: share of images whose pool the nearest images of"
        " other photographs tell, in percent, beside chance. Drift: how far JPEG moves the features, where fakes lie"
        " 1.0 from reals; the share of verdicts that change, in percent. 95 % intervals in brackets."
        + ("" if rows else " None.")
    )
    full = data.looked.drop(columns="folder")
    return Table(caption, pd.DataFrame(rows), full, gaps.notes)


def _row(gaps: Gaps, name: str, rows: pd.DataFrame) -> dict[str, str]:
    first = rows.iloc[0]
    near = Estimate(first["neighbours"], first["neighbours_low"], first["neighbours_high"], reason="")
    told = {
        "Detector": name, "Images": f"{first['images']:,}", "Neighbours tell the pool": gaps.percent(near),
        "Chance": f"{100 * first['chance']:.1f}", "Maps": str(first["method"]).replace("_", "-"),
    }  # fmt: skip
    distances = rows[rows["measure"] == "distance"].sort_values(["label", "quality"], ascending=[True, False])
    for row in distances.to_dict("records"):
        drift = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        told[f"{LABELS[row['label']]} at {row['quality']}"] = f"{drift}; {100 * row['verdicts_changed']:.0f}"
    return told


def shown(data: ReportData) -> dict[str, dict[str, Any]]:
    """Detector to what the page shows of it: paths of the drawn plane and drift, and its maps as an address."""
    found = {}
    for name, folder in data.looked[["detector", "folder"]].drop_duplicates().itertuples(index=False):
        place = Path(folder)
        found[str(name)] = {
            "plane": place / "plane.svg",
            "drift": place / "drift.svg",
            "maps": _small(place / "maps.png"),
        }
    return found


def _small(path: Path) -> str:
    """A drawn picture as a data: address, no wider than WIDTH: maps with pictures are millions of bytes as they are."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(memory.getvalue()).decode()}"
