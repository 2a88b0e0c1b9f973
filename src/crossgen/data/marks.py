"""What a file's header tells of its making: bit depth, EXIF, colour profile, XMP, the software, and marks of a generator.

`ai_marker` joins with "+", in this order, what was found before the pixels (of a whole PNG or WebP also behind them):

| code | found |
|---|---|
| c2pa | a C2PA manifest: JUMBF in APP11 (JPEG), `caBX` (PNG), `C2PA` (WebP), tag 0xCD41 (TIFF), its uuid box (AVIF) |
| iptc_trained_algorithmic | IPTC digital source type `trainedAlgorithmicMedia`, in XMP or in the C2PA manifest |
| iptc_composite_algorithmic | the same, `compositeWithTrainedAlgorithmicMedia` |
| iptc_algorithmic | the same, `algorithmicMedia` |
| sd_parameters, comfyui, invokeai, fooocus, novelai, midjourney, tc260_aigc | a generator's or platform's own text (PNG text, EXIF, XMP) |

A C2PA manifest alone says who signed, not that a network painted: cameras write it too. The signature is not checked.
"""  # noqa: E501 (a row of a table)

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from crossgen.data import exif, png

#: Characters of `software`, bytes of a PNG text, and text chunks of a PNG that are looked at: a few kilobytes could
#: unpack to as many gigabytes.
LONGEST, _INFLATED, _TEXTS = 80, 100_000, 64

_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_C2PA_TAG, _C2PA_BOX = 0xCD41, bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CREATOR_TOOL = re.compile(rb"""CreatorTool(?:\s*=\s*["']|>)([^"'<>]{1,200})""")
_COMMENT = re.compile(rb"(?:CREATOR: |File written by |Created with )[\x20-\x7e]{1,200}")
_SOURCE_TYPE = re.compile(rb"(?i)(?<![a-z])(?:composite(?:with))?trainedAlgorithmicMedia|(?<![a-z])algorithmicMedia")
_SOURCE_TYPES = {
    b"trainedalgorithmicmedia": "iptc_trained_algorithmic",
    b"compositewithtrainedalgorithmicmedia": "iptc_composite_algorithmic",
    b"algorithmicmedia": "iptc_algorithmic",
}
#: Names of PNG texts that one kind of generator writes.
_NAMED = {
    "parameters": "sd_parameters", "prompt": "comfyui", "workflow": "comfyui", "Dream": "invokeai",
    "sd-metadata": "invokeai", "invokeai_metadata": "invokeai", "invokeai_graph": "invokeai",
    "fooocus_scheme": "fooocus", "AIGC": "tc260_aigc",
}  # fmt: skip
#: What texts hold (all of it) that one kind of generator writes, in PNG texts and EXIF.
_WORDED = {
    "sd_parameters": (re.compile(r"\bSteps: \d+, "), re.compile(r"\b(?:Sampler|CFG scale|Seed): ")),
    "comfyui": (re.compile(r'^(?:workflow|prompt):\s?\{|"class_type"\s?:'),),
    "novelai": (re.compile(r"^NovelAI\b"),),
    "midjourney": (re.compile(r"\bJob ID: [0-9a-f]{8}-"),),
    "tc260_aigc": (re.compile(r'"AIGC"\s?:\s?\{'),),
}
_ORDER = tuple(dict.fromkeys(("c2pa", *_SOURCE_TYPES.values(), *_NAMED.values(), *_WORDED)))
_PNG_CHUNKS = (b"eXIf", b"iCCP", b"caBX", b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True)
class Marks:
    """By the manifest's column names; None: nothing was found."""

    bit_depth: int | None
    exif: bool
    icc: bool
    xmp: bool
    software: str | None
    ai_marker: str | None


