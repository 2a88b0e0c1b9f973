"""Steps that take information away, against scipy, Pillow, cv2 and their formulas."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from crossgen.config import Cutout, RandomBlur, RandomJpeg, RandomNoise
from crossgen.data.images import Unusable
from crossgen.training.augment import AUGMENTATIONS, Draw
from draws_at import LAST, at
from toys import photograph

IMAGE = photograph(6, 75, 50)
NOISY = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)


def blurred(image, fraction, **parameters):
    return AUGMENTATIONS["blur"](RandomBlur(step="blur", **parameters))(image, at(sigma=fraction))


@pytest.mark.parametrize(("fraction", "sigma"), [(0.0, 0.5), (0.5, 1.75), (LAST, 3.0)])
def test_blur_is_scipys_written_into_each_channel_in_place(fraction, sigma):
    expected = IMAGE.copy()
    for channel in range(3):
        ndimage.gaussian_filter(expected[:, :, channel], output=expected[:, :, channel], sigma=sigma)
    assert (blurred(IMAGE, fraction, sigma=(0.5, 3.0)) == expected).all()


def test_blur_darkens_as_cnnspots_does():
    white = np.full((20, 20, 3), 255, np.uint8)
    assert (blurred(white, 0.1) == 253).all()  # sigma 0.3
    shifts = [blurred(NOISY, sigma / 3).mean() - NOISY.mean() for sigma in (0.5, 1.0, 2.0)]
    assert -1.3 < np.mean(shifts) < -0.7


def test_no_sigma_is_no_blur():
    assert (blurred(NOISY, 0.0) == NOISY).all()


def compressed(image, draw, **parameters):
    return AUGMENTATIONS["jpeg"](RandomJpeg(step="jpeg", **parameters))(image, draw)


@pytest.mark.parametrize(("fraction", "quality"), [(0.0, 30), (0.5, 65), (LAST, 100)])
def test_jpeg_is_written_and_read_by_either_library(fraction, quality):
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, "JPEG", quality=quality, subsampling=2)  # 2: 4:2:0
    assert (compressed(IMAGE, at(quality=fraction), encoders=("pillow",)) == np.asarray(Image.open(stream))).all()
    _, encoded = cv2.imencode(".jpg", IMAGE[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    expected = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    assert (compressed(IMAGE, at(quality=fraction), encoders=("cv2",)) == expected).all()


def test_both_encoders_and_every_quality_are_drawn():
    chosen = []

    class Listening(Draw):
        def choice(self, purpose, options):
            chosen.append(super().choice(purpose, options))
            return chosen[-1]

    results = [compressed(IMAGE[:16, :16], Listening(0, 0, 0, key), quality=(10, 14)) for key in range(400)]
    assert abs(chosen.count("cv2") - chosen.count("pillow")) < 5 * np.sqrt(len(chosen))
    expected = {compressed(IMAGE[:16, :16], at(quality=(n + 0.5) / 5), quality=(10, 14)).tobytes() for n in range(5)}
    assert len(expected) == 5 and {image.tobytes() for image in results} - {IMAGE[:16, :16].tobytes()} == expected


def test_what_jpeg_cannot_hold_is_refused():
    with pytest.raises(Unusable, match="JPEG holds 65500 pixels a side"):
        compressed(np.zeros((1, 65_501, 3), np.uint8), at())


@pytest.mark.parametrize(("fraction", "variance"), [(0.0, 10.0), (LAST, 50.0)])
def test_noise_has_the_drawn_variance_in_each_channel_on_its_own(fraction, variance):
    grey = np.full((150, 150, 3), 128, np.uint8)
    step = AUGMENTATIONS["noise"](RandomNoise(step="noise"))
    noise = step(grey, at(0.3, variance=fraction, noise=0.0)).astype(float) - 128
    n = noise.size
    # fractions are dropped: half a level darker, and a twelfth more variance
    assert abs(noise.mean() + 0.5) < 5 * np.sqrt(variance / n)
    assert abs(noise.var() - variance - 1 / 12) < 5 * variance * np.sqrt(2 / n)
    assert (
        stats.kstest((noise + np.random.default_rng(0).random(noise.shape)).ravel() / np.sqrt(variance), "norm").pvalue
        > 1e-4
    )
    channels = np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)
    assert np.abs(channels).max() < 5 / np.sqrt(n / 3)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 5 / np.sqrt(n)


def test_noise_is_clipped_and_never_wraps():
    step = AUGMENTATIONS["noise"](RandomNoise(step="noise", variance=(400.0, 400.0), probability=1.0))
    for level in (0, 255):
        noisy = step(np.full((60, 60, 3), level, np.uint8), Draw(0, 0, 0, 1))
        assert np.abs(noisy.astype(int) - level).max() < 120
        assert 0.45 < (noisy == level).mean() < 0.55


HOLES = [
    # size, middle drawn as a fraction of 0..height and 0..width, rows and columns filled
    (20, (0.5, 0.5), (slice(15, 35), slice(28, 48))),
    (20, (0.0, 0.0), (slice(0, 20), slice(0, 20))),
    (20, (LAST, LAST), (slice(40, 50), slice(65, 75))),
    (7, (0.5, 0.0), (slice(22, 29), slice(0, 7))),
    (200, (0.3, 0.3), (slice(0, 50), slice(0, 75))),
]


@pytest.mark.parametrize(("size", "middle", "hole"), HOLES)
def test_a_hole_begins_half_its_side_before_its_middle_and_ends_at_the_edge(size, middle, hole):
    step = AUGMENTATIONS["cutout"](Cutout(step="cutout", size=size, fill=9))
    expected = IMAGE.copy()
    expected[hole] = 9
    assert (step(IMAGE, at(y0=middle[0], x0=middle[1])) == expected).all()


def test_holes_may_be_several():
    black = np.zeros((64, 64, 3), np.uint8)
    filled = [
        (
            AUGMENTATIONS["cutout"](Cutout(step="cutout", size=4, count=count, probability=1.0))(
                black, Draw(0, 0, 0, 1)
            )
            == 128
        )
        for count in (1, 5)
    ]
    assert 0 < filled[0].sum() <= 48 < filled[1].sum() <= 5 * 48 and (filled[1] >= filled[0]).all()
