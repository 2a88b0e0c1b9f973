"""Toy images drawn by formula, and small configs over them: what tests share."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from crossgen import records
from crossgen.config import Pool, TableSource
from crossgen.data.listing import build
from crossgen.data.manifest import describe

ROOT = Path(__file__).parents[1]


def photograph(seed: int, width: int, height: int) -> np.ndarray:
    """Something natural-like, uint8 [height, width, 3]: smooth colour fields under fine noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 225, (6, 6, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return np.clip(smooth + random.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def synthetic(seed: int, size: int, period: int) -> np.ndarray:
    """A photograph with a planted pattern of `period` pixels: what a toy generator leaves."""
    pattern = 14.0 * (np.indices((size, size)).sum(axis=0) % period == 0)
    return np.clip(photograph(seed, size, size) + pattern[..., None], 0, 255).astype(np.uint8)


def draw_pools(root: Path, n: int = 24, generators: tuple[str, ...] = ("checker", "stripes")) -> None:
    """`root`/<pool>/<train|test>/: JPEG photographs (quality 96, sides 112-128) and PNG fakes of 112 px."""
    for split, offset in (("train", 0), ("test", 1000)):
        for index in range(n):
            path = root / "photographs" / split / f"{index:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            sides = 112 + (7 * index) % 17, 112 + (5 * index) % 17
            Image.fromarray(photograph(offset + index, *sides)).save(path, quality=96)
            for number, name in enumerate(generators):
                path = root / name / split / f"{index:03d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                fake = synthetic(2000 + offset + 100 * number + index, 112, period=2 + number)
                Image.fromarray(fake).save(path)


def write_tables(root: Path) -> None:
    """`root`/<pool>.csv: path and split of the drawn images."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        rows = [f"{path.relative_to(root).as_posix()},{path.parent.name}" for path in sorted(folder.rglob("*.*"))]
        (root / f"{folder.name}.csv").write_text("\n".join(["path,split", *rows]) + "\n", encoding="utf-8")


def toy_config(root: Path, generators: tuple[str, ...] = ("checker", "stripes"), **changes: object) -> dict:
    """A complete config over drawn pools: two experiments, one condition, a network of a second's training."""
    source = lambda name: {"kind": "table", "root": str(root), "table": str(root / f"{name}.csv")}  # noqa: E731
    config = {
        "schema_version": 1,
        "data": "toy",
        "report": "toy",
        "pools": [
            {"name": "photographs", "label": "real", "source": source("photographs")},
            *({"name": name, "label": "fake", "source": source(name)} for name in generators),
        ],
        "test_sets": [{"name": name, "fake": name, "real": "photographs"} for name in generators],
        "subsets": [
            {"name": "raw", "images_per_class": 16, "val_per_class": 3},
            {
                "name": "unbiased",
                "real": {"jpeg_quality": [96, 96], "relative_sides": [1.0, 1.25]},
                "align": {"jpeg_quality": 96},
                "images_per_class": 16,
                "val_per_class": 3,
            },
        ],
        "recipes": [
            {
                "name": "tiny",
                "architecture": "residual",
                "options": {"model": "test_resnet"},
                "frame": {"kind": "crop", "size": 64},
                "optimiser": {"lr": 0.003},
                "steps": 24,
                "batch_size": 16,
                "crops_per_image": 2,
            }
        ],
        "experiments": [
            {"name": "raw", "subset": "raw", "recipe": "tiny"},
            {"name": "unbiased", "subset": "unbiased", "recipe": "tiny"},
        ],
        "comparisons": [{"experiment": "unbiased", "baseline": "raw"}],
        "conditions": [{"name": "clean"}],
        "statistics": {"replicates": 100},
    }
    return config | changes


def described(root: Path, name: str, label: str) -> pa.Table:
    """The checked manifest of a drawn pool."""
    source = TableSource(kind="table", root=str(root), table=str(root / f"{name}.csv"))
    files = build(Pool(name=name, label=label, source=source), 0, 0.15, 0.3)
    return records.check(describe(files, root), records.MANIFEST, "test")
