"""Reading configs: what is merged, what is refused, and in which words."""

import json

import pytest

from crossgen.config import derive
from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config

MINI = ROOT / "config" / "mini.yaml"


@pytest.fixture
def toy(tmp_path):
    return toy_config(tmp_path)


def test_every_config_in_the_repository_loads():
    for path in sorted((ROOT / "config").rglob("*.yaml")):
        if "recipes" not in path.parts:
            assert load([path]).schema_version == 1, path


def test_mini_has_sixteen_detectors_and_genimages_conditions():
    config = load([MINI])
    assert len(derive.detectors(config)) == 16
    names = [condition.name for condition in config.conditions]
    assert names == [
        "clean",
        "resize_112",
        "resize_64",
        "jpeg_q65",
        "jpeg_q30",
        "blur_s3",
        "blur_s5",
        "fakes_q96",
        "all_q96",
    ]


def test_extends_merges_mappings_replaces_lists_and_overrides_win(tmp_path, toy, write_config):
    write_config(toy, "base.yaml")
    child = {"extends": "base.yaml", "report": "child", "statistics": {"seed": 3}, "conditions": [{"name": "only"}]}
    child |= {"matrix_conditions": ["only"]}
    config = load([write_config(child, "child.yaml")], {"statistics": {"level": "0.9"}, "report": "mine"})
    assert (config.report, config.data) == ("mine", "toy")
    assert (config.statistics.replicates, config.statistics.seed, config.statistics.level) == (100, 3, 0.9)
    assert [condition.name for condition in config.conditions] == ["only"]


def test_recipes_are_read_from_files_beside_the_config(tmp_path, toy, write_config):
    (tmp_path / "recipe.yaml").write_text(json.dumps(toy["recipes"][0] | {"name": "elsewhere"}))
    toy["recipes"].append("recipe.yaml")
    assert [recipe.name for recipe in load([write_config(toy)]).recipes] == ["tiny", "elsewhere"]


def test_a_recipe_file_may_extend_another(tmp_path, toy, write_config):
    (tmp_path / "recipe.yaml").write_text(json.dumps(toy["recipes"][0] | {"name": "elsewhere"}))
    (tmp_path / "longer.yaml").write_text("extends: recipe.yaml\nname: longer\nsteps: 77\noptimiser: {lr: 0.5}\n")
    toy["recipes"] += ["recipe.yaml", "longer.yaml"]
    _, elsewhere, longer = load([write_config(toy)]).recipes
    changed = elsewhere.optimiser.model_copy(update={"lr": 0.5})
    assert longer == elsewhere.model_copy(update={"name": "longer", "steps": 77, "optimiser": changed})
    (tmp_path / "recipe.yaml").write_text("extends: longer.yaml\n")
    with pytest.raises(ConfigError, match="'extends' goes in a circle"):
        load([write_config(toy)])


def test_exponents_are_numbers(tmp_path, toy, write_config):
    text = json.dumps(toy).replace('"lr": 0.003', '"lr": 3e-3')
    (tmp_path / "config.yaml").write_text(text)
    assert load([tmp_path / "config.yaml"]).recipes[0].optimiser.lr == 0.003


def first(key, **values):
    """A change of the first item of a list of the toy config."""
    items = toy_config(ROOT)[key]
    return {key: [items[0] | values, *items[1:]]}


def experiment(**values):
    return first("experiments", **values)


def recipe(**values):
    return first("recipes", **values)


def reals(**values):
    return first("subsets", real=values)


def folders(*roots):
    source = [{"kind": "folder", "root": root} for root in roots]
    pools = [{"name": name, "label": "real", "source": told} for name, told in zip("pq", source, strict=True)]
    return {"pools": [*toy_config(ROOT)["pools"], *pools]}


