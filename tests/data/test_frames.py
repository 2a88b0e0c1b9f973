import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossgen.config import Frame
from crossgen.data import frames
from crossgen.data.frames import Region
from crossgen.data.images import Unusable

grids = st.sampled_from([1, 2, 8, 16, 24, 64])
sizes = st.integers(8, 70)


def crop(size=32, **options):
    return Frame(kind="crop", size=size, **options)


def picture(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=150, deadline=None)
@given(sizes, grids, st.integers(0, 150), st.integers(0, 150), st.integers(1, 12), st.text(max_size=5))
def test_regions_lie_on_the_grid_and_in_the_image(size, grid, more_width, more_height, n, key):
    frame, width, height = crop(size, grid=grid), size + more_width, size + more_height
    middle = frames.central(frame, width, height)
    # the last grid point that is not beyond the centre
    assert middle.x <= more_width // 2 < middle.x + grid
    assert middle.y <= more_height // 2 < middle.y + grid
    regions = frames.sampled(frame, width, height, n, key)
    assert len(regions) == n
    assert regions[0] == middle
    for region in regions:
        assert region.x % grid == region.y % grid == 0
        assert 0 <= region.x <= width - size
        assert 0 <= region.y <= height - size
        assert (region.width, region.height) == (size, size)
    possible = (more_width // grid + 1) * (more_height // grid + 1)
    assert len(set(regions)) == min(n, possible)
    # no region comes a second time more often than another
    counts = [regions.count(region) for region in set(regions)]
    assert max(counts) - min(counts) <= 1
    assert regions == frames.sampled(frame, width, height, n, key)
    # fewer regions are the first of more
    assert frames.sampled(frame, width, height, 1, key) == regions[:1]


def test_sampling_depends_on_the_key_and_on_nothing_else():
    frame = crop(16)
    np.random.seed(0)
    first = frames.sampled(frame, 400, 300, 6, "a")
    np.random.seed(1)
    assert frames.sampled(frame, 400, 300, 6, "a") == first
    assert frames.sampled(frame, 400, 300, 6, "b") != first
    pinned = [(192, 128), (352, 208), (352, 32), (304, 272)]
    assert [(r.x, r.y) for r in frames.sampled(frame, 400, 300, 4, "a")] == pinned


def test_sampling_is_uniform_apart_from_the_central_region():
    frame, middle = crop(16), Region(16, 0, 16, 16)
    drawn = [frames.sampled(frame, 64, 16, 2, str(i))[1] for i in range(3000)]
    assert frames.central(frame, 64, 16) == middle
    assert middle not in drawn
    counts = [drawn.count(Region(x, 0, 16, 16)) for x in (0, 32, 48)]
    assert sum(counts) == 3000
    assert all(abs(count - 1000) < 5 * (3000 * 2 / 9) ** 0.5 for count in counts)


def test_cut_takes_the_pixels_of_the_region():
    image, frame = picture(100, 80), crop(32)
    for region in frames.sampled(frame, 100, 80, 9, "x"):
        expected = image[region.y : region.y + 32, region.x : region.x + 32]
        np.testing.assert_array_equal(frames.cut(frame, image, region), expected)
    np.testing.assert_array_equal(frames.fit(frame, image), image[16:48, 32:64])
    np.testing.assert_array_equal(frames.fit(crop(80, grid=1), image), image[:, 10:90])


@pytest.mark.parametrize(("width", "height"), [(31, 32), (32, 31), (5, 5)])
def test_small_images_are_refused_by_default(width, height):
    for attempt in (
        lambda: frames.central(crop(), width, height),
        lambda: frames.sampled(crop(), width, height, 3, "x"),
        lambda: frames.fit(crop(), picture(width, height)),
    ):
        with pytest.raises(Unusable) as caught:
            attempt()
        assert caught.value.reason == "under_frame"
    assert frames.central(crop(), 32, 32) == Region(0, 0, 32, 32)


def mirrored(at, side):
    """Where reflection (edge not repeated) finds a coordinate outside."""
    if side == 1:
        return 0
    at = at % (2 * (side - 1))
    return min(at, 2 * (side - 1) - at)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 45), st.integers(1, 45), st.sampled_from([1, 8, 16]))