@dataclass
class _Found:
    """What a format's reader collects: an EXIF block, an XMP packet, a C2PA manifest, texts by name, comments."""

    exif: bytes = b""
    icc: bool = False
    xmp: bytes | bytearray = b""
    c2pa: bytes | bytearray | None = None
    texts: dict[str, str] = field(default_factory=dict)
    comment: bytes = b""


def of(image: Image.Image, blob: bytes) -> Marks:
    """Marks of an opened image, whose file's bytes (or those before its pixels) are `blob`. Never raises."""
    found = _READERS.get(image.format or "", _of_other)(image, blob)
    tags = exif.texts(found.exif) if found.exif else {}
    return Marks(
        bit_depth=_bit_depth(image, blob),
        exif=bool(found.exif),
        icc=found.icc,
        xmp=bool(found.xmp),
        software=_software(found, tags),
        ai_marker=_marker(found, [*found.texts.values(), *tags.values()]),
    )


def _bit_depth(image: Image.Image, blob: bytes) -> int | None:
    """Bits of a channel as it is stored; of a palette, of an index."""
    if image.format == "PNG":
        return blob[24]
    if image.format == "AVIF":
        at = blob.find(b"av1C")
        flags = blob[at + 6 : at + 7] if at >= 0 else b""
        return None if not flags else 8 if not flags[0] & 0x40 else 12 if flags[0] & 0x20 else 10
    if isinstance(image, TiffImageFile):
        stated = image.tag_v2.get(258, (1,))  # TIFF 6.0: BitsPerSample, one bit where it is not stated
        return stated[0] if isinstance(stated, tuple) and stated and isinstance(stated[0], int) else None
    return 1 if image.mode == "1" else 8


def _of_jpeg(image: Image.Image, blob: bytes) -> _Found:
    assert isinstance(image, JpegImageFile)  # noqa: S101 (chosen by format)
    found, packets, boxes = _Found(), bytearray(), bytearray()
    for name, segment in image.applist:
        if name == "COM":
            found.comment = found.comment or segment
        elif segment.startswith(b"Exif\0\0"):
            found.exif = found.exif or segment
        elif segment.startswith(b"ICC_PROFILE\0"):
            found.icc = True
        elif segment.startswith((_XMP, _MORE_XMP)):
            packets += segment.partition(b"\0")[2]
        elif name == "APP11" and segment.startswith(b"JP") and segment[12:16] == b"jumb":
            boxes += segment[16:]
    found.xmp, found.c2pa = packets, boxes if b"c2pa" in boxes else None  # else JUMBF of another kind
    return found


def _of_png(image: Image.Image, blob: bytes) -> _Found:
    found, texts = _Found(), 0
    for name, data in png.named(blob, _PNG_CHUNKS):
        if name == b"eXIf":
            found.exif = found.exif or data
        elif name == b"iCCP":
            found.icc = True
        elif name == b"caBX":
            found.c2pa = data
        elif name in (b"tEXt", b"zTXt", b"iTXt") and texts < _TEXTS:
            texts += 1
            key, text = _png_text(name, data)
            if key == "XML:com.adobe.xmp":
                found.xmp = text
            elif key.startswith("Raw profile type "):  # ImageMagick's: hexadecimal, for EXIF, ICC and XMP alike
                _take_profile(found, key.rpartition(" ")[2], text)
            else:
                found.texts.setdefault(key, text[:_INFLATED].decode("utf-8", "replace"))
    return found


def _png_text(kind: bytes, data: bytes) -> tuple[str, bytes]:
    """Keyword and text of a text chunk; what is deflated only so far as it stays short."""
    key, _, rest = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    elif packed:
        rest = rest[1:]
    if packed:
        try:
            rest = zlib.decompressobj().decompress(rest, _INFLATED)
        except zlib.error:
            rest = b""
    return key.decode("latin-1"), rest


