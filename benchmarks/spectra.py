"""What averaging spectra costs: images a second of one core, beside decoding the same files alone, in one run.

    python benchmarks/spectra.py [--images 200]

Files are JPEG of 500 x 375 pixels at quality 90, as GenImage's photographs, and PNG of 512 x 512, as its fakes.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from crossgen.config.spectra import Spectra
from crossgen.data.images import decode
from crossgen.spectra.choosing import Chosen
from crossgen.spectra.measuring import analyse

KINDS = {"JPEG of 500 x 375": (500, 375, "jpg"), "PNG of 512 x 512": (512, 512, "png")}


def draw(folder: Path, n: int, width: int, height: int, suffix: str) -> list[dict[str, object]]:
    """Files of smooth colour fields under noise; rows of a manifest."""
    rows = []
    for number in range(n):
        random = np.random.default_rng(number)
        coarse = Image.fromarray(random.integers(30, 225, (12, 12, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
        pixels = np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
        name = f"{number}.{suffix}"
        Image.fromarray(pixels).save(folder / name, **({"quality": 90} if suffix == "jpg" else {}))
        rows.append({"image_id": name, "path": name, "group": name, "stratum": "drawn"})
    return rows


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(kind: str, folder: Path, chosen: Chosen) -> None:
    """Decode all files, then analyse them in two sizes; a line each."""
    n = len(chosen.rows)
    decoding = seconds(lambda: [decode((folder / str(row["path"])).read_bytes()) for row in chosen.rows])
    for options in (Spectra(side=128), Spectra(side=256)):
        whole = seconds(partial(analyse, chosen, folder, options))
        print(
            f"{kind}, squares of {options.side}: {n / whole:.0f} images a second, {whole / decoding:.1f} times decoding"
            f" alone ({1000 * (whole - decoding) / n:.1f} ms more an image)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    n = parser.parse_args().images
    for kind, shape in KINDS.items():
        with tempfile.TemporaryDirectory() as made:
            measure(kind, Path(made), Chosen(draw(Path(made), n, *shape), Counter()))


if __name__ == "__main__":
    main()
