"""Keys of training: what does not go together in a recipe, and what experiments ask of one another."""

import pytest

from crossgen.config import derive, lineage
from crossgen.config.claims import _differences
from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config

BOTH = {"name": "both", "fake": ["checker", "stripes"], "real": ["photographs"]}
CROP = {"step": "random_crop", "size": 64}


@pytest.fixture
def loaded(tmp_path, write_config):
    """The toy config with changes, read."""
    return lambda change: load([write_config(toy_config(tmp_path) | change)])


def recipe(**values):
    return {"recipes": [toy_config(ROOT)["recipes"][0] | values]}


def experiments(*items, **values):
    """Experiments by their keys; all of subset raw, recipe tiny."""
    told = [{"subset": "raw", "recipe": "tiny"} | item for item in items]
    return {"experiments": told, "comparisons": [], "train_sets": [BOTH]} | values


BASE = {"name": "base"}
COMBINED = {"name": "combined", "train_sets": ["both"]}


def starting(**values):
    return experiments(BASE, {"name": "tuned", "start_from": {"experiment": "base"} | values})


def ordered(train_sets=("both",), **values):
    return experiments(BASE, {"name": "eased", "train_sets": list(train_sets), "curriculum": values})


def crops_that(step, **values):
    return recipe(augment=[{"step": step} | values])


