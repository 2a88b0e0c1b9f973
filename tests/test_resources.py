"""What jobs ask a cluster for: every rule says it, and it grows with what is read and with the attempt."""

import os
import re
from pathlib import Path

import pytest

from asked_resources import asked
from crossgen import records
from toys import ROOT

GENIMAGE = ROOT / "config" / "genimage.yaml"
MINI = ROOT / "config" / "mini.yaml"
#: Rules whose jobs ask for more where the tables that they read are larger; the others go by what the config says.
GROWING = {
    "extract_metadata", "gather_manifest", "filter_subset", "align_jpeg", "index_files", "train_detector",
    "render_conditions", "score_images", "collect_scores", "audit_biases", "compute_metrics", "break_down", "plot",
    "tabulate", "choose_thresholds", "report", "describe_run", "pack_crops", "gather_crops",
}  # fmt: skip


def rules() -> dict[str, str]:
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    parts = re.split(r"^rule (\w+):$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> list[dict]:
    """The jobs of the complete run on an empty disk."""
    return asked(GENIMAGE, tmp_path_factory.mktemp("empty"))


def with_tables(folder: Path, config: Path, jobs: list[dict], size: int, n: int) -> list[dict]:
    """The jobs of a run when the tables between them are there, of `size` bytes each, and n pictures a shard."""
    store = folder / "results" / config.stem
    for job in jobs:
        for path in tables_of(store, job):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.truncate(path, size)  # nobody reads them: their size is all that is asked for
        if job["rule"] == "render_conditions":
            path = store / "rendered" / job["wildcards"]["pool"] / f"{job['wildcards']['shard']}.parquet"
            row = dict.fromkeys(("pool", "frame", "condition", "cell"), "") | {"shard": 0, "n": n, "missing": 0}
            records.write(path, records.from_rows([row], records.RENDERED), records.RENDERED)
    return asked(config, folder)


def tables_of(store: Path, job: dict) -> list[Path]:
    """Tables that a job writes, of those that say how large other jobs are."""
    keys = job["wildcards"]
    made = {
        "download": "downloads/{pool}.parquet",
        "extract_metadata": "manifest/shards/{pool}/{shard}.parquet",
        "gather_manifest": "manifest/{pool}.parquet",
        "filter_subset": "subsets/{subset}/{train_set}.parquet",
        "index_files": "files/{subset}/{train_set}/index.parquet",
    }
    return [store / made[job["rule"]].format(**keys)] if job["rule"] in made else []


def least(jobs: list[dict], resource: str) -> dict[str, int]:
    """By rule, the least that a job asks for."""
    return {
        job["rule"]: min(o["first"][resource] for o in real(jobs) if o["rule"] == job["rule"]) for job in real(jobs)
    }


def real(jobs: list[dict]) -> list[dict]:
    """Jobs that do something: not the targets, which only collect."""
    return [job for job in jobs if job["log"]]


def test_every_rule_says_what_its_jobs_need_and_is_measured():
    found = rules()
    assert len(found) >= 20
    for name, body in found.items():
        for word in ("threads:", "mem_mb=", "runtime="):
            assert word in body, (name, word)
        for folder, suffix in (("logs", "log"), ("benchmarks", "tsv")):
            assert re.search(rf'f"\{{(STORE|REPORT)\}}/{folder}/{name}[/.].*{suffix}"', body), (name, folder)
        fetches = ("fetch", "fetch_weights", "fetch_pipeline")
        assert (f'memory_of("{name}")' in body) == (name not in fetches), name


def test_gpus_are_for_networks_only():
    with_gpu = {name for name, body in rules().items() if "gpu=" in body}
    assert with_gpu == {"reconstruct", "generate", "train_detector", "score_images", "look_into"}


def test_the_complete_run_is_planned_on_an_empty_disk(empty):
    jobs = real(empty)
    assert 200 < len(jobs) < 1500
    for job in jobs:
        for attempt in (job["first"], job["second"]):
            assert isinstance(attempt["mem_mb"], int) and isinstance(attempt["runtime"], int), job
        assert job["first"]["mem_mb"] >= 600 and job["first"]["runtime"] >= 10, job
        assert job["first"]["mem_mb"] <= 128_000 and job["first"]["runtime"] <= 24 * 60, job
        assert job["threads"] >= 1 and job["benchmark"], job


def test_a_second_attempt_gets_more(empty):
    for job in real(empty):
        assert job["second"]["mem_mb"] == 2 * job["first"]["mem_mb"], job
        assert job["second"]["runtime"] == 2 * job["first"]["runtime"], job


@pytest.mark.long
def test_what_is_asked_grows_with_what_is_read(empty, tmp_path):
    few, many = (
        with_tables(tmp_path / str(n), GENIMAGE, empty, size, n)
        for size, n in ((1_000_000, 100), (50_000_000, 100_000))
    )
    small, large = least(few, "mem_mb"), least(many, "mem_mb")
    assert {name for name in small if large[name] > small[name]} == GROWING
    assert least(many, "runtime")["score_images"] > 2 * least(few, "runtime")["score_images"]


@pytest.mark.long
def test_eight_jobs_of_the_mini_run_fit_a_workstation(tmp_path):
    (tmp_path / "data").symlink_to(ROOT / "data")
    jobs = real(with_tables(tmp_path, MINI, asked(MINI, tmp_path), 20_000, 60))
    assert sum(sorted(job["first"]["mem_mb"] for job in jobs)[-8:]) <= 20_000
