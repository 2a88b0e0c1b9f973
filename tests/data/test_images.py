import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from crossgen.data.images import Header, Unusable, decode, read_header

SHAPE = (13, 19)
#: What a file tells that holds one picture of 8 bits and nothing else.
PLAIN = {"bit_depth": 8, "frames": 1, "exif": False, "icc": False, "xmp": False}


def picture(channels, seed=0, high=256, shape=SHAPE):
    dtype = np.uint8 if high == 256 else np.uint16
    return np.random.default_rng(seed).integers(0, high, (*shape, channels), dtype=dtype)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(values, depth, colour_type, *chunks):
    """A PNG written by hand: Pillow cannot write every kind. `chunks` are (name, data) before the pixels."""
    height, width = values.shape[:2]
    rows = values.astype(">u2" if depth == 16 else np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)), *chunks]
    parts += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    body = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def grey3(values):
    return np.repeat(values.reshape(*SHAPE, 1), 3, axis=2)


def over_white(colour, alpha):
    """Independent: in exact floating point, rounded to nearest."""
    share = alpha.astype(float) / 255
    return np.floor(colour * share + 255 * (1 - share) + 0.5 - 1e-9).astype(np.uint8)


def cases():
    """(name, file, mode, conversion, pixels by an independent formula)"""
    rgb, grey, alpha = picture(3), picture(1), picture(1, seed=1)
    ink = picture(4)
    index, colours = picture(1) % 7, picture(3, seed=2)[0, :7]
    deep, deep4 = picture(3, high=65536), picture(4, high=65536)
    palette = Image.fromarray(index[..., 0])
    palette.putpalette(colours.tobytes())
    paint, black = ink[..., :3].astype(int), ink[..., 3:].astype(int)
    bits = picture(1) > 127
    yield "rgb", png(rgb, 8, 2), "RGB", None, rgb
    yield "grey", png(grey, 8, 0), "L", "grey", grey3(grey)
    yield "palette", saved(palette, "PNG"), "P", "palette", colours[index[..., 0]]
    yield "palette_gif", saved(palette, "GIF"), "P", "palette", colours[index[..., 0]]
    cmyk = np.clip(255 - black - np.floor(paint * (255 - black) / 255 + 0.5), 0, 255)
    yield "cmyk", saved(Image.fromarray(ink, "CMYK"), "TIFF"), "CMYK", "cmyk", cmyk
    yield "1bit", saved(Image.fromarray(bits[..., 0]), "PNG"), "1", "1bit", grey3(bits * 255)
    yield "16bit", png(deep, 16, 2), "RGB", "16bit", deep // 256
    yield "16bit_grey", png(deep[..., :1], 16, 0), "I;16", "16bit", grey3(deep[..., :1] // 256)
    tiff = saved(Image.fromarray(deep[..., 0]), "TIFF")
    yield "16bit_tiff", tiff, "I;16", "16bit", grey3(deep[..., :1] // 256)
    expected = over_white(deep4[..., :3] // 256, deep4[..., 3:] // 256)
    yield "16bit_alpha", png(deep4, 16, 6), "RGBA", "16bit_over_white", expected
    expected = over_white(rgb, alpha)
    yield "alpha", png(np.concatenate([rgb, alpha], -1), 8, 6), "RGBA", "alpha_over_white", expected
    expected = grey3(over_white(grey, alpha))
    yield "grey_alpha", png(np.concatenate([grey, alpha], -1), 8, 4), "LA", "grey_over_white", expected
    opacity = np.array([0, 255, 128, 7, 200, 255, 255], np.uint8)
    transparent = png(index, 8, 3, (b"PLTE", colours.tobytes()), (b"tRNS", opacity.tobytes()))
    expected = over_white(colours[index[..., 0]], opacity[index])
    yield "palette_alpha", transparent, "P", "palette_over_white", expected
    flat = rgb // 128 * 100
    keyed = png(flat, 8, 2, (b"tRNS", struct.pack(">HHH", *flat[0, 0].tolist())))
    expected = np.where(np.all(flat == flat[0, 0], axis=-1, keepdims=True), 255, flat)
    yield "colour_key", keyed, "RGB", "alpha_over_white", expected
    keyed = png(deep, 16, 2, (b"tRNS", struct.pack(">HHH", *deep[0, 0].tolist())))
    yield "16bit_colour_key", keyed, "RGB", "16bit", deep // 256


@pytest.mark.parametrize(("blob", "mode", "conversion", "expected"), [pytest.param(*c[1:], id=c[0]) for c in cases()])
def test_conversions(blob, mode, conversion, expected):
    header = read_header(blob)
    assert (header.mode, header.conversion, header.quarantine) == (mode, conversion, None)
    assert (header.height, header.width) == SHAPE
    pixels = decode(blob)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (*SHAPE, 3))
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, expected)


def test_jpeg_header_and_pixels():
    image = Image.fromarray(picture(3))
    blob = saved(image, "JPEG", quality=83, subsampling=1, progressive=True)
    expected = Header(
        format="JPEG", mode="RGB", width=19, height=13, jpeg_quality=83, jpeg_quality_estimate=83,
        jpeg_tables=read_header(blob).jpeg_tables, chroma_subsampling="4:2:2", progressive=True,
        **PLAIN,
    )  # fmt: skip
    assert read_header(blob) == expected
    np.testing.assert_array_equal(decode(blob), np.asarray(Image.open(io.BytesIO(blob))))
    grey = read_header(saved(image.convert("L"), "JPEG", quality=40))
    assert (grey.jpeg_quality, grey.chroma_subsampling, grey.conversion) == (40, "grey", "grey")
    assert read_header(saved(image, "PNG")) == Header(format="PNG", mode="RGB", width=19, height=13, **PLAIN)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "BMP", "TIFF"])
