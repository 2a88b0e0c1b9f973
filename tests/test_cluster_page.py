"""docs/cluster.md: its commands and files exist, and its numbers are those of config/genimage.yaml."""

import re

import pytest

from crossgen.__main__ import COMMANDS
from crossgen.config import derive
from crossgen.config.loading import load
from crossgen.evaluation.render import effective_steps
from toys import ROOT

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
CONFIG = load([ROOT / "config" / "genimage.yaml"])
PARAMETERS = 23_512_130  # of timm's resnet50 with two outputs


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


def test_the_numbers_of_files_are_those_of_the_config():
    detectors = derive.detectors(CONFIG)
    shards = {pool.label: 0 for pool in CONFIG.pools}
    for pool in CONFIG.pools:
        shards[pool.label] += pool.shards
    pictures = {
        label: len({effective_steps(item, code, CONFIG.conditions) for item in CONFIG.conditions})
        for label, code in (("real", 0), ("fake", 1))
    }
    cells = sum(shards[label] * pictures[label] for label in shards)
    assert set(pictures.values()) == {8} and "8 different pictures of each" in row("`results/genimage/cells/pixels`")[0]
    assert row("`results/genimage/cells/pixels`")[1] == f"{2 * cells:,}"
    assert row("`results/genimage/cells/logits`")[1] == f"{2 * cells * len(detectors):,}"
    (frame,) = derive.frames(CONFIG)
    assert row("`results/genimage/cells/pixels`")[2] == f"{8 * 100_000 * frame.size**2 * 3 / 1e9:.0f}"
    assert f"{len(detectors)} ResNet-50" in row("`results/genimage/detectors`")[0]
    assert float(row("`results/genimage/detectors`")[2]) == round(len(detectors) * 4 * PARAMETERS / 1e9)
