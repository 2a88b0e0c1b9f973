"""The six lines that add a generator, as docs/generate.md has them; and GenImage with three newer ones."""

import re
from pathlib import Path

import pytest
import yaml

from asked_resources import asked
from crossgen.config import GeneratedSource, derive
from crossgen.config.loading import load
from crossgen.plan.counts import count
from toys import ROOT, toy_config

NEWER = ROOT / "config" / "ablations" / "genimage" / "newer_generators.yaml"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "generate.md").read_text(), re.S)
NAMES = ["sdxl", "sd35", "flux"]


def extended(folder: Path, write_config, blocks: list[str]) -> Path:
    """A toy's config with some examples' lines."""
    told = toy_config(folder)
    for block in blocks:
        more = yaml.safe_load(block)
        told["pools"] += more["pools"]
        told["test_sets"] += more["test_sets"]
    return write_config(told, "more.yaml")


def test_each_example_is_six_lines_and_loads(tmp_path, write_config):
    assert [yaml.safe_load(block)["pools"][0]["name"] for block in BLOCKS] == NAMES
    for block in BLOCKS:
        lines = [line for line in block.splitlines() if line.startswith("  ")]
        assert len(lines) == 6, block
    told = load([extended(tmp_path, write_config, BLOCKS)])
    assert [pool.name for pool in told.pools[-3:]] == NAMES
    assert [item.name for item in told.test_sets if item.unseen] == NAMES
    assert not {"sdxl", "sd35", "flux"} & {each.train_set.name for each in derive.detectors(told)}


def test_the_examples_are_those_of_genimage():
    genimage = {pool.name: pool.source for pool in load([NEWER]).pools}
    for block in BLOCKS:
        (pool,) = yaml.safe_load(block)["pools"]
        told = genimage[pool["name"]].model_dump(mode="json", exclude_defaults=True)
        assert told == pool["source"]


def test_newer_generators_train_nothing_and_stand_apart():
    told, base = load([NEWER]), load([ROOT / "config" / "genimage.yaml"])
    assert [each.key for each in derive.detectors(told)] == [each.key for each in derive.detectors(base)]
    assert told.pools[:-3] == base.pools and told.test_sets[:-3] == base.test_sets
    assert [item.name for item in told.test_sets if item.unseen] == NAMES
    places = {kind: {pool.name: f"nowhere/{pool.name}" for pool in told.pools} for kind in ("manifests", "listings")}
    for pool in told.pools[-3:]:
        assert isinstance(pool.source, GeneratedSource)
        assert count(pool, told, places).images == {"train": 0, "val": 0, "test": 6000}


@pytest.mark.long
def test_they_are_planned_on_an_empty_disk(tmp_path, write_config):
    for name in ("photographs", "checker", "stripes"):
        (tmp_path / f"{name}.csv").write_text("path,split\n")
    for config in (NEWER, extended(tmp_path, write_config, BLOCKS)):
        folder = tmp_path / config.stem
        folder.mkdir()
        jobs = asked(config, folder)
        made = [job for job in jobs if job["rule"] == "generate"]
        assert {job["wildcards"]["pool"] for job in made} == set(NAMES)
        assert len(made) == (12 if config == NEWER else 3)
        assert len([job for job in jobs if job["rule"] == "fetch_pipeline"]) == 3
        for job in made:
            assert job["first"]["gpu"] == 1 and job["first"]["mem_mb"] > 35_000 and job["first"]["runtime"] >= 60
            assert job["log"] and job["benchmark"] and job["second"]["mem_mb"] == 2 * job["first"]["mem_mb"]
