"""Manifests of a GenImage that nobody downloaded: counts, names, sizes and qualities drawn by formula, at any scale.

At scale 1 the 16 pools hold the 2,681,150 rows of UnbiasedGenImage's metadata: for each generator a pool of its fakes
(`wukong`) and one of its slice of ImageNet (`wukong_real`). Sources: GenImage's paper (counts), the released metadata
table (sizes, qualities). What tests of selections need is planted: see `CONSTRAINED`, `NEAR_MISSES`, `LEAKS`. Which
reals go with which generator is published nowhere; the slices here are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from crossgen import records
from crossgen.data.genimage import FOLDERS
from crossgen.data.splits import carve

#: Reals of train and val folders with both sides in 450-550 px and quality 96; 1,057 more have quality 97-100.
CONSTRAINED, FINER = 41_753, 1_057
#: (width, height, quality) just outside of 450-550 px at 96, in turn over `NEAR` reals (at least 14).
NEAR_MISSES = (
    (449, 500, 96), (500, 449, 96), (551, 500, 96), (500, 551, 96), (500, 500, 95), (500, 500, 97), (450, 551, 96),
)  # fmt: skip
NEAR = 700
#: Test fakes of sd14 whose bytes are those of a training fake.
LEAKS = 17
#: Reals whose tables are no IJG tables: published as quality 3, ours is unknown.
ODD = 100

SIDES = {
    "midjourney": 1024, "sd14": 512, "sd15": 512, "adm": 256, "glide": 256, "wukong": 512, "vqdm": 256, "biggan": 128,
}  # fmt: skip
FAKES_TRAIN = {
    "midjourney": 161_997, "sd14": 161_997, "sd15": 166_000, "adm": 161_994, "glide": 161_999, "wukong": 162_000,
    "vqdm": 162_000, "biggan": 161_996,
}  # fmt: skip
REALS_TRAIN = dict.fromkeys(SIDES, 158861) | {"midjourney": 158_862, "sd14": 162_000, "sd15": 166_000}
TEST = dict.fromkeys(SIDES, 6000) | {"sd15": 8_000}
NAMES = {
    "midjourney": "{c}_midjourney_{i}.png", "sd14": "{c:03d}_sdv4_{i:05d}.png", "sd15": "{c:03d}_sdv5_{i:05d}.png",
    "adm": "{c}_adm_{i}.PNG", "glide": "GLIDE_1000_200_08_{c:03d}_glide_{i:05d}.png",
    "wukong": "{c:03d}_wukong_image{i}.png", "vqdm": "{c:03d}_vqdm_{i:05d}.png", "biggan": "{c:03d}_biggan_{i:05d}.png",
}  # fmt: skip
#: Share of the reals of each JPEG quality; what is left is spread over QUALITIES_LEFT.
QUALITIES = {96: 0.6786, 75: 0.0504, 80: 0.0423, 90: 0.0274, 92: 0.0253, 85: 0.0237, 100: 0.0089}
QUALITIES_LEFT = tuple(q for q in range(30, 100) if q not in QUALITIES)
SIZES = ((500, 375, 0.5), (375, 500, 0.14), (500, 333, 0.12), (640, 480, 0.08), (1024, 768, 0.06), (300, 225, 0.1))
CLASSES = 1000
SYNSETS = np.concatenate([np.linspace(1440764, 2807133, 434)[:-1], np.linspace(2807133, 15075141, 567)]).astype(int)


@dataclass(frozen=True)
class Reals:
    """Facts of all reals, one array a column, over train reals of all generators and then test reals."""

    width: np.ndarray
    height: np.ndarray
    quality: np.ndarray
    odd: np.ndarray


def write(folder: Path, scale: float = 1.0, seed: int = 0) -> dict[str, Path]:
    """Write `<pool>.parquet` for all 16 pools; every count times `scale`, at least one. Returns pool to path."""
    sizes = {name: (_scaled(REALS_TRAIN[name], scale), _scaled(TEST[name], scale)) for name in SIDES}
    starts = np.cumsum([0, *(sum(pair) for pair in sizes.values())])
    reals = _reals(int(starts[-1]), scale, np.random.default_rng(seed))
    paths = {}
    for number, name in enumerate(SIDES):
        random = np.random.default_rng([seed, number])
        fakes = _fakes(name, (_scaled(FAKES_TRAIN[name], scale), _scaled(TEST[name], scale)), scale, random)
        mine = Reals(**{key: value[starts[number] : starts[number + 1]] for key, value in vars(reals).items()})
        for pool, table in ((name, fakes), (f"{name}_real", _real_table(name, sizes[name], mine, random))):
            paths[pool] = folder / f"{pool}.parquet"
            records.write(paths[pool], table, records.MANIFEST)
    return paths


def metadata_csv(path: Path, manifests: Sequence[Path]) -> None:
    """`genimage_metadata.csv` of these manifests: 7 columns; reals are `nature`, the test split is mode `val`."""
    parts = [_released(pq.read_table(manifest)) for manifest in manifests]
    pa_csv.write_csv(pa.concat_tables(parts), path, pa_csv.WriteOptions(quoting_style="none"))


def _released(rows: pa.Table) -> pa.Table:
    return pa.table({
        "path": pc.binary_join_element_wise("GenImage", rows["path"], "/"),
        "generator": pc.if_else(pc.equal(rows["label"], 0), "nature", rows["folder"]),
        "mode": pc.if_else(pc.equal(rows["split"], "test"), "val", "train"),
        "width": rows["width"], "height": rows["height"], "compression_rate": rows["published_quality"],
        "class": rows["class_index"],
    })  # fmt: skip


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale))


def _reals(n: int, scale: float, random: np.random.Generator) -> Reals:
    """Sizes and qualities of all reals: drawn, then emptied of what is planted, then planted exactly."""
    kind = random.choice(len(SIZES), n, p=[share for *_, share in SIZES])
    spread = random.integers(-30, 31, (2, n)) * (random.random(n) < 0.3)
    width, height = (np.array([size[axis] for size in SIZES])[kind] + spread[axis] for axis in (0, 1))
    rest = (1 - sum(QUALITIES.values())) / len(QUALITIES_LEFT)
    shares = {**QUALITIES, **dict.fromkeys(QUALITIES_LEFT, rest)}
    quality = random.choice(list(shares), n, p=np.array(list(shares.values())) / sum(shares.values()))
    inside = (width >= 450) & (width <= 550) & (height >= 450) & (height <= 550)
    height = np.where(inside & (quality >= 96), 375, height)
    odd = np.zeros(n, bool)
    counts = [_scaled(CONSTRAINED, scale), _scaled(FINER, scale), max(14, _scaled(NEAR, scale)), _scaled(ODD, scale)]
    chosen = iter(np.split(random.permutation(n), np.cumsum(counts)))
    for index in (planted := next(chosen), finer := next(chosen)):
        narrow = random.random(len(index)) < 0.35
        for side in (width, height):
            side[index] = np.where(narrow, random.integers(500, 521, len(index)), random.integers(450, 551, len(index)))
    width[planted[:2]], height[planted[:2]] = (450, 550)[: len(planted)], (550, 450)[: len(planted)]
    quality[planted], quality[finer] = 96, random.integers(97, 101, len(finer))
    for place, index in enumerate(next(chosen)):
        width[index], height[index], quality[index] = NEAR_MISSES[place % len(NEAR_MISSES)]
    odd[next(chosen)] = True
    return Reals(width, height, np.where(odd, 3, quality), odd)


def _real_table(name: str, sizes: tuple[int, int], reals: Reals, random: np.random.Generator) -> pa.Table:
    n, classes = sum(sizes), _classes(sizes)
    first = list(SIDES).index(name) * 1000
    train = [f"n{SYNSETS[c]:08d}_{first + i}.JPEG" for c, i in zip(classes, _turn(classes[: sizes[0]]), strict=False)]
    test = [f"ILSVRC2012_val_{first * 10 + i + 1:08d}.JPEG" for i in range(sizes[1])]
    jpeg = pa.array(np.where(reals.odd, 0, reals.quality), pa.int64(), mask=reals.odd)
    chroma = np.where(random.random(n) < 0.12, "4:4:4", "4:2:0")
    columns = {
        "width": reals.width, "height": reals.height, "published_quality": reals.quality, "jpeg_quality": jpeg,
        "jpeg_quality_estimate": reals.quality, "chroma_subsampling": chroma, "format": ["JPEG"] * n,
        "bytes": reals.width * reals.height * 3 // 10 + random.integers(0, 5000, n), "progressive": np.zeros(n, bool),
    }  # fmt: skip
    return _table(f"{name}_real", train + test, classes, columns | {"blake3": _digests(n, random)}, len(train))


def _fakes(name: str, sizes: tuple[int, int], scale: float, random: np.random.Generator) -> pa.Table:
    n, classes, side = sum(sizes), _classes(sizes), SIDES[name]
    files = [NAMES[name].format(c=c, i=i) for c, i in zip(classes.tolist(), _turn(classes).tolist(), strict=True)]
    digests = _digests(n, random)
    if name == "sd14":
        leaks = min(_scaled(LEAKS, scale), sizes[1])
        digests[sizes[0] : sizes[0] + leaks] = digests[:leaks]
    columns = {
        "width": np.full(n, side), "height": np.full(n, side), "published_quality": np.full(n, 100),
        "format": ["PNG"] * n, "bytes": np.full(n, side * side * 3 // 2) + random.integers(0, side * side // 4, n),
    }  # fmt: skip
    return _table(name, files, classes, columns | {"blake3": digests, "generator": [name] * n}, sizes[0])


def _table(pool: str, files: list[str], classes: np.ndarray, columns: dict[str, object], train: int) -> pa.Table:
    """A manifest of files in order: the first `train` from the train folder, of which 15 % of the groups are val."""
    name, n = pool.removesuffix("_real"), len(files)
    kind = "nature" if pool.endswith("_real") else "ai"
    folders = [f"{FOLDERS[name]}/train/{kind}/"] * train + [f"{FOLDERS[name]}/val/{kind}/"] * (n - train)
    paths = [folder + file for folder, file in zip(folders, files, strict=True)]
    ids = [f"{pool}/{path}" for path in paths]
    val = carve(ids[:train], 0, 0.15)
    shared = {
        "image_id": ids, "path": paths, "group": ids, "class_index": classes,
        "split": [*("val" if image_id in val else "train" for image_id in ids[:train]), *["test"] * (n - train)],
        "class_synset": np.char.add("n", np.char.zfill(SYNSETS.astype(str), 8))[classes],
        "class_name": np.char.add("class ", np.arange(CLASSES).astype(str))[classes],
    }  # fmt: skip
    constants = {
        "pool": pool, "source": "genimage_dataverse", "folder": FOLDERS[name], "label": int(kind == "ai"),
        "stratum": pool, "shard": 0, "mode": "RGB", "bit_depth": 8, "frames": 1, "exif": False, "icc": False,
        "xmp": False,
    }  # fmt: skip
    told = shared | columns | {key: [value] * n for key, value in constants.items()}
    return pa.table({
        key: pa.array(told[key], from_pandas=False).cast(kind) if key in told else pa.nulls(n, kind)
        for key, kind in records.MANIFEST.columns.items()
    })  # fmt: skip


def _classes(sizes: tuple[int, int]) -> np.ndarray:
    """Class index of each image: equal numbers, train and test apart."""
    return np.concatenate([np.arange(n) * CLASSES // n if n >= CLASSES else np.arange(n) for n in sizes])


def _turn(classes: np.ndarray) -> np.ndarray:
    """The how-manieth of its class each image is."""
    order = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[order], classes[order])
    turn = np.empty(len(classes), int)
    turn[order] = np.arange(len(classes)) - starts
    return turn


def _digests(n: int, random: np.random.Generator) -> np.ndarray:
    return np.frombuffer(random.bytes(32 * n).hex().encode(), "S64").astype("U64")


def count_inside(table: pa.Table, quality: int = 96, low: int = 450, high: int = 550) -> int:
    """Rows of `quality` with both sides in [low, high]."""
    mask = pc.equal(table["jpeg_quality"], quality)
    for side in ("width", "height"):
        mask = pc.and_(mask, pc.and_(pc.greater_equal(table[side], low), pc.less_equal(table[side], high)))
    return int(pc.sum(mask).as_py() or 0)
