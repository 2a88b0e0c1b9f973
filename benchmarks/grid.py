"""How often the traces of JPEG compression are right, on constructed files: the table in crossgen.data.hints.

40 drawn pictures (spectrum of photographs, shapes, sensor noise; 448 x 448) and 6 photographs scaled down from
scikit-learn's two samples; none was ever compressed at this size. Run: python benchmarks/grid.py
"""

import io
import time

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from crossgen.data import grid


def drawn(seed, side=448):
    rng = np.random.default_rng(seed)
    slope = rng.uniform(1.2, 2.2)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    frequency[0, 0] = 1
    layers = [np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) / frequency**slope).real for _ in range(4)]
    layers = [layer / layer.std() for layer in layers]
    picture = np.stack([0.8 * layers[0] + 0.3 * each for each in layers[1:]], -1) * rng.uniform(25, 55) + 125
    picture += rng.normal(size=picture.shape) * rng.uniform(0.5, 2)
    for _ in range(12):
        top, left, height, width = *rng.integers(0, side - 40, 2), *rng.integers(20, 160, 2)
        picture[top : top + height, left : left + width] *= 0.5
        picture[top : top + height, left : left + width] += rng.uniform(0, 255, 3) * 0.5
    return np.clip(picture, 0, 255).astype(np.uint8)


def photographs():
    for picture in map(Image.fromarray, load_sample_images().images):
        for factor in (1.7, 2.3, 3.1):
            size = (int(picture.width / factor), int(picture.height / factor))
            yield np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    image = Image.open(io.BytesIO(stream.getvalue()))
    return np.asarray(image), image.quantization


def enlarged(pixels, factor, how):
    image = Image.fromarray(pixels[: 448 // factor, : 448 // factor])
    return np.asarray(image.resize((image.width * factor, image.height * factor), how))


def tell(what, pictures, ask):
    began = time.perf_counter()
    found = [bool(ask(picture)) for picture in pictures]
    each = 1000 * (time.perf_counter() - began) / len(found)
    print(f"{what:64} {sum(found):3d} of {len(found)}  ({each:.0f} ms each)", flush=True)


def main():
    never = [drawn(seed) for seed in range(40)] + list(photographs())
    tell("never compressed: a grid", never, lambda p: grid.traces(p).shift)
    for quality in (60, 75, 85, 90, 96, 98):
        tell(f"JPEG {quality}, cropped at (3, 5), PNG: the right grid", never,
             lambda p, q=quality: grid.traces(jpeg(p, q)[0][5:, 3:]).shift == (5, 3))  # fmt: skip
        once = [grid.traces(*jpeg(p, quality)) for p in never]
        tell(f"JPEG {quality} once: its own grid", once, lambda t: t.shift == (0, 0))
        tell(f"JPEG {quality} once: a second grid, gaps (wrongly)", once, lambda t: t.second or t.gaps)
    for side in (96, 112, 128, 256):
        tell(f"JPEG 96, {side} x {side} cut out, PNG: a grid", never[:40],
             lambda p, s=side: grid.traces(jpeg(p, 96)[0][100 : 100 + s, 50 : 50 + s]).shift)  # fmt: skip
    for first, second in ((60, 75), (60, 90), (75, 90), (75, 96), (85, 95), (90, 96), (90, 75), (96, 90)):
        tell(f"JPEG {first}, cropped at (3, 5), JPEG {second}: the second grid", never,
             lambda p, a=first, b=second: grid.traces(*jpeg(jpeg(p, a)[0][5:, 3:], b)).second == (5, 3))  # fmt: skip
        tell(f"JPEG {first}, JPEG {second} on one grid: gaps", never,
             lambda p, a=first, b=second: grid.traces(*jpeg(jpeg(p, a)[0], b)).gaps)  # fmt: skip
    for factor, how in ((2, "BICUBIC"), (4, "BICUBIC"), (8, "BILINEAR"), (8, "NEAREST")):
        tell(f"enlarged {factor} times, {how.lower()}: a grid (wrongly)", never[:40],
             lambda p, f=factor, h=how: grid.traces(enlarged(p, f, Image.Resampling[h])).shift)  # fmt: skip


if __name__ == "__main__":
    main()
