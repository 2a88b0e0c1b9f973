"""docs/cluster.md: its commands and files exist, and its numbers are those of config/genimage.yaml."""

import re

import pytest

from crossgen.__main__ import COMMANDS
from crossgen.config import derive
from crossgen.config.loading import load
from crossgen.evaluation.render import effective_steps
from crossgen.plan import networks
from toys import ROOT

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
CONFIG = load([ROOT / "config" / "genimage.yaml"])


def row(start: str) -> list[str]:
    """Cells of the row of the table of disks that begins so."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_commands_and_files_are_there():
    named = set(re.findall(r"(?:^|`|\")crossgen ([a-z]+(?:-[a-z]+)*)", PAGE, re.M))
    assert {"resume", "prune"} <= named <= set(COMMANDS)
    files = set(re.findall(r"\b((?:config|docs|envs|slurm|profiles)/[\w/.-]+\.(?:yaml|md|txt|def))\b", PAGE))
    assert len(files) > 6 and not [name for name in files if not (ROOT / name).is_file()]


@pytest.mark.parametrize("target", re.findall(r"^snakemake ([a-z ]+) --cores", PAGE, re.M))
def test_targets_are_there(target):
    text = (ROOT / "Snakefile").read_text()
    assert all(f"\nrule {name}:\n" in text for name in target.split())


def shards_of(label: str) -> int:
    return sum(pool.shards for pool in CONFIG.pools if pool.label == label)


def test_the_numbers_of_files_are_those_of_the_config():
    detectors = derive.detectors(CONFIG)
    pictures = {
        label: len({effective_steps(item, code, CONFIG.conditions) for item in CONFIG.conditions})
        for label, code in (("real", 0), ("fake", 1))
    }
    cells = sum(shards_of(label) * pictures[label] for label in pictures)
    sides = [frame.size for frame in derive.frames(CONFIG)]
    pixels = row("`results/genimage/cells/pixels`")
    assert set(pictures.values()) == {8} and f"8 different pictures of each, under {len(sides)} frames" in pixels[0]
    assert CONFIG.max_cache_gb == 0 and "`max_cache_gb: 0` keeps none" in pixels[0]
    assert pixels[1] == f"{2 * cells * len(sides):,}"
    assert pixels[2] == f"{8 * 100_000 * sum(side**2 for side in sides) * 3 / 1e9:,.0f}"
    logits = row("`results/genimage/cells/logits`")
    assert f"{len(detectors)} detectors" in logits[0] and logits[1] == f"{2 * cells * len(detectors):,}"
    assert float(logits[2]) == round(8 * 100_000 * len(detectors) * 4 / 1e9, 1)


def test_the_sizes_of_detectors_and_crops_are_those_of_their_recipes():
    recipes = {recipe.name: recipe for recipe in CONFIG.recipes}
    trained = [recipes[item.experiment.recipe] for item in derive.detectors(CONFIG)]
    weights = row("`results/genimage/detectors`")
    assert f"{len(trained)} of {len({networks.name(recipe) for recipe in trained})} networks" in weights[0]
    assert float(weights[2]) == round(sum(map(networks.stored_bytes, trained)) / 1e9)
    packed = [recipe for recipe in trained if recipe.reading == "crops"]
    crops = row("`results/genimage/crops`")
    assert f"{len(packed)} train sets" in crops[0] and {recipe.name for recipe in packed} == {"spec", "f3net"}
    learned = 2_681_167 - 100_000  # of each of the eight generators once
    sides = sum(recipes[name].packed_frame.size ** 2 for name in ("spec", "f3net"))
    assert crops[2] == f"{learned * sides * 3 / 1e9:,.0f}"
