"""Damaged and hostile files: used whole or refused with a reason, at no cost that their size does not explain."""

import io
import re
import resource
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crossgen.config import Frame
from crossgen.data import frames, images, scans
from crossgen.data.images import Unusable, decode, read_header
from mutations import SIGNATURE, chunk, corpus, interlaced_png, parts, png, rarer, saved
from toys import photograph

FILES = corpus() | rarer()


def verdict(blob):
    """(reason or None, pixels or None); whatever the header refuses, decoding refuses for the same reason."""
    told = read_header(blob).quarantine
    try:
        pixels = decode(blob)
    except Unusable as error:
        assert told in (None, error.reason)
        return error.reason, None
    assert told is None
    return None, pixels


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused_or_lost_no_pixel(name):
    blob = FILES[name]
    whole = decode(blob)
    for length in range(len(blob)):
        reason, pixels = verdict(blob[:length])
        if reason is None:
            np.testing.assert_array_equal(pixels, whole)
        else:
            assert reason in ("empty", "undecodable", "truncated"), (length, reason)
    if name.startswith(("jpeg", "png")):  # known from the file's structure, before anything is decoded
        assert all(read_header(blob[:length]).quarantine for length in range(len(blob) - 4))


JPEGS = [name for name in FILES if name.startswith("jpeg")]


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_cut_and_given_an_end_is_no_picture(name):
    """Not found, and stated: less than the last block of a file of one scan."""
    blob = FILES[name]
    whole, start = decode(blob), blob.rindex(b"\xff\xda") if "progressive" in name else scans_start(blob)
    block = 3 if "progressive" in name else 110
    for end in range(start, len(blob) - block):
        reason, pixels = verdict(blob[:end] + b"\xff\xd9")
        assert reason or np.array_equal(pixels, whole), (end, len(blob))


def scans_start(blob):
    return len(b"".join(parts(blob)[:-2]))


def test_scans_that_are_missing_are_found():
    blob = FILES["jpeg_progressive"]
    assert scans.count(blob) == 10 and scans.count(FILES["jpeg"]) == scans.count(FILES["jpeg_thumbnail"]) == 1
    starts = [place for place in range(len(blob)) if blob[place : place + 2] == b"\xff\xda"]
    assert [verdict(blob[:start] + b"\xff\xd9")[0] for start in starts[1:]] == ["truncated"] * 9
    assert not scans.are_too_few(blob)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (50, 37), (300, 200)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_picture_that_ends_in_grey_is_no_damage(mode, options, size):
    grey = (127,) * 4 if mode == "CMYK" else (128,) * len(Image.new(mode, (1, 1)).getbands())
    blob = saved(Image.new(mode, size, grey), "JPEG", **options)
    assert verdict(blob)[0] is None


PNGS = [name for name in FILES if name.startswith("png")]


@pytest.mark.parametrize("name", PNGS)
def test_no_flipped_bit_of_a_png_changes_a_picture(name):
    blob = FILES[name]
    whole = decode(blob)
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1 << (place % 8)
        told = read_header(bytes(changed)).quarantine
        if told is None:
            reason, pixels = verdict(bytes(changed))
            assert reason or np.array_equal(pixels, whole), place


def test_checksums_that_no_pixel_depends_on_do_not_matter():
    blob = FILES["png"]
    text = chunk(b"tEXt", b"Comment\0hello")
    broken = blob[:-12] + text[:-4] + bytes(4) + blob[-12:]
    assert verdict(broken)[0] is None
    assert verdict(blob[:-4] + bytes(4))[0] is None


def test_an_interlaced_png_is_the_same_picture():
    pixels = photograph(3, 45, 37)
    np.testing.assert_array_equal(decode(interlaced_png(pixels)), pixels)


def bombs():
    flat = saved(Image.new("RGB", (3000, 3000)), "JPEG", progressive=True)
    last = flat[flat.rindex(b"\xff\xda") : -2]
    jpeg = FILES["jpeg"]
    frame = jpeg.index(b"\xff\xc0")
    yield "png_60000", png(60_000, 60_000, bytes(99)), "too_large"
    yield "png_2_to_31", png(2**31 - 1, 2**31 - 1, bytes(99)), "too_large"
    yield "png_long", png(89_478_485, 1, bytes(99)), "too_large"
    yield "png_tall", png(1, 65_501, bytes(99)), "too_large"
    yield "png_4000", png(4000, 4000, bytes(99)), "truncated"
    yield "png_9000", png(9000, 9000, bytes(99)), "too_large"
    deflated = zlib.compress(bytes(300_000_000), 9)
    yield "png_profile", FILES["png"][:33] + chunk(b"iCCP", b"p\0\0" + deflated) + FILES["png"][33:], "too_large"
    yield "png_text", FILES["png"][:33] + chunk(b"zTXt", b"t\0\0" + deflated) + FILES["png"][33:], "too_large"
    yield "jpeg_scans", flat[:-2] + last * 5000 + b"\xff\xd9", "too_large"
    yield "jpeg_sides", jpeg[: frame + 5] + struct.pack(">HH", 4000, 4000) + jpeg[frame + 9 :], "truncated"
    yield "webp_flat", saved(Image.new("RGB", (9000, 9000)), "WEBP", lossless=True, method=0), "too_large"
    webp = FILES["webp_lossless"]
    at = webp.find(b"VP8L") + 9
    yield "webp_sides", webp[:at] + b"\xff\xff\xff\x0f" + webp[at + 4 :], "too_large"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("blob", "reason"), [pytest.param(*case[1:], id=case[0]) for case in bombs()])
