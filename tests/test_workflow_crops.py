"""The plan of alignment and packing where pools have shards: who waits for what, on an empty disk."""

import re

import pytest

from checkout import Checkout

DRAWN = {
    "name": "drawn",
    "align": {"jpeg_quality": "reals", "to": "fake"},
    "crop": {"size": 96},
    "images_per_class": 16,
    "val_per_class": 3,
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> str:
    """Two pools of three shards each; an experiment with fixed alignment and one with drawn qualities and a crop."""
    checkout = Checkout(tmp_path_factory.mktemp("crops") / "run")
    for pool in checkout.config["pools"][:2]:
        pool["shards"] = 3
    checkout.config["comparisons"] = []
    checkout.config["subsets"].append(DRAWN)
    shared = {"recipe": "tiny", "train_sets": ["checker"]}
    checkout.config["experiments"] = [
        {"name": "unbiased", "subset": "unbiased", **shared},
        {"name": "drawn", "subset": "drawn", **shared},
    ]
    return checkout.snakemake("-n", "-p", "--cores", "8", "train")


def words(plan: str, command: str) -> list[str]:
    return re.findall(rf"python -m crossgen {command} (.*)", plan)


def test_every_shard_of_a_pool_is_packed_once(plan):
    for subset in ("unbiased", "drawn"):
        mine = [each for each in words(plan, "pack-crops") if f"subsets/{subset}/checker.parquet" in each]
        pairs = [
            pair for each in mine for pair in re.findall(r'\["(\w+)", (\d)\]', re.search(r"--shards '(.*?)'", each)[1])
        ]
        assert sorted(pairs) == [(pool, str(shard)) for pool in ("checker", "photographs") for shard in range(3)]
        assert len(mine) == 5  # one, and one more for each further shard
        assert all("--threads 4" in each for each in mine)


def test_a_packing_waits_for_its_own_aligned_shards_only(plan):
    for each in words(plan, "pack-crops"):
        pairs = re.findall(r'\["(\w+)", (\d)\]', re.search(r"--shards '(.*?)'", each)[1])
        folder = "drawn/drawn/checker" if "subsets/drawn/" in each else "aligned/q96_420_fake"
        wanted = [f"results/toy/{folder}/{pool}/{shard}" for pool, shard in pairs if pool == "checker"]
        assert re.search(r"--aligned (.*?) ?--shards", each)[1].split() == wanted


def test_fixed_alignment_reads_the_manifest_and_drawn_alignment_the_selection(plan):
    fixed, drawn = words(plan, "align-jpeg"), words(plan, "align-drawn")
    assert len(fixed) == len(drawn) == 3
    assert all("--manifest results/toy/manifest/shards/checker/" in each for each in fixed)
    assert all("--selection results/toy/subsets/drawn/checker.parquet --pool checker" in each for each in drawn)


def test_the_crop_is_named_and_handed_on_to_packing_alone(plan):
    mine = [each for each in words(plan, "pack-crops") if "subsets/drawn/" in each]
    assert all('"size": 96' in re.search(r"--crop '(.*?)'", each)[1] for each in mine)
    assert all("/crop64_grid16_skip_bicubic_x2_in96_grid16_skip/" in each for each in mine)
    assert not any('"crop"' in each for each in words(plan, "filter-subset"))
    others = [each for each in words(plan, "pack-crops") if "subsets/unbiased/" in each]
    assert all("--crop null" in each and "/crop64_grid16_skip_bicubic_x2/" in each for each in others)


def test_training_reads_the_arrays_in_the_order_of_their_indexes(plan):
    for each in words(plan, "gather-crops"):
        indexes = re.search(r"--indexes (.*?) --", each)[1].split()
        folder = indexes[0].removesuffix("/0/index.parquet")
        assert indexes == [f"{folder}/{shard}/index.parquet" for shard in range(5)]
        arrays = [f"{folder}/{shard}/crops.npy" for shard in range(5)]
        assert any(re.search(r"--crops (.*?) --", told)[1].split() == arrays for told in words(plan, "train-detector"))