def test_formats(kind):
    blob = saved(Image.fromarray(picture(3, shape=(24, 32))), kind)
    header = read_header(blob)
    assert (header.format, header.width, header.height, header.quarantine) == (kind, 32, 24, None)
    assert decode(blob).shape == (24, 32, 3)


def test_exif_orientation_is_ignored():
    image = Image.fromarray(picture(3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for kind in ("PNG", "JPEG"):
        turned, plain = saved(image, kind, exif=exif), saved(image, kind)
        assert turned != plain
        assert (read_header(turned).width, read_header(turned).height) == (19, 13)
        np.testing.assert_array_equal(decode(turned), decode(plain))


def test_cmyk_jpeg_by_the_same_rule():
    ink = np.full((*SHAPE, 4), (40, 90, 200, 60), np.uint8)
    blob = saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=100, subsampling=0)
    assert read_header(blob).conversion == "cmyk"
    expected = [255 - 60 - round(c * 195 / 255) for c in (40, 90, 200)]
    assert np.abs(decode(blob).astype(int) - expected).max() <= 2


def bad_files():
    """(name, file, reason in the header, reason on decoding)"""
    image = Image.fromarray(picture(3, shape=(40, 50)))
    other = Image.fromarray(picture(3, seed=5, shape=(40, 50)))
    yield "empty", b"", "empty", "empty"
    yield "text", b"this is no image", "undecodable", "undecodable"
    yield "page", b"<html><body>404</body></html>" * 20, "undecodable", "undecodable"
    for kind in ("JPEG", "PNG"):
        blob = saved(image, kind)
        yield f"half_{kind}", blob[: len(blob) // 2], "truncated", "truncated"
    yield "half_webp", saved(image, "WEBP")[:300], "undecodable", "undecodable"
    yield "jpeg_without_end", saved(image, "JPEG")[:-2], "truncated", "truncated"
    yield "png_without_end", saved(image, "PNG")[:-12], "truncated", "truncated"
    yield "half_header", saved(image, "JPEG")[:100], "undecodable", "undecodable"
    yield "half_tiff", saved(image, "TIFF", compression="tiff_lzw")[:3000], "undecodable", "undecodable"
    yield "half_bmp", saved(image, "BMP")[:3000], None, "truncated"
    blob = saved(image, "PNG")
    yield "png_hole", blob[:60] + bytes(400) + blob[460:], "undecodable", "undecodable"
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        yield f"animated_{kind}", saved(image, kind, save_all=True, append_images=[other]), "animated", "animated"
    yield "float", saved(Image.fromarray(np.ones(SHAPE, np.float32)), "TIFF"), *["unsupported_mode"] * 2
    for side in (10_000, 20_000):  # Pillow warns of the first and refuses the second
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        blob = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
        blob += struct.pack(">I", zlib.crc32(b"IHDR" + header)) + saved(image, "PNG")[33:]
        yield f"bomb_{side}", blob, "too_large", "too_large"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore:Corrupt EXIF")
@pytest.mark.parametrize(("blob", "in_header", "on_decoding"), [pytest.param(*c[1:], id=c[0]) for c in bad_files()])
def test_quarantine(blob, in_header, on_decoding):
    assert read_header(blob).quarantine == in_header
    with pytest.raises(Unusable) as caught:
        decode(blob)
    assert caught.value.reason == on_decoding
    assert str(caught.value).startswith(on_decoding)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("tail", [bytes(64), b"\n", b"trailing \xff\xda garbage" * 9])
def test_what_follows_the_end_is_ignored(kind, tail):
    blob = saved(Image.fromarray(picture(3)), kind)
    assert read_header(blob + tail) == read_header(blob)
    np.testing.assert_array_equal(decode(blob + tail), decode(blob))


def test_a_camera_jpeg_is_its_first_picture():
    first, second = Image.fromarray(picture(3)), Image.fromarray(picture(3, seed=3))
    blob = saved(first, "MPO", save_all=True, append_images=[second], quality=90)
    assert Image.open(io.BytesIO(blob)).format == "MPO"
    plain = saved(first, "JPEG", quality=90)
    assert read_header(blob) == replace(read_header(plain), frames=2)
    np.testing.assert_array_equal(decode(blob), decode(plain))


BLOBS = {
    kind: saved(Image.fromarray(picture(3)), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")
}


def test_headers_are_read_without_decoding(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    for kind in ("JPEG", "PNG"):
        assert read_header(BLOBS[kind]).width == 19


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_tiff_has_one_reason():
    """Pillow raises when it first counts the pictures of this one, and says two when asked again."""
    blob = bytearray(BLOBS["TIFF"])
    blob[8] = 7  # entries of the directory
    assert read_header(bytes(blob)).quarantine == "undecodable"
    with pytest.raises(Unusable, match="undecodable"):
        decode(bytes(blob))


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(sorted(BLOBS)),
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
@pytest.mark.filterwarnings("ignore")
def test_broken_files_never_crash(kind, share, changes):
    blob = bytearray(BLOBS[kind])
    for place, value in changes:
        blob[int(place * len(blob))] = value
    broken = bytes(blob[: max(1, round(share * len(blob)))]) if share < 0.7 else bytes(blob)
    header = read_header(broken)
    try:
        pixels = decode(broken)
    except Unusable as error:
        assert header.quarantine in (None, error.reason)
    else:
        assert header.quarantine is None
        assert pixels.shape == (header.height, header.width, 3)
