"""Costs by earlier runs that are named, and logits of validation images: what crossgen plan reckons with."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen.config import derive
from crossgen.config.loading import load
from crossgen.evaluation.cells import Store
from crossgen.plan import earlier, measured, networks
from crossgen.plan.asked import Asked, Job
from crossgen.plan.counts import count
from crossgen.plan.downloads import Downloads
from crossgen.plan.earlier import Earlier, choose
from crossgen.plan.measured import Ratio
from crossgen.plan.printing import _measured
from crossgen.plan.units import Work
from toys import ROOT

TRAIN = ("train_detector", "resnet50", "224", "gpu")


def ratio(cpu: float, told: float, jobs: int = 1) -> Ratio:
    found = Ratio()
    found.add(cpu, 2 * cpu, (told, told), jobs)
    return found


def job(rule: str, **wildcards: str) -> Job:
    return Job(rule, wildcards, (), 4, None, None, None, True, None, (f"{rule}{wildcards}",), (), None, True, ())


def work(folder: Path, *jobs: Job, config: str = "genimage") -> Work:
    """A run on an empty disk."""
    told = load([ROOT / "config" / f"{config}.yaml"])
    pools, keys = [pool.name for pool in told.pools], [item.key for item in derive.detectors(told)]
    batches = [keys[start : start + 8] for start in range(0, len(keys), 8)]
    places = {
        "manifests": {name: str(folder / f"{name}.parquet") for name in pools},
        "listings": {name: str(folder / f"{name}.listing") for name in pools},
        "fetches": {},
        "fetched_for": {},
        "selections": {},
        "detectors": {key: str(folder / key) for key in keys},
        "batches": batches,
        "shown": [{} for _ in batches],
        "validated": [str(folder / f"validated{number}.parquet") for number in range(len(batches))],
        **{name: str(folder / name) for name in ("pixels", "logits", "validation")},
    }
    asked = Asked(told, places, "local", 4, None, None, jobs, ())
    counts = {pool.name: count(pool, told, places) for pool in told.pools}
    return Work(asked, counts, Downloads(asked, counts))


# -------------------------------------------------------------------------------------------------------- measurements
def test_ratios_of_jobs_remember_the_least_and_the_most_and_join():
    found = ratio(30.0, 10.0)
    found.add(5.0, 5.0, (10.0, 10.0))
    assert (found.jobs, found.low, found.high) == (2, 0.5, 3.0)
    found.join(ratio(40.0, 10.0, jobs=5))
    assert (found.jobs, found.low, found.high) == (7, 0.5, 4.0) and found.factors[0] == pytest.approx(75 / 30)
    assert Ratio().low == math.inf


def test_the_same_network_comes_first_then_others_on_the_same_device():
    swin, cpu = ("train_detector", "swin", "224", "gpu"), (*TRAIN[:3], "cpu")
    runs = [Earlier("a", {swin: ratio(20, 10)}), Earlier("b", {cpu: ratio(90, 10), ("plot",): ratio(5, 10)})]
    near = choose(runs, TRAIN)
    assert near and not near.alike and near.places == ("a",) and near.ratio.factors == (2.0, 4.0)
    same = choose([*runs, Earlier("c", {TRAIN: ratio(30, 10)})], TRAIN)
    assert same and same.alike and same.places == ("c",) and same.ratio.factors[0] == 3.0
    assert choose(runs, ("score_images", "gpu")) is None and choose(runs[:1], ("plot",)) is None
    both = choose([*runs, Earlier("d", {("plot",): ratio(15, 10)})], ("plot",))
    assert both and both.places == ("b", "d") and both.ratio.factors[0] == 1.0


def test_a_cards_sums_are_held_against_the_jobs_of_its_run(tmp_path):
    """Twice the table's seconds, of as many jobs as ran; what is too short to be measured or unknown says nothing."""
    jobs = [job("plot", figure=str(n)) for n in range(3)] + [job("report"), job("tabulate")]
    card = {"spent": [("plot", 6, 36.0, 36.0), ("report", 1, 0.0, 0.0), ("another", 2, 5.0, 5.0)]}
    found = dict(earlier._of_card(card, work(tmp_path, *jobs, config="mini")))
    assert set(found) == {("plot",)} and found["plot",].jobs == 6
    assert found["plot",].factors == (2.0, 2.0)  # 3 seconds a job by the table, 6 by the card


