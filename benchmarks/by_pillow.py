"""The usual way to judge degraded images, that ours is measured against: a process a cell, which decodes every image.

    python benchmarks/by_pillow.py DETECTOR SIZE OUTPUT FILES    float32 logits [n] of what FILES lists: condition path

What is done to pixels is written here again, with Pillow alone and on whole images.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter


def resized(image: Image.Image, part: float) -> Image.Image:
    small = image.resize(
        (max(1, round(image.width * part)), max(1, round(image.height * part))), Image.Resampling.BICUBIC
    )
    return small.resize(image.size, Image.Resampling.BICUBIC)


def coded(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(stream)


#: GenImage's six degradations, and UnbiasedGenImage's compression of all.
CONDITIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "clean": lambda image: image,
    "resize_112": lambda image: resized(image, 112 / 224),
    "resize_64": lambda image: resized(image, 64 / 224),
    "jpeg_q65": lambda image: coded(image, 65),
    "jpeg_q30": lambda image: coded(image, 30),
    "blur_s3": lambda image: image.filter(ImageFilter.GaussianBlur(3)),
    "blur_s5": lambda image: image.filter(ImageFilter.GaussianBlur(5)),
    "all_q96": lambda image: coded(image, 96),
}


def cell(path: Path, condition: str, size: int) -> np.ndarray:
    """One image under one condition: uint8 [size, size, 3], the central square, its offsets multiples of 16."""
    image = CONDITIONS[condition](Image.open(path).convert("RGB"))
    left, top = ((side - size) // 2 // 16 * 16 for side in image.size)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def main(detector: str, size: str, output: str, files: str) -> None:
    import torch

    from crossgen.detectors.detector import load

    torch.set_num_threads(1)
    judge = load(Path(detector))
    judge.bf16 = False
    asked = [line.split(" ", 1) for line in Path(files).read_text().splitlines()]
    logits = []
    with torch.inference_mode():
        for start in range(0, len(asked), 64):
            pictures = [cell(Path(path), condition, int(size)) for condition, path in asked[start : start + 64]]
            logits.append(judge(torch.from_numpy(np.stack(pictures))).numpy())
    np.save(output, np.concatenate(logits))


if __name__ == "__main__":
    main(*sys.argv[1:])
