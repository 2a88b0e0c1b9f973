"""Generated images through the workflow: made by a tiny pipeline, tested as a generator that nobody learned, once."""

import json

import pandas as pd
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines
from checkout import Checkout

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("generated") / "run")
    tiny_pipelines.stable_diffusion(checkout.folder / "model", tmp_path_factory.mktemp("words"))
    source = {
        "kind": "generated", "root": "made/tiny", "pipeline": "model", "test_per_class": 5, "steps": 2,
        "size": [112, 112], "prompts": {"classes": ["n01440764", "my dog", "my cat"]},
    }  # fmt: skip
    checkout.config["pools"].append({"name": "tiny", "label": "fake", "test_only": True, "source": source, "shards": 2})
    checkout.config["test_sets"].append({"name": "tiny", "fake": "tiny", "real": "photographs"})
    raw = checkout.config["experiments"][0] | {"train_sets": ["checker"]}
    checkout.config |= {"comparisons": [], "experiments": [raw]}
    checkout.snakemake("matrix")
    return checkout


def test_a_pipeline_becomes_a_column_of_the_matrix(run):
    store = run.folder / "results" / "toy"
    rows = pd.read_parquet(store / "manifest" / "tiny.parquet")
    assert rows["class_name"].value_counts().to_dict() == {"tench, Tinca tinca": 5, "my dog": 5, "my cat": 5}
    assert set(rows["split"]) == {"test"} and rows["quarantine"].isna().all() and rows["image_seed"].nunique() == 15
    assert json.loads(rows["made_with"].iloc[0])["class"] == "StableDiffusionPipeline"
    assert len(list((run.folder / "made" / "tiny").rglob("*.png"))) == 15
    metrics = pd.read_parquet(store / "metrics.parquet")
    told = metrics.query("metric == 'balanced_accuracy' and test_generator == 'tiny' and condition == 'clean'")
    assert len(told) and told["value"].between(0, 1).all() and (told["n_fake"] == 15).all()
    scores = pd.concat(pd.read_parquet(path) for path in (store / "scores").rglob("seed0.parquet"))
    assert scores[scores["pool"] == "tiny"]["logit"].notna().all()


def test_nothing_is_made_twice_and_other_prompts_are_made_anew(run):
    assert run.planned("matrix") == {}
    pools = [dict(pool) for pool in run.config["pools"]]
    told = pools[-1]["source"]
    pools[-1] = pools[-1] | {"source": told | {"prompts": told["prompts"] | {"template": ["a {name}"]}}}
    planned = run.planned("matrix", config=run.config | {"pools": pools})
    assert planned["generate"] == 2 and "train_detector" not in planned


def test_the_classes_of_another_pool_wait_for_its_manifest(run):
    pools = [dict(pool) for pool in run.config["pools"]]
    pools[-1] = pools[-1] | {"source": pools[-1]["source"] | {"prompts": {"like": "photographs"}}}
    planned = run.planned("matrix", config=run.config | {"pools": pools})
    assert planned["generate"] == 2
