"""How many images a pool holds, and how large they are: counted where that is quick, else published, else unknown."""

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.config import (
    Config,
    DataverseSource,
    GeneratedSource,
    Pool,
    ProceduralSource,
    ReconstructedSource,
    TableSource,
    VolumesSource,
    generation,
)
from crossgen.data.names import located

SPLITS = ("train", "val", "test")
CLASSES = 1000  # of ImageNet, and so of GenImage
#: A folder with more files is not walked for a plan.
WALKED = 200_000
#: Headers that are read for the mean size of an image.
SAMPLED = 40


@dataclass(frozen=True)
class Count:
    """Images by split (empty: unknown), mean megapixels and bytes of one, the share of PNG files, where these figures
    come from, and if they are missing what brings them."""

    images: Mapping[str, int]
    megapixels: float | None = None
    bytes: float | None = None
    png: float = 0.0
    source: str = "unknown"
    remedy: str = ""

    @property
    def total(self) -> int | None:
        """All images; None if unknown."""
        return sum(self.images.values()) if self.images else None


def count(pool: Pool, config: Config, places: Mapping[str, Any]) -> Count:
    """What is known of a pool, from the best there is: its manifest, its listing, its source, what was published."""
    manifest, listing = Path(places["manifests"][pool.name]), Path(places["listings"][pool.name])
    if manifest.is_file():
        return _of_manifest(manifest)
    if listing.is_file():
        return replace(_published(pool, config), images=_splits(listing), source="listing")
    if isinstance(pool.source, DataverseSource | VolumesSource):
        return _published(pool, config)
    if isinstance(pool.source, ReconstructedSource):
        return _of_reals(pool.source, config, places)
    if isinstance(pool.source, ProceduralSource):
        return _of_drawn(pool, pool.source, config)
    if isinstance(pool.source, GeneratedSource):
        return _of_generated(pool.source, config, places)
    fetched = places["fetched_for"].get(pool.name)
    if fetched and not _is_there(pool):
        return Count({}, remedy="not fetched yet: `snakemake downloads` fetches and counts them")
    return _of_source(pool, config)


def _of_reals(source: ReconstructedSource, config: Config, places: Mapping[str, Any]) -> Count:
    """As many as there are reals of its splits, lossless; what is not usable of these is not known before."""
    reals = count(next(pool for pool in config.pools if pool.name == source.of), config, places)
    kept = {split: n if split in source.splits else 0 for split, n in reals.images.items()}
    return replace(reals, images=kept, png=1.0)


def _of_drawn(pool: Pool, source: ProceduralSource, config: Config) -> Count:
    """As the rule `download` will split them; of very many, by the shares that it goes by."""
    megapixels = source.size[0] * source.size[1] / 1e6
    found = Count({}, megapixels, 1.7e6 * megapixels, png=1.0, source="config")
    if source.n > WALKED:
        test = source.n if pool.test_only else round(source.n * config.test_fraction)
        val = round((source.n - test) * config.val_fraction)
        return replace(found, images={"train": source.n - test - val, "val": val, "test": test})
    from crossgen.data.drawing import path_of
    from crossgen.data.splits import assign

    groups = [f"{pool.name}/{path_of(source, index)}" for index in range(source.n)]
    stated = ["test" if pool.test_only else None] * source.n
    splits = assign(groups, stated, config.split_seed, config.val_fraction, config.test_fraction)
    return replace(found, images=_counted(splits))


def _of_generated(source: GeneratedSource, config: Config, places: Mapping[str, Any]) -> Count:
    """As many as are asked for; what a safety checker takes away is not known before. Without a size, 1024 pixels."""
    classes = generation.CLASSES
    if source.prompts.like is not None:
        manifest = Path(places["manifests"][source.prompts.like])
        if not manifest.is_file():
            return Count({}, remedy=f"as many classes as {source.prompts.like} has: `snakemake metadata` counts them")
        classes = pc.count_distinct(pq.read_table(manifest, columns=["class_name"])["class_name"]).as_py()
    n = generation.count(source, classes) // (source.train_per_class + source.test_per_class)
    train, test = n * source.train_per_class, n * source.test_per_class
    val = max(1, round(train * config.val_fraction)) if train else 0
    width, height = source.size or (1024, 1024)
    megapixels = width * height / 1e6
    images = {"train": train - val, "val": val, "test": test}
    return Count(images, megapixels, 1.7e6 * megapixels, png=1.0, source="config")