def test_trainings_of_a_card_are_those_of_its_device(tmp_path):
    key = {"experiment": "raw", "train_set": "sd14", "seed": "0"}
    training = replace(job("train_detector", **key), gpu=1)
    mine = work(tmp_path, training)
    on_gpu = measured.estimate("train_detector", mine.of(training), 4, 2)
    card = {"spent": [("train_detector", 1, 3 * on_gpu.wall, 3 * on_gpu.cpu)]}
    card["detectors"] = [{"device": "cuda", "processes": 2}]
    (found,) = earlier._of_card(card, mine)
    assert found[0] == TRAIN and found[1].factors == pytest.approx((3, 3))
    ((kind, slow),) = earlier._of_card(card | {"detectors": [{"device": "cpu"}]}, mine)
    assert kind[-1] == "cpu" and slow.factors[0] < 0.1  # a processor would take far longer


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"spent": [{"rule": "plot"}]}'])
def test_what_is_no_card_is_refused(content, tmp_path):
    path = tmp_path / "card.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"--measured {path}: no card of a run"):
        earlier.earlier(path)


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no benchmarks in it: name the folder of a report"):
        earlier.earlier(tmp_path)
    (tmp_path / "benchmarks").mkdir()
    for path in (tmp_path, tmp_path / "benchmarks"):
        with pytest.raises(ValueError, match=f"--measured {path}: no config.json in {tmp_path}"):
            earlier.earlier(path)
    with pytest.raises(ValueError, match="none: there is none"):
        earlier.earlier(tmp_path / "none")


def test_paths_of_another_results_folder():
    told = {"a": ["results/toy/x", "data/results"], "b": {"c": "results/y"}, "n": 3}
    moved = earlier._moved(told, Path("/far/results"))
    assert moved == {"a": ["/far/results/toy/x", "data/results"], "b": {"c": "/far/results/y"}, "n": 3}


def test_the_table_says_what_was_used_and_in_what_range():
    item = {"rule": "plot", "of": "", "jobs": 3, "cpu_factor": 0.6912, "low": 0.5, "high": 0.9, "alike": True}
    sums = item | {"low": 0.7, "high": 0.7, "rule": "train_detector", "of": "swin 224 gpu", "alike": False}
    (text,) = _measured({"measured": [item | {"from": ["results/a"]}, sums | {"from": ["card.json"]}]})
    assert "0.69" in text and "0.5 to 0.9" in text and "sum alone" in text and "by other networks" in text
    assert _measured({"measured": []}) == []


# ---------------------------------------------------------------------------------------------------------- validation
def test_logits_of_validation_images_are_work_too(tmp_path):
    """8 detectors of 5,000 a label each; their files are decoded, test pictures are made once for all."""
    scoring = job("score_images", batch="0")
    mine = work(tmp_path, scoring)
    units = mine.of(scoring)
    tested, shown = 8 * 8 * 100_000, 8 * 2 * 5000
    assert units["logit"] == tested + shown and units["picture"] == 8 * 100_000 + shown
    assert units["gigamac"] == pytest.approx((tested + shown) * networks.gigamacs(mine.config.recipes[0], None))
    assert mine.validations.account() == {"all": 73, "there": 0, "to_compute": 8}


def test_validation_logits_of_a_finished_job_are_there_while_its_weights_stay(tmp_path):
    mine = work(tmp_path)
    mine.cells.weights = {"x": "weights of now"}
    store = Store(tmp_path / "validation")
    store.write("0" * 32, np.zeros(3, np.float32))
    rows = [
        {"weights": "weights of now", "logits": "0" * 32},
        {"weights": "weights of then", "logits": "0" * 32},
        {"weights": "weights of now", "logits": "1" * 32},
        {"weights": "weights of now", "logits": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "validated3.parquet")
    assert mine.validations.account() == {"all": 73, "there": 1, "to_compute": 0}


def test_a_score_job_is_measured_by_the_line_of_each_kind_of_cell(tmp_path):
    log = tmp_path / "results" / "toy" / "logs" / "score_images" / "0.log"
    log.parent.mkdir(parents=True)
    log.write_text("logit cells: computed=6 reused=2\nx: 3\nvalidation cells: computed=1 reused=4\ny: 5\n")
    scoring = replace(job("score_images", batch="0"), log=("results/toy/logs/score_images/0.log",))
    folder = tmp_path / "results" / "toy"
    assert measured._computed(scoring, folder, "logit") == (6, 2)
    assert measured._computed(scoring, folder, "validation") == (1, 4)
    with pytest.raises(ValueError, match="no account of pixel cells"):
        measured._computed(scoring, folder, "pixel")
