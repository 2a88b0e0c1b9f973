"""Image files: what their header says, and their pixels as RGB.

Everything is read by Pillow from bytes that were read once. Conversions, by one rule each; `Header.conversion` names
the rule that `decode` will apply (None: the file holds 8-bit RGB):

| rule | pixels |
|---|---|
| palette | colours looked up |
| grey, 1bit | the value three times (1 bit: 0 or 255) |
| cmyk | 255 - min(K + C (255 - K) / 255, 255), rounded, per channel; no colour profile |
| 16bit | the low byte is dropped (value >> 8), then as above |
| alpha_over_white | (c a + 255 (255 - a) + 127) // 255; also grey_over_white, palette_over_white, ... |

EXIF orientation, colour profiles and gamma are ignored: a detector sees the pixels as they are stored. A transparent
colour of a 16-bit file is ignored too, because 8 bits no longer tell which pixels have it.

A file is known by its content, not by its name. What cannot be used is quarantined, by one rule each. "header": before
anything is decoded, so that the manifest says so; "pixels": when it is decoded, so that the table `losses` says so.

| reason | when | rule |
|---|---|---|
| missing | file | listed, and gone when it is read |
| known_defect | listing | a published list names it as broken (see `known_defects` of a pool), whatever is read |
| unreadable | file | no regular file (pipe, socket, device), a link to nowhere, no permission, an I/O error |
| empty | header | 0 bytes |
| too_large | header | over MAX_BYTES, _PIXELS, _SIDE, _PASSES, _DENSITY; a PNG's text or profile unpacks to over 1 MB |
| undecodable | header, pixels | none of FORMATS; broken; a PNG with a wrong checksum of a chunk that pixels depend on |
| truncated | header | JPEG without end marker, PNG without end chunk (what follows is ignored); JPEG of too few bytes |
| truncated | pixels | data end before the picture does, even if an end marker was added; progressive scans missing |
| animated | header | more than one picture (a JPEG's further pictures, as cameras write them, are ignored) |
| unsupported_mode | header | what is in no table above: 32-bit, floating point, Lab |
| under_frame | pixels | a side below the frame's (see `crossgen.data.frames`), or a listed square leaves the image |
| unlisted | pixels | the table of a step `operations` has no row of it |

Where a pool says `hash: false`, JPEG and PNG files are read at both ends only (`crossgen.data.reading`). Then the
header does not tell: a PNG's wrong checksum behind the start of its pixels (undecodable), a JPEG of too many scans
(too_large). Decoding tells both; so does `crossgen verify-images`.

JPEG, WebP and AVIF carry no checksums: damage inside their data that leaves a picture is a picture (of a JPEG of one
scan, less than the last block may be missing). Where that must not be, a table source states each file's blake3.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from crossgen.data import jpeg, marks, png, scans

Pixels = NDArray[np.uint8]

#: Pillow reads many formats; these are what images of this field come in. JPEG first: formats are tried in order.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
#: Pillow warns above this many pixels, as it may be an attack; no training image is as large.
MAX_PIXELS = 89_478_485
#: The longest side that a JPEG encoder writes: nothing longer could be aligned.
MAX_SIDE = 65_500
#: Bytes of a file; several are held in memory at a time.
MAX_BYTES = 2**28
#: Scans times pixels: a JPEG of a few kilobytes could otherwise keep the decoder busy for hours.
MAX_PASSES = 20 * MAX_PIXELS
#: A picture with more pixels than the first must have a byte for every so many: 34 bytes of WebP can hold 81 million.
MAX_UNBACKED, MAX_DENSITY = 2**24, 10_000
#: Longest side that a codec writes.
_LONGEST = {"JPEG": MAX_SIDE, "WEBP": 16_383, "AVIF": 65_536}

#: Rows that are laid over white at a time.
STRIP = 256

#: What Pillow's modes are called as conversions.
_CONVERSIONS = {
    "RGB": None, "RGBA": None, "1": "1bit", "L": "grey", "LA": "grey", "P": "palette", "PA": "palette",
    "CMYK": "cmyk", "I;16": "16bit", "I;16B": "16bit",
}  # fmt: skip

#: Pixels that a byte of a JPEG can tell of at most: the Huffman code of a block of 64 has at least one bit.
_DENSEST = 512

#: Whether the bytes of a format reach to its end; Pillow finds out with the others, on opening or on decoding.
_IS_COMPLETE: dict[str, Callable[[bytes], bool]] = {
    "JPEG": jpeg.is_complete,
    "PNG": png.is_complete,
}

#: What Pillow's readers raise on broken files (found by fuzzing; RuntimeError comes from AVIF).
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError, struct.error,
    zlib.error,
)  # fmt: skip


class Unusable(ValueError):  # noqa: N818 (a finding about an image, not an error of the program)
    """An image that cannot be used. `reason` is a short code that tables count:
    missing, unreadable, empty, undecodable, truncated, animated, too_large, unsupported_mode, under_frame,
    unlisted."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """Facts of one file, read without decoding. None: unknown, or (JPEG facts) not a JPEG or undefined.

    `bit_depth`: bits of a stored channel (of a palette: of an index). `frames`: pictures in the file. `exif`, `icc`,
    `xmp`: whether there is such a block. `software`, `ai_marker`: see `crossgen.data.marks`.
    """

    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    jpeg_quality: int | None = None
    jpeg_quality_estimate: int | None = None
    jpeg_tables: str | None = None
    chroma_subsampling: str | None = None
    progressive: bool | None = None
    bit_depth: int | None = None
    frames: int | None = None
    exif: bool | None = None
    icc: bool | None = None
    xmp: bool | None = None
    software: str | None = None
    ai_marker: str | None = None
    conversion: str | None = None
    quarantine: str | None = None


def read_header(blob: bytes, size: int | None = None) -> Header:
    """Facts of a file from its bytes. Never raises for a bad file: `quarantine` then holds the reason.

    With `size`, `blob` is what stands before the pixels of a file of so many bytes whose end marker was seen
    (`crossgen.data.reading`); what needs the other bytes is not looked at.
    """
    try:
        image = _open(blob)
    except Unusable as error:
        return Header(quarantine=error.reason)
    facts = jpeg.facts(image) if isinstance(image, JpegImageFile) else jpeg.Facts()
    frames = _frames(image)
    return Header(
        format=_format(image),
        mode=image.mode,
        width=image.width,
        height=image.height,
        **vars(facts),
        **vars(marks.of(image, blob)),
        frames=frames,
        conversion=_conversion(image),
        quarantine=_quarantine(image, blob, frames, size),
    )


def decode(blob: bytes) -> Pixels:
    """Pixels of a file as uint8 [H, W, 3] RGB, converted by the rules of this module.

    Raises Unusable for whatever `read_header` quarantines, and for files that turn out to be broken on decoding.
    """
    image = _open(blob)
    reason = _quarantine(image, blob, _frames(image))
    if reason:
        raise Unusable(reason)
    try:
        image.load()
        reason = _damage(image, blob)
        if reason:
            raise Unusable(reason)
        return _to_rgb(image)
    except Unusable:
        raise
    except _BROKEN as error:
        raise Unusable("truncated" if "truncated" in str(error) else "undecodable", str(error)) from error


def refuse_unwritable(image: Pixels, codec: str) -> None:
    """Raise Unusable (too_large) for an image [H, W, 3] that a codec (JPEG, WEBP, AVIF) cannot write."""
    if max(image.shape[:2]) > _LONGEST[codec]:
        raise Unusable("too_large", f"{codec} holds {_LONGEST[codec]} pixels a side, this has {image.shape[:2]}")


def _open(blob: bytes) -> Image.Image:
    if not blob:
        raise Unusable("empty")
    try:
        return Image.open(io.BytesIO(blob), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Unusable("too_large", str(error)) from error
    except UnidentifiedImageError as error:
        raise Unusable("undecodable", f"none of {', '.join(FORMATS)}") from error
    except _BROKEN as error:
        raise Unusable("too_large" if "too large" in str(error) else "undecodable", str(error)) from error


def _format(image: Image.Image) -> str | None:
    """Pillow's name. A JPEG with further pictures behind it (MPO, from cameras) is its first picture: a JPEG."""
    return "JPEG" if image.format == "MPO" else image.format