REFUSALS = [
    ({"datta": 1}, "Unknown key 'datta': did you mean 'data'?"),
    ({"statistics": {"seed": "many"}}, "Wrong value \"many\" of 'seed': expected a valid integer"),
    (
        {"statistics": {"sede": 1}},
        "Unknown key 'sede': did you mean 'seed'? expected one of degradations, level, replicates, seed",
    ),
    ({"conditions": [{"name": "a", "steps": [{"step": "jpg"}]}]}, "Unknown step 'jpg' in 'a': expected one of jpeg"),
    ({"conditions": [{"name": "a", "steps": [{"step": "jpeg"}]}]}, "Missing key 'quality' in 'a'"),
    ({"conditions": [{"name": "clean"}, {"name": "clean"}]}, "Doubled name 'clean' in conditions"),
    ({"conditions": [{"name": "mean"}], "matrix_conditions": ["mean"]}, "Reserved name 'mean' in conditions"),
    ({"conditions": [{"name": "A-b"}]}, "String should match pattern"),
    ({"conditions": [{"name": "a", "base": "b"}], "matrix_conditions": ["a"]}, "Unknown base 'b'"),
    ({"matrix_conditions": ["dark"]}, "Unknown condition 'dark' in matrix_conditions[0]: expected one of clean"),
    ({"test_sets": [{"name": "x", "fake": "nobody"}]}, "Unknown pool 'nobody' in test_sets[0] 'x'"),
    ({"test_sets": [{"name": "x", "fake": "photographs"}]}, "holds real images"),
    ({"test_sets": [{"name": "x"}]}, "Empty test set"),
    ({"train_sets": [{"name": "all2", "fake": ["checker", "checker"], "real": ["photographs"]}]}, "Doubled pool"),
    ({"train_sets": [{"name": "checker", "fake": ["checker"], "real": ["photographs"]}]}, "Doubled name 'checker'"),
    ({"experiments": [{"name": "raw", "subset": "rwa", "recipe": "tiny"}], "comparisons": []}, "Unknown subset 'rwa'"),
    ({"comparisons": [{"experiment": "raw", "baseline": "cooked"}]}, "Unknown experiment 'cooked' in comparisons[0]"),
    ({"schema_version": 2}, "newer than this crossgen knows (1): update crossgen"),
    ({"matrix_conditions": ["clean", "clean"]}, "Doubled condition 'clean' in matrix_conditions: 2 times"),
    (experiment(seeds=[1, 1]), "Doubled seed 1 in experiments[0] 'raw'"),
    (first("subsets", crop={"size": 48}), "Empty training set in experiments[0] 'raw': its recipe's frame of 64"),
    (experiment(train_sets=["checker", "checker"]), "Doubled train set 'checker' in experiments[0] 'raw'"),
    (experiment(train_sets=[]), "Wrong value [] of 'train_sets' in 'raw'"),
    (experiment(train_sets=["cheker"]), "Unknown train set 'cheker' in experiments[0] 'raw': expected one of checker"),
    (experiment(recipe="tinny"), "Unknown recipe 'tinny' in experiments[0] 'raw': expected one of tiny"),
    ({"comparisons": [{"experiment": "raw", "baseline": "raw"}]}, "Empty comparison comparisons[0]: 'raw' with itself"),
    ({"comparisons": [{"experiment": "raw", "baseline": "unbiased"}] * 2}, "Doubled comparison comparisons[1]"),
    (
        recipe(architecture="resnet"),
        "Unknown architecture 'resnet' in recipes[0] 'tiny': expected one of cnnspot, f3net, ",
    ),
    (recipe(architecture="resnet 50"), "Wrong value \"resnet 50\" of 'architecture' in 'tiny'"),
    (recipe(batch_size=3), "Wrong value 3 of 'batch_size' in 'tiny': expected a multiple of 2"),
    (recipe(steps=0), "Wrong value 0 of 'steps' in 'tiny': expected greater than or equal to 1"),
    (reals(jpeg_quality=[96, 70]), "Wrong value [96, 70] of 'jpeg_quality' in 'raw': expected the lower end first"),
    (reals(jpeg_quality=[0, 101]), "Wrong value 0 of 'jpeg_quality[0]' in 'raw': expected greater than or equal to 1"),
    (reals(jpeg_quality=[]), "Missing key 'jpeg_quality[0]' in 'raw'"),
    (reals(formats=["JPG"]), "expected 'JPEG', 'PNG'"),
    (reals(relative_sides=[0, 1]), "expected greater than 0"),
    (folders("a", "a"), "Overlapping pools 'p' and 'q': a is a"),
    (folders("a/b", "a"), "Overlapping pools 'p' and 'q': a/b lies in a, so images would be in both"),
    ({"recipes": [], "experiments": []}, "Wrong value [] of 'recipes': expected at least 1 item(s)"),
    ({"pools": []}, "No pool in pools or folders: expected at least one"),
    ({"test_sets": []}, "No test set in test_sets or folders: expected at least one"),
    ({"train_sets": [{"name": "t", "fake": [], "real": ["photographs"]}]}, "Wrong value [] of 'fake' in 't'"),
    ({"train_sets": [{"name": "t", "fake": ["checker"]}]}, "Missing key 'real' in 't'"),
    ({"train_sets": [{"name": "t", "fake": ["photographs"], "real": ["photographs"]}]}, "holds real images"),
    ({"report": 7}, "Wrong value 7 of 'report'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[message[:30] for _, message in REFUSALS])
def test_refusals_name_the_thing_and_the_remedy(change, message, toy, write_config):
    toy = toy | change
    with pytest.raises(ConfigError) as refused:
        load([write_config(toy)])
    assert message in str(refused.value)
    assert "config.yaml" in str(refused.value)


def test_one_folder_may_serve_two_pools_that_read_other_files(toy, write_config):
    pools = folders("a", "a")["pools"]
    for pool, suffix in zip(pools[-2:], (".png", ".jpg"), strict=True):
        pool["source"] = pool["source"] | {"suffixes": [suffix]}
    load([write_config(toy | {"pools": pools})])


def test_a_missing_file_doubled_keys_and_circles_are_refused(tmp_path, write_config):
    with pytest.raises(ConfigError, match="Cannot read the config file"):
        load([tmp_path / "absent.yaml"])
    (tmp_path / "doubled.yaml").write_text("data: a\ndata: b\n")
    with pytest.raises(ConfigError, match="Doubled key 'data'"):
        load([tmp_path / "doubled.yaml"])
    write_config({"extends": "b.yaml"}, "a.yaml")
    write_config({"extends": "a.yaml"}, "b.yaml")
    with pytest.raises(ConfigError, match="circle"):
        load([tmp_path / "a.yaml"])


def test_a_test_only_pool_is_never_trained_on(toy, write_config):
    toy["pools"][1]["test_only"] = True
    assert [d.train_set.name for d in derive.detectors(load([write_config(toy)]))] == ["stripes", "stripes"]
    assert [item.unseen for item in load([write_config(toy)]).test_sets] == [True, False]
    toy["train_sets"] = [{"name": "cheat", "fake": ["checker"], "real": ["photographs"]}]
    with pytest.raises(ConfigError, match="test_only, but train_sets"):
        load([write_config(toy)])


def test_a_generator_may_be_kept_unseen_by_word(toy, write_config):
    toy["test_sets"][1]["unseen"] = True
    assert [d.train_set.name for d in derive.detectors(load([write_config(toy)]))] == ["checker", "checker"]
    toy["train_sets"] = [{"name": "both", "fake": ["checker", "stripes"], "real": ["photographs"]}]
    with pytest.raises(ConfigError, match=r"'stripes' is trained on by train set 'both', but test_sets\[1\]"):
        load([write_config(toy)])
    toy["train_sets"] = []
    toy["test_sets"].append({"name": "control", "real": "photographs", "unseen": True})
    with pytest.raises(ConfigError, match="Control test_sets"):
        load([write_config(toy)])
