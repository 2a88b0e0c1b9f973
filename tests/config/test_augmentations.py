"""Augmentations that could not be drawn are refused at the door."""

import pytest

from crossgen.config.loading import ConfigError, load
from toys import toy_config


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"step": "jpeg", "quality": [100, 30]}, "Wrong value [100, 30] of 'quality'"),
        ({"step": "jpeg", "quality": [0, 30]}, "expected greater than or equal to 1"),
        ({"step": "blur", "sigma": [-1.0, 3.0]}, "expected greater than or equal to 0"),
        ({"step": "noise", "variance": [50.0, 10.0]}, "expected the lower end first"),
        ({"step": "shrink", "sides": [64, 32]}, "expected the lower end first"),
        ({"step": "random_resized_crop", "size": 64, "area": [0.08, 1.5]}, "expected less than or equal to 1"),
        ({"step": "random_resized_crop", "size": 64, "aspect": [0.0, 1.0]}, "expected greater than 0"),
        ({"step": "randaugment", "fill": [0, 0, 256]}, "expected less than or equal to 255"),
        ({"step": "flop"}, "Unknown step 'flop'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(step, message, tmp_path, write_config):
    toy = toy_config(tmp_path)
    toy["recipes"][0]["augment"] = [step]
    with pytest.raises(ConfigError) as error:
        load([write_config(toy)])
    assert message in str(error.value) and "config.yaml" in str(error.value)
