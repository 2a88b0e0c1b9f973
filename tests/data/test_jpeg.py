import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from crossgen.data import jpeg

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
PILLOW_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def picture(width, height, seed=0):
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([127 + 90 * np.sin(x / 9 + y / 17), 127 + 90 * np.cos(x / 23), 255 * y / height], axis=-1)
    return np.clip(smooth + np.random.default_rng(seed).normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)


def saved(image, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, "JPEG", **options)
    return stream.getvalue()


def facts(blob):
    return jpeg.facts(Image.open(io.BytesIO(blob)))


def tables_in(blob):
    """The quantisation tables as Pillow finds them in a file."""
    found = Image.open(io.BytesIO(blob)).quantization
    return tuple(tuple(found[number]) for number in sorted(found))


@pytest.fixture(scope="module")
def pillow_tables():
    """Tables of files that Pillow wrote, by (grey, quality): an oracle that owes nothing to our formula."""
    grey, colour = Image.new("L", (8, 8)), Image.new("RGB", (8, 8))
    return {(image is grey, q): tables_in(saved(image, quality=q)) for image in (grey, colour) for q in range(1, 101)}


def estimate_as_imagemagick(tables, pillow_tables):
    """coders/jpeg.c, retold over threshold lists measured on files: (hash, sum) of qualities 1 to 100."""
    grey = len(tables) == 1

    def numbers(t):
        few = t[0][2] + t[0][53] + (0 if grey else t[1][0] + t[1][63])
        return few, sum(sum(table) for table in t)

    thresholds = [numbers(pillow_tables[grey, q]) for q in range(1, 101)]
    value, total = numbers(tables)
    for i, (few, whole) in enumerate(thresholds):
        if value < few and total < whole:
            continue
        if (value <= few and total <= whole) or i >= 50:
            return i + 1
        return None
    return None


@pytest.mark.parametrize("grey", [False, True])
def test_quality_is_exact_for_every_ijg_file(pillow_tables, grey):
    for quality in range(1, 101):
        tables = pillow_tables[grey, quality]
        assert jpeg.exact_quality(tables, grey=grey) == quality
        assert jpeg.estimated_quality(tables) == quality


def test_thresholds_are_those_in_imagemagicks_source(pillow_tables):
    # spot values of the vectors `hash` and `sums` in coders/jpeg.c
    hashes = {1: 1020, 2: 1015, 3: 932, 50: 247, 65: 173, 96: 20, 99: 6, 100: 4}
    for quality, expected in hashes.items():
        luma, chroma = pillow_tables[False, quality]
        assert luma[2] + luma[53] + chroma[0] + chroma[63] == expected
    assert [sum(map(sum, pillow_tables[False, q])) for q in (1, 2)] == [32640, 32635]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 100), st.booleans(), st.integers(0, 2**32 - 1), st.floats(0.7, 1.4))
def test_estimate_of_perturbed_tables(pillow_tables, quality, grey, seed, factor):
    tables = np.array(pillow_tables[grey, quality])
    noise = np.random.default_rng(seed).integers(-2, 3, tables.shape)
    perturbed = tuple(map(tuple, np.clip(np.rint(tables * factor) + noise, 1, 255).astype(int).tolist()))
    assert jpeg.estimated_quality(perturbed) == estimate_as_imagemagick(perturbed, pillow_tables)
    if perturbed not in (pillow_tables[grey, q] for q in range(1, 101)):
        assert jpeg.exact_quality(perturbed, grey=grey) is None


def test_estimate_is_undefined_where_tables_contradict_each_other(pillow_tables):
    # below quality 50, one strong entry among finer ones: beyond one threshold, within the other
    luma, chroma = pillow_tables[False, 30]
    bent = tuple(255 if i == 2 else value for i, value in enumerate(luma))
    assert jpeg.estimated_quality((bent, chroma)) is None
    assert estimate_as_imagemagick((bent, chroma), pillow_tables) is None
    assert jpeg.estimated_quality(()) is None
    assert jpeg.exact_quality((), grey=True) is None


