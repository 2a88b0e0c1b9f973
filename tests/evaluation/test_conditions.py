import io

import numpy as np
import pytest
from blake3 import blake3
from drawn_steps import (
    PILLOW_SUBSAMPLING,
    blurs,
    brightnesses,
    frames_and_sizes,
    global_steps,
    jpegs,
    local_steps,
    picture,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from crossgen.config import (
    Avif,
    Blur,
    Brightness,
    CentralCrop,
    Contrast,
    Frame,
    GaussianBlur,
    Jpeg,
    Noise,
    Resize,
    Webp,
)
from crossgen.data import frames
from crossgen.data.images import Unusable
from crossgen.evaluation import conditions, operations
from crossgen.evaluation.conditions import render, render_full
from crossgen.evaluation.noise import Place, standard_noise


def by_pillow(image, step):
    """One step on the whole image, written independently of the module."""
    if step.step == "jpeg":
        stream = io.BytesIO()
        subsampling = PILLOW_SUBSAMPLING[step.chroma_subsampling]
        Image.fromarray(image).save(stream, "JPEG", quality=step.quality, subsampling=subsampling)
        return np.asarray(Image.open(stream))
    if step.step == "blur":
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius=step.sigma)))
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(step.factor))


@settings(max_examples=400, deadline=None)
@given(frames_and_sizes(), jpegs | blurs | brightnesses)
@example((Frame(kind="crop", size=32), 97, 64), Jpeg(step="jpeg", quality=1, chroma_subsampling="4:2:0"))
def test_a_local_step_on_the_frame_equals_pillow_on_the_image(place, step):
    frame, width, height = place
    image = picture(width, height)
    expected = frames.fit(frame, by_pillow(image, step))
    np.testing.assert_array_equal(render(image, [step], frame, "a"), expected)


@settings(max_examples=400, deadline=None)
@given(frames_and_sizes(), st.lists(local_steps, max_size=4))
def test_chains_of_local_steps(place, steps):
    frame, width, height = place
    image = picture(width, height)
    before = image.copy()
    found = render(image, steps, frame, "a")
    np.testing.assert_array_equal(found, render_full(image, steps, frame, "a"))
    np.testing.assert_array_equal(image, before)
    assert (found.shape, found.dtype) == ((frame.size, frame.size, 3), np.uint8)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        lambda kind, small: Frame(kind=kind, size=32, small=small, short_side=40 if kind == "short_side" else None),
        st.sampled_from(["crop", "resize", "short_side", "whole"]),
        st.sampled_from(["skip", "reflect", "resize"]),
    ),
    st.integers(8, 100),
    st.integers(8, 100),
    st.lists(local_steps | global_steps, max_size=4),
)
def test_any_chain_frame_and_policy(frame, width, height, steps):
    image = picture(width, height)
    try:
        expected = render_full(image, steps, frame, "a")
    except Unusable:
        with pytest.raises(Unusable, match="under_frame"):
            render(image, steps, frame, "a")
    else:
        np.testing.assert_array_equal(render(image, steps, frame, "a"), expected)


def seen_sizes(monkeypatch, name):
    """Sizes that a step is given, as a list that fills while rendering."""
    sizes, make = [], conditions.STEPS[name]

    def spied(parameters):
        operation = make(parameters)

        def apply(image, place):
            sizes.append(image.shape[:2])
            return operation.apply(image, place)

        return operations.Operation(apply, operation.halo, operation.alignment)

    monkeypatch.setitem(conditions.STEPS, name, spied)
    return sizes


def test_local_steps_see_the_frame_and_its_halo_only(monkeypatch):
    image, frame = picture(600, 500), Frame(kind="crop", size=96)
    blurred, coded = seen_sizes(monkeypatch, "blur"), seen_sizes(monkeypatch, "jpeg")
    jpeg, blur = Jpeg(step="jpeg", quality=65), Blur(step="blur", sigma=3)
    render(image, [jpeg], frame, "a")
    assert coded == [(128, 128)]
    render(image, [blur], frame, "a")
    assert blurred == [(96 + 2 * 9, 96 + 2 * 9)]
    # the rest of a chain after its last global step, too
    render(image, [blur, Resize(step="resize", size=112), jpeg], frame, "a")
    assert blurred[1:] == [(500, 600)]
    assert coded[1:] == [(128, 128)]


@pytest.mark.parametrize(("size", "reference", "down"), [(112, 224, (50, 38)), (64, 224, (29, 22)), (1, 224, (1, 1))])
def test_resize_goes_down_and_comes_back(size, reference, down):
    image, frame = picture(101, 77), Frame(kind="crop", size=16)
    small = Image.fromarray(image).resize(down, Image.Resampling.BICUBIC)
    back = np.asarray(small.resize((101, 77), Image.Resampling.BICUBIC))
    step = Resize(step="resize", size=size, reference=reference)
    np.testing.assert_array_equal(render(image, [step], frame, "a"), frames.fit(frame, back))


