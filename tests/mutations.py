"""Small image files drawn by code, and mutations of them: file number n of a campaign is a function of (seed, n)."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from toys import photograph

Random = np.random.Generator
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def saved(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, raw: bytes, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A PNG by hand, around scanlines with their filter bytes: Pillow writes no interlaced ones, and no bombs."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def interlaced_png(pixels: np.ndarray) -> bytes:
    """Adam7: seven passes, each over every so many columns and rows."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    parts = [pixels[y::down, x::right] for x, y, right, down in passes]
    raw = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    return png(pixels.shape[1], pixels.shape[0], raw, interlaced=True)


def corpus() -> dict[str, bytes]:
    """A sound file of each kind."""
    colour = Image.fromarray(photograph(0, 45, 37))
    grey, palette, ink = colour.convert("L"), colour.quantize(32), colour.convert("CMYK")
    clear = colour.copy()
    clear.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        "jpeg": saved(colour, "JPEG", quality=90),
        "jpeg_444": saved(colour, "JPEG", quality=95, subsampling=0),
        "jpeg_restart": saved(colour, "JPEG", quality=80, restart_marker_blocks=2),
        "jpeg_progressive": saved(colour, "JPEG", quality=90, progressive=True),
        "jpeg_grey": saved(grey, "JPEG"),
        "jpeg_cmyk": saved(ink, "JPEG"),
        "jpeg_thumbnail": saved(colour, "JPEG", exif=b"Exif\0\0" + saved(grey, "JPEG"), icc_profile=bytes(300)),
        "png": saved(colour, "PNG"),
        "png_palette": saved(palette, "PNG"),
        "png_palette_clear": saved(palette, "PNG", transparency=3),
        "png_16bit": saved(deep, "PNG"),
        "png_alpha": saved(clear, "PNG"),
        "png_grey_alpha": saved(clear.convert("LA"), "PNG"),
        "png_1bit": saved(grey.convert("1"), "PNG"),
        "png_interlaced": interlaced_png(np.asarray(colour)),
        "webp": saved(colour, "WEBP"),
        "webp_lossless": saved(colour, "WEBP", lossless=True),
        "webp_alpha": saved(clear, "WEBP"),
        "webp_alpha_lossless": saved(clear, "WEBP", lossless=True),
    }


#: Kinds whose truncations are tested as well, but that are not fuzzed.
def rarer() -> dict[str, bytes]:
    colour = Image.fromarray(photograph(0, 45, 37))
    return {
        "mpo": saved(colour, "MPO", save_all=True, append_images=[colour]),
        "gif": saved(colour.quantize(16), "GIF"),
        "bmp": saved(colour, "BMP"),
        "bmp_1bit": saved(colour.convert("1"), "BMP"),
        "tiff": saved(colour, "TIFF"),
        "tiff_lzw": saved(colour, "TIFF", compression="tiff_lzw"),
        "tiff_jpeg": saved(colour, "TIFF", compression="jpeg"),
        "avif": saved(colour, "AVIF"),
    }


def truncated(blob: bytes, other: bytes, random: Random) -> bytes:
    return blob[: random.integers(len(blob))]


def ended_early(blob: bytes, other: bytes, random: Random) -> bytes:
    """Cut short and given an end again, as "repaired" downloads are."""
    return truncated(blob, other, random) + {0xFF: b"\xff\xd9", 0x89: chunk(b"IEND", b"")}.get(blob[0], b"")


def flipped(blob: bytes, other: bytes, random: Random) -> bytes:
    """One to eight bits."""
    changed = bytearray(blob)
    for place in random.integers(len(blob), size=random.integers(1, 9)):
        changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def overwritten(blob: bytes, other: bytes, random: Random) -> bytes:
    """A range with zeros (a hole of a download), with 0xFF or with noise."""
    start, length = random.integers(len(blob)), random.integers(1, 64)
    fill = [bytes(length), b"\xff" * length, random.bytes(length)][random.integers(3)]
    return (blob[:start] + fill + blob[start + length :])[: len(blob)]


def spliced(blob: bytes, other: bytes, random: Random) -> bytes:
    """The beginning of one file and the end of another."""
    return blob[: random.integers(len(blob))] + other[random.integers(len(other)) :]


