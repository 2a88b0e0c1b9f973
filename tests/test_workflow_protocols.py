"""The workflow with a table of operations as a condition, and with a second stage that begins with a first."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from checkout import Checkout

pytestmark = pytest.mark.long
LEFT_OUT = "photographs/test/000.jpg"
STAGE_TWO = {"stay_positive": {"batch_norm": "frozen"}, "optimiser": {"kind": "adam", "lr": 0.01, "weight_decay": 0.0}}


def write_table(folder: Path, quality: int) -> None:
    """A row of each test image but one."""
    images = sorted((folder / "images").glob("*/test/*"))
    names = [path.relative_to(folder / "images").as_posix() for path in images]
    rows = [f"{name},64,16,16,{quality}" for name in names if name != LEFT_OUT]
    (folder / "operations.csv").write_text("\n".join(("src,size,x,y,quality", *rows)) + "\n")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("protocols") / "run")
    checkout.config["comparisons"] = []
    step = {"step": "operations", "table": "operations.csv", "size": 80}
    checkout.config["conditions"] = [{"name": "clean"}, {"name": "listed", "steps": [step]}]
    first = checkout.config["experiments"][0] | {"train_sets": ["checker"]}
    recipe = checkout.config["recipes"][0]
    checkout.config["recipes"].append(recipe | STAGE_TWO | {"name": "second"})
    second = {"name": "positive", "subset": first["subset"], "recipe": "second", "train_sets": ["checker"]}
    checkout.config["experiments"] = [first, second | {"start_from": {"experiment": first["name"]}}]
    write_table(checkout.folder, 50)
    checkout.snakemake("results/toy/scores/positive/checker/seed0.parquet")
    return checkout


def scores(run: Checkout) -> pd.DataFrame:
    table = pd.read_parquet(run.folder / "results" / "toy" / "scores" / "positive" / "checker" / "seed0.parquet")
    return table.pivot(index="image_id", columns="condition", values="logit")


def test_the_image_that_the_table_does_not_list_is_a_gap_of_its_condition(run):
    found = scores(run)
    lost = found.index[found["listed"].isna()]
    assert [name.endswith(LEFT_OUT) for name in lost] == [True] and found["clean"].notna().all()
    losses = pd.concat(map(pd.read_parquet, sorted((run.folder / "results/toy/scores/losses").glob("*.parquet"))))
    assert set(losses["reason"]) == {"unlisted"}


def test_the_second_stage_begins_with_the_first_and_has_no_weight_below_zero(run):
    one, two = (
        load_file(run.folder / f"results/toy/detectors/{name}/checker/seed0/detector.safetensors")
        for name in (run.config["experiments"][0]["name"], "positive")
    )
    moved = {name for name in one if not torch.equal(one[name], two[name])}
    assert {name.rpartition(".")[2] for name in moved} == {"weight", "bias"} and len(moved) == 2
    weight = two[next(name for name in moved if name.endswith("weight"))]
    assert (weight >= 0).all() and (weight > 0).any()


def test_another_table_renders_and_scores_its_condition_again(run):
    before = scores(run)
    write_table(run.folder, 20)
    assert "train_detector" not in run.planned()
    run.snakemake("results/toy/scores/positive/checker/seed0.parquet")
    after = scores(run)
    assert (after["clean"] == before["clean"]).all()
    assert (after["listed"] != before["listed"])[before["listed"].notna()].mean() > 0.9