def test_resize_down_only():
    image, frame = picture(101, 77), Frame(kind="crop", size=16)
    step = Resize(step="resize", size=112, down_only=True, filter="bilinear")
    small = np.asarray(Image.fromarray(image).resize((50, 38), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(render(image, [step], frame, "a"), frames.fit(frame, small))
    with pytest.raises(Unusable, match="under_frame"):
        render(image, [step], Frame(kind="crop", size=40), "a")


@pytest.mark.parametrize(
    ("step", "codec"), [(Webp(step="webp", quality=40), "WEBP"), (Avif(step="avif", quality=40), "AVIF")]
)
def test_other_codecs_are_pillows_on_the_whole_image(step, codec):
    image = np.random.default_rng(0).integers(0, 255, (9, 12, 3)).astype(np.uint8).repeat(12, 0).repeat(12, 1)
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, codec, quality=40, **({"max_threads": 1} if codec == "AVIF" else {}))
    whole = np.asarray(Image.open(stored).convert("RGB"))
    frame = Frame(kind="crop", size=64)
    assert (render(image, (step,), frame, "i") == frames.fit(frame, whole)).all()
    assert (whole != image).any()


def test_contrast_is_around_the_mean_of_the_whole_image():
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    image[:, :20] = 255
    step = Contrast(step="contrast", factor=0.5)
    expected = np.asarray(ImageEnhance.Contrast(Image.fromarray(image)).enhance(0.5))
    frame = Frame(kind="crop", size=64)
    assert (render(image, (step,), frame, "i") == frames.fit(frame, expected)).all()


def test_noise_is_standard_normal_and_independent():
    noise = standard_noise(Place("pool/a.png"), 300, 400).astype(float)
    n = noise.size
    assert abs(noise.mean()) < 5 / n**0.5
    assert abs(noise.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((noise**3).mean()) < 5 * (15 / n) ** 0.5
    assert abs((noise**4).mean() - 3) < 5 * (96 / n) ** 0.5
    for limit, share in ((1.0, 0.3173105), (2.0, 0.0455003), (3.0, 0.0026998)):
        assert abs(np.mean(np.abs(noise) > limit) - share) < 5 * (share / n) ** 0.5
    pairs = [
        (noise[1:], noise[:-1]),
        (noise[:, 1:], noise[:, :-1]),
        (noise[16:], noise[:-16]),
        (noise[..., 0], noise[..., 1]),
        (noise[..., 1], noise[..., 2]),
        (noise, standard_noise(Place("pool/b.png"), 300, 400)),
        (noise, standard_noise(Place("pool/a.png", step=1), 300, 400)),
    ]
    for one, other in pairs:
        assert abs((one * other).mean()) < 5 / one.size**0.5


def test_noise_is_keyed_by_position():
    whole = standard_noise(Place("a"), 90, 70)
    np.testing.assert_array_equal(standard_noise(Place("a", x=13, y=31), 20, 40), whole[31:51, 13:53])


def test_noise_has_its_sigma_and_depends_on_the_image():
    image, frame = np.full((128, 128, 3), 120, np.uint8), Frame(kind="crop", size=128)
    step = Noise(step="noise", sigma=8)
    noisy = render(image, [step], frame, "a").astype(float) - 120
    assert abs(noisy.mean()) < 0.2
    assert abs(noisy.std() - (64 + 1 / 12) ** 0.5) < 0.15  # rounding adds 1/12
    assert np.array_equal(render(image, [step], frame, "a"), noisy + 120)
    assert not np.array_equal(render(image, [step], frame, "b"), noisy + 120)
    bright = render(np.full_like(image, 250), [step], frame, "a")
    assert bright.max() == 255  # clipped, not wrapped
    assert bright.min() > 200


def resize_step(size):
    return Resize(step="resize", size=size)


def jpeg_step(quality):
    return Jpeg(step="jpeg", quality=quality)


def blur_step(sigma):
    return Blur(step="blur", sigma=sigma)


#: Committed pixels: a change here is a change of every result, and needs a new conditions.VERSION.
GOLDEN = {
    "clean": ([], "80c6854d2772153a"),
    "resize_112": ([resize_step(112)], "e570cc813cd14ad9"),
    "resize_64": ([resize_step(64)], "59ae0981ae6fe0dd"),
    "jpeg_q65": ([jpeg_step(65)], "b0fd20320f846aca"),
    "jpeg_q30": ([jpeg_step(30)], "1e3d779b2a973c04"),
    "blur_s3": ([blur_step(3)], "dcf75fe1849ab4c1"),
    "blur_s5": ([blur_step(5)], "00eaee76d33026c2"),
    "fakes_q96": ([jpeg_step(96)], "1d99eb68d4fdba83"),
    "all_q96": ([jpeg_step(96)], "1d99eb68d4fdba83"),
    "noise_then_dark": ([Noise(step="noise", sigma=10), Brightness(step="brightness", factor=0.7)], "4ce9710ec2c59627"),
    "gaussian_s3": ([GaussianBlur(step="gaussian_blur", sigma=3)], "b9c4710019b7f70a"),
    "gaussian_s5": ([GaussianBlur(step="gaussian_blur", sigma=5)], "4a1446ca1abbb34e"),
    "crop_then_jpeg": ([CentralCrop(step="crop", size=120), jpeg_step(65)], "fb32abc44cd09794"),
    "crop_reflect": ([CentralCrop(step="crop", size=180, small="reflect")], "06e951ea1fa316ae"),
    "two_filters": ([Resize(step="resize", size=112, filter="lanczos", filter_up="bilinear")], "c04c48c782251c62"),
    "jpeg_444": ([Jpeg(step="jpeg", quality=65, chroma_subsampling="4:4:4")], "ea6bb175b00682a5"),
    "contrast": ([Contrast(step="contrast", factor=1.3)], "60414d9c15b6384d"),
}


@pytest.mark.parametrize("name", list(GOLDEN))
def test_golden_pixels(name):
    assert conditions.VERSION == 1, "with a new version, commit new digests"
    steps, expected = GOLDEN[name]
    found = render(picture(203, 157), steps, Frame(kind="crop", size=96), "toy/golden.png")
    assert blake3(found.tobytes()).hexdigest()[:16] == expected