RECIPES = [
    (recipe(epochs=2.0), "one of `steps` and `epochs`"),
    (recipe(frame={"kind": "whole", "size": 64}), "expected a training_frame of kind crop, resize or short_side"),
    (recipe(reading="files", crops_per_image=1, fakes="simulated"), "reading: crops (or resident) with fakes: simul"),
    (
        recipe(reading="files", crops_per_image=1, training_frame={"kind": "crop", "size": 64}),
        "no training_frame with reading: files",
    ),
    (recipe(reading="files"), "crops_per_image: 1 with reading: files"),
    (
        recipe(reading="resident", augment=[{"step": "flip"}, {"step": "jpeg"}]),
        "expected reading: crops with the steps jpeg: resident crops know cutout, flip, ",
    ),
    (recipe(reading="resident", splits={"augment": [{"step": "blur"}]}), "with the steps blur"),
    (recipe(mixing={"mixup": 0.2}, splits={"n": 2}), "`mixing` or `splits`"),
    (recipe(mixing={"probability": 0.5}), "an alpha above 0 of mixup or cutmix"),
    (recipe(accumulate=9), "accumulate of at most 8"),
    (recipe(balance="none", balance_pools=True), "balance: batches with balance_pools"),
    (
        recipe(freeze="layer3", stay_positive={}, start={"weights": "w.safetensors"}),
        "`freeze` or `stay_positive`, which freezes all but the last layer",
    ),
    (recipe(stay_positive={"batch_norm": "eval"}), "of 'batch_norm' in 'tiny': expected 'frozen' or 'drift'"),
    (
        recipe(stay_positive={}),
        "Nothing to begin with in experiment 'unbiased': its recipe 'tiny' is the second stage of a detector",
    ),
    (recipe(schedule={"kind": "cosine", "floor": 0.1}), "schedule.floor (0.1) of at most optimiser.lr (0.003)"),
    (recipe(schedule={"kind": "cosine", "warmup_lr": 0.1}), "schedule.warmup_lr (0.1) of at most"),
    (recipe(schedule={"kind": "plateau", "floor": 0.1}), "schedule.floor (0.1) of at most"),
    (recipe(schedule={"kind": "drop_and_stop", "stop_below": 0.1}), "schedule.stop_below (0.1) of at most"),
    (recipe(schedule={"kind": "cosine", "warmup": 0.6, "cooldown": 0.4}), "warmup and schedule.cooldown of less than"),
    (recipe(optimiser={"kind": "sgd", "lr": 0.1, "nesterov": True, "dampening": 0.5}), "dampening 0 with nesterov"),
    (recipe(erasing={"probability": 0.0}), "of 'probability' in 'tiny': expected greater than 0"),
    (recipe(erasing={"probability": 0.5, "mode": "grey"}), "of 'mode' in 'tiny': expected 'const', 'rand' or 'pixel'"),
    (crops_that("blur", sigma=[3.0, 0.0]), "of 'sigma' in 'tiny': expected the lower end first"),
    (crops_that("jpeg", quality=[30, 101]), "of 'quality[1]' in 'tiny': expected less than or equal to 100"),
    (crops_that("random_resized_crop", size=64, area=[0.0, 1.0]), "of 'area[0]' in 'tiny': expected greater than 0"),
    (crops_that("random_resized_crop", size=64, aspect=[1.3, 0.7]), "of 'aspect' in 'tiny': expected the lower end"),
    (crops_that("shrink", sides=[64, 32]), "of 'sides' in 'tiny': expected the lower end first"),
    (crops_that("noise", variance=[-1.0, 5.0]), "of 'variance[0]' in 'tiny': expected greater than or equal to 0"),
]
EXPERIMENTS = [
    (starting(experiment="bsae"), "Unknown experiment 'bsae' in start_from of experiment 'tuned': expected one of bas"),
    (starting(train_set="both"), "No detector of train set 'both' in start_from of experiment 'tuned': 'base' has che"),
    (
        experiments(BASE, COMBINED | {"start_from": {"experiment": "base"}}),
        "No detector of train set 'both' in start_from of experiment 'combined': 'base' has checker, stripes; say",
    ),
    (starting(seed=3), "No detector of seed 3 in start_from of experiment 'tuned': 'base' has seeds 0"),
    (
        experiments(BASE, {"name": "tuned", "seeds": [0, 1], "start_from": {"experiment": "base"}}),
        "No detector of seed 1 in start_from of experiment 'tuned'",
    ),
    (
        starting() | {"recipes": [toy_config(ROOT)["recipes"][0] | {"start": {"weights": "w.safetensors"}}]},
        "Two starts of experiment 'tuned': its recipe names weights, too",
    ),
    (
        experiments(
            {"name": "base", "vary": {"recipe.architecture": ["timm"]}},
            {"name": "tuned", "start_from": {"experiment": "base+architecture=timm"}},
        ),
        "Wrong experiment 'base+architecture=timm' in start_from of experiment 'tuned': it trains 'timm', whose weights"
        " do not fit 'residual'",
    ),
    (
        experiments({"name": "base", "start_from": {"experiment": "base"}}),
        "Circle of experiments base -> base: each begins with, or is ordered by, detectors of the next",
    ),
    (
        experiments(
            {"name": "one", "start_from": {"experiment": "two"}},
            {"name": "two", "start_from": {"experiment": "one"}},
            {"name": "three", "start_from": {"experiment": "one"}},
        ),
        "Circle of experiments one -> two -> one",
    ),
    (
        experiments(
            {"name": "base", "vary": {"recipe.steps": [5]}, "start_from": {"experiment": "base+steps=5"}},
        ),
        "Circle of experiments base+steps=5 -> base+steps=5",
    ),
    (
        experiments(
            {"name": "base", "vary": {"recipe.steps": [5]}},
            {"name": "tuned", "start_from": {"experiment": "base"}},
        ),
        "Unknown experiment 'base' in start_from of experiment 'tuned': expected one of base+steps=5, tuned",
    ),
    (
        ordered(order=["checker"]),
        "Wrong order [checker] in the curriculum of experiment 'eased': expected the pools of",
    ),
    (ordered(order=["checker", "photographs"]), "expected the pools of fakes of train set 'both', each once (checker,"),
    (ordered(order=["checker", "stripes", "checker"]), "Wrong order [checker, stripes, checker]"),
    (ordered(experiment="bsae"), "Unknown experiment 'bsae' in curriculum of experiment 'eased'"),
    (ordered(), "of 'curriculum' in 'eased': expected one of `order` and `experiment`"),
    (
        ordered(train_sets=["both", "checker"], experiment="base"),
        "Nothing to order in the curriculum of experiment 'eased': train set 'checker' has one pool of fakes",
    ),
    (
        experiments(
            BASE | {"train_sets": ["stripes"]},
            COMBINED | {"curriculum": {"experiment": "base"}},
        ),
        "Pool 'checker' is not measured in the curriculum of experiment 'combined': in 'base' no train set is of this",
    ),
    (
        experiments(
            BASE | {"train_sets": ["checker", "again", "stripes"]},
            COMBINED | {"curriculum": {"experiment": "base"}},
            train_sets=[BOTH, {"name": "again", "fake": ["checker"], "real": ["photographs"]}],
        ),
        "in 'base' the train sets checker, again are of this pool of fakes alone; expected one",
    ),
    (ordered(order=["checker", "stripes"]) | recipe(balance="loss"), "Wrong balance 'loss' for the curriculum of exp"),
    (ordered(order=["checker", "stripes"]) | recipe(fakes="simulated"), "its recipe makes fakes from reals"),
    (experiments(COMBINED | {"watch_every": 1}), "Nothing to watch in experiment 'combined': it has one train set"),
    (
        recipe(accumulate=4) | {"train_gpus": 3},
        "Batch of 16 in recipe 'tiny' is too small for 3 GPUs (train_gpus) x 4 parts (accumulate)",
    ),
    (
        {"train_gpus": 3, "train_nodes": 3},
        "Batch of 16 in recipe 'tiny' is too small for 9 GPUs (train_gpus x train_nodes) x 1 parts (accumulate)",
    ),
    ({"train_gpus": 0, "train_nodes": 9}, "is too small for 9 GPUs (train_gpus x train_nodes)"),
    (
        recipe(training_frame={"kind": "crop", "size": 80}, frame={"kind": "crop", "size": 48})
        | {"subsets": [item | {"crop": {"size": 64}} for item in toy_config(ROOT)["subsets"]]},
        "Empty training set in experiments[0] 'raw': its recipe's frame of 80 pixels fits into no crop of 64",
    ),
]
REFUSALS = [*RECIPES, *EXPERIMENTS]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[message[:40] for _, message in REFUSALS])
def test_refusals_name_the_thing_and_the_remedy(change, message, loaded):
    with pytest.raises(ConfigError) as refused:
        loaded(change)
    assert message in str(refused.value) and "config.yaml" in str(refused.value)


