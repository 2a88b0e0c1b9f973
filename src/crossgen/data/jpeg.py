"""JPEG: what the header tells about the compression, and the encoder that the whole benchmark uses.

Pillow encodes and decodes everywhere. cv2 gives the same bytes (and decodes faster), but it bundles its own
libjpeg-turbo: two libraries that agree today need not agree after the next update, and Pillow's bytes are the contract.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

#: Quantisation tables in order of their number, each 64 entries in natural (not zigzag) order, as Pillow gives them.
Tables = tuple[tuple[int, ...], ...]

# The example tables of the JPEG standard (ITU-T T.81, annex K.1), which IJG's quality scales.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)  # fmt: skip

#: Horizontal and vertical resolution of luma over that of chroma.
_SUBSAMPLING = {
    (1.0, 1.0): "4:4:4", (2.0, 1.0): "4:2:2", (2.0, 2.0): "4:2:0", (4.0, 1.0): "4:1:1", (1.0, 2.0): "4:4:0",
    (4.0, 2.0): "4:1:0",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Compression of one JPEG file, by the manifest's column names; None where a fact is undefined or no JPEG."""

    jpeg_quality: int | None = None
    jpeg_quality_estimate: int | None = None
    jpeg_tables: str | None = None
    chroma_subsampling: str | None = None
    progressive: bool | None = None


def facts(image: JpegImageFile) -> Facts:
    """What the header of an opened (not decoded) JPEG tells: see `exact_quality`, `estimated_quality`, `digest`."""
    tables = tuple(tuple(image.quantization[number]) for number in sorted(image.quantization))
    return Facts(
        jpeg_quality=exact_quality(tables, grey=len(image.layer) == 1),
        jpeg_quality_estimate=estimated_quality(tables),
        jpeg_tables=digest(tables),
        chroma_subsampling=_subsampling([(layer[1], layer[2]) for layer in image.layer]),
        progressive=bool(image.info.get("progressive", False)),
    )


@cache
def ijg_tables(quality: int) -> Tables:
    """Luma and chroma tables that libjpeg writes for a quality of 1 to 100 (jcparam.c, baseline)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(tuple(min(max((t * scale + 50) // 100, 1), 255) for t in base) for base in (_LUMA, _CHROMA))


@cache
def exact_quality(tables: Tables, grey: bool) -> int | None:
    """The IJG quality (1 to 100) that gives every one of these tables, or None.

    A colour file must show both tables: one table for all its channels is not what libjpeg writes.
    """
    if len(tables) < (1 if grey else 2):
        return None
    for quality in range(100, 0, -1):
        luma, chroma = ijg_tables(quality)
        if tables[0] == luma and all(table == chroma for table in tables[1:]):
            return quality
    return None


@cache
def estimated_quality(tables: Tables) -> int | None:
    """ImageMagick's estimate for any tables, or None where it has none (`identify -format %Q` prints 92 there).

    ImageMagick compares four entries and the sum of all with two lists of 100 thresholds (coders/jpeg.c,
    JPEGSetImageQuality); its lists are these very statistics of IJG's tables, so they are derived here, not copied.
    """
    if not tables:
        return None
    few, total = _statistics(tables)
    for quality in range(1, 101):
        few_ijg, total_ijg = _statistics(ijg_tables(quality)[: len(tables)])
        if few >= few_ijg or total >= total_ijg:
            sure = few <= few_ijg and total <= total_ijg
            return quality if sure or quality > 50 else None
    return None


def _statistics(tables: Tables) -> tuple[int, int]:
    first = tables[0][2] + tables[0][53]
    second = tables[1][0] + tables[1][63] if len(tables) > 1 else 0
    return first + second, sum(map(sum, tables))


@cache
def digest(tables: Tables) -> str:
    """Name of a set of tables: 16 hexadecimal digits of blake3 over their entries as 16-bit big-endian numbers."""
    return blake3(np.array(tables, ">u2").tobytes()).hexdigest()[:16]


def _subsampling(factors: Sequence[tuple[int, int]]) -> str:
    """Name of the chroma layout; sampling factors as text where there is none."""
    if len(factors) == 1:
        return "grey"
    (width, height), chroma = factors[0], factors[1]
    # a fourth channel is the K of CMYK, stored as finely as the first
    usual = len(factors) in (3, 4) and factors[2] == chroma and factors[-1] in (chroma, factors[0]) and all(chroma)
    name = _SUBSAMPLING.get((width / chroma[0], height / chroma[1])) if usual else None
    return name or ",".join(f"{x}x{y}" for x, y in factors)


def is_complete(blob: bytes) -> bool:
    """Whether an end-of-image marker follows the start of the first scan.

    Entropy-coded data cannot contain the marker, whatever follows it is ignored (padding, a second picture), and the
    end of an embedded thumbnail does not count, because it lies before the scan.
    """
    at = _first_scan(blob)
    return at is not None and blob.rfind(b"\xff\xd9", at) >= 0


def data_start(blob: bytes) -> int | None:
    """Where the entropy-coded data of the first scan begin; None if that lies beyond `blob`."""
    at = _first_scan(blob)
    start = len(blob) if at is None else at + 2 + int.from_bytes(blob[at + 2 : at + 4], "big")
    return start if start < len(blob) else None


def _first_scan(blob: bytes) -> int | None:
    """Where the marker of the first scan stands."""
    at = 2
    while at + 4 <= len(blob):
        marker = blob[at + 1]
        if blob[at] != 0xFF or marker in (0x00, 0xFF):
            at += 1  # fill bytes
        elif marker == 0xDA:
            return at
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2  # markers without a segment
        else:
            at += 2 + int.from_bytes(blob[at + 2 : at + 4], "big")
    return None


def encode(image: NDArray[np.uint8], quality: int, chroma_subsampling: str) -> bytes:
    """uint8 [H, W, 3] RGB to the bytes that Pillow's `save(quality=, subsampling=)` writes.

    `quality` is 1 to 100, `chroma_subsampling` one of 4:4:4, 4:2:2, 4:2:0. Raises ValueError for anything else.
    """
    if not 1 <= quality <= 100 or chroma_subsampling not in ("4:4:4", "4:2:2", "4:2:0"):
        raise ValueError(f"No JPEG encoder for quality {quality} and chroma subsampling {chroma_subsampling!r}.")
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=chroma_subsampling)
    return stream.getvalue()
