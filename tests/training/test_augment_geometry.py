"""Steps that move pixels, against numpy, scipy, Pillow and torchvision."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats
from torchvision.transforms import InterpolationMode, RandomResizedCrop, functional

from crossgen import config
from crossgen.data import frames
from crossgen.data.images import Unusable
from crossgen.training.augment import AUGMENTATIONS, Draw
from crossgen.training.augment.geometry import box
from draws_at import LAST, at
from toys import photograph

WIDE = photograph(1, 61, 40)


def step(name, **parameters):
    kinds = {
        "flip": config.Flip,
        "vertical_flip": config.VerticalFlip,
        "rot90": config.Rot90,
        "rotate": config.Rotate,
        "translate": config.Translate,
        "random_crop": config.RandomCrop,
        "random_resized_crop": config.RandomResizedCrop,
        "short_side": config.ShortSide,
        "shrink": config.Shrink,
    }
    return AUGMENTATIONS[name](kinds[name](step=name, **parameters))


def test_mirrors_and_quarter_turns():
    assert (step("flip")(WIDE, at()) == WIDE[:, ::-1]).all()
    assert (step("vertical_flip")(WIDE, at()) == WIDE[::-1]).all()
    for turns, fraction in ((1, 0.0), (2, 0.5), (3, LAST)):
        assert (step("rot90")(WIDE, at(quarters=fraction)) == np.rot90(WIDE, turns)).all()
    assert step("flip")(WIDE, at(flip=0.5)) is WIDE


@pytest.mark.parametrize(("width", "height"), [(61, 40), (30, 31), (90, 7), (1, 50)])
@pytest.mark.parametrize("angle", [-150.0, -45.0, 10.0, 77.0])
def test_rotation_is_scipys_with_mirrored_surroundings(width, height, angle):
    # a smooth image: the two libraries place samples with another rounding
    image = ndimage.gaussian_filter(photograph(2, width, height), (2, 2, 0))
    turned = step("rotate")(image, at(angle=angle / 360 + 0.5))
    radians = math.radians(angle)
    matrix = np.array([[math.cos(radians), math.sin(radians)], [-math.sin(radians), math.cos(radians)]])
    middle = (np.array(image.shape[:2]) - 1) / 2
    for channel in range(3):
        expected = ndimage.affine_transform(
            image[..., channel].astype(float), matrix, middle - matrix @ middle, order=1, mode="mirror"
        )
        assert np.abs(turned[..., channel] - expected).max() <= 1.5


def test_angles_reach_both_ends_and_no_further():
    for fraction, degrees in ((0.0, -30), (LAST, 30)):
        expected = step("rotate", degrees=180.0, filter="bicubic")(WIDE, at(angle=degrees / 360 + 0.5))
        assert (step("rotate", degrees=30.0, filter="bicubic")(WIDE, at(angle=fraction)) == expected).all()
    assert (step("rotate", filter="nearest")(WIDE, at(angle=0.0)) == WIDE[::-1, ::-1]).all()  # by -180 degrees


def test_shifts_are_whole_reflected_and_reach_a_share_of_the_side():
    shifted = set()
    for key in range(400):
        draw = Draw(0, 0, 0, key * 0x9E3779B97F4A7C15 % 2**64)
        if draw.uniform("translate") >= 0.5:
            assert step("translate", share=0.1)(WIDE, draw) is WIDE
            continue
        x, y = draw.integer("x", -6, 6), draw.integer("y", -4, 4)
        padded = np.pad(WIDE, ((4, 4), (6, 6), (0, 0)), mode="reflect")
        assert (step("translate", share=0.1)(WIDE, draw) == padded[4 - y : 44 - y, 6 - x : 67 - x]).all()
        shifted.add((x, y))
    assert {x for x, _ in shifted} == set(range(-6, 7)) and {y for _, y in shifted} == set(range(-4, 5))


def test_crops_lie_anywhere_on_the_grid():
    coded = np.stack([*np.indices((40, 61)), np.zeros((40, 61), int)], axis=2).astype(np.uint8)
    corners = {tuple(step("random_crop", size=24, grid=4)(coded, Draw(0, 0, 0, key))[0, 0, :2]) for key in range(2000)}
    assert corners == {(y, x) for y in range(0, 17, 4) for x in range(0, 38, 4)}
    crop = step("random_crop", size=24)(coded, at(LAST))
    assert (crop == coded[16:, 37:]).all()


@pytest.mark.parametrize(("width", "height"), [(20, 23), (5, 3), (1, 1), (1, 9)])
@pytest.mark.parametrize("grid", [1, 8])
def test_small_images_are_continued_by_reflection_as_frames_are(width, height, grid):
    image = photograph(3, width, height)
    frame = config.Frame(kind="crop", size=24, grid=grid, small="reflect")
    assert (step("random_crop", size=24, grid=grid)(image, at(0.7)) == frames.fit(frame, image)).all()


def test_a_crop_of_an_image_with_one_short_side():
    image = photograph(3, 20, 100)
    padded = np.pad(image, ((0, 0), (2, 2), (0, 0)), mode="reflect")
    assert (step("random_crop", size=24)(image, at(LAST)) == padded[76:]).all()


SIZES = [(500, 375), (96, 96), (64, 200), (300, 30)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_are_drawn_as_torchvision_draws_them(width, height):
    parameters = config.RandomResizedCrop(step="random_resized_crop", size=8)
    ours = np.array([box(width, height, parameters, Draw(0, epoch, 0, 1)) for epoch in range(1500)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        image = torch.empty(3, height, width)
        drawn = [RandomResizedCrop.get_params(image, list(parameters.area), list(parameters.aspect)) for _ in ours]
    y, x, high, wide = np.array(drawn).T
    for mine, theirs in (
        (ours[:, 2] * ours[:, 3], wide * high),
        (np.log(ours[:, 2] / ours[:, 3]), np.log(wide / high)),
        (ours[:, 0] / (width - ours[:, 2] + 1), x / (width - wide + 1)),
        (ours[:, 1] / (height - ours[:, 3] + 1), y / (height - high + 1)),
    ):
        assert stats.ks_2samp(mine, theirs).pvalue > 1e-4


@pytest.mark.parametrize(("width", "height"), [(5, 200), (200, 5), (1, 1), (1, 7), (20, 21)])
def test_where_nothing_fits_the_middle_is_taken(width, height):
    parameters = config.RandomResizedCrop(step="random_resized_crop", size=8, area=(1.0, 1.0))
    aspect = LAST if width < height else 0.0  # the other way than the image: too wide, or too high
    y, x, high, wide = RandomResizedCrop.get_params(torch.empty(3, height, width), [2.0, 2.0], [3 / 4, 4 / 3])
    draws = at(aspect, **{f"area{n}": 0.0 for n in range(10)})
    if width != height:
        assert box(width, height, parameters, draws) == (x, y, wide, high)
    else:
        assert box(width, height, parameters, at(0.5)) == (0, 0, width, height)


@pytest.mark.parametrize("number", range(4))
def test_resized_crops_are_torchvisions_pixels(number):
    parameters = config.RandomResizedCrop(step="random_resized_crop", size=48, filters=("bilinear", "bicubic"))
    draw = Draw(0, number, 0, 3)
    x, y, width, height = box(61, 40, parameters, draw)
    mode = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
    chosen = mode[draw.choice("filter", parameters.filters)]
    expected = functional.resized_crop(Image.fromarray(WIDE), y, x, height, width, [48, 48], chosen)
    assert (AUGMENTATIONS["random_resized_crop"](parameters)(WIDE, draw) == np.asarray(expected)).all()


def test_both_filters_and_both_ends_of_area_and_aspect_are_drawn():
    parameters = config.RandomResizedCrop(step="random_resized_crop", size=8, area=(0.25, 1.0), aspect=(0.5, 2.0))
    assert box(400, 400, parameters, at(0.0))[2:] == (141, 283)  # a quarter of the area, half as wide as high
    assert box(400, 400, parameters, at(0.0, aspect0=LAST))[2:] == (283, 141)
    assert box(400, 400, parameters, at(0.0, area0=LAST, aspect0=0.5))[2:] == (400, 400)
    results = {AUGMENTATIONS["random_resized_crop"](parameters)(WIDE, at(filter=f)).tobytes() for f in (0.0, LAST)}
    assert len(results) == 2


@pytest.mark.parametrize(("width", "height"), [(61, 40), (40, 61), (33, 100), (17, 17), (1, 5)])
def test_the_short_side_is_torchvisions(width, height):
    image = photograph(4, width, height)
    expected = functional.resize(Image.fromarray(image), 33)
    assert (step("short_side", size=33)(image, at()) == np.asarray(expected)).all()


@pytest.mark.parametrize(("fraction", "side"), [(0.0, 10), (0.5, 20), (LAST, 30)])
def test_shrinking_goes_to_a_short_side_and_back(fraction, side):
    there = Image.fromarray(WIDE).resize((61 * side // 40, side), Image.Resampling.BILINEAR)
    for back_to, size in ((None, (61, 40)), (96, (146, 96))):
        shrunk = step("shrink", sides=(10, 30), back_to=back_to)(WIDE, at(side=fraction))
        assert (shrunk == np.asarray(there.resize(size, Image.Resampling.BILINEAR))).all()


def test_what_is_small_is_not_enlarged_before_it_is_brought_back():
    assert (step("shrink", sides=(64, 64))(WIDE, at()) == WIDE).all()
    expected = functional.resize(Image.fromarray(WIDE), 80)
    assert (step("shrink", sides=(64, 64), back_to=80)(WIDE, at()) == np.asarray(expected)).all()


@pytest.mark.parametrize(
    ("name", "parameters"), [("short_side", {"size": 4096}), ("shrink", {"sides": (1, 9), "back_to": 4096})]
)
def test_needles_that_would_grow_huge_are_refused(name, parameters):
    needle = np.zeros((1, 65_000, 3), np.uint8)
    with pytest.raises(Unusable, match="pixels would have to grow to .*266240000"):
        step(name, **parameters)(needle, at())


def test_a_needle_is_not_turned():
    needle = np.zeros((65_000, 1, 3), np.uint8)
    with pytest.raises(Unusable, match="under_frame"):
        step("rotate")(needle, at(angle=0.75))