def test_what_grid_points_make_of_a_recipe_is_refused_too(loaded):
    varied = {"name": "base", "vary": {"recipe.reading": ["resident"]}}
    with pytest.raises(ConfigError, match=r"recipe 'tiny' as '\+reading=resident'.*with the steps blur"):
        loaded(crops_that("blur") | experiments(varied))


def test_whole_images_are_read_from_files_or_stored_in_another_frame(loaded):
    whole = {"kind": "whole", "size": 64}
    assert loaded(recipe(frame=whole, reading="files", crops_per_image=1, augment=[CROP])).recipes[0].frame.kind
    stored = loaded(recipe(frame=whole, training_frame={"kind": "crop", "size": 64})).recipes[0]
    assert stored.packed_frame.size == 64


def test_a_start_is_of_the_same_train_set_and_seed_unless_told(loaded):
    told = starting(head="fresh")
    told["experiments"].append(
        {"name": "wide", "subset": "raw", "recipe": "tiny", "train_sets": ["both"], "seeds": [4]}
        | {"start_from": {"experiment": "base", "train_set": "stripes", "seed": 0}}
    )
    found = {item.key: lineage.started_from(item) for item in derive.detectors(loaded(told))}
    assert found == {
        "base/checker/seed0": None,
        "base/stripes/seed0": None,
        "tuned/checker/seed0": "base/checker/seed0",
        "tuned/stripes/seed0": "base/stripes/seed0",
        "wide/both/seed4": "base/stripes/seed0",
    }


def test_a_curriculum_is_measured_by_the_same_seed_or_the_first(loaded):
    told = experiments(
        BASE | {"seeds": [2, 5]}, COMBINED | {"seeds": [5, 7], "curriculum": {"experiment": "base", "ramp": 0.3}}
    )
    config = loaded(told)
    found = {item.key: lineage.measured_by(config, item) for item in derive.detectors(config)}
    assert found["base/checker/seed2"] == {}
    assert found["combined/both/seed5"] == {"checker": "base/checker/seed5", "stripes": "base/stripes/seed5"}
    assert found["combined/both/seed7"] == {"checker": "base/checker/seed2", "stripes": "base/stripes/seed2"}


def test_detectors_watch_the_other_train_sets_of_their_experiment(loaded):
    watching = {"name": "watching", "train_sets": ["checker", "stripes", "both"], "watch_every": 2}
    config = loaded(experiments(BASE, watching))
    found = {item.key: lineage.watched_by(config, item) for item in derive.detectors(config)}
    assert found["base/checker/seed0"] == [] and found["watching/stripes/seed0"] == ["checker", "both"]


def test_simulated_fakes_still_name_the_pools_they_are_tested_on(loaded):
    config = loaded(recipe(fakes="simulated"))
    assert [item.generator for item in derive.detectors(config)][:2] == ["checker", "stripes"]


def test_what_detectors_need_of_others_is_part_of_what_their_experiment_means(loaded):
    plain, tuned = loaded(experiments(BASE, {"name": "tuned"})), loaded(starting())
    assert list(_differences(plain, tuned, "b.yaml")) == [
        "experiment 'tuned' means two things in the store 'toy': start_from is"
        ' {"experiment": "base", "train_set": null, "seed": null, "head": "keep"} in b.yaml and null here;'
        " give it another name"
    ]
    watching = {"name": "base", "watch_every": 1}
    fewer = experiments(watching | {"train_sets": ["checker", "both"]})
    assert "train_sets is" in next(_differences(loaded(fewer), loaded(experiments(watching)), "b.yaml"))
    unwatched = [loaded(experiments(BASE | told)) for told in ({}, {"train_sets": ["both"]})]
    assert not list(_differences(*unwatched, "b.yaml"))