def _of_manifest(path: Path) -> Count:
    rows = pq.read_table(path, columns=["split", "quarantine", "width", "height", "bytes", "format"])
    rows = rows.filter(pc.is_null(rows["quarantine"]))
    pixels = pc.mean(pc.multiply(rows["width"], rows["height"])).as_py() or 0
    png = pc.mean(pc.cast(pc.equal(rows["format"], "PNG"), pa.float64())).as_py() or 0.0
    return Count(_counted(rows["split"].to_pylist()), pixels / 1e6, pc.mean(rows["bytes"]).as_py(), png, "manifest")


def _splits(path: Path) -> dict[str, int]:
    return _counted(pq.read_table(path, columns=["split"])["split"].to_pylist())


def _counted(splits: list[str]) -> dict[str, int]:
    found = Counter(splits)
    return {split: found[split] for split in SPLITS}


def _is_there(pool: Pool) -> bool:
    return Path(pool.source.root).is_dir()


def _of_source(pool: Pool, config: Config) -> Count:
    """Listed as the rule `download` does, files unverified."""
    from crossgen.data.sources import entries
    from crossgen.data.splits import assign

    root = Path(pool.source.root)
    if not isinstance(pool.source, TableSource) and _is_large(root):
        return Count({}, remedy=f"{root} holds over {WALKED:,} files: `snakemake downloads` counts them")
    try:
        found = entries(pool)
        stated = ["test" if pool.test_only else entry.split for entry in found]
        groups = [entry.group or entry.path for entry in found]
        splits = assign(groups, stated, config.split_seed, config.val_fraction, config.test_fraction)
    except (OSError, ValueError) as error:
        return Count({}, remedy=str(error))
    step = max(1, len(found) // SAMPLED)
    what = "table" if isinstance(pool.source, TableSource) else "folder"
    return replace(
        _sampled([located(root, entry.path) for entry in found[::step]]), images=_counted(splits), source=what
    )


def _is_large(root: Path) -> bool:
    seen = 0
    for _, _, names in os.walk(root):
        seen += len(names)
        if seen > WALKED:
            return True
    return False


def _sampled(paths: list[Path]) -> Count:
    """Means over images by their headers; unknown where none can be read."""
    from PIL import Image

    found = []
    for path in paths:
        try:
            with Image.open(path) as image:
                found.append((image.width * image.height / 1e6, path.stat().st_size, image.format == "PNG"))
        except OSError:  # the run will say so, and more
            continue
    if not found:
        return Count({})
    megapixels, size, png = (sum(column) / len(found) for column in zip(*found, strict=True))
    return Count({}, megapixels, size, png)


@cache
def published() -> dict[tuple[str, str], dict[str, str]]:
    """What was published of GenImage's pools, by (generator, label)."""
    lines = files("crossgen.plan").joinpath("published.csv").read_text(encoding="utf-8").splitlines()
    return {(row["generator"], row["label"]): row for row in csv.DictReader(lines)}


def _published(pool: Pool, config: Config) -> Count:
    """GenImage's counts, of which its sources may want a part."""
    source = pool.source
    if not isinstance(source, DataverseSource | VolumesSource):
        return Count({})
    row, wanted = published()[source.subset, pool.label], source.members
    drawn = {split: round(int(row[split]) * wanted.fraction) for split in wanted.splits}
    if wanted.per_class is not None:
        drawn = {split: min(n, wanted.per_class * CLASSES) for split, n in drawn.items()}
    train, test = drawn.get("train", 0), drawn.get("test", 0)
    if pool.test_only:
        train, test = 0, train + test
    val = round(train * config.val_fraction)
    images = {"train": train - val, "val": val, "test": test}
    png = float(pool.label == "fake")
    return Count(images, float(row["megapixels"]), float(row["bytes"]), png, "published counts")
