"""The committed variants of degraded tests: they load, every condition renders, and no two are one in disguise."""

import numpy as np
import pytest
from PIL import Image

from crossgen.config.loading import load
from crossgen.evaluation import conditions
from crossgen.evaluation.render import effective_steps
from toys import ROOT, photograph

#: Config to the side of its smallest fakes, of those that its crops leave.
VARIANTS = {"degraded_variants": 112, "genimage_degraded": 512}
#: Fakes undergo the same here as under another condition: all are re-encoded, none is small.
TWINS = {"png", "all_q96", "all_q96_crop450", "fakes_q96_crop450_reflect"}


def files(name):
    return load([ROOT / "config" / "ablations" / f"{name}.yaml"])


def first_frame(config):
    """What the first experiment's detectors see."""
    return next(item.frame for item in config.recipes if item.name == config.experiments[0].recipe)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_renders_and_is_another_picture(name):
    config, side = files(name), VARIANTS[name]
    frame = first_frame(config)
    image = photograph(3, side, side)
    found = {}
    for item in config.conditions:
        steps = effective_steps(item, 1, config.conditions)
        picture = conditions.render(image, steps, frame, "a")
        assert picture.shape == (frame.size, frame.size, 3)
        np.testing.assert_array_equal(picture, conditions.render_full(image, steps, frame, "a"))
        found[item.name] = picture.tobytes()
    assert {item for item in found if found[item] == found["clean"]} == {"clean", "png"}
    others = [found[item] for item in found if item not in TWINS]
    assert len(set(others)) == len(others)


def test_the_detectors_are_those_of_the_configs_that_they_extend():
    for name, base in (("degraded_variants", "mini"), ("genimage_degraded", "genimage")):
        config, told = files(name), load([ROOT / "config" / f"{base}.yaml"])
        assert (config.data, config.recipes, config.experiments) == (told.data, told.recipes, told.experiments)
        assert config.report != told.report


def test_unbiased_genimages_crop_follows_the_policy_for_small_fakes():
    config = files("genimage_degraded")
    frame = first_frame(config)
    by_name = {item.name: effective_steps(item, 1, config.conditions) for item in config.conditions}
    small = np.asarray(Image.fromarray(photograph(1, 256, 256)))
    with pytest.raises(conditions.frames.Unusable, match="under_frame: 256 x 256 pixels, the frame needs 450"):
        conditions.render(small, by_name["fakes_q96_crop450"], frame, "a")
    bright = np.maximum(small, 60)
    reflected = conditions.render(bright, by_name["fakes_q96_crop450_reflect"], frame, "a")
    assert reflected.shape == (frame.size, frame.size, 3) and reflected.min() > 20  # nothing black was added
    assert [type(step).__name__ for step in by_name["fakes_q96_crop450"]] == ["Jpeg", "CentralCrop"]
