"""A pool that says `hash: false`, through the workflow: cut into shards, read at both ends, tested and trained on."""

import re

import pyarrow.parquet as pq
import pytest

from checkout import Checkout


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    made = Checkout(tmp_path)
    made.config["pools"][1] |= {"hash": False, "shards": 3}
    return made


def test_the_rule_reads_without_digests_and_large_pools_with_several_workers(checkout):
    told = checkout.snakemake(
        "-n", "-p", "results/toy/manifest/checker.parquet", "results/toy/manifest/stripes.parquet"
    )
    words = re.findall(r"crossgen extract-metadata .*--threads (\d)(.*) --output .*shards/(\w+)/(\d)", told)
    assert sorted((pool, shard, threads, hashless.strip()) for threads, hashless, pool, shard in words) == [
        *(("checker", str(shard), "2", "--no-hash") for shard in range(3)), ("stripes", "0", "1", ""),
    ]  # fmt: skip


@pytest.mark.long
def test_such_a_pool_is_tested_and_trained_on(checkout):
    rendered = [f"results/toy/rendered/checker/{shard}.parquet" for shard in range(3)]
    checkout.snakemake(*rendered, "results/toy/subsets/unbiased/checker.parquet")
    results = checkout.folder / "results" / "toy"
    manifest = pq.read_table(results / "manifest" / "checker.parquet")
    assert manifest["blake3"].null_count == manifest.num_rows == 48
    assert manifest["shard"].to_pylist() == sorted(manifest["shard"].to_pylist())
    cells = [pq.read_table(checkout.folder / path).to_pydict() for path in rendered]
    assert sum(table["n"][0] for table in cells) == 24 and all(set(table["missing"]) == {0} for table in cells)
    assert pq.read_table(results / "subsets" / "unbiased" / "checker.parquet").num_rows > 20
    assert not list(results.rglob("*.parts"))
