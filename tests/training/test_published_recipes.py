"""Every recipe that is published has an optimiser, a schedule and a loss, at the rates that it says."""

import json
from pathlib import Path

import pytest
from tiny_training import Tiny, data, recipe

from crossgen.config import Recipe
from crossgen.config.loading import read
from crossgen.training.losses import loss_of
from crossgen.training.optimisers import optimiser_of
from crossgen.training.plan import Plan
from crossgen.training.schedules import schedule_of
from crossgen.training.setting import Setting

RECIPES = sorted(path.stem for path in (Path(__file__).parents[2] / "config" / "recipes").glob("*.yaml"))
#: Keys of a recipe that the engine's parts go by.
KEYS = (
    "optimiser", "schedule", "steps", "epochs", "splits", "mixing", "erasing", "label_smoothing", "balance", "measure",
)  # fmt: skip


def published(name: str) -> Recipe:
    """The recipe's way of training, of the tiny network."""
    path = Path(__file__).parents[2] / "config" / "recipes" / f"{name}.yaml"
    told = read(path)
    tiny = recipe().model_dump(mode="json") | {"steps": None}
    return Recipe.model_validate_json(json.dumps(tiny | {key: told[key] for key in KEYS if key in told}))


@pytest.mark.parametrize("name", RECIPES)
def test_its_parts_can_be_made(name):
    told = published(name)
    optimiser = optimiser_of(told, Tiny())
    plan = Plan.of(data(), told, Setting(0))
    schedule = schedule_of(told, optimiser, plan)
    rates = []
    for step in range(1, min(plan.steps, 5000) + 1):
        rates.append(max(group["lr"] for group in optimiser.param_groups))
        schedule.stepped(step)
    assert 0 < max(rates) <= told.optimiser.lr * (1 + 1e-9)
    assert callable(loss_of(told))
