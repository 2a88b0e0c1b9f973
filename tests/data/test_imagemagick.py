"""`jpeg_quality_estimate` is what `identify -format %Q` prints, and null where ImageMagick has none and prints 92."""

import io
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image

from crossgen.data import jpeg
from crossgen.data.images import Header, read_header
from programs import needed
from toys import photograph

QUALITIES = range(1, 101)
PICTURE = photograph(1, 48, 40)
#: What ImageMagick takes for a file whose tables fit no quality (coders/jpeg.c leaves it at its default).
DEFAULT = 92


def by_pillow(picture=PICTURE, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", **options)
    return stream.getvalue()


def by_opencv(quality: int, picture=PICTURE, *options: int) -> bytes:
    _, blob = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *options])
    return blob.tobytes()


#: Kind of file -> quality -> its bytes.
KINDS = {
    "pillow": lambda q: by_pillow(quality=q),
    "pillow_444": lambda q: by_pillow(quality=q, subsampling=0),
    "pillow_422": lambda q: by_pillow(quality=q, subsampling=1),
    "pillow_progressive": lambda q: by_pillow(quality=q, progressive=True),
    "pillow_progressive_444": lambda q: by_pillow(quality=q, progressive=True, subsampling=0),
    "pillow_optimised": lambda q: by_pillow(quality=q, optimize=True),
    "pillow_grey": lambda q: by_pillow(PICTURE[..., 0], quality=q),
    "pillow_grey_progressive": lambda q: by_pillow(PICTURE[..., 0], quality=q, progressive=True),
    "opencv": lambda q: by_opencv(q),
    "opencv_progressive": lambda q: by_opencv(q, PICTURE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "opencv_444": lambda q: by_opencv(q, PICTURE, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111),
    "opencv_grey": lambda q: by_opencv(q, PICTURE[..., 0]),
}  # fmt: skip


def identified(blobs: list[bytes], folder) -> list[int]:
    """What ImageMagick prints for each file, in one call."""
    for number, blob in enumerate(blobs):
        (folder / f"{number:05d}.jpg").write_bytes(blob)
    paths = [f"{number:05d}.jpg" for number in range(len(blobs))]
    command = [needed("identify"), "-format", "%Q\n", *paths]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def facts(blob: bytes) -> Header:
    header = read_header(blob)
    assert header.quarantine is None
    return header


@pytest.mark.parametrize("kind", KINDS)
def test_agreement_on_every_quality(kind, tmp_path):
    blobs = [KINDS[kind](quality) for quality in QUALITIES]
    found = [facts(blob) for blob in blobs]
    assert [header.jpeg_quality_estimate for header in found] == identified(blobs, tmp_path)
    assert [header.jpeg_quality for header in found] == list(QUALITIES)
    told = {(header.progressive, header.chroma_subsampling) for header in found}
    chroma = "grey" if "grey" in kind else "4:4:4" if "444" in kind else "4:2:2" if "422" in kind else "4:2:0"
    assert told == {("progressive" in kind, chroma)}


def odd_tables(n: int) -> list[list[list[int]]]:
    """Two tables, or one for all channels: bent, noisy, mixed, flat, random; coarse and fine."""
    random = np.random.default_rng(20261122)
    found = []
    for number in range(n):
        base = np.array(jpeg.ijg_tables(int(random.integers(1, 101))))
        other = np.array(jpeg.ijg_tables(int(random.integers(1, 101))))
        tables = [
            base + random.integers(-3, 4, base.shape),
            np.where(random.random(base.shape) < 0.03, random.integers(1, 256, base.shape), base),
            np.stack([base[0], other[1]]),
            np.full(base.shape, random.integers(1, 256)),
            random.integers(1, 256, base.shape),
            np.rint(base * random.uniform(0.5, 2, (2, 1))),
        ][number % 6]
        tables = np.clip(tables, 1, 255).astype(int).tolist()
        found.append(tables[: 1 if number % 11 == 0 else 2])
    return found


def test_agreement_on_odd_tables_and_null_where_identify_prints_its_default(tmp_path):
    blobs = [by_pillow(qtables=tables, subsampling=0) for tables in odd_tables(600)]
    found, printed = [facts(blob).jpeg_quality_estimate for blob in blobs], identified(blobs, tmp_path)
    undefined = [number for number, estimate in enumerate(found) if estimate is None]
    assert {printed[number] for number in undefined} == {DEFAULT}
    assert [estimate or DEFAULT for estimate in found] == printed
    assert 60 < len(undefined) < 400  # both kinds are there


def test_presets_of_photo_editors(tmp_path):
    names = ["web_low", "web_medium", "web_high", "web_very_high", "web_maximum", "low", "medium", "high", "maximum"]
    blobs = [by_pillow(quality=name) for name in names]
    assert [facts(blob).jpeg_quality_estimate or DEFAULT for blob in blobs] == identified(blobs, tmp_path)
    assert {facts(blob).jpeg_quality for blob in blobs} == {None}


def test_undefined_is_no_92_of_an_ijg_file(tmp_path):
    """The trap: both print 92, only one was written so."""
    luma, chroma = jpeg.ijg_tables(30)
    bent = [255 if place == 2 else value for place, value in enumerate(luma)]
    blobs = [by_pillow(qtables=[bent, list(chroma)], subsampling=0), by_pillow(quality=92)]
    assert identified(blobs, tmp_path) == [92, 92]
    assert [facts(blob).jpeg_quality_estimate for blob in blobs] == [None, 92]


@pytest.mark.parametrize(("require", "outcome"), [("", pytest.skip.Exception), ("require", pytest.fail.Exception)])
def test_absence_is_a_skip_or_a_failure(require, outcome, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CROSSGEN_PROGRAMS", require)
    with pytest.raises(outcome, match="no identify on this machine"):
        needed("identify")
