"""What `crossgen break-down` takes at GenImage's size: 16 detectors, 9 conditions, 1,000 classes, random logits.

    python benchmarks/breakdowns.py                 14.4 million scores of 100,000 test images; about a minute, 1 GB
    python benchmarks/breakdowns.py --images 10000

It prints processor seconds and the peak of memory; score files and manifests are made first, in a folder of their own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossgen import records

GENERATORS = ("midjourney", "sd14", "sd15", "adm", "glide", "wukong", "vqdm", "biggan")
CONDITIONS = ("clean", "resize_112", "resize_64", "jpeg_q65", "jpeg_q30", "blur_s3", "blur_s5", "fakes_q96", "all_q96")
EXPERIMENTS = ("raw", "unbiased")
TABLES = ("breakdowns", "correlations", "disagreements", "hardest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000, help="test images of all sixteen pools")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = made(Path(folder), options.images // 16)
        child = subprocess.Popen([sys.executable, "-m", "crossgen", "break-down", *words])
        _, status, used = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"break-down ended with status {status}")
        rows = options.images // 16 * 16 * len(CONDITIONS) * len(EXPERIMENTS) * len(GENERATORS)
        seconds = used.ru_utime + used.ru_stime
        print(f"{rows:,} scores: {seconds:.1f} processor seconds, {used.ru_maxrss / 1024:,.0f} MB")


def made(folder: Path, count: int) -> list[str]:
    """Manifests, selections, scores and metrics of so many images a pool; the words of the command."""
    rng = np.random.default_rng(0)
    pools = [(name + suffix, label) for name in GENERATORS for suffix, label in (("", 1), ("_real", 0))]
    manifests = [manifest(folder, pool, label, count, rng) for pool, label in pools]
    ids = pa.concat_arrays([pq.read_table(path)["image_id"].combine_chunks() for path in manifests])
    scores = [
        scored(folder, (experiment, name), (ids, pools, count), rng)
        for experiment in EXPERIMENTS
        for name in GENERATORS
    ]
    tests = {
        "test_sets": [{"name": name, "fake": name, "real": f"{name}_real"} for name in GENERATORS],
        "matrix_conditions": ["clean", "fakes_q96", "all_q96"],
    }
    learned = [
        [experiment, name, [name, f"{name}_real"], [str(folder / f"{name}.selection")]]
        for experiment in EXPERIMENTS
        for name in GENERATORS
    ]
    words = {"tests": [json.dumps(tests)], "learned": [json.dumps(learned)], "metrics": [metrics(folder, rng)]}
    words |= {"scores": scores, "manifests": manifests} | {name: [str(folder / name)] for name in TABLES}
    return [word for name, values in words.items() for word in (f"--{name}", *map(str, values))]


def manifest(folder: Path, pool: str, label: int, count: int, rng: np.random.Generator) -> Path:
    ids = [f"{pool}/imagenet/val/{'ai' if label else 'nature'}/{number:06d}_of_this_pool" for number in range(count)]
    quality = None if label else rng.choice([75, 90, 96], count)
    sides = np.full((2, count), 512) if label else rng.integers(100, 900, (2, count))
    columns = {
        "image_id": ids, "path": ids, "group": ids, "pool": [pool] * count, "source": [pool] * count,
        "split": ["test"] * count, "stratum": ["imagenet"] * count, "label": [label] * count, "shard": [0] * count,
        "class_name": [f"class_{number % 1000:04d}" for number in range(count)], "width": sides[0], "height": sides[1],
        "format": ["PNG" if label else "JPEG"] * count, "jpeg_quality": quality,
    }  # fmt: skip
    empty = {name: pa.nulls(count, kind) for name, kind in records.MANIFEST.columns.items()}
    known = {name: pa.array(values) for name, values in columns.items() if values is not None}
    table = pa.table(empty | known)
    records.write(folder / f"{pool}.parquet", table, records.MANIFEST)
    if label:
        trained = table.set_column(table.column_names.index("split"), "split", pa.array(["train"] * count))
        records.write(folder / f"{pool}.selection", trained, records.SELECTION)
    return folder / f"{pool}.parquet"


def scored(folder: Path, names: tuple[str, str], images: tuple, rng: np.random.Generator) -> Path:
    ids, pools, count = images
    labels = np.repeat([label for _, label in pools], count)
    parts = []
    for condition in CONDITIONS:
        texts = {"experiment": names[0], "train_set": names[1], "condition": condition}
        columns = {name: pa.array([text] * len(ids)) for name, text in texts.items()}
        logits = (rng.normal(size=len(ids)) + 2 * labels - 1).astype(np.float32)
        pool = pa.array(np.repeat([name for name, _ in pools], count))
        columns |= {"seed": pa.array(np.zeros(len(ids), int)), "pool": pool, "image_id": ids}
        parts.append(pa.table(columns | {"label": labels, "logit": logits}).select(list(records.SCORES.columns)))
    path = folder / f"{names[0]}_{names[1]}.scores"
    pq.write_table(pa.concat_tables(parts), path, compression="zstd")
    return path


def metrics(folder: Path, rng: np.random.Generator) -> Path:
    rows = [
        {
            "experiment": experiment, "train_set": train, "seed": 0, "test_generator": test, "condition": condition,
            "metric": metric, "value": rng.random(), "low": 0.0, "high": 1.0, "n_real": 1, "n_fake": 1, "coverage": 1.0,
        }
        for experiment in EXPERIMENTS for train in GENERATORS for test in GENERATORS for condition in CONDITIONS
        for metric in ("balanced_accuracy", "roc_auc")
    ]  # fmt: skip
    path = folder / "metrics.parquet"
    records.write(path, records.from_rows(rows, records.METRICS), records.METRICS)
    return path


if __name__ == "__main__":
    main()
