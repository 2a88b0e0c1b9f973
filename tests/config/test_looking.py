"""Which detectors may be looked into: those of the run, at tested pools, each named once."""

import pytest

from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config


@pytest.fixture
def loaded(write_config):
    return lambda looking: load([write_config(toy_config(ROOT, looking=looking))]).looking


def test_a_detector_is_named_by_experiment_train_set_and_seed(loaded):
    found = loaded({"detectors": ["raw/checker/seed0"], "pools": ["checker", "photographs"]})
    assert (found.images, found.maps, found.pictures, found.qualities) == (100, 2, False, (95, 75, 50, 30))


@pytest.mark.parametrize(
    ("looking", "message"),
    [
        ({"detectors": ["raw/chequer/seed0"]}, "Unknown detector 'raw/chequer/seed0' in looking.detectors: expected"),
        ({"detectors": ["raw/checker/seed0"], "pools": ["sky"]}, "Unknown tested pool 'sky' in looking.pools"),
        ({"detectors": ["raw/checker/seed0"] * 2}, "Doubled detector 'raw/checker/seed0' in looking"),
        ({"detectors": ["raw/checker/seed0"], "qualities": [50, 50]}, "Doubled quality '50' in looking"),
        ({"detectors": ["raw/checker/seed0"], "qualities": [0]}, "looking.qualities"),
        ({"detectors": []}, "looking.detectors"),
        ({"detectors": ["raw/checker/seed0"], "method": "saliency"}, "looking.method"),
    ],
)
def test_wrong_ones_are_refused(loaded, looking, message):
    with pytest.raises(ConfigError) as error:
        loaded(looking)
    assert message in str(error.value)