def test_reflection_keeps_the_grid_phase(width, height, grid):
    frame, image = crop(40, grid=grid, small="reflect"), picture(width, height)
    region = frames.central(frame, width, height)
    left, top = ((max(40 - side, 0) // 2) // grid * grid for side in (width, height))
    found = frames.fit(frame, image)
    assert found.shape == (40, 40, 3)
    for y, x in ((0, 0), (39, 39), (7, 30), (20, 3)):
        expected = image[mirrored(y + region.y - top, height), mirrored(x + region.x - left, width)]
        np.testing.assert_array_equal(found[y, x], expected)


@pytest.mark.parametrize(("width", "height", "enlarged"), [(20, 30, (32, 48)), (50, 16, (100, 32)), (31, 31, (32, 32))])
def test_enlargement_keeps_the_aspect(width, height, enlarged):
    frame, image = crop(small="resize", filter="bilinear"), picture(width, height)
    region = frames.central(frame, width, height)
    large = np.asarray(Image.fromarray(image).resize(enlarged, Image.Resampling.BILINEAR))
    expected = large[region.y : region.y + 32, region.x : region.x + 32]
    np.testing.assert_array_equal(frames.fit(frame, image), expected)
    for part in frames.sampled(frame, width, height, 5, "x"):
        assert frames.cut(frame, image, part).shape == (32, 32, 3)


def test_large_images_do_not_depend_on_the_policy():
    image = picture(60, 50)
    expected = frames.fit(crop(), image)
    for small in ("reflect", "resize"):
        np.testing.assert_array_equal(frames.fit(crop(small=small), image), expected)


@pytest.mark.parametrize(
    ("name", "filter"),
    [
        ("nearest", Image.Resampling.NEAREST),
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(90, 50), (9, 200), (32, 32)])
def test_resize_frames_see_the_whole_image(name, filter, width, height):
    frame, image = Frame(kind="resize", size=32, filter=name), picture(width, height)
    assert frames.central(frame, width, height) == Region(0, 0, width, height)
    assert frames.sampled(frame, width, height, 2, "x") == [Region(0, 0, width, height)] * 2
    expected = np.asarray(Image.fromarray(image).resize((32, 32), filter))
    np.testing.assert_array_equal(frames.fit(frame, image), expected)


def test_key_names_the_geometry_alone():
    assert frames.key(crop(96)) == "crop96_4d317eb2"
    assert frames.key(crop(96, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))) == frames.key(crop(96))
    # what a frame does not use does not tell it from others
    assert frames.key(crop(96, filter="lanczos")) == frames.key(crop(96))
    resized = Frame(kind="resize", size=96)
    assert frames.key(Frame(kind="resize", size=96, grid=8, small="reflect")) == frames.key(resized)
    others = [
        crop(96), crop(97), crop(96, grid=8), crop(96, small="reflect"), crop(96, small="resize"),
        crop(96, small="resize", filter="lanczos"), resized, Frame(kind="resize", size=96, filter="lanczos"),
    ]  # fmt: skip
    assert len({frames.key(frame) for frame in others}) == len(others)


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 90), st.integers(8, 90), st.sampled_from(["bilinear", "bicubic"]))
def test_short_side_is_torchvisions_resize_and_centre_crop(width, height, filter):
    from torchvision import transforms  # here: it imports torch

    image = picture(width, height)
    frame = Frame(kind="short_side", size=24, short_side=27, filter=filter)
    mode = getattr(transforms.InterpolationMode, filter.upper())
    theirs = transforms.Compose([transforms.Resize(27, mode), transforms.CenterCrop(24)])
    np.testing.assert_array_equal(frames.fit(frame, image), np.asarray(theirs(Image.fromarray(image))))
    assert frames.sampled(frame, width, height, 3, "a") == [Region(0, 0, width, height)] * 3


def test_whole_keeps_every_pixel_and_treats_small_images_as_told():
    whole = Frame(kind="whole", size=32)
    image, small = picture(50, 33), picture(40, 20)
    np.testing.assert_array_equal(frames.fit(whole, image), image)
    with pytest.raises(Unusable, match="under_frame"):
        frames.fit(whole, small)
    reflected = frames.fit(whole.model_copy(update={"small": "reflect", "grid": 1}), small)
    np.testing.assert_array_equal(reflected, np.pad(small, ((6, 6), (0, 0), (0, 0)), mode="reflect"))
    enlarged = frames.fit(whole.model_copy(update={"small": "resize"}), small)
    np.testing.assert_array_equal(enlarged, np.asarray(Image.fromarray(small).resize((64, 32), Image.BICUBIC)))


def test_an_image_that_would_grow_beyond_all_bounds_is_refused():
    with pytest.raises(Unusable, match="under_frame"):
        frames.fit(Frame(kind="short_side", size=4096, short_side=4096), picture(9000, 1))


@pytest.mark.parametrize(
    ("kind", "short_side", "message"),
    [
        ("short_side", None, "with kind short_side"),
        ("crop", 40, "with no other kind"),
        ("short_side", 20, "at least size"),
    ],
)
def test_a_short_side_belongs_to_its_kind(kind, short_side, message):
    with pytest.raises(ValueError, match=message):
        Frame(kind=kind, size=32, short_side=short_side)


def test_keys_name_what_a_kind_uses():
    whole, square = Frame(kind="whole", size=32), Frame(kind="short_side", size=24, short_side=27)
    assert frames.key(whole) == frames.key(whole.model_copy(update={"grid": 8, "filter": "bilinear"}))
    assert frames.key(whole) != frames.key(whole.model_copy(update={"small": "reflect"}))
    assert frames.key(square) == frames.key(square.model_copy(update={"grid": 8, "small": "reflect"}))
    assert frames.key(square) != frames.key(square.model_copy(update={"short_side": 28}))
