"""`vary:` makes experiments, and the subsets and recipes they need."""

import pytest

from crossgen.config.loading import ConfigError, load
from toys import toy_config


def vary(tmp_path, write_config, **keys):
    experiment = {"name": "raw", "subset": "raw", "recipe": "tiny", "vary": keys}
    return load([write_config(toy_config(tmp_path, experiments=[experiment], comparisons=[]))])


def test_points_are_named_by_what_varies(tmp_path, write_config):
    config = vary(tmp_path, write_config, **{"subset.images_per_class": [4, 8], "recipe.optimiser.lr": [0.01]})
    names = [experiment.name for experiment in config.experiments]
    assert names == ["raw+images_per_class=4+lr=0.01", "raw+images_per_class=8+lr=0.01"]
    point = config.experiments[1]
    subset = next(item for item in config.subsets if item.name == point.subset)
    recipe = next(item for item in config.recipes if item.name == point.recipe)
    assert (point.subset, subset.images_per_class) == ("raw+images_per_class=8", 8)
    assert (point.recipe, recipe.optimiser.lr) == ("tiny+lr=0.01", 0.01)


def test_mappings_and_lists_need_labels(tmp_path, write_config):
    config = vary(tmp_path, write_config, **{"recipe.augment": {"none": [], "flips": [{"step": "flip"}]}})
    assert [experiment.name for experiment in config.experiments] == ["raw+augment=none", "raw+augment=flips"]
    with pytest.raises(ConfigError, match="cannot stand in a name"):
        vary(tmp_path, write_config, **{"recipe.augment": [[], [{"step": "flip"}]]})


def test_an_alignment_can_be_varied_into_a_subset_without_one(tmp_path, write_config):
    values = {"none": None, "q90": {"jpeg_quality": 90}}
    config = vary(tmp_path, write_config, **{"subset.align": values})
    aligned = {subset.name: subset.align for subset in config.subsets}
    assert aligned["raw+align=none"] is None
    assert aligned["raw+align=q90"].jpeg_quality == 90


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"subset.images": [1]}, "subset.images: Extra inputs are not permitted; keys of a subset: name, preset, real"),
        ({"subset.images_per_class": ["few"]}, "should be a valid integer"),
        ({"subset.images_per_class": [4, 4]}, "expected different values"),
        ({"frame.size": [64]}, "expected subset.<key> or recipe.<key>"),
        ({"subset.seed": [1], "recipe.seed": [1]}, "one last name"),
    ],
)
def test_refusals(tmp_path, write_config, keys, message):
    with pytest.raises(ConfigError) as refused:
        vary(tmp_path, write_config, **keys)
    assert message in str(refused.value)
