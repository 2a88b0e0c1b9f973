"""Steps one by one: what they do to pixels, held against what defines them."""

import io

import numpy as np
import pytest
from drawn_steps import PILLOW_SUBSAMPLING, blurs, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from crossgen.config import CentralCrop, Frame, GaussianBlur, Jpeg, Png, Resize
from crossgen.data import frames
from crossgen.data.images import Unusable, decode
from crossgen.evaluation import box_blur, jpeg_trip, operations
from crossgen.evaluation.conditions import render, render_full
from crossgen.evaluation.noise import Place


def done(step, image):
    return operations.STEPS[step.step](step).apply(image, Place("a"))


def file_of(array, **options):
    stream = io.BytesIO()
    Image.fromarray(array, **options).save(stream, "PNG")
    return stream.getvalue()


def kinds():
    """Files whose pixels are converted when they are read."""
    image, deep = picture(61, 43), (np.arange(61 * 43).reshape(43, 61) * 25).astype(np.uint16)
    yield "rgb", file_of(image)
    yield "alpha", file_of(np.concatenate([image, image[..., :1]], axis=-1))
    yield "16bit", file_of(deep)
    yield "palette", file_of(np.asarray(Image.fromarray(image).quantize(17)))
    yield "grey", file_of(image[..., 0])


@pytest.mark.parametrize(("kind", "blob"), list(kinds()), ids=[kind for kind, _ in kinds()])
def test_png_loses_nothing_whatever_the_file_was(kind, blob):
    image = decode(blob)
    np.testing.assert_array_equal(done(Png(step="png"), image), image)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 12), st.integers(1, 70), st.integers(1, 70))
def test_gaussian_blur_is_scipys_rounded(sigma, width, height):
    image = picture(width, height)
    exact = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="reflect", truncate=4)
    assert np.abs(done(GaussianBlur(step="gaussian_blur", sigma=sigma), image) - exact).max() < 0.502


@given(st.floats(0.01, 50))
def test_weights_of_a_gaussian_are_exact_and_whole(sigma):
    weights = operations._gaussian(sigma)
    assert weights.sum() == 1 and len(weights) == 2 * int(4 * sigma + 0.5) + 1
    assert (weights * 2**22 == np.rint(weights * 2**22)).all() and (weights == weights[::-1]).all()


def test_true_and_pillows_gaussian_differ():
    image = picture(90, 70)
    true, box = done(GaussianBlur(step="gaussian_blur", sigma=3), image), box_blur.by_pillow(image, 3.0)
    assert (true != box).mean() > 0.1


@pytest.mark.parametrize("grid", [1, 8, 16])
def test_a_crop_is_central_and_keeps_the_grid(grid):
    image = picture(101, 77)
    x, y = (101 - 40) // 2 // grid * grid, (77 - 40) // 2 // grid * grid
    found = done(CentralCrop(step="crop", size=40, grid=grid), image)
    np.testing.assert_array_equal(found, image[y : y + 40, x : x + 40])


@pytest.mark.parametrize("small", ["reflect", "resize"])
def test_a_crop_fills_small_images_with_what_they_hold(small):
    image = 100 + picture(30, 50) // 4
    found = done(CentralCrop(step="crop", size=40, small=small), image)
    np.testing.assert_array_equal(found, frames.fit(Frame(kind="crop", size=40, small=small), image))
    assert found.shape == (40, 40, 3) and found.min() > 50  # no black


def test_a_crop_refuses_small_images_otherwise():
    with pytest.raises(Unusable, match="under_frame: 30 x 50 pixels, the frame needs 40"):
        done(CentralCrop(step="crop", size=40), picture(30, 50))


def test_what_follows_a_crop_sees_the_crop_alone():
    """Another order is another condition: JPEG blocks begin at the corner of the crop."""
    image, frame = picture(300, 200), Frame(kind="crop", size=32)
    crop, jpeg = CentralCrop(step="crop", size=90, grid=1), Jpeg(step="jpeg", quality=30)
    cut = frames.fit(Frame(kind="crop", size=90, grid=1), image)
    expected = frames.fit(frame, done(jpeg, cut))
    np.testing.assert_array_equal(render(image, [crop, jpeg], frame, "a"), expected)
    assert (render(image, [jpeg, crop], frame, "a") != expected).any()


def test_the_way_back_may_have_a_filter_of_its_own():
    image = picture(101, 77)
    small = Image.fromarray(image).resize((50, 38), Image.Resampling.LANCZOS)
    back = np.asarray(small.resize((101, 77), Image.Resampling.NEAREST))
    step = Resize(step="resize", size=112, filter="lanczos", filter_up="nearest")
    np.testing.assert_array_equal(render_full(image, [step], Frame(kind="whole", size=8), "a"), back)
    with pytest.raises(ValidationError, match="no `filter_up` with `down_only`"):
        Resize(step="resize", size=112, down_only=True, filter_up="nearest")


@pytest.mark.parametrize("chroma", list(PILLOW_SUBSAMPLING))
def test_the_jpeg_round_trip_is_pillows_at_every_quality(chroma):
    assert jpeg_trip.agree()
    for quality in range(1, 101):
        image = picture(40 + quality % 17, 31 + quality % 19)
        found = jpeg_trip.by_opencv(image, quality, chroma)
        np.testing.assert_array_equal(found, jpeg_trip.by_pillow(image, quality, chroma))


def test_where_opencv_differs_pillow_does_the_work(monkeypatch):
    monkeypatch.setattr(jpeg_trip, "by_opencv", lambda image, quality, chroma: image)
    jpeg_trip.agree.cache_clear()
    try:
        image = picture(50, 60)
        expected = jpeg_trip.by_pillow(image, 65, "4:2:0")
        np.testing.assert_array_equal(done(Jpeg(step="jpeg", quality=65), image), expected)
        assert not jpeg_trip.agree()
    finally:
        jpeg_trip.agree.cache_clear()


@settings(max_examples=200, deadline=None)
@given(blurs, st.integers(1, 70), st.integers(1, 70))
def test_the_compiled_blur_is_pillows(step, width, height):
    image = picture(width, height)
    expected = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(step.sigma)))
    assert box_blur.agree(step.sigma)
    np.testing.assert_array_equal(box_blur.compiled(image, step.sigma), expected)


@pytest.mark.parametrize("patience", [0, 10**9])
@pytest.mark.parametrize("agrees", [True, False])
def test_the_blur_is_compiled_when_it_pays_and_agrees(monkeypatch, patience, agrees):
    called = []
    monkeypatch.setattr(box_blur, "PATIENCE", patience)
    monkeypatch.setattr(box_blur, "agree", lambda sigma: agrees)
    monkeypatch.setattr(box_blur, "compiled", lambda image, sigma: called.append(sigma) or image)
    box_blur.blur(picture(20, 20), 3.0)
    assert bool(called) == (agrees and not patience)


def test_without_numba_pillow_blurs(monkeypatch):
    def missing():
        raise ImportError

    monkeypatch.setattr(box_blur, "_kernel", missing)
    monkeypatch.setattr(box_blur, "PATIENCE", 0)
    box_blur.agree.cache_clear()
    try:
        image = picture(30, 20)
        np.testing.assert_array_equal(box_blur.blur(image, 2.0), box_blur.by_pillow(image, 2.0))
    finally:
        box_blur.agree.cache_clear()
