"""Procedural images: processor seconds for 1,000 of 256 pixels, by family and in all, and the ratio to the aim.

The aim is 1,000 images in 3 minutes of 2 cores: 360 processor seconds. Every family draws as often as in a pool of all.
Run: python benchmarks/shaders.py [--count 370] [--size 256] [--processes 2] [--sheet docs/gallery/shaders.jpg]
"""

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from crossgen.data.made_files import save
from crossgen.procedural.registry import NAMES, draw, family_of

AIM = 360.0
#: Images of a family on the sheet, their side in pixels there, families next to each other.
SHOWN, TILE, BLOCKS = 5, 64, 2


def seconds_of(index: int, size: int, root: Path) -> float:
    """Processor seconds that an image takes."""
    began = time.process_time()
    save(draw(None, 0, index, (size, size)), root, f"{index}.png")
    return time.process_time() - began


def everyone() -> float:
    """Processor seconds of this process and its children that have ended, so far."""
    told = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in told)


def measure(count: int, size: int, processes: int) -> None:
    """Print the seconds of each family and of all, the start of the processes included in the latter."""
    began, clock = everyone(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work = partial(seconds_of, size=size, root=Path(folder))
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            found = np.array(list(pool.map(work, range(count), chunksize=4)))
    wall = time.perf_counter() - clock
    total = (everyone() - began) * 1000 / count
    print("processor seconds for 1,000 images of each family:")
    for number in np.argsort([-found[place :: len(NAMES)].mean() for place in range(len(NAMES))]):
        print(f"  {NAMES[number]:20}{1000 * found[number :: len(NAMES)].mean():7.1f}")
    print(f"all {len(NAMES)} families: {total:.1f} processor seconds for 1,000 images of {size} x {size} pixels")
    print(f"on the clock: {wall * 1000 / count:.1f} seconds by {processes} processes")
    print(f"ratio to the aim of {AIM:.0f}: {total / AIM:.2f} (below 1: faster)")


def sheet(path: Path) -> None:
    """Save the first images of every family, families by name down the columns."""
    rows = -(-len(NAMES) // BLOCKS)
    canvas = Image.new("RGB", (BLOCKS * (SHOWN * TILE + 8) - 8, rows * TILE), "white")
    for index in range(SHOWN * len(NAMES)):
        number, place = NAMES.index(family_of(index)), index // len(NAMES)
        tile = Image.fromarray(draw(None, 0, index, (256, 256))).resize((TILE, TILE), Image.Resampling.LANCZOS)
        column = number // rows * (SHOWN * TILE + 8) + place * TILE
        canvas.paste(tile, (column, number % rows * TILE))
    canvas.save(path, quality=82, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10 * len(NAMES), help="images, a multiple of the families (370)")
    parser.add_argument("--size", type=int, default=256, help="side in pixels (256)")
    parser.add_argument("--processes", type=int, default=2, help="processes that draw (2)")
    parser.add_argument("--sheet", type=Path, help="save a contact sheet here and measure nothing")
    options = parser.parse_args()
    if options.count < len(NAMES):
        parser.error(f"--count {options.count}: expected at least {len(NAMES)}, one of each family")
    if options.sheet:
        sheet(options.sheet)
    else:
        measure(options.count, options.size, options.processes)


if __name__ == "__main__":
    main()
