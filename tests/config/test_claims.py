"""Folders and names that two configs would share."""

import json
from pathlib import Path

import pytest

from crossgen.config.claims import MEMORY, owner, refuse, remember
from crossgen.config.loading import ConfigError, load
from toys import toy_config


@pytest.fixture
def configs(tmp_path, monkeypatch, write_config):
    """Write a variation of the toy config; claim it as a run would; remember it if `ran`."""
    monkeypatch.chdir(tmp_path)

    def claim(name: str, change: dict | None = None, ran: bool = False, **overrides: str) -> None:
        path = write_config(toy_config(Path("images")) | (change or {}), name)
        config, mine = load([path], overrides), owner([path], overrides)
        folders = (tmp_path / "results" / config.report, tmp_path / "results" / config.data)
        refuse(config, mine, *folders)
        if ran:
            remember(mine, *folders)

    return claim


def test_a_report_belongs_to_one_config(configs):
    configs("a.yaml", ran=True)
    configs("a.yaml", {"statistics": {"replicates": 200}}, ran=True)  # edited: no other config
    with pytest.raises(ConfigError, match=r"report 'toy' belongs to a.yaml, and b.yaml claims it too: give one"):
        configs("b.yaml")
    configs("b.yaml", {"report": "other"}, ran=True)
    configs("a.yaml")


def test_a_config_may_fill_a_second_report_by_the_command_line(configs):
    configs("a.yaml", ran=True)
    configs("a.yaml", report="mine", ran=True)
    for report in ("toy", "mine"):
        with pytest.raises(ConfigError, match=f"report '{report}' belongs to a.yaml"):
            configs("b.yaml", {"report": report})


def test_a_renamed_config_takes_its_folder_along(configs, tmp_path):
    configs("a.yaml", ran=True)
    (tmp_path / "a.yaml").unlink()
    configs("b.yaml", ran=True)
    assert [known["files"] for known in json.loads((tmp_path / "results" / "toy" / MEMORY).read_text())] == [["b.yaml"]]


def changed(key, **values):
    items = toy_config(Path("images"))[key]
    return {key: [items[0] | values, *items[1:]]}


CONFLICTS = [
    (
        changed("recipes", steps=25),
        "experiment 'raw' means two things in the store 'toy': recipe.steps is 24 in a.yaml and 25 here; give it "
        "another name in b.yaml",
    ),
    (changed("experiments", subset="unbiased"), 'subset is "raw" in a.yaml and "unbiased" here'),
    (changed("subsets", images_per_class=15), "subset 'raw' means two things"),
    (changed("pools", shards=2), "pool 'photographs' means two things"),
    (
        {"split_seed": 1},
        "split means two things in the store 'toy': split_seed is 0 in a.yaml and 1 here; make them agree",
    ),
]


@pytest.mark.parametrize(("change", "message"), CONFLICTS, ids=[message[:20] for _, message in CONFLICTS])
def test_a_name_means_one_thing_in_a_store(configs, change, message):
    configs("a.yaml", ran=True)
    with pytest.raises(ConfigError) as refused:
        configs("b.yaml", {"report": "other"} | change)
    assert message in str(refused.value)
    configs("b.yaml", {"report": "other", "data": "elsewhere"} | change)


def test_what_both_mean_alike_is_shared(configs):
    configs("a.yaml", ran=True)
    more = toy_config(Path("images"))["experiments"] + [
        {"name": "third", "subset": "raw", "recipe": "tiny", "seeds": [5]}
    ]
    fewer = [more[0] | {"train_sets": ["checker"], "seeds": [0, 1]}, more[2]]
    configs("b.yaml", {"report": "other", "experiments": fewer, "comparisons": []}, ran=True)


def test_an_edited_config_is_held_against_what_the_others_say_today(configs):
    configs("a.yaml", ran=True)
    configs("b.yaml", {"report": "other"}, ran=True)
    with pytest.raises(ConfigError, match="recipe.steps is 24 in b.yaml and 30 here"):
        configs("a.yaml", changed("recipes", steps=30))


def test_a_damaged_memory_is_named(configs, tmp_path):
    configs("a.yaml", ran=True)
    (tmp_path / "results" / "toy" / MEMORY).write_text("{")
    with pytest.raises(ConfigError, match="configs.json is damaged"):
        configs("a.yaml")
