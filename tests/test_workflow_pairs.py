"""Pairs through the workflow: selected whole, aligned to their reals, cut at one place, trained on side by side."""

from pathlib import Path

import pandas as pd
import pytest

from checkout import Checkout


def tell_pairs(images: Path) -> None:
    """Let the table of the fakes name their reals, and both tables the groups."""
    for pool in ("photographs", "checker"):
        rows = pd.read_csv(images / f"{pool}.csv")
        number = rows["path"].str.extract(r"(\w+/\d+)\.")[0]
        rows["group"] = number
        if pool == "checker":
            rows = rows.assign(pair="photographs/photographs/" + number + ".jpg", pair_x=0, pair_y=0)
        rows.to_csv(images / f"{pool}.csv", index=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    """Two trainings on the same pairs, synchronised and not, at twelve pairs of the first pool of fakes."""
    checkout = Checkout(tmp_path_factory.mktemp("pairs") / "run")
    tell_pairs(checkout.folder / "images")
    tiny = checkout.config["recipes"][0] | {"pairing": "name", "steps": 6}
    align = {"jpeg_quality": "pair", "chroma_subsampling": "pair"}
    pairs = {"name": "pairs", "pairing": "name", "align": align, "images_per_class": 12, "val_per_class": 2}
    checkout.config |= {
        "comparisons": [],
        "train_sets": [],
        "subsets": [pairs],
        "recipes": [tiny, tiny | {"name": "alike", "synchronised": True}],
        "experiments": [
            {"name": name, "subset": "pairs", "recipe": recipe, "train_sets": ["checker"]}
            for name, recipe in (("paired", "tiny"), ("synchronised", "alike"))
        ],
    }
    checkout.snakemake("train")
    return checkout


def store(run: Checkout, name: str) -> list[Path]:
    return sorted((run.folder / "results" / "toy").glob(name))


def test_both_select_the_same_pairs_and_fakes_have_their_reals_quality(run):
    (selection,) = store(run, "subsets/pairs/checker.parquet")
    rows = pd.read_parquet(selection)
    assert rows.groupby(["split", "label"]).size().tolist() == [12, 12, 2, 2]
    assert set(rows.query("label == 1")["pair"]) == set(rows.query("label == 0")["image_id"])
    (aligned,) = store(run, "drawn/pairs/checker/checker/0/index.parquet")
    assert set(pd.read_parquet(aligned)["jpeg_quality"]) == {96}


def test_halves_are_cut_at_one_place_where_the_recipe_says_so(run):
    told = {}
    for path in store(run, "crops/pairs/checker/*/index.parquet"):
        rows = pd.read_parquet(path).sort_values(["group", "crop"])
        real, fake = (rows.query(f"label == {label}")[["crop_x", "crop_y"]].to_numpy() for label in (0, 1))
        told["_pairs" in path.parent.name] = bool((real == fake).all())
    assert told == {True: True, False: False}


def test_the_log_counts_the_pairs(run):
    logs = [path.read_text() for path in store(run, "logs/train_detector/**/*.log")]
    assert len(logs) == 2 and all("pairs=12 images_without_their_other_half=0" in log for log in logs)
    assert len(store(run, "detectors/*/checker/seed0/detector.safetensors")) == 2
