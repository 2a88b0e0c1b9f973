"""What rendering is tested on: steps of every kind, frames and pictures, drawn."""

import numpy as np
from hypothesis import strategies as st

from crossgen.config import (
    Avif,
    Blur,
    Brightness,
    CentralCrop,
    Contrast,
    Frame,
    GaussianBlur,
    Jpeg,
    Noise,
    Png,
    Resize,
    Webp,
)

PILLOW_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}

jpegs = st.builds(
    Jpeg,
    step=st.just("jpeg"),
    quality=st.integers(1, 100),
    chroma_subsampling=st.sampled_from(sorted(PILLOW_SUBSAMPLING)),
)
# Pillow's box radius, and with it the halo, jumps where 4 sigma^2 + 1 is an odd number squared
blurs = st.builds(
    Blur,
    step=st.just("blur"),
    sigma=st.floats(0.05, 8) | st.builds(lambda k: (k * (k + 1)) ** 0.5, st.integers(1, 7)),
)
brightnesses = st.builds(Brightness, step=st.just("brightness"), factor=st.floats(0, 3))
noises = st.builds(Noise, step=st.just("noise"), sigma=st.floats(0.1, 60))
resizes = st.builds(
    Resize,
    step=st.just("resize"),
    size=st.integers(100, 260),
    filter=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    down_only=st.booleans(),
) | st.builds(
    Resize, step=st.just("resize"), size=st.integers(100, 260), filter_up=st.sampled_from(["nearest", "bilinear"])
)
pngs = st.just(Png(step="png"))
gaussians = st.builds(GaussianBlur, step=st.just("gaussian_blur"), sigma=st.floats(0.05, 8))
crops = st.builds(
    CentralCrop,
    step=st.just("crop"),
    size=st.integers(8, 90),
    grid=st.sampled_from([1, 8, 16]),
    small=st.sampled_from(["skip", "reflect", "resize"]),
)
contrasts = st.builds(Contrast, step=st.just("contrast"), factor=st.floats(0, 3))
codecs = st.builds(Webp, step=st.just("webp"), quality=st.integers(0, 100)) | st.builds(
    Avif, step=st.just("avif"), quality=st.integers(20, 90)
)
local_steps = jpegs | pngs | blurs | gaussians | brightnesses | noises
global_steps = resizes | crops | contrasts | codecs


@st.composite
def frames_and_sizes(draw):
    """A crop and an image at least as large; often exactly as large, mostly odd."""
    frame = Frame(kind="crop", size=draw(st.integers(8, 64)), grid=draw(st.sampled_from([1, 8, 16])))
    more = st.just(0) | st.integers(0, 130)
    return frame, frame.size + draw(more), frame.size + draw(more)


def picture(width, height):
    """Natural-like, by formula: smooth colours, an edge, noise."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    waves = np.stack([x * 3 + y, y * 2 + 40, (x - y) * (x - y) // 50], axis=-1) % 400
    smooth = np.where(waves < 200, waves, 400 - waves) + 30 * (x + 2 * y > 150)[..., None]
    noise = ((x * 7919 + y * 104729 + x * y * 31) % 41)[..., None] - 20 + np.array([0, 3, -3])
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)
