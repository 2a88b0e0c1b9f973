"""`crossgen audit` of 100,000 images with the manifest present: headers, probes, exact duplicates, page and JSON.

Draws the manifest and places 100,000 small files (their headers are not read again), then times the command itself, and
apart from it the listing, which only looks at sizes and times. Run: python benchmarks/audit.py [--images 100000]
"""

import argparse
import resource
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa

from crossgen import records
from crossgen.__main__ import main as crossgen
from crossgen.data import given


def place(root, n):
    """n / 2 files of each label in folders of 1000, with different sizes."""
    rng = np.random.default_rng(0)
    for label, ending in (("real", "jpg"), ("fake", "png")):
        for at in range(n // 2):
            folder = root / label / f"{at // 1000:03d}"
            if at % 1000 == 0:
                folder.mkdir(parents=True)
            (folder / f"{label}_{at:06d}.{ending}").write_bytes(b"x" * int(rng.integers(1, 60)))


def draw(files):
    """A manifest of the listed files: half of the fakes PNG, one file in twenty a copy of another."""
    n, rng = files.num_rows, np.random.default_rng(1)
    is_jpeg = (files["label"].to_numpy() == 0) | (rng.random(n) < 0.5)
    quality = rng.choice([75, 80, 85, 90, 92, 95, 96, 97, 98], n)
    facts = {
        "format": np.where(is_jpeg, "JPEG", "PNG"), "mode": ["RGB"] * n, "width": rng.integers(200, 700, n),
        "height": rng.integers(200, 700, n), "bytes": rng.integers(20_000, 200_000, n),
        "blake3": [f"{digest:064x}" for digest in rng.integers(0, 10 * n, n).tolist()],
        "jpeg_quality": pa.array(quality, mask=~is_jpeg),
        "jpeg_tables": pa.array([f"{value:016x}" for value in quality], mask=~is_jpeg),
        "chroma_subsampling": pa.array(["4:2:0"] * n, mask=~is_jpeg),
        "progressive": pa.array(rng.random(n) < 0.1, mask=~is_jpeg), "bit_depth": [8] * n, "exif": rng.random(n) < 0.3,
        "software": pa.array(rng.choice(["a", "b", "c"], n), mask=rng.random(n) < 0.5),
    }  # fmt: skip
    for name, kind in records.MANIFEST.columns.items():
        if name not in files.column_names:
            files = files.append_column(name, pa.array(facts[name]).cast(kind) if name in facts else pa.nulls(n, kind))
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        place(root, options.images)
        folders = given.folders(root / "real", [root / "fake"])
        began = time.perf_counter()
        files = pa.concat_tables([given.listed(each) for each in folders])
        listing = time.perf_counter() - began
        records.write(root / "kept.parquet", draw(files), records.MANIFEST)
        outputs = ["--html", root / "out.html", "--json", root / "out.json", "--manifest", root / "kept.parquet"]
        began = time.perf_counter()
        with redirect_stdout(StringIO()) as words:
            status = crossgen(["audit", *map(str, [root / "real", root / "fake", *outputs]), "--hints", "0"])
        seconds = time.perf_counter() - began
        assert status == 0 and "Identical files" in words.getvalue()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.images:,} images: {seconds:.1f} s in all, of which listing {listing:.1f} s; peak {memory:.0f} MiB")
    print(f"target: 120 s for 100,000 on 2 cores; used {seconds / 120 * 100_000 / options.images:.2f} of it")


if __name__ == "__main__":
    main()