def _take_profile(found: _Found, kind: str, text: bytes) -> None:
    lines = text.split(b"\n", 3)
    try:
        data = bytes.fromhex(lines[-1].decode("ascii")) if len(lines) == 4 else b""
    except ValueError:
        data = b""
    if kind in ("exif", "APP1") and data.startswith(b"Exif"):
        found.exif = found.exif or data
    elif kind in ("icc", "icm"):
        found.icc = True
    elif kind == "xmp" or data.startswith(_XMP):
        found.xmp = found.xmp or data


def _of_webp(image: Image.Image, blob: bytes) -> _Found:
    found = _Found()
    for name, data in _riff(blob):
        if name == b"EXIF":
            found.exif = found.exif or data
        elif name == b"ICCP":
            found.icc = True
        elif name == b"XMP ":
            found.xmp = data
        elif name == b"C2PA":
            found.c2pa = data
    return found


def _riff(blob: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of each chunk of a WebP file."""
    at = 12
    while at + 8 <= len(blob):
        size = int.from_bytes(blob[at + 4 : at + 8], "little")
        yield blob[at : at + 4], blob[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _of_other(image: Image.Image, blob: bytes) -> _Found:
    """AVIF, TIFF, GIF and BMP: as Pillow has read them."""
    info = image.info
    block, packet = (value if isinstance(value, bytes) else b"" for value in (info.get("exif"), info.get("xmp")))
    found = _Found(exif=block, icc=bool(info.get("icc_profile")), xmp=packet)
    if isinstance(image, TiffImageFile):
        found.exif = blob if 0x8769 in image.tag_v2 or any(tag in image.tag_v2 for tag in exif.DESCRIBING) else b""
        found.c2pa = b"" if _C2PA_TAG in image.tag_v2 else None
    elif image.format == "AVIF" and _C2PA_BOX in blob:
        found.c2pa = blob
    elif image.format == "GIF" and b"XMP DataXMP" in blob:
        found.xmp = blob.partition(b"XMP DataXMP")[2]
    return found


_READERS: dict[str, Callable[[Image.Image, bytes], _Found]] = {
    "JPEG": _of_jpeg, "MPO": _of_jpeg, "PNG": _of_png, "WEBP": _of_webp,
}  # fmt: skip


def _software(found: _Found, tags: dict[int, str]) -> str | None:
    """Camera, then software, as one short text: `Canon EOS 10D; Adobe Photoshop CS2`."""
    make, model = _tidy(tags.get(exif.MAKE, "")), _tidy(tags.get(exif.MODEL, ""))
    camera = model if model.startswith(make) else f"{make} {model}".strip()
    tool, comment = _CREATOR_TOOL.search(found.xmp), _COMMENT.match(found.comment)
    named = [
        camera,
        _tidy(tags.get(exif.SOFTWARE, "") or found.texts.get("Software", "")),
        _tidy(tool[1].decode("utf-8", "replace")) if tool else "",
        _tidy(comment[0].decode("ascii")) if comment else "",
    ]
    return "; ".join(dict.fromkeys(filter(None, named)))[:LONGEST].strip() or None


def _tidy(text: str) -> str:
    """On one line, without what cannot be printed; nothing if it is a generator's data in the wrong place."""
    if _WORDED["comfyui"][0].match(text):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * LONGEST]).split())[:LONGEST]


def _marker(found: _Found, texts: list[str]) -> str | None:
    codes = {"c2pa"} if found.c2pa is not None else set[str]()
    if found.xmp or found.c2pa:
        told = bytes(found.xmp) + bytes(found.c2pa or b"")
        stated = _SOURCE_TYPE.findall(told) if b"lgorithmicMedia" in told else []
        codes |= {_SOURCE_TYPES[each.lower()] for each in stated}
    if b"TC260:AIGC" in found.xmp:
        codes.add("tc260_aigc")
    codes |= {_NAMED[name] for name in found.texts if name in _NAMED}
    for code, patterns in _WORDED.items():
        if any(all(pattern.search(text) for pattern in patterns) for text in texts):
            codes.add(code)
    return "+".join(code for code in _ORDER if code in codes) or None
