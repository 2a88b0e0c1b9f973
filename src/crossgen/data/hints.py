"""What the pixels of a sample tell of earlier compressions: a hint, with its error rates, not a finding.

Error rates, measured by benchmarks/grid.py on 46 pictures (40 drawn, 6 photographs scaled down) of 137 to 448 pixels:

| what was done | what is told |
|---|---|
| never compressed | a grid: 0 of 46 |
| JPEG 60 to 98, decoded, cropped at (3, 5), saved as PNG | the right grid: 46 of 46 at each quality |
| JPEG 96, a part cut out, saved as PNG | a grid: 96 pixels 72 %, 112: 95 %, 128: 98 %, 256: 100 % |
| JPEG once | its own grid: all; a second grid or gaps, wrongly: 60: 13 %, 75 and 85: 4 %, 90: 2 %, 96 and 98: none |
| JPEG, cropped, then JPEG again | second grid: 75 then 96: 100 %, 85 then 95: 91 %, 60 then 90: 89 % |
| the same | second grid: 75 then 90: 41 %, 90 then 96: 33 %, 60 then 75: none |
| JPEG twice on one grid, the first harder (60 then 75 ... 90 then 96) | gaps: 98 to 100 % |
| JPEG twice, the second as hard as the first or harder | second grid, gaps: 0 to 2 % |
| enlarged exactly | a grid, wrongly: 2 and 4 times 2 %, 8 times 60 % (bilinear), 100 % (nearest) |
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from crossgen.data import grid
from crossgen.data.images import Unusable, decode
from crossgen.data.reading import read_file
from crossgen.data.splits import order
from crossgen.progress import track

#: What is counted of each label's images, and of which: of files that are no JPEG, of JPEGs, of all.
SIGNS = {
    "was_jpeg": "no JPEG now, but with the grid of one",
    "shifted": "with a grid that does not begin at the corner: cropped after a compression",
    "second_grid": "JPEG with a second grid: cropped after an earlier compression",
    "compressed_harder": "JPEG that was compressed harder before, on the same grid",
}
Json = dict[str, object]


@dataclass(frozen=True)
class Seen:
    """What one image shows; `reason` if it could not be looked at."""

    is_jpeg: bool = False
    traces: grid.Traces | None = None
    reason: str | None = None

    @property
    def signs(self) -> dict[str, bool]:
        """Which SIGNS it bears; empty if it is too small or flat to say."""
        found = self.traces
        if found is None or not found.is_known:
            return {}
        second = found.second is not None or (self.is_jpeg and found.shift not in (None, (0, 0)))
        if not self.is_jpeg:
            return {"was_jpeg": found.shift is not None, "shifted": found.shift not in (None, (0, 0))}
        return {"second_grid": second, "shifted": second, "compressed_harder": bool(found.gaps)}


def sampled(images: pd.DataFrame, n: int, seed: int = 0) -> pd.DataFrame:
    """At most `n` images of each label, the first in the order of `seed`."""
    ranked = images.assign(_order=[order(seed, image_id) for image_id in images["image_id"]]).sort_values("_order")
    return ranked.groupby("label").head(n).drop(columns="_order")


def hints(images: pd.DataFrame, paths: Mapping[str, Path], n: int) -> Json:
    """Of a sample of images (columns image_id, label): how many of each label bear which of SIGNS, with the counts they
    are of, the commonest shifts, and how many were too small or did not decode. `paths`: image_id to file."""
    chosen = sampled(images, n)
    with ThreadPoolExecutor(2) as threads:
        looked = threads.map(look, [paths[image_id] for image_id in chosen["image_id"]])
        seen = list(track(looked, "audit: traces of JPEG", len(chosen)))
    told: Json = {"sample": len(chosen), "signs": SIGNS}
    for name, label in (("real", 0), ("fake", 1)):
        told[name] = _counted([each for each, own in zip(seen, chosen["label"], strict=True) if own == label])
    return told


def _counted(seen: Sequence[Seen]) -> Json:
    signs = [each.signs for each in seen]
    shifts = Counter(each.traces.shift for each in seen if each.signs and each.traces and each.traces.shift)
    return {
        "images": len(seen),
        "undecodable": sum(each.reason is not None for each in seen),
        "too_small_or_flat": sum(each.reason is None and not each.signs for each in seen),
        **{name: {"of": sum(name in each for each in signs), "found": sum(each.get(name, False) for each in signs)}
           for name in SIGNS},
        "shifts": [{"x": x, "y": y, "images": count} for (x, y), count in shifts.most_common(3)],
    }  # fmt: skip


def look(path: Path) -> Seen:
    """What one file shows."""
    try:
        blob = read_file(path)
        pixels = decode(blob)
    except (Unusable, OSError) as error:
        return Seen(reason=getattr(error, "reason", "unreadable"))
    with Image.open(io.BytesIO(blob)) as image:
        tables = getattr(image, "quantization", None) if image.format in ("JPEG", "MPO") else None
    return Seen(tables is not None, grid.traces(pixels, tables))
