"""Features are what the head is given; their drift and their plane are what they are said to be."""

from itertools import pairwise

import numpy as np
import pytest
from looked_at import SIDE, planted

from crossgen.evaluation.jpeg_trip import round_trip
from crossgen.looking.drift import drift, mean_over_groups, separation
from crossgen.looking.embedding import plane, told_by_neighbours
from crossgen.looking.features import features
from toys import photograph

PICTURES = np.stack([photograph(seed, SIDE, SIDE) for seed in range(12)])
GROUPS = np.array([f"g{row}" for row in range(12)], object)


def test_features_are_those_computed_by_hand():
    detector = planted("Fine")
    detector.bf16 = True  # features are float32 whatever the machine has
    found, logits = features(detector, PICTURES)
    images = PICTURES.transpose(0, 3, 1, 2) / 255
    expected = np.diff(images, axis=3).reshape(12, -1)
    layer = detector.network.last
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(
        logits, (expected @ layer.weight.detach().numpy().T)[:, 0] + layer.bias.item(), atol=1e-4
    )
    assert detector.bf16 and not detector.training


def test_a_detector_without_features_is_refused():
    with pytest.raises(ValueError, match="NoLinear runs no linear layer"):
        features(planted("NoLinear"), PICTURES)


def drifts(quality: int | None) -> dict:
    detector = planted("Fine")
    moved = PICTURES if quality is None else np.stack([round_trip(each, quality, "4:2:0") for each in PICTURES])
    clean, after = features(detector, PICTURES)[0], features(detector, moved)[0]
    apart = separation(clean, np.arange(12) % 2)
    return {each.measure: each for each in drift(clean, after, apart, GROUPS, seed=0)}


def test_nothing_drifts_where_nothing_changes():
    assert all((each.value, each.low, each.high) == (0, 0, 0) for each in drifts(None).values())


@pytest.mark.parametrize("measure", ["distance", "cosine"])
def test_drift_grows_as_quality_falls(measure):
    found = [drifts(quality)[measure] for quality in (95, 75, 50, 20)]
    assert all(0 < one.value < two.value for one, two in pairwise(found))
    assert all(each.low < each.value < each.high for each in found)


def test_drift_is_in_units_of_fakes_from_reals():
    clean = np.array([[0.0, 1.0], [4.0, 1.0]])
    apart = separation(clean, np.array([0, 1]))
    found = drift(clean, clean + np.array([2.0, 0.0]), apart, np.array(["a", "b"], object), seed=0)
    assert apart == 4 and found[0].measure == "distance" and found[0].value == 0.5


def test_intervals_know_which_images_belong_together():
    values = np.repeat(np.arange(20.0), 10)
    alone, together = np.arange(200).astype(object), np.repeat(np.arange(20), 10).astype(object)
    (_, low, high), (_, wide_low, wide_high) = (mean_over_groups(values, each, 0) for each in (alone, together))
    assert wide_high - wide_low > 2 * (high - low)
    assert np.isnan(mean_over_groups(values, np.zeros(200, object), 0)[1])


@pytest.mark.parametrize(
    ("moved", "apart", "message"), [(np.zeros((3, 2)), 1.0, "expected the same images"), (None, 0.0, "no unit")]
)
def test_drift_refuses(moved, apart, message):
    clean = np.zeros((2, 2))
    with pytest.raises(ValueError, match=message):
        drift(clean, clean if moved is None else moved, apart, GROUPS[:2], 0)


def test_separation_needs_both_labels():
    with pytest.raises(ValueError, match="labels are"):
        separation(np.zeros((2, 2)), np.array([1, 1]))


def clouds(shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of three pools of 40 images, `shift` apart; two images a group."""
    pools = np.repeat(["a", "b", "c"], 40).astype(object)
    drawn = np.random.default_rng(0).normal(size=(120, 8))
    drawn += shift * np.repeat([0, 1, 2], 40)[:, None]
    return drawn, pools, np.repeat(np.arange(60), 2).astype(object)


def test_neighbours_tell_pools_that_lie_apart_and_no_others():
    apart, nothing = told_by_neighbours(*clouds(9.0)), told_by_neighbours(*clouds(0.0))
    assert apart.value > 0.95 and apart.chance == pytest.approx(1 / 3)
    assert nothing.low < nothing.chance < nothing.high


def test_neighbours_are_never_of_the_same_group():
    """Each group is two copies of one image of noise: whoever asks its copy knows everything."""
    drawn, pools, groups = clouds(0.0)
    drawn[1::2] = drawn[::2]
    assert told_by_neighbours(drawn, pools, groups).low < 1 / 3


def test_neighbours_refuse_too_few_groups():
    with pytest.raises(ValueError, match="the least of 1 groups"):
        told_by_neighbours(np.zeros((8, 2)), np.array(["a", "b"] * 4, object), np.zeros(8, object))


@pytest.mark.parametrize("kind", ["pca", "tsne"])
def test_a_plane_is_the_same_again_and_keeps_clouds_apart(kind):
    drawn, pools, _ = clouds(30.0)
    found = plane(drawn, kind, seed=1)
    assert found.shape == (120, 2) and np.array_equal(found, plane(drawn, kind, seed=1))
    middles = np.stack([found[pools == name].mean(axis=0) for name in "abc"])
    own = np.linalg.norm(found[:, None] - middles, axis=2).argmin(axis=1)
    assert (own == np.repeat([0, 1, 2], 40)).mean() > (0.9 if kind == "tsne" else 0.8)


def test_a_plane_refuses_a_handful():
    with pytest.raises(ValueError, match="3 images are too few"):
        plane(np.zeros((3, 4)), "pca", 0)
