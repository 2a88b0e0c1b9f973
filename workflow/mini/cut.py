"""Cuts the images of the mini data set out of photographs and network outputs, and lists them with their facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from blake3 import blake3
from deal import (
    SEED,
    SHAPES,
    Deal,
    crops_per_photograph,
    deal_cards,
    deal_photographs,
    deal_reals,
    generator,
    shape,
)
from networks import NETWORKS, Network, shrink
from photographs import Photograph, photographs, scaled
from PIL import Image

CONTROL_CROPS = 60
COLUMNS = (
    "path", "pool", "split", "group", "class_name", "stratum", "bytes", "blake3", "photograph",
    "crop_x", "crop_y", "crop_w", "crop_h", "downscale", "jpeg_quality", "size_class", "network", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """One image to write: which window (x, y, width, height) of which pixels, how encoded, and its planted facts."""

    pool: str
    photograph: Photograph
    crop: int
    window: tuple[int, int, int, int]
    quality: int | None = None
    size_class: str = ""
    network: str = ""


@lru_cache(maxsize=8)
def scaled_pixels(packages: Path, photograph: Photograph, factor: float) -> np.ndarray:
    """Pixels of a down-scaled photograph; kept for its next crops, since decoding a wallpaper takes a second."""
    return np.asarray(scaled(packages, photograph, factor))


@dataclass(frozen=True)
class Source:
    """All photographs with what they were dealt, and where packages and network outputs lie."""

    packages: Path
    outputs: Path
    listed: dict[str, Photograph]
    dealt: dict[str, Deal]

    def crops(self, side: str, split: str) -> dict[str, int]:
        """Crops per photograph of one cell."""
        return crops_per_photograph(list(self.listed.values()), self.dealt, (side, split))

    def scaled(self, key: str) -> np.ndarray:
        """Pixels of a down-scaled photograph, uint8 [height, width, 3]."""
        return scaled_pixels(self.packages, self.listed[key], self.dealt[key].factor)

    def room(self, key: str) -> tuple[int, int]:
        """Width and height of a down-scaled photograph."""
        return self.dealt[key].width, self.dealt[key].height


def read_source(packages: Path, outputs: Path) -> Source:
    """The photographs of the unpacked packages, dealt."""
    listed = photographs(packages)
    return Source(packages, outputs, {item.id: item for item in listed}, deal_photographs(listed))


def place(size: tuple[int, int], room: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of this size at random within the room."""
    x, y = (int(rng.integers(have - need + 1)) for have, need in zip(room, size, strict=True))
    return x, y, *size


def real_cuts(source: Source) -> Iterator[Cut]:
    """The reals: JPEG crops of the photographs of the real side."""
    for split in ("train", "test"):
        for row in deal_reals(source.crops("real", split), split):
            key, rng = row["photograph"], generator("real", row["photograph"], row["crop"])
            window = place(shape(row["size_class"], *source.room(key), rng), source.room(key), rng)
            quality, name = row["jpeg_quality"], row["size_class"]
            yield Cut("photographs", source.listed[key], row["crop"], window, quality, name)


def fake_cuts(source: Source, network: Network) -> Iterator[Cut]:
    """The fakes of one network: square crops of its outputs; the same photographs for every network."""
    for split in network.splits:
        for key, count in sorted(source.crops("fake", split).items()):
            room = Image.open(source.outputs / network.pool / f"{key}.png").size
            for crop in range(count):
                window = place((network.size, network.size), room, generator(network.pool, key, crop))
                yield Cut(network.pool, source.listed[key], crop, window, size_class="square", network=network.name)


def control_cuts(source: Source) -> Iterator[Cut]:
    """Lossless crops and interpolated crops of the photographs behind the test fakes, sized as the reals."""
    keys = sorted(source.crops("fake", "test"))
    for pool in ("photographs_png", "bicubic"):
        names = deal_cards(SHAPES, CONTROL_CROPS, generator("shapes", pool))
        for number, name in enumerate(names):
            key, crop = keys[number % len(keys)], number // len(keys)
            rng = generator(pool, key, crop)
            factor = 4 if rng.integers(2) else 2
            window = place(shape(name, *source.room(key), rng), source.room(key), rng)
            note = f"none (Pillow bicubic x{factor})" if pool == "bicubic" else ""
            yield Cut(pool, source.listed[key], crop, window, size_class=name, network=note)


def bicubic(image: np.ndarray, factor: int) -> np.ndarray:
    """A photograph down-scaled as for super-resolution, and plainly interpolated back."""
    small = Image.fromarray(shrink(image, factor))
    return np.asarray(small.resize(image.shape[1::-1], Image.Resampling.BICUBIC))


def pixels(source: Source, cut: Cut) -> np.ndarray:
    """The image that a crop is cut from."""
    if cut.pool in NETWORKS:
        return np.asarray(Image.open(source.outputs / cut.pool / f"{cut.photograph.id}.png"))
    image = source.scaled(cut.photograph.id)
    return bicubic(image, int(cut.network.rstrip(")")[-1])) if cut.pool == "bicubic" else image


def encode(cut: Cut, image: np.ndarray) -> bytes:
    """JPEG with Pillow's defaults (4:2:0) for reals; PNG for all others."""
    x, y, width, height = cut.window
    buffer = BytesIO()
    window = Image.fromarray(image[y : y + height, x : x + width])
    if cut.quality:
        window.save(buffer, "JPEG", quality=cut.quality)
    else:
        window.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def facts(source: Source, cut: Cut, path: str, content: bytes) -> dict:
    """The row of an image in images.csv; crops are in pixels of the down-scaled photograph."""
    deal, photograph = source.dealt[cut.photograph.id], cut.photograph
    x, y, width, height = cut.window
    if cut.pool in NETWORKS:
        offsets = json.loads((source.outputs / cut.pool / "offsets.json").read_text())[photograph.id]
        x, y = x + offsets[0], y + offsets[1]
    values = (
        path, cut.pool, deal.split, photograph.id, photograph.class_name, photograph.package, len(content),
        blake3(content).hexdigest(), photograph.id, x, y, width, height, f"{deal.factor:.4f}",
        cut.quality or "", cut.size_class, cut.network, SEED,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def write_images(source: Source, folder: Path) -> list[dict]:
    """Writes every image under folder/images and returns their rows, sorted by path."""
    cuts = [*real_cuts(source), *control_cuts(source)]
    for network in NETWORKS.values():
        cuts += fake_cuts(source, network)
    rows = []
    for cut in cuts:
        split, suffix = source.dealt[cut.photograph.id].split, "jpg" if cut.quality else "png"
        path = f"images/{cut.pool}/{split}/{cut.photograph.id}-{cut.crop}.{suffix}"
        content = encode(cut, pixels(source, cut))
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        rows.append(facts(source, cut, path, content))
    return sorted(rows, key=lambda row: row["path"])
