"""What the evaluation of detectors on degraded images saves, over the usual ways.

    python benchmarks/evaluation.py [--part conditions cube precision gpu] [--results results/mini]

- conditions: pixels for 8 detectors x 7 conditions, from files of GenImage's sizes to crops of 224 px. The usual way
  opens, decodes and degrades the whole image for every cell (Pillow, benchmarks/by_pillow.py); ours decodes it once and
  degrades what the crop needs. Every pixel of both is compared. Short jobs leave blurs to Pillow, long ones compile.
- cube: a finished mini run, pixels and logits of its 8 x 8 generators under 9 conditions from nothing, by the commands
  that the workflow runs, over 576 processes, each of which decodes and judges in float32. So many are not run: a sample
  is (of 9 one a condition, over the detectors and generators in turn), and the mean of it taken 576 times.
- precision: judging in bf16 (normalisations folded) over float32, one thread: ResNet-18 at 96 px, and the mini run's
  network; and what that does to ROC-AUC on the run's test pictures, of a ResNet-18 briefly trained on its residuals.
- gpu: 100,000 images x 7 conditions x 8 detectors (ResNet-50, 224 px) streamed from files to logits: images a second,
  and the share of what the GPU judges when pixels lie there already. Needs CUDA. Files are fewer, listed in turn.

Ratios are of processor seconds, of this process and those that it starts; ours and the usual way run in turn.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from by_pillow import CONDITIONS, cell
from cube import cube
from PIL import Image
from precision import precision
from sklearn.datasets import load_sample_image
from streamed import gpu

from crossgen.config import Condition, Frame, loading
from crossgen.evaluation import box_blur, render

ROOT = Path(__file__).parents[1]
FRAME = Frame(kind="crop", size=224)
SEVEN = ("clean", "resize_112", "resize_64", "jpeg_q65", "jpeg_q30", "blur_s3", "blur_s5")
LOCAL = tuple(name for name in SEVEN if not name.startswith("resize"))
DETECTORS = 8
#: As GenImage's reals mostly are, and its fakes of 512 pixels once aligned.
SIZES = {"500 x 375, JPEG of quality 96": (500, 375), "512 x 512, aligned to quality 96": (512, 512)}


def photograph(number: int, width: int, height: int) -> Image.Image:
    """A piece of a photograph, with grain: as many bytes in JPEG as GenImage's reals of this size."""
    random = np.random.default_rng(number)
    whole = Image.fromarray(load_sample_image(("china.jpg", "flower.jpg")[number % 2]))
    whole = whole.resize((768, 512), Image.Resampling.LANCZOS)
    left, top = random.integers(0, 768 - width + 1), random.integers(0, 512 - height + 1)
    piece = np.asarray(whole.crop((left, top, left + width, top + height)), np.float64)
    return Image.fromarray(np.clip(piece + random.normal(0, 5, (height, width, 1)), 0, 255).astype(np.uint8))


def write(folder: Path, size: tuple[int, int], count: int) -> render.Images:
    folder.mkdir()
    paths = tuple(folder / f"{number:05d}.jpg" for number in range(count))
    for number, path in enumerate(paths):
        photograph(number, *size).save(path, quality=96)
    return render.Images(tuple(path.name for path in paths), paths, "benchmark", 0)


@cache
def steps_of(names: tuple[str, ...]) -> dict[str, render.Steps]:
    known: tuple[Condition, ...] = loading.load([ROOT / "config" / "mini.yaml"]).conditions
    return {item.name: item.steps for item in known if item.name in names}


def ours(images: render.Images, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    ((_, arrays, _),) = render.render(images, FRAME, steps_of(names))
    return {name: np.asarray(arrays[name]) for name in names}


def usual(images: render.Images, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    for _ in range(DETECTORS):
        found = {name: np.stack([cell(path, name, FRAME.size) for path in images.paths]) for name in names}
    return found


def timed(work: Callable[[], dict[str, np.ndarray]]) -> tuple[float, dict[str, np.ndarray]]:
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def compare(images: render.Images, names: tuple[str, ...], rounds: int) -> tuple[float, float, float]:
    """Ratio, and milliseconds an image of ours and of the usual way; medians of the rounds. Pixels must be equal."""
    told = []
    for _ in range(rounds):
        (mine, found), (theirs, expected) = timed(lambda: ours(images, names)), timed(lambda: usual(images, names))
        for name in names:
            assert np.array_equal(found[name], expected[name]), f"{name}: pixels differ from Pillow's"
        told.append((theirs / mine, 1000 * mine / len(images), 1000 * theirs / len(images)))
    return tuple(statistics.median(each) for each in zip(*told, strict=True))  # type: ignore[return-value]


def conditions(options: argparse.Namespace, root: Path) -> None:
    assert set(SEVEN) <= set(CONDITIONS)
    for what, size in SIZES.items():
        images = write(root / f"{size[0]}", size, options.images)
        kilobytes = statistics.mean(path.stat().st_size for path in images.paths) / 1000
        print(f"{what}: {len(images)} files of {kilobytes:.0f} kB, {DETECTORS} detectors")
        for patience, job in ((0, "long job"), (10**9, "short job")):
            box_blur.PATIENCE = patience
            assert all(box_blur.agree(sigma) for sigma in (3.0, 5.0))
            for names, aim in ((SEVEN, ">= 15"), (LOCAL, ">= 30")):
                ratio, mine, theirs = compare(images, names, options.rounds)
                left = "all seven" if names is SEVEN else "without the two resizes"
                print(
                    f"  {job}, {left}: {ratio:.1f}x (ours {mine:.2f} ms an image, the usual way {theirs:.0f} ms;"
                    f" aim {aim}); every pixel equal",
                    flush=True,
                )


PARTS = {"conditions": conditions, "cube": cube, "precision": precision, "gpu": gpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS)[:3], help="what to measure")
    parser.add_argument("--images", type=int, default=12, help="files of each size, of `conditions` (default: 12)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (default: 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each of `precision` (default: 4)")
    parser.add_argument(
        "--sample", type=int, default=9, help="processes of the usual way that `cube` runs (default: 9)"
    )
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "mini", help="a finished mini run")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part:
            PARTS[part](options, Path(folder))


if __name__ == "__main__":
    main()
