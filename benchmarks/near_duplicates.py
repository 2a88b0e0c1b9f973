"""Near duplicates: images hashed a second, seconds of the search, and what which threshold finds and mistakes.

Photographs of the mini data set: each changed in six ways (should be found), and all pairs of different ones (should
not). Run: python benchmarks/near_duplicates.py [--hashes 100000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from crossgen.data import near

PHOTOGRAPHS = Path(__file__).parents[1] / "data" / "mini" / "images" / "photographs"
CUBIC = Image.Resampling.BICUBIC
#: What is done to a photograph, and the JPEG quality it is saved at.
CHANGES = {
    "JPEG 50": (lambda image: image, 50),
    "half size": (lambda image: image.resize((image.width // 2, image.height // 2), CUBIC), 90),
    "brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.2), 90),
    "more contrast": (lambda image: ImageEnhance.Contrast(image).enhance(1.3), 90),
    "2 % cut off": (lambda image: image.crop((round(image.width * 0.02), 0, *image.size)), 90),
    "5 % cut off": (lambda image: image.crop((round(image.width * 0.05), 0, *image.size)), 90),
}


def distances(folder, paths, own):
    """Bits that differ between each photograph and its changed copy."""
    for name, (change, quality) in CHANGES.items():
        copies = []
        for at, path in enumerate(paths):
            copies.append(folder / f"{at}.jpg")
            change(Image.open(path).convert("RGB")).save(copies[-1], quality=quality)
        hashes = np.array([h if isinstance(h, int) else 0 for h in near.hashed(copies)], np.uint64)
        yield name, np.bitwise_count(hashes ^ own)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hashes", type=int, default=100_000)
    options = parser.parse_args()
    paths = sorted(path for path in PHOTOGRAPHS.rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
    began = time.perf_counter()
    found = list(near.hashed(paths))
    seconds = time.perf_counter() - began
    paths = [path for path, each in zip(paths, found, strict=True) if isinstance(each, int)]
    own = np.array([each for each in found if isinstance(each, int)], np.uint64)
    print(f"hashing: {len(found)} photographs of the mini data set, {len(found) / seconds:.0f} images/s")
    thresholds = (2, 4, 6, 8, 10)
    print("found with at most so many bits:", *(f"{t:>6}" for t in thresholds))
    with tempfile.TemporaryDirectory() as folder:
        for name, apart in distances(Path(folder), paths, own):
            print(f"{name:31}", *(f"{np.mean(apart <= t):6.1%}" for t in thresholds))
    pairs = len(own) * (len(own) - 1) / 2
    every = np.bitwise_count(own[:, None] ^ own[None])[np.triu_indices(len(own), 1)]
    print(f"{f'of {pairs:,.0f} pairs of others':31}", *(f"{np.sum(every <= t):6d}" for t in thresholds))
    rng = np.random.default_rng(0)
    # drawn as real hashes are spread: bits of real ones, mixed
    mixed = np.zeros(options.hashes, np.uint64)
    for bit in range(0, 64, 8):
        mixed |= own[rng.integers(0, len(own), options.hashes)] & np.uint64(0xFF << bit)
    mixed = np.unique(mixed)
    for threshold in (4, near.THRESHOLD, 8):
        began = time.perf_counter()
        links = near.pairs(mixed, threshold)
        seconds = time.perf_counter() - began
        print(f"search: {len(mixed):,} hashes, at most {threshold} bits: {seconds:.1f} s, {len(links):,} pairs")


if __name__ == "__main__":
    main()
