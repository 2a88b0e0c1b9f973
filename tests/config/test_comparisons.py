"""What may be compared: two sides, each named as far as it matters."""

import pytest

from crossgen.config import Comparison
from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config

RAW = {"experiment": "raw", "baseline": "raw"}


@pytest.fixture
def loaded(write_config):
    def configured(comparisons, **changes):
        return load([write_config(toy_config(ROOT, comparisons=comparisons, **changes))])

    return configured


def listed(config, count):
    return config.comparisons[:count]


def test_the_short_form_compares_all_that_both_experiments_have(loaded):
    pair = listed(loaded([{"experiment": "unbiased", "baseline": "raw"}]), 1)[0]
    assert pair.plain and [str(side) for side in pair.sides] == ["unbiased", "raw"]


def test_a_baseline_has_the_other_sides_places_unless_it_names_its_own():
    one = Comparison(
        experiment="raw", baseline="raw", train_set="a", condition="clean", baseline_condition="dark", seed=1
    )
    assert not one.plain
    assert [str(side) for side in one.sides] == ["raw (a, clean, seed 1)", "raw (a, dark, seed 1)"]


def test_every_condition_is_compared_with_the_plain_one_unless_one_says_no(loaded):
    steps = [{"step": "jpeg", "quality": 50}]
    conditions = [{"name": "dark", "steps": steps}, {"name": "clean"}, {"name": "grey", "steps": steps}]
    listed_one = {**RAW, "condition": "clean", "baseline_condition": "grey"}
    config = loaded([listed_one], conditions=conditions, matrix_conditions=["clean"])
    told = [tuple(map(str, item.sides)) for item in config.comparisons]
    assert told == [
        ("raw (clean)", "raw (grey)"),
        ("raw (clean)", "raw (dark)"),
        ("unbiased (clean)", "unbiased (dark)"),
        ("unbiased (clean)", "unbiased (grey)"),
    ]
    assert loaded([], conditions=conditions, statistics={"degradations": False}).comparisons == ()
    again = load_again(config, loaded, conditions)
    assert again.comparisons == config.comparisons


def test_what_is_not_named_is_not_written():
    told = Comparison(experiment="raw", baseline="raw", seed=0, baseline_seed=1)
    assert told.model_dump(mode="json") == {"experiment": "raw", "baseline": "raw", "seed": 0, "baseline_seed": 1}
    assert Comparison.model_validate_json(told.model_dump_json()) == told


def load_again(config, loaded, conditions):
    """What was resolved may be read again, as Snakemake does in a job."""
    written = [item.model_dump(mode="json") for item in config.comparisons]
    return loaded(written, conditions=conditions, matrix_conditions=["clean"])


REFUSED = [
    ([RAW], "Empty comparison comparisons[0]: 'raw' with itself; name two experiments, or what else differs"),
    ([{**RAW, "baseline_seed": 1}], "Wrong comparison comparisons[0]: baseline_seed without seed; name both"),
    (
        [{**RAW, "condition": "clean", "baseline_condition": "drak"}],
        "Wrong comparison comparisons[0]: unknown condition 'drak'; expected one of clean",
    ),
    (
        [{"experiment": "unbiased", "baseline": "raw", "train_set": "cheker"}],
        "Unknown train set 'cheker' of 'unbiased' in comparisons[0]: expected one of checker",
    ),
    (
        [{**RAW, "seed": 0, "baseline_seed": 7}],
        "Unknown seed 7 of 'raw' in comparisons[0]: expected one of 0",
    ),
    (
        [{"experiment": "unbiased", "baseline": "raw"}, {"experiment": "unbiased", "baseline": "raw"}],
        "Doubled comparison comparisons[1]: unbiased with raw; remove one",
    ),
]


@pytest.mark.parametrize(("comparisons", "message"), REFUSED)
def test_refusals_name_the_side_and_the_remedy(comparisons, message, loaded):
    with pytest.raises(ConfigError) as refused:
        loaded(comparisons)
    assert message in str(refused.value)


def test_two_seeds_of_one_experiment_may_be_compared(loaded):
    experiments = [{"name": "raw", "subset": "raw", "recipe": "tiny", "seeds": [0, 1]}]
    config = loaded([{**RAW, "seed": 0, "baseline_seed": 1}], experiments=experiments)
    assert str(config.comparisons[0].sides[1]) == "raw (seed 1)"


FINDING = {"experiment": "unbiased", "baseline": "raw", "says": "higher", "source": "A paper, Table 1"}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            [{**FINDING, "experiment": "raw", "baseline": "unbiased"}],
            "Nothing compared for published_findings[0]: comparisons does not list {experiment: raw, baseline:"
            " unbiased}; add it",
        ),
        (
            [{**FINDING, "condition": "drak"}],
            "Unknown condition 'drak' in published_findings[0]: expected one of",
        ),
        (
            [FINDING, {**FINDING, "says": "lower"}],
            "Doubled published_findings[1]: an earlier one is of the same",
        ),
    ],
)
def test_a_published_finding_needs_what_it_is_beside(found, message, loaded):
    compared = [{"experiment": "unbiased", "baseline": "raw"}]
    assert loaded(compared, published_findings=[FINDING]).published_findings[0].mean == "others"
    with pytest.raises(ConfigError) as refused:
        loaded(compared, published_findings=found)
    assert message in str(refused.value)
