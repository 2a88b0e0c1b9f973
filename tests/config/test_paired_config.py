"""Training on pairs in a config: the ablation of three lines, the recipes, what is refused with the keys' paths."""

import pytest
import yaml

from crossgen.config import Recipe
from crossgen.config.loading import ConfigError, load, read
from toys import ROOT, toy_config

RECIPES = ROOT / "config" / "recipes"

#: As docs/pairs.md has it.
ABLATION = """
- {name: unpaired, subset: pairs, recipe: mini, train_sets: each}
- {name: paired, subset: pairs, recipe: small_aligned, train_sets: each, vary: {recipe.synchronised: [false]}}
- {name: synchronised, subset: pairs, recipe: small_aligned, train_sets: each}
"""


def config(tmp_path, experiments: str = ABLATION, **subset: object):
    told = toy_config(tmp_path) | {"comparisons": []}
    told["recipes"] = [str(RECIPES / "mini.yaml"), str(RECIPES / "small" / "aligned.yaml")]
    told["subsets"] = [{"name": "pairs", "pairing": "name"} | subset]
    told["experiments"] = yaml.safe_load(experiments)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return load([path])


def test_the_papers_ablation_is_three_lines_over_the_same_pairs(tmp_path):
    found = config(tmp_path)
    recipes = {recipe.name: recipe for recipe in found.recipes}
    told = {
        item.name: (item.subset, recipes[item.recipe].pairing, recipes[item.recipe].synchronised)
        for item in found.experiments
    }
    assert told == {
        "unpaired": ("pairs", "none", False),
        "paired+synchronised=false": ("pairs", "name", False),
        "synchronised": ("pairs", "name", True),
    }
    assert all(line in (ROOT / "docs" / "pairs.md").read_text() for line in ABLATION.split("\n"))


def test_pairs_of_a_subset_that_keeps_none_are_refused_with_both_paths(tmp_path):
    message = r"recipes 'small_aligned\+synchronised=false'.pairing is name, but subsets 'pairs'.pairing is none, in"
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, pairing="none")


def test_two_validation_pools_of_one_label_are_refused(tmp_path):
    lenders = [{"pool": "checker", "n": 2}, {"pool": "stripes", "n": 2}]
    with pytest.raises(ConfigError, match=r"'pairs'.validation names 2 pools of fake images"):
        config(tmp_path, validation=lenders)
    with pytest.raises(ConfigError, match="Unknown validation pool 'nobody'"):
        config(tmp_path, validation=[{"pool": "nobody", "n": 2}])
    assert len(config(tmp_path, validation=[lenders[0], {"pool": "photographs", "n": 2}]).subsets[0].lenders) == 2


def test_the_aligned_recipe_is_corvis_on_synchronised_pairs():
    aligned, corvi = (Recipe.model_validate(_frozen(read(RECIPES / f"{name}.yaml"))) for name in ("aligned", "corvi"))
    changed = {name for name in Recipe.model_fields if getattr(aligned, name) != getattr(corvi, name)}
    assert changed == {"name", "pairing", "synchronised"} and aligned.batch_size == 128
    assert aligned.schedule.patience == 10 and aligned.schedule.stop_below == 1e-6


def test_corvis_chain_has_the_published_order_and_values():
    chain = Recipe.model_validate(_frozen(read(RECIPES / "corvi.yaml"))).augment
    told = [(step.step, getattr(step, "probability", None)) for step in chain]
    assert told == [
        ("random_resized_crop", 0.2), ("jitter", 0.8), ("greyscale", 0.2), ("cutout", 0.2), ("noise", 0.2),
        ("blur", 0.5), ("jpeg", 0.5), ("rot90", 0.75), ("flip", 0.5), ("random_crop", None),
    ]  # fmt: skip
    crop, jitter, _, cutout, noise, blur, jpeg, *_, last = chain
    assert (crop.size, crop.area, crop.filters, last.size) == (256, (0.08, 1.0), ("bilinear",), 96)
    assert crop.aspect == pytest.approx((0.75, 1 / 0.75))
    assert (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) == (0.4, 0.4, 0.4, 0.1)
    assert (cutout.size, cutout.count, cutout.fill, noise.variance) == (48, 1, 128, (10.0, 50.0))
    assert (blur.sigma, jpeg.quality, set(jpeg.encoders)) == ((0.0, 3.0), (30, 100), {"cv2", "pillow"})


def _frozen(told: object) -> object:
    """Lists as tuples: what JSON would bring."""
    if isinstance(told, dict):
        return {key: _frozen(value) for key, value in told.items()}
    return tuple(map(_frozen, told)) if isinstance(told, list) else told