def test_mixed_tables_have_an_estimate_but_no_exact_quality(pillow_tables):
    mixed = (pillow_tables[False, 90][0], pillow_tables[False, 60][1])
    assert jpeg.exact_quality(mixed, grey=False) is None
    assert jpeg.estimated_quality(mixed) == 72  # as identify 6.9.11 prints


def test_a_colour_file_with_one_table_has_no_exact_quality(pillow_tables):
    luma = pillow_tables[False, 80][0]
    blob = saved(picture(16, 16), qtables=[luma], subsampling=0)
    assert len(tables_in(blob)) == 1
    assert facts(blob).jpeg_quality is None


def test_photoshop_like_preset_is_not_ijg():
    found = facts(saved(picture(16, 16), quality="low"))
    assert found.jpeg_quality is None
    assert found.jpeg_quality_estimate == 89


def test_digest_names_the_tables(pillow_tables):
    digests = {jpeg.digest(tables) for tables in pillow_tables.values()}
    assert len(digests) == len(set(pillow_tables.values()))
    assert all(len(d) == 16 and int(d, 16) >= 0 for d in digests)
    assert jpeg.digest(pillow_tables[False, 96]) == "70358ef50a63507f"


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_chroma_subsampling_and_progressive(subsampling):
    blob = saved(picture(33, 17), quality=70, subsampling=PILLOW_SUBSAMPLING[subsampling], progressive=True)
    assert facts(blob).chroma_subsampling == subsampling
    assert facts(blob).progressive is True
    assert facts(saved(picture(33, 17))).progressive is False


@pytest.mark.parametrize(
    ("factors", "expected"), [(0x41, "4:1:1"), (0x12, "4:4:0"), (0x42, "4:1:0"), (0x14, "1x4,1x1,1x1")]
)
def test_rare_chroma_layouts(factors, expected):
    blob = bytearray(saved(picture(16, 16), subsampling=0))
    frame_header = blob.index(b"\xff\xc0")
    blob[frame_header + 11] = factors  # luma's sampling: after marker 2, length 2, depth 1, size 4, count 1, id 1
    assert facts(bytes(blob)).chroma_subsampling == expected


def test_grey_and_cmyk_layouts():
    assert facts(saved(Image.new("L", (16, 16)))).chroma_subsampling == "grey"
    assert facts(saved(Image.new("CMYK", (16, 16)), subsampling=0)).chroma_subsampling == "4:4:4"


@pytest.mark.parametrize("quality", [30, 65, 96])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 33), (64, 48), (127, 95)])
def test_encoder_writes_pillows_bytes(quality, subsampling, width, height):
    image = picture(width, height)
    expected = saved(image, quality=quality, subsampling=PILLOW_SUBSAMPLING[subsampling])
    assert jpeg.encode(image, quality, subsampling) == expected
    # a crop is a view with holes between its rows
    wide = np.concatenate([image, image], axis=1)
    assert jpeg.encode(wide[:, :width], quality, subsampling) == expected


@pytest.mark.parametrize(("quality", "subsampling"), [(0, "4:2:0"), (101, "4:2:0"), (75, "4:1:1"), (75, "keep")])
def test_encoder_refuses(quality, subsampling):
    with pytest.raises(ValueError, match="No JPEG encoder for quality"):
        jpeg.encode(picture(8, 8), quality, subsampling)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.binary(max_size=200), st.booleans())
@example(0.999, b"", True)
def test_completeness(share, tail, thumbnail):
    blob = saved(picture(40, 30), quality=80, progressive=not thumbnail)
    if thumbnail:  # in an application segment, with an end marker of its own
        small = saved(picture(8, 8))
        blob = blob[:2] + b"\xff\xe5" + (len(small) + 2).to_bytes(2, "big") + small + blob[2:]
    assert jpeg.is_complete(blob)
    assert jpeg.is_complete(blob + tail + b"\xff\xda\x00")
    assert not jpeg.is_complete(blob[: int(share * (len(blob) - 1))])


def test_ijg_tables_get_finer_with_quality():
    for coarse, fine in pairwise(range(1, 101)):
        assert np.all(np.array(jpeg.ijg_tables(coarse)) >= np.array(jpeg.ijg_tables(fine)))
