"""The published recipes: they load, every value says where it comes from, and the facts are the papers'."""

import json
import re
from pathlib import Path

import pytest

from checkout import ROOT
from crossgen.config import Recipe
from crossgen.config.loading import read

FOLDER = ROOT / "config" / "recipes"
OURS = {"mini", "resnet50_crops", "resnet50_short"}
PUBLISHED = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in OURS)
TAGS = set(re.findall(r"^\| `\[(\w+)\]`", (FOLDER / "README.md").read_text(), re.MULTILINE))


def recipe(path: Path) -> Recipe:
    return Recipe.model_validate_json(json.dumps(read(path)))


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_recipe_is_valid_and_named_as_its_file(path):
    name = path.stem if path.parent == FOLDER else f"{path.parent.name}_{path.stem}"
    assert recipe(path).name == name


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_value_says_where_it_comes_from(name):
    """A line `key: value` bears a tag of the README's table; lines that only open a mapping or a list do not."""
    for line in (FOLDER / f"{name}.yaml").read_text().splitlines():
        value = re.match(r"^\s*(?:- )?(\w+): *(\S.*)$", line)
        if value and value[1] not in ("name", "extends") and not value[2].startswith("#"):
            tags = re.findall(r"# .*?\[(\w+)\]", line)
            assert tags and set(tags) <= TAGS, line


#: As the papers and codes have them (recipe, key, value).
FACTS = [
    ("resnet50", "optimiser.lr", 0.05),
    ("resnet50", "optimiser.weight_decay", 2e-5),
    ("resnet50", "optimiser.nesterov", True),
    ("resnet50", "frame.short_side", int(224 / 0.95)),
    ("resnet50", "splits.n", 3),
    ("resnet50", "erasing.probability", 0.6),
    ("resnet50", "batch_size", 2 * 64),
    ("resnet50", "epochs", 200 + 10),
    ("resnet50", "options.pretrained", False),
    ("unbiased_resnet50", "batch_size", 2 * 128),
    ("unbiased_resnet50", "optimiser.lr", 0.05),
    ("deit_s", "optimiser.lr", 5e-4 * 128 / 512),
    ("deit_s", "epochs", 300),
    ("unbiased_swin_t", "optimiser.lr", 5e-4 * 256 / 512),
    ("unbiased_swin_t", "optimiser.clip_norm", 5.0),
    ("unbiased_swin_t", "balance", "batches"),
    ("swin_t", "balance", "none"),
    ("swin_t", "mixing.mixup", 0.8),
    ("cnnspot", "optimiser.lr", 1e-4),
    ("cnnspot", "batch_size", 64),
    ("cnnspot", "schedule.min_gain_later", 0.002),
    ("spec", "optimiser.dampening", 0.9),
    ("spec", "batch_size", 16),
    ("spec_simulated", "fakes", "simulated"),
    ("f3net", "frame.size", 299),
    ("f3net", "optimiser.lr", 2e-4),
    ("gramnet", "batch_size", 14),
    ("gramnet", "optimiser.lr", 1e-5),
    ("corvi", "schedule.patience", 10),
    ("corvi", "batch_size", 2 * 64),
    ("corvi", "frame.kind", "whole"),
    ("stay_positive", "batch_size", 2 * 512),
    ("stay_positive", "pairing", "name"),
    ("stay_positive", "synchronised", True),
    ("stay_positive", "optimiser.kind", "adam"),
    ("stay_positive", "optimiser.lr", 1e-4),
    ("stay_positive", "schedule.patience", 5),
    ("stay_positive", "options.dropout", 0.0),
    ("npr", "epochs", 1),
    ("npr", "optimiser.lr", 2e-4),
]


@pytest.mark.parametrize(("name", "key", "value"), FACTS)
def test_the_facts_are_the_papers(name, key, value):
    told = recipe(FOLDER / f"{name}.yaml").model_dump()
    for part in key.split("."):
        told = told[part]
    assert told == pytest.approx(value) if isinstance(value, float) else told == value


def test_corvis_chain_is_in_the_order_of_the_code():
    steps = [step.step for step in recipe(FOLDER / "corvi.yaml").augment]
    order = "random_resized_crop jitter greyscale cutout noise blur jpeg rot90 flip random_crop"
    assert steps == order.split()