def test_bombs_cost_nothing(blob, reason):
    memory, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert verdict(blob)[0] == reason
    assert time.process_time() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 50_000  # KiB


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_large_flat_picture_is_no_bomb(kind):
    assert verdict(saved(Image.new("RGB", (3000, 3000), (9, 8, 7)), kind, lossless=True))[0] is None


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.jpg", FILES["jpeg"])
    return stream.getvalue()


@pytest.mark.parametrize(
    "blob",
    [
        b"not a picture\n", "ünïcode\n".encode(), b"<!DOCTYPE html><title>403</title>", archive(), bytes(4096),
        b"\xff\xd8\xff", SIGNATURE, b"RIFF\x10\0\0\0WEBP", b"GIF89a", b"BM", b"II*\0", b"%PDF-1.7", b"\x7fELF",
    ],
)  # fmt: skip
def test_what_is_no_image_is_undecodable_whatever_its_name(blob):
    assert verdict(blob)[0] == "undecodable"


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {}), ("GIF", {}), ("AVIF", {}), ("TIFF", {})])
def test_animations_are_refused_by_their_headers(kind, options):
    pictures = [Image.fromarray(photograph(seed, 32, 32)) for seed in range(3)]
    blob = saved(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)
    assert read_header(blob).quarantine == "animated"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (30_000, 1), (1, 30_000), (30_000, 40), (65_500, 2)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_of_any_shape(kind, width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    header, found = read_header(saved(Image.fromarray(pixels), kind)), decode(saved(Image.fromarray(pixels), kind))
    assert (header.quarantine, header.width, header.height) == (None, width, height)
    assert found.shape == pixels.shape and (kind == "JPEG" or np.array_equal(found, pixels))
    for small in ("reflect", "resize"):
        try:
            assert frames.fit(Frame(kind="crop", size=64, small=small), found).shape == (64, 64, 3)
        except Unusable as error:
            assert error.reason == "under_frame" and small == "resize"
    assert frames.fit(Frame(kind="resize", size=64), found).shape == (64, 64, 3)


@pytest.mark.parametrize("small", ["reflect", "resize"])
def test_no_frame_makes_a_narrow_picture_fill_the_memory(small):
    with pytest.raises(Unusable, match="under_frame: 30000 x 1 pixels would have to grow"):
        frames.central(Frame(kind="crop", size=4096, small=small), 30_000, 1)


def test_ycck_and_cmyk_by_their_adobe_marker():
    """A flat file, its four stored values known: read as CMYK they are inverted ink, as YCCK they are YCbCr first."""
    stored = (90, 110, 160, 200)
    ink = Image.new("CMYK", (32, 32), tuple(255 - value for value in stored))
    blob = saved(ink, "JPEG", quality=100, subsampling=0)
    at = blob.index(b"Adobe") + 11
    assert blob[at] == 0
    y, cb, cr, k = stored
    red, green, blue = y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)
    for marker, light in ((0, stored[:3]), (2, (255 - red, 255 - green, 255 - blue))):
        changed = blob[:at] + bytes([marker]) + blob[at + 1 :]
        expected = [k - (255 - value) * k / 255 for value in light]
        assert read_header(changed).conversion == "cmyk"
        np.testing.assert_allclose(decode(changed)[16, 16], expected, atol=2.5)


def test_alpha_is_laid_over_white_in_strips_that_do_not_show(monkeypatch):
    blob = FILES["png_alpha"]
    whole = decode(blob)
    monkeypatch.setattr(images, "STRIP", 5)
    np.testing.assert_array_equal(decode(blob), whole)


MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)


@given(st.lists(st.sampled_from([0x00, 0x41, 0xD0, 0xD7, 0xD9, 0xDA, 0xFF]), max_size=40).map(bytes))
def test_entropy_coded_data_end_before_the_fill_bytes_of_a_marker(data):
    blob = b"\xff\xd8\xff\xda\x00\x02" + data
    found = MARKER.search(blob, 6)
    _, start, end = next(scans._scans(blob))
    assert (start, end) == (6, found.start() if found else len(blob))
