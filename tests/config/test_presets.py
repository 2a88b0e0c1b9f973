"""Presets of subsets: values of keys that are not written, seen in the loaded config."""

import json

import pytest
import yaml

from crossgen.config import Subset
from crossgen.config.loading import ConfigError, load
from crossgen.config.presets import PRESETS, applied
from toys import toy_config


def loaded(tmp_path, *subsets, **changes):
    """The toy config with these subsets; the first experiment trains on the first."""
    experiments = [{"name": "e", "subset": subsets[0]["name"], "recipe": "tiny", **changes}]
    content = toy_config(tmp_path, subsets=list(subsets), experiments=experiments, comparisons=[])
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
    return load([tmp_path / "c.yaml"])


def test_a_preset_fills_in_what_is_not_written(tmp_path):
    written = [
        {"name": "a", "preset": "classic"},
        {"name": "b", "preset": "jpeg96", "seed": 4},
        {"name": "c", "preset": "size_constrained", "real": {"sides": [450, 550]}},
    ]
    told = {
        item.name: item.model_dump(exclude_defaults=True, exclude={"name"})
        for item in loaded(tmp_path, *written).subsets
    }
    q96 = {"jpeg_quality": (96, 96)}
    assert told == {
        "a": {"preset": "classic"},
        "b": {"preset": "jpeg96", "real": q96, "balance_labels": True, "images_per_class": 37000, "seed": 4},
        "c": {
            "preset": "size_constrained", "real": q96 | {"sides": (450, 550)}, "reals_from": "all",
            "balance_classes": True, "balance_labels": True, "seed": 42,
        },
    }  # fmt: skip


def test_what_is_written_wins_an_explicit_null_too(tmp_path):
    written = {
        "name": "c", "preset": "size_constrained", "balance_classes": False, "seed": 0, "reals_from": "own",
        "real": {"relative_sides": [1, 1.2], "jpeg_quality": None, "quality_estimate": "published"},
    }  # fmt: skip
    (subset,) = loaded(tmp_path, written).subsets
    assert (subset.balance_classes, subset.seed, subset.reals_from, subset.balance_labels) == (False, 0, "own", True)
    assert (subset.real.jpeg_quality, subset.real.quality_estimate) == (None, "published")
    (swin,) = loaded(tmp_path, {"name": "b", "preset": "jpeg96", "images_per_class": None}).subsets
    assert swin.images_per_class is None


@pytest.mark.parametrize("real", [{}, {"real": {"width": [450, 550]}}, {"real": {"sides": None}}, {"real": None}])
def test_size_constrained_needs_both_bounds(tmp_path, real):
    with pytest.raises(ConfigError, match=r"Missing real.sides in subset 'c'.*sides: \[450, 550\].*subsets\[0\]"):
        loaded(tmp_path, {"name": "c", "preset": "size_constrained", **real})


def test_width_and_height_are_bounds_too(tmp_path):
    real = {"width": [450, 550], "height": [440, 560]}
    (subset,) = loaded(tmp_path, {"name": "c", "preset": "size_constrained", "real": real}).subsets
    assert subset.real.sides is None and subset.real.height == (440, 560)


def test_keys_of_a_preset_can_be_varied_but_not_the_preset(tmp_path):
    subset = {"name": "b", "preset": "jpeg96"}
    config = loaded(tmp_path, subset, vary={"subset.images_per_class": [16, 32]})
    points = {item.name: (item.images_per_class, item.real.jpeg_quality) for item in config.subsets if "+" in item.name}
    assert points == {"b+images_per_class=16": (16, (96, 96)), "b+images_per_class=32": (32, (96, 96))}
    with pytest.raises(ConfigError, match=r"Cannot vary 'subset.preset'.*write a subset for each"):
        loaded(tmp_path, subset, vary={"subset.preset": ["classic", "jpeg96"]})


def test_a_preset_that_is_none_or_that_nobody_applied_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="Wrong value \"jpg\" of 'preset' in 's': expected 'classic', 'jpeg96' or"):
        loaded(tmp_path, {"name": "s", "preset": "jpg"})
    with pytest.raises(ValueError, match="crossgen.config.presets.applied"):
        Subset(name="s", preset="jpeg96")


@pytest.mark.parametrize("name", PRESETS)
def test_applying_twice_changes_nothing(name):
    once = applied({"name": "s", "preset": name, "real": {"sides": [1, 2]}})
    whole = json.loads(Subset.model_validate_json(json.dumps(once)).model_dump_json())
    assert applied(once) == once and applied(whole) == whole
