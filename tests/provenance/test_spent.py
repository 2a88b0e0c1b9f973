"""What a run's jobs took: its own and no others'."""

import json

import pytest

from crossgen.provenance.spent import machines, spent

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def bench(folder, job, seconds, memory, processor):
    path = folder / f"{job}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + f"{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t0\t{processor}\n")


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    for key, seconds in (("raw/a/seed0", 10), ("raw/b/seed0", 20), ("other/a/seed0", 400)):
        bench(folder, f"train_detector/{key}", seconds, 100 * seconds, seconds / 2)
    bench(folder, "extract_metadata/reals/0", 1, 50, 0.5)
    bench(folder, "extract_metadata/reals/1", 2, 70, 0.5)
    return folder


def test_jobs_of_other_configs_in_the_store_do_not_count(store, tmp_path):
    report = tmp_path / "report"
    bench(report, "plot/matrix", 3, "NA", "-")
    bench(report, "report", 4, 10, 1)
    bench(report, "describe_run", 99, 10, 1)
    found = spent(
        report, store, ["train_detector/raw/a/seed0", "train_detector/raw/b/seed0", "extract_metadata/reals", "fetch/x"]
    )
    assert [(row["rule"], row["jobs"], row["wall_seconds"], row["processor_seconds"]) for row in found] == [
        ("extract_metadata", 2, 3, 1),
        ("plot", 1, 3, 0),
        ("report", 1, 4, 1),
        ("train_detector", 2, 30, 15),
    ]
    assert [row["largest_memory_mib"] for row in found] == [70, 0, 10, 2000]


def test_a_report_may_lie_in_its_store(store):
    bench(store, "tabulate", 5, 10, 1)
    found = spent(store, store, ["train_detector/raw/a/seed0", "extract_metadata/reals"])
    assert [(row["rule"], row["jobs"]) for row in found] == [
        ("extract_metadata", 2),
        ("tabulate", 1),
        ("train_detector", 1),
    ]


def test_nothing_measured_is_nothing_told(tmp_path):
    assert spent(tmp_path / "a", tmp_path / "b", ["train_detector/raw"]) == []


def test_energy_is_of_the_jobs_that_could_read_it(store, tmp_path):
    logs = tmp_path / "logs" / "train_detector" / "raw"
    for name, text in (("a", '{"processors_joules": 10.5, "gpus_joules": null}'), ("b", "no json")):
        (logs / name).mkdir(parents=True)
        (logs / name / "seed0.job.json").write_text(text)
    (row,) = spent(tmp_path / "none", store, ["train_detector/raw"])
    assert (row["metered"], row["jobs"], row["processors_joules"], row["gpus_joules"]) == (1, 2, 10.5, None)


def test_jobs_tell_what_they_ran_on(store, tmp_path):
    said = {"raw/a": ("X", []), "raw/b": ("X", ["H200"]), "other/a": ("Z", [])}
    for key, (processor, gpus) in said.items():
        path = tmp_path / "logs" / "train_detector" / key / "seed0.job.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"processor": processor, "gpus": gpus}))
    shard = tmp_path / "logs" / "extract_metadata" / "reals" / "1.job.json"
    shard.parent.mkdir(parents=True)
    shard.write_text(json.dumps({"processor": "X", "gpus": []}))
    assert machines(tmp_path / "none", store, ["train_detector/raw", "extract_metadata/reals"]) == [
        {"processor": "X", "gpus": [], "jobs": 2, "rules": ["extract_metadata", "train_detector"]},
        {"processor": "X", "gpus": ["H200"], "jobs": 1, "rules": ["train_detector"]},
    ]
