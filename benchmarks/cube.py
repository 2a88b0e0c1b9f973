"""The whole cube of the mini run, by the workflow's commands and by a process a cell: see benchmarks/evaluation.py."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from by_pillow import CONDITIONS

from crossgen.config import Config, loading
from crossgen.evaluation.cells import Store
from crossgen.evaluation.render import Images, shard_images

ROOT = Path(__file__).parents[1]
EXPERIMENT = "unbiased"
#: Under this name the usual way knows what fakes undergo of a condition that is for them alone.
SAME = {"fakes_q96": "all_q96"}


def cube(options: argparse.Namespace, root: Path) -> None:
    results = finished(options.results)
    config = loading.load([ROOT / "config" / "mini.yaml"])
    tests = [item for item in config.test_sets if item.fake and item.real and not item.unseen]
    detectors = [detector_of(results, item.name) for item in tests]
    pools = sorted({str(name) for item in tests for name in (item.fake, item.real)})
    images = {pool: shard_images(results / "manifest" / f"{pool}.parquet", 0, ROOT / "data/mini") for pool in pools}
    cpu, wall = ours(root, results, config, (pools, detectors))
    sample = []
    for number in range(options.sample):
        condition = config.conditions[number % len(config.conditions)].name
        test, detector = tests[number % len(tests)], detectors[number * 3 % len(detectors)]
        pair = [str(test.real), str(test.fake)]
        spent, logits = usual(root, detector, condition, [images[name] for name in pair])
        check(root, detector, condition, pair, logits)
        sample.append(spent)
    cells = len(detectors) * len(tests) * len(config.conditions)
    each = [statistics.mean(taken) for taken in zip(*sample, strict=True)]
    theirs = [cells * seconds for seconds in each]
    print(
        f"mini cube, {cells} cells of {len(detectors)} detectors: {theirs[0] / cpu:.0f}x less processor time,"
        f" {theirs[1] / wall:.0f}x on the clock (ours {cpu:.0f} and {wall:.0f} s in {len(pools) + 1} processes; the"
        f" usual {theirs[0]:.0f} and {theirs[1]:.0f} s, {cells} times the mean of {len(sample)}, {each[0]:.1f} and"
        f" {each[1]:.1f} s; aim >= 10)",
        flush=True,
    )


def finished(results: Path) -> Path:
    if not (results / "metrics.parquet").exists():
        raise SystemExit(f"{results} holds no finished mini run: `make demo` makes one, or say --results FOLDER.")
    return results


def detector_of(results: Path, train_set: str) -> Path:
    return results / "detectors" / EXPERIMENT / train_set / "seed0" / "detector.safetensors"


def taken(words: list[str]) -> tuple[float, float]:
    """Seconds of the processor and on the clock that a process takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "benchmarks")])
    subprocess.run(words, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began


def ours(root: Path, results: Path, config: Config, named: tuple[list[str], list[Path]]) -> tuple[float, float]:
    """The jobs of the workflow: one a pool, one that scores; into an empty store."""
    pools, detectors = named
    told = json.dumps([item.model_dump(mode="json", exclude={"degradation"}) for item in config.conditions])
    frame = json.dumps([config.recipes[0].frame.model_dump(mode="json", exclude={"mean", "std"})])
    crossgen, cells = [sys.executable, "-m", "crossgen"], ["--cells", str(root / "pixels")]
    spent = []
    for pool in pools:
        words = ["--manifest", str(results / "manifest" / f"{pool}.parquet"), "--pool", pool, "--root", "data/mini"]
        words += ["--frames", frame, "--conditions", told, *cells, "--output", str(root / f"{pool}.parquet")]
        spent.append(taken([*crossgen, "render-conditions", *words]))
    places = {pool: {"root": "data/mini", "manifest": str(results / "manifest" / f"{pool}.parquet")} for pool in pools}
    words = ["--detectors", *map(str, detectors), "--rendered", *(str(root / f"{pool}.parquet") for pool in pools)]
    words += ["--pools", json.dumps(places), "--conditions", told, "--pixels", str(root / "pixels")]
    words += ["--logits", str(root / "logits"), "--output", str(root / "index.parquet")]
    spent.append(taken([*crossgen, "score-images", *words, "--losses", str(root / "losses.parquet")]))
    return sum(each[0] for each in spent), sum(each[1] for each in spent)


def usual(root: Path, detector: Path, condition: str, judged: list[Images]) -> tuple[tuple[float, float], np.ndarray]:
    """One process over the reals and fakes of a test set; a condition for fakes alone leaves the reals as they are."""
    listed, output = root / "files.txt", root / "logits.npy"
    lines = []
    for images in judged:
        name = "clean" if condition in SAME and not images.label else SAME.get(condition, condition)
        assert name in CONDITIONS, name
        lines += [f"{name} {path}" for path in images.paths]
    listed.write_text("\n".join(lines))
    spent = taken([sys.executable, "benchmarks/by_pillow.py", str(detector), "96", str(output), str(listed)])
    return spent, np.load(output)


def check(root: Path, detector: Path, condition: str, pools: list[str], logits: np.ndarray) -> None:
    """Both ways judge the same pictures: their logits differ by bf16 alone."""
    rows = pq.read_table(root / "index.parquet").to_pandas()
    rows = rows[(rows["train_set"] == detector.parts[-3]) & (rows["condition"] == condition)]
    found, store = [rows[rows["pool"] == pool] for pool in pools], Store(root / "logits")
    mine = np.concatenate([np.asarray(store.read(row["logits"].item())) for row in found])
    alike = np.corrcoef(mine, logits)[0, 1]
    assert alike > 0.99, f"{condition}, {pools}: logits correlate by {alike:.3f} only"