def repeated(blob: bytes, other: bytes, random: Random) -> bytes:
    start, end = sorted(random.integers(len(blob), size=2))
    return blob[:end] + blob[start:end] * int(random.integers(1, 4)) + blob[end:]


def lacking(blob: bytes, other: bytes, random: Random) -> bytes:
    start, end = sorted(random.integers(len(blob), size=2))
    return blob[:start] + blob[end:]


def parts(blob: bytes) -> list[bytes]:
    """Chunks of a PNG or WebP, segments of a JPEG (its entropy-coded data are one)."""
    found, at = [], {0xFF: 2, 0x89: 8}.get(blob[0], 12)
    found.append(blob[:at])
    while at + 8 < len(blob):
        if blob[0] == 0xFF:
            end = len(blob) - 2 if blob[at + 1] == 0xDA else at + 2 + int.from_bytes(blob[at + 2 : at + 4], "big")
        elif blob[0] == 0x89:
            end = at + 12 + int.from_bytes(blob[at : at + 4], "big")
        else:
            end = at + 8 + (int.from_bytes(blob[at + 4 : at + 8], "little") + 1) // 2 * 2
        found.append(blob[at:end])
        at = end
    return [*found, blob[at:]]


def reordered(blob: bytes, other: bytes, random: Random) -> bytes:
    """A chunk or segment left out, doubled, moved, or taken from another file."""
    pieces, foreign = parts(blob), parts(other)
    one, two = random.integers(len(pieces), size=2)
    how = random.integers(4)
    if how == 0:
        del pieces[one]
    elif how == 1:
        pieces.insert(two, pieces[one])
    elif how == 2:
        pieces[one], pieces[two] = pieces[two], pieces[one]
    else:
        pieces.insert(two, foreign[random.integers(len(foreign))])
    return b"".join(pieces)


def resized(blob: bytes, other: bytes, random: Random) -> bytes:
    """Width and height of the header, up to what no machine could hold; a PNG's checksum is made right again."""
    sides = [int(random.choice([0, 1, 7, 44, 46, 300, 9000, 16383, 30000, 65535])) for _ in range(2)]
    if blob[0] == 0x89:
        header = struct.pack(">II", *sides) + blob[24:29]
        return blob[:8] + chunk(b"IHDR", header) + blob[33:]
    if blob[0] == 0xFF:
        at = next(i for i in range(len(blob)) if blob[i] == 0xFF and blob[i + 1] in (0xC0, 0xC1, 0xC2))
        return blob[: at + 5] + struct.pack(">HH", *sides) + blob[at + 9 :]
    at = blob.find(b"VP8 ") + 14 if b"VP8 " in blob else blob.find(b"VP8L") + 9
    return blob[:at] + struct.pack("<HH", *sides) + blob[at + 4 :]


def lengthened(blob: bytes, other: bytes, random: Random) -> bytes:
    """A length field, or what stands where one would."""
    at = random.integers(min(len(blob), 700))
    value = int(random.choice([0, 1, 2, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
    size = 2 if value <= 0xFFFF and random.integers(2) else 4
    return blob[:at] + value.to_bytes(size, "big") + blob[at + size :]


MUTATIONS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    truncated, ended_early, flipped, overwritten, spliced, repeated, lacking, reordered, resized, lengthened,
)  # fmt: skip


def mutant(files: dict[str, bytes], seed: int, number: int) -> tuple[str, tuple[str, ...], bytes]:
    """(what it was made of, what was done to it, the file)."""
    random = np.random.default_rng((seed, number))
    names = sorted(files)
    name, other = (names[i] for i in random.integers(len(names), size=2))
    blob, done = files[name], []
    for _ in range(1 if random.random() < 0.8 else 2):
        change = MUTATIONS[random.integers(len(MUTATIONS))]
        if len(blob) > 40 and blob[:1] == files[name][:1]:
            try:
                blob = change(blob, files[other], random)
            except (StopIteration, struct.error):  # a first change left nothing for the second to find
                continue
            done.append(change.__name__)
    return name, tuple(done), blob