def _quarantine(image: Image.Image, blob: bytes, frames: int | None, size: int | None = None) -> str | None:
    """Why an opened image of so many `frames` is not used, or None. `size`: see `read_header`."""
    kind, pixels, length = _format(image) or "", image.width * image.height, size or len(blob)
    if pixels > MAX_PIXELS or max(image.size) > MAX_SIDE or pixels > max(MAX_UNBACKED, MAX_DENSITY * length):
        return "too_large"
    if size is None and kind == "JPEG" and scans.are_more_than(MAX_PASSES / max(pixels, 1), blob):
        return "too_large"
    if size is None and kind in _IS_COMPLETE and not _IS_COMPLETE[kind](blob):
        return "truncated"
    if kind == "JPEG" and pixels > _DENSEST * length:
        return "truncated"
    if size is None and kind == "PNG" and not png.is_intact(blob):
        return "undecodable"
    if frames is None:
        return "undecodable"
    if frames > 1 and image.format != "MPO":
        return "animated"
    return None if image.mode in _CONVERSIONS else "unsupported_mode"


def _frames(image: Image.Image) -> int | None:
    """Number of pictures; None if Pillow, which walks through a GIF or TIFF for it, finds it broken.

    To be asked once: of a broken TIFF Pillow keeps what it found before the fault, and answers with that.
    """
    try:
        return int(getattr(image, "n_frames", 1))
    except _BROKEN:
        return None


