"""What alignment to files and packed crops save: training data read once an epoch, against re-encoding in every epoch.

    python benchmarks/align.py [--images 64] [--rounds 5]

Fakes are 512-pixel PNG files, reals 500 x 480 JPEG files of quality 96, as in GenImage's Stable Diffusion folders; what
is drawn is smooth colour under fine noise, whose PNG files are about as large as GenImage's. "each epoch" does what
UnbiasedGenImage does on each access (fakes: read PNG, write and read JPEG 96; both: centre crop of 450 pixels, random
crop of 224); "packed" gathers random batches of crops of 224 pixels from crops.npy. All are measured in turn, round
after round, and the median ratio of a round is printed: other jobs on the machine disturb both sides alike.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from crossgen.config import Alignment, Crop, Frame
from crossgen.data.align import Job, align
from crossgen.data.pack import Packing, Sources, pack
from crossgen.data.packed import Stacked

CROP, FRAME, BATCH, BATCHES = 450, 224, 64, 100
THREADS = (1, 2, 4)


def draw(seed: int, width: int, height: int) -> Image.Image:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(30, 225, (24, 24, 3)).astype(np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return Image.fromarray(np.clip(smooth + random.normal(0, 3, (height, width, 3)), 0, 255).astype(np.uint8))


def write_images(root: Path, n: int) -> pd.DataFrame:
    """n fakes and n reals, and as much of their manifest as alignment and packing read."""
    rows = []
    for index in range(2 * n):
        label, name = index % 2, f"{index:05d}.{'png' if index % 2 else 'jpg'}"
        image = draw(index, 512, 512) if label else draw(index, 500, 480)
        image.save(root / name, **({} if label else {"quality": 96}))
        rows.append({"image_id": name, "path": name, "pool": "p", "shard": label, "label": label, "split": "train"})
    return pd.DataFrame(rows).assign(quarantine=None, width=512, height=512)


def each_epoch(path: Path, random: np.random.Generator) -> np.ndarray:
    """UnbiasedGenImage's access to one training image, then a random crop."""
    image = Image.open(path).convert("RGB")
    if path.suffix == ".png":
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=96)
        image = Image.open(stream).convert("RGB")
    left, top = round((image.width - CROP) / 2), round((image.height - CROP) / 2)
    image = image.crop((left, top, left + CROP, top + CROP))
    x, y = random.integers(0, CROP - FRAME, 2)
    return np.asarray(image.crop((x, y, x + FRAME, y + FRAME)))


def read_batches(crops: Stacked, random: np.random.Generator) -> None:
    """Random batches; none is kept, as in training."""
    for _ in range(BATCHES):
        crops[random.integers(0, len(crops), BATCH)]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def prepare(rows: pd.DataFrame, root: Path, folder: Path, threads: int) -> tuple[float, float]:
    """Seconds that alignment of the fakes and packing of all images take."""
    target, place = folder / "aligned", folder / "packed"
    for each in (target, place):
        each.mkdir(parents=True)
    told = []
    aligning = seconds(lambda: told.append(align(rows, root, Alignment(jpeg_quality=96), target, Job(threads))))
    columns = [name for name in told[0].columns if name in rows.columns]
    facts = told[0].reindex(columns=list(dict.fromkeys([*columns, *_rewritten()])))
    packing = Packing(Frame(kind="crop", size=FRAME), 1, Crop(size=CROP))
    sources = Sources.of(rows.reindex(columns=list(facts.columns)), facts, {"p": root, "aligned/p/1": target})
    return aligning, seconds(lambda: pack(sources, packing, place, threads))


def _rewritten() -> list[str]:
    from crossgen.data.pack import REWRITTEN

    return REWRITTEN


def measure(rows: pd.DataFrame, root: Path, work: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds an image, one value a round."""
    found: dict[str, list[float]] = {}
    fakes, reals = int(rows["label"].sum()), int((rows["label"] == 0).sum())
    paths = [root / path for path in rows["path"]]
    prepare(rows, root, work / "first", 1)
    crops = Stacked([work / "first" / "packed" / "crops.npy"])
    random = np.random.default_rng(0)
    for number in range(rounds):
        told = {
            "each epoch, a fake": seconds(lambda: [each_epoch(p, random) for p in paths if p.suffix == ".png"]) / fakes,
            "each epoch, a real": seconds(lambda: [each_epoch(p, random) for p in paths if p.suffix == ".jpg"]) / reals,
            "packed": seconds(lambda: read_batches(crops, random)) / BATCH / BATCHES,
        }
        for threads in THREADS:
            aligning, packing = prepare(rows, root, work / f"{number}_{threads}", threads)
            told |= {f"align a fake, {threads}": aligning / fakes, f"pack an image, {threads}": packing / len(rows)}
        for name, value in told.items():
            found.setdefault(name, []).append(1000 * value)
    return found


def tell(found: dict[str, list[float]]) -> None:
    def ratio(above: Callable[[int], float], below: Callable[[int], float]) -> float:
        return statistics.median(above(i) / below(i) for i in range(len(found["packed"])))

    for name, values in found.items():
        print(f"{name:24} {statistics.median(values):9.3f} ms")
    epoch = lambda i: (found["each epoch, a fake"][i] + found["each epoch, a real"][i]) / 2  # noqa: E731
    once = lambda i: found["align a fake, 1"][i] / 2 + found["pack an image, 1"][i]  # noqa: E731
    packed = lambda i: found["packed"][i]  # noqa: E731
    fake = lambda i: found["each epoch, a fake"][i]  # noqa: E731
    print(f"an epoch of re-encoding / an epoch of packed crops  {ratio(epoch, packed):7.0f} x")
    print(f"a fake re-encoded       / a packed crop             {ratio(fake, packed):7.0f} x")
    print(
        f"alignment and packing pay off after                 {ratio(once, lambda i: epoch(i) - packed(i)):7.2f} epochs"
    )
    for what in ("align a fake", "pack an image"):
        for threads in THREADS[1:]:
            gain = ratio(lambda i: found[f"{what}, 1"][i], lambda i: found[f"{what}, {threads}"][i])  # noqa: B023
            print(f"{what}: {threads} threads / 1 thread {gain:29.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64, help="fakes, and as many reals (default: 64)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all measurements (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, work = Path(folder) / "images", Path(folder) / "work"
        root.mkdir()
        rows = write_images(root, options.images)
        size = statistics.mean((root / path).stat().st_size for path in rows.loc[rows["label"] == 1, "path"])
        print(f"{options.images} fakes of {size / 1000:.0f} kB and as many reals, {options.rounds} rounds")
        tell(measure(rows, root, work, options.rounds))


if __name__ == "__main__":
    main()
