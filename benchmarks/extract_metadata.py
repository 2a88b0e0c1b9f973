"""How fast header facts are read: images a second, with and without digests, by processes and by threads, beside a loop
that decodes every file with Pillow. Rounds are interleaved, so that other work on the machine slows all alike.

    python benchmarks/extract_metadata.py --files 20000 --workers 2

Files are as ImageNet's: 500 x 375 JPEG of quality 96, made of data/mini's photographs, no two with the same bytes.
They are read once before the rounds: figures are for a warm cache; a cold disk gives what it gives. Processes need idle
cores: on a machine that does other work (see the load it prints), threads of one process may come out ahead.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from crossgen import records
from crossgen.config import FolderSource, Pool
from crossgen.data.extraction import Shard, extract, in_processes, in_threads
from crossgen.data.jpeg import encode
from crossgen.data.listing import build

PHOTOGRAPHS = Path(__file__).parents[1] / "data" / "mini" / "images" / "photographs"
KINDS = 100


def draw(folder: Path, n: int) -> float:
    """Write the files; their mean size in bytes."""
    blobs = []
    for number, path in enumerate(sorted(PHOTOGRAPHS.rglob("*.jpg"))[:KINDS]):
        picture = np.asarray(Image.open(path).convert("RGB").resize((500, 375), Image.Resampling.BICUBIC), np.float64)
        grain = np.random.default_rng(number).normal(0, 4, (375, 500, 1))  # what scaling up took away
        blobs.append(encode(np.clip(picture + grain, 0, 255).astype(np.uint8), 96, "4:2:0"))
    for number in range(n):
        blob = blobs[number % len(blobs)]
        comment = b"\xff\xfe\x00\x0a" + f"{number:08d}".encode()
        (folder / f"{number:08d}.jpg").write_bytes(blob[:20] + comment + blob[20:])
    return sum(map(len, blobs)) / len(blobs)


def rate(n: int, work) -> float:
    began = time.perf_counter()
    work()
    return n / (time.perf_counter() - began)


def decode_all(paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.load()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--decoded", type=int, default=1000, help="files of the loop that decodes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        measure(Path(work), options)


def measure(work: Path, options: argparse.Namespace) -> None:
    root = work / "images"
    root.mkdir()
    size = draw(root, options.files)
    pool = Pool(name="bench", label="real", source=FolderSource(kind="folder", root=str(root)))
    records.write(work / "files.parquet", build(pool, 0, 0.15, 0.3), records.FILES)
    ways = {
        f"{'blake3' if hashed else 'no digest'}, {options.workers} {kind}": (hashed, start)
        for hashed in (True, False)
        for kind, start in (("processes", in_processes), ("threads", in_threads))
    }
    paths = sorted(root.iterdir())[: options.decoded]
    found = {name: [] for name in [*ways, "Pillow decodes, 1 thread"]}
    for path in sorted(root.iterdir()):
        path.read_bytes()
    for _ in range(options.rounds):
        for name, (hashed, start) in ways.items():
            shard = Shard(work / "files.parquet", root, hashed=hashed)
            found[name].append(
                rate(options.files, lambda s=shard, w=start: extract(s, work / "m.parquet", options.workers, w))
            )
        found["Pillow decodes, 1 thread"].append(rate(len(paths), lambda: decode_all(paths)))
    loop = found["Pillow decodes, 1 thread"]
    print(
        f"{options.files} JPEG files of {size / 1e3:.0f} kB, warm; median of {options.rounds} interleaved rounds; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    for name, rates in found.items():
        ratio = statistics.median(a / b for a, b in zip(rates, loop, strict=True))
        print(f"{name:28} {statistics.median(rates):8,.0f} images/s   {ratio:5.1f} times the loop")


if __name__ == "__main__":
    main()