def _damage(image: Image.Image, blob: bytes) -> str | None:
    """Why a decoded image is not what was stored, or None: what libjpeg passes over in silence."""
    if not isinstance(image, JpegImageFile):
        return None
    if image.info.get("progressive") and scans.are_too_few(blob):
        return "truncated"
    if scans.count(blob) == 1 and not _ends_grey(image):
        return None
    again = Image.open(io.BytesIO(scans.overfilled(blob)), formats=FORMATS)
    return None if np.array_equal(np.asarray(image), np.asarray(again)) else "truncated"


def _ends_grey(image: Image.Image) -> bool:
    """Whether the last pixel is the grey that missing data of a JPEG are decoded as."""
    last = np.asarray(image.crop((image.width - 1, image.height - 1, image.width, image.height)))
    return bool(last.min() >= 127 and last.max() <= 128)


def _conversion(image: Image.Image) -> str | None:
    kind = "16bit" if _is_deep(image) else _CONVERSIONS.get(image.mode)
    return f"{kind or 'alpha'}_over_white" if _is_transparent(image) else kind


def _is_deep(image: Image.Image) -> bool:
    """16 bits a channel. Pillow's mode tells it of grey images only; its raw decoder mode tells the rest, and keeps
    the high byte. In BMP, ';16' means 16 bits a pixel."""
    raw = ""
    if isinstance(image, PngImageFile | TiffImageFile) and image.tile:
        raw = str(image.tile[0].args)
    return image.mode.startswith("I;16") or ";16" in raw


def _is_transparent(image: Image.Image) -> bool:
    """With an alpha channel, or (palette, grey, RGB) with a colour or table declared transparent."""
    return image.mode in ("RGBA", "LA", "PA") or ("transparency" in image.info and not _is_deep(image))


def _to_rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if not _is_transparent(image):
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, STRIP):  # in strips: 16 bits a channel of the whole would be 16 bytes a pixel
        strip = image.crop((0, top, image.width, min(top + STRIP, image.height)))
        pixels[top : top + STRIP] = _over_white(np.asarray(strip.convert("RGBA")).astype(np.uint16))
    return pixels


def _over_white(pixels: NDArray[np.uint16]) -> Pixels:
    alpha = pixels[..., 3:]
    # at most 255 * 255 + 127: fits 16 bits
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
