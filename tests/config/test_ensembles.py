"""Ensembles in a config: which detectors they average, and what is refused."""

from dataclasses import asdict

import pytest

from crossgen.config import ensembles
from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config

BOTH = {"name": "both", "experiments": ["raw", "unbiased"]}


def seeds_and_sets(first, second, seeds=((0,), (0,))):
    """The toy config with these train sets and seeds of its two experiments."""
    config = toy_config(ROOT, comparisons=[])
    for item, sets, told in zip(config["experiments"], (first, second), seeds, strict=True):
        item |= {"train_sets": list(sets), "seeds": list(told)}
    return config


def found(config, write_config):
    return [asdict(each) for each in ensembles.averaged(load([write_config(config)]))]


def test_an_ensemble_over_experiments_has_the_train_sets_and_seeds_that_all_have(write_config):
    config = seeds_and_sets(("checker", "stripes"), ("stripes",), ((0, 1), (1, 2)))
    members = ("raw/stripes/seed1", "unbiased/stripes/seed1")
    expected = {"ensemble": "both", "train_set": "stripes", "seed": 1, "members": members}
    assert found(config | {"ensembles": [BOTH]}, write_config) == [expected]


def test_an_ensemble_over_seeds_has_all_detectors_of_a_train_set_and_is_called_seed_0(write_config):
    config = seeds_and_sets(("checker", "stripes"), ("stripes",), ((3, 1), (2,)))
    both = found(config | {"ensembles": [BOTH | {"over": "experiments_and_seeds"}]}, write_config)
    members = ("raw/stripes/seed3", "raw/stripes/seed1", "unbiased/stripes/seed2")
    assert both == [{"ensemble": "both", "train_set": "stripes", "seed": 0, "members": members}]
    alone = {"name": "alone", "experiments": ["raw"], "over": "experiments_and_seeds"}
    raw = found(config | {"ensembles": [alone]}, write_config)
    assert [(each["train_set"], len(each["members"])) for each in raw] == [("checker", 2), ("stripes", 2)]


def test_grid_points_may_be_members_and_ensembles_may_be_compared(write_config):
    config = seeds_and_sets(("checker",), ("checker",))
    config["experiments"][0]["vary"] = {"subset.images_per_class": [4, 8]}
    points = ["raw+images_per_class=4", "raw+images_per_class=8"]
    config |= {"ensembles": [{"name": "both", "experiments": points}]}
    config |= {"comparisons": [{"experiment": "both", "baseline": "unbiased"}]}
    assert found(config, write_config)[0]["members"] == tuple(f"{name}/checker/seed0" for name in points)


REFUSALS = [
    ({"experiments": ["raw", "rwa"]}, "Unknown experiment 'rwa' in ensembles[0] 'both': expected one of raw, unbiased"),
    ({"name": "raw"}, "Doubled name 'raw' in ensembles: an experiment bears it"),
    ({"name": "mean"}, "Reserved name 'mean' in ensembles"),
    ({"experiments": ["raw", "raw"]}, "Doubled experiment 'raw' in ensembles[0] 'both': 2 times"),
    ({"experiments": ["raw"]}, "Ensemble of one in ensembles[0] 'both': 'raw' alone; name another experiment, or take"),
    (
        {"experiments": ["raw"], "over": "experiments_and_seeds"},
        "'raw' alone; name another experiment, or take an experiment of several seeds",
    ),
    ({"experiments": []}, "Wrong value [] of 'experiments' in 'both': expected at least 1 item(s)"),
    ({"over": "seeds"}, "Wrong value \"seeds\" of 'over' in 'both'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[message[:40] for _, message in REFUSALS])
def test_refusals(change, message, write_config):
    with pytest.raises(ConfigError) as refused:
        load([write_config(toy_config(ROOT) | {"ensembles": [BOTH | change]})])
    assert message in str(refused.value) and "config.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("over", "seeds", "message"),
    [
        ("experiments", ((0,), (1,)), "raw, unbiased share no train set and seed"),
        ("experiments_and_seeds", None, "raw, unbiased share no train set;"),
    ],
)
def test_members_with_nothing_in_common_are_refused(over, seeds, message, write_config):
    config = seeds_and_sets(("checker",), ("checker",), seeds) if seeds else seeds_and_sets(("checker",), ("stripes",))
    with pytest.raises(ConfigError, match=f"Nothing to average in .*{message}"):
        load([write_config(config | {"ensembles": [BOTH | {"over": over}]})])


def test_two_ensembles_of_one_name_are_refused(write_config):
    with pytest.raises(ConfigError, match="Doubled name 'both' in ensembles: 2 items bear it"):
        load([write_config(toy_config(ROOT) | {"ensembles": [BOTH, BOTH]})])


def test_a_comparison_of_detectors_without_a_common_place_is_refused_before_training(write_config):
    config = seeds_and_sets(("checker",), ("checker",), ((0, 1), (2,)))
    config["comparisons"] = [{"experiment": "unbiased", "baseline": "raw"}]
    with pytest.raises(ConfigError, match=r"Nothing to compare in comparisons\[0\]: 'unbiased' and 'raw' share no"):
        load([write_config(config)])
    config |= {"ensembles": [{"name": "both", "experiments": ["raw"], "over": "experiments_and_seeds"}]}
    config["comparisons"] = [{"experiment": "both", "baseline": "unbiased"}]
    with pytest.raises(ConfigError, match="'both' and 'unbiased' share no"):
        load([write_config(config)])
