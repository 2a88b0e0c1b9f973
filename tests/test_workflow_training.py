"""The plan of trainings: what each reads and waits for, on an empty disk."""

import json
import re
import shlex

import pandas as pd
import pytest

from checkout import Checkout

CROP = {"step": "random_crop", "size": 64}


def configure(checkout: Checkout) -> None:
    """One experiment for each thing that a training may ask of others; pools in two shards."""
    config = checkout.config
    for pool in config["pools"][:2]:
        pool["shards"] = 2
    tiny = config["recipes"][0]
    whole = {"kind": "whole", "size": 64}
    config["subsets"].append(config["subsets"][1] | {"name": "cut", "crop": {"size": 96}})
    config["recipes"] += [
        tiny | {"name": "files", "reading": "files", "crops_per_image": 1, "augment": [CROP], "frame": whole},
        tiny | {"name": "short", "frame": {"kind": "short_side", "size": 64, "short_side": 72, "small": "resize"}},
        tiny | {"name": "larger", "training_frame": {"kind": "crop", "size": 80}, "augment": [CROP]},
        tiny | {"name": "given", "start": {"weights": "given.safetensors"}},
    ]
    (checkout.folder / "given.safetensors").write_bytes(b"weights of others")
    both, each = {"train_sets": ["both"]}, {"train_sets": ["checker", "stripes"]}
    config["experiments"] = [
        {"name": "raw", "subset": "raw", "recipe": "tiny", **each},
        {"name": "whole", "subset": "cut", "recipe": "files", "train_sets": ["checker", "both"], "watch_every": 2},
        {"name": "eased", "subset": "raw", "recipe": "tiny", **both, "seeds": [0, 4]}
        | {"curriculum": {"experiment": "raw", "ramp": 0.4}},
        {"name": "told", "subset": "raw", "recipe": "tiny", **both, "curriculum": {"order": ["stripes", "checker"]}},
        {"name": "tuned", "subset": "raw", "recipe": "tiny", "train_sets": ["both", "checker"], "watch_every": 3}
        | {"start_from": {"experiment": "raw", "train_set": "stripes", "head": "fresh"}},
        {"name": "short", "subset": "raw", "recipe": "short", "train_sets": ["checker"]},
        {"name": "larger", "subset": "raw", "recipe": "larger", "train_sets": ["checker"]},
        {"name": "given", "subset": "raw", "recipe": "given", "train_sets": ["checker"]},
    ]
    config["comparisons"] = []
    config |= {"train_threads": 3, "train_gpus": 2, "checkpoint_minutes": 2.5, "out_of_memory": "halve"}


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> str:
    checkout = Checkout(tmp_path_factory.mktemp("training") / "run")
    configure(checkout)
    return checkout.snakemake("-n", "-p", "--cores", "8")


def commands(plan: str, command: str) -> list[dict[str, list[str]]]:
    """Every call of a command: option to its values."""
    found = []
    for line in re.findall(rf"python -m crossgen {command} (.*)", plan):
        options: dict[str, list[str]] = {}
        for word in shlex.split(line):
            name, _, value = word.partition("=") if word.startswith("--") else ("", "", word)
            options.setdefault(name, []) if name else options[list(options)[-1]].append(value)
        found.append(options)
    return found


@pytest.fixture(scope="module")
def training(plan) -> dict[str, dict[str, list[str]]]:
    """Key of a detector to the options of its job."""
    return {told["--lost-for"][0]: told for told in commands(plan, "train-detector")}


def inputs(plan: str, key: str) -> list[str]:
    block = plan.split(f"output: results/toy/detectors/{key}/detector.safetensors")[0].split("rule train_detector:")[-1]
    return re.search(r"input: (.*)", block)[1].split(", ")


def test_every_detector_has_one_job_with_the_machine_it_may_use(training):
    assert len(training) == 2 + 2 + 2 + 1 + 2 + 1 + 1 + 1
    for key, told in training.items():
        assert (told["--threads"], told["--gpus"], told["--checkpoint-seconds"]) == (["3"], ["2"], ["150"])
        assert told["--out-of-memory"] == ["halve"] and told["--nodes"] == ["1"]
        folder = f"results/toy/detectors/{key}"
        assert [told[f"--{name}"][0].removeprefix(folder) for name in ("output", "history", "watched-output")] == [
            "/detector.safetensors",
            "/history.parquet",
            "/watched.parquet",
        ]
        assert told["--losses"] == [f"{folder}/losses.parquet"] and told["--events"] == [f"{folder}/events"]


def test_whole_files_are_read_from_where_alignment_wrote_and_no_crop_is_stored_of_them(plan, training):
    told = training["whole/both/seed0"]
    assert told["--selection"] == ["results/toy/subsets/cut/both.parquet"] and "--crops" not in told
    assert told["--aligned"] == [f"results/toy/aligned/q96_420_fake/{name}" for name in ("checker/0", "checker/1")] + [
        "results/toy/aligned/q96_420_fake/stripes/0"
    ]
    assert json.loads(told["--folders"][0]) == dict.fromkeys(("photographs", "checker", "stripes"), "images")
    assert json.loads(told["--crop"][0])["size"] == 96
    assert not any("subsets/cut/" in each["--selection"][0] for each in commands(plan, "pack-crops"))
    indexed = {each["--selection"][0]: each for each in commands(plan, "index-files")}
    assert set(indexed) == {f"results/toy/subsets/cut/{name}.parquet" for name in ("checker", "both")}
    assert indexed["results/toy/subsets/cut/both.parquet"]["--aligned"] == told["--aligned"]
    waited = inputs(plan, "whole/both/seed0")
    assert {"results/toy/files/cut/both/index.parquet", *told["--aligned"], *told["--selection"]} <= set(waited)


def test_the_index_of_whole_files_is_audited_and_their_losses_are_told(plan):
    (audit,) = commands(plan, "audit-biases")
    audited = {tuple(row[:2]): row[3] for row in json.loads(audit["--audited"][0])}
    assert audited["cut", "both"] == "results/toy/files/cut/both/index.parquet"
    assert audited["raw", "checker"].startswith("results/toy/crops/raw/checker/")
    (table,) = commands(plan, "tabulate")
    assert "results/toy/files/cut/both/losses.parquet" in table["--losses"]
    assert "results/toy/detectors/whole/both/seed0/losses.parquet" in table["--losses"]
    assert "results/toy/detectors/raw/checker/seed0/losses.parquet" not in table["--losses"]  # its crops' are


def test_watched_train_sets_are_those_of_the_experiment_in_the_same_form(plan, training):
    files = json.loads(training["whole/checker/seed0"]["--watched"][0])
    assert files == {
        "both": {name: training["whole/both/seed0"][f"--{name}"] for name in ("selection", "aligned")}
        | {"selection": "results/toy/subsets/cut/both.parquet"}
    }
    assert set(json.loads(training["whole/checker/seed0"]["--folders"][0])) == {"photographs", "checker", "stripes"}
    crops = json.loads(training["tuned/checker/seed0"]["--watched"][0])
    told = training["tuned/both/seed0"]
    assert crops == {"both": {"crops": told["--crops"], "index": told["--index"][0]}}
    assert training["tuned/checker/seed0"]["--watch-every"] == ["3"]
    assert set(told["--crops"]) < set(inputs(plan, "tuned/checker/seed0"))
    assert "--watched" not in training["raw/checker/seed0"]


def test_a_curriculum_waits_for_the_histories_that_measure_it(plan, training):
    measured = {name: f"results/toy/detectors/raw/{name}/seed0/history.parquet" for name in ("checker", "stripes")}
    for seed in (0, 4):
        told = training[f"eased/both/seed{seed}"]
        assert json.loads(told["--measured"][0]) == measured
        assert json.loads(told["--curriculum"][0]) == {"experiment": "raw", "order": None, "ramp": 0.4}
        assert set(measured.values()) < set(inputs(plan, f"eased/both/seed{seed}"))
    told = training["told/both/seed0"]
    assert json.loads(told["--curriculum"][0])["order"] == ["stripes", "checker"] and told["--measured"] == ["{}"]


def test_a_detector_begins_with_another_or_with_given_weights(plan, training):
    start = "results/toy/detectors/raw/stripes/seed0/detector.safetensors"
    for key in ("tuned/both/seed0", "tuned/checker/seed0"):
        assert (training[key]["--start"], training[key]["--start-head"]) == ([start], ["fresh"])
        assert start in inputs(plan, key)
    assert "given.safetensors" in inputs(plan, "given/checker/seed0")  # the recipe itself names it
    assert "--start" not in training["given/checker/seed0"]


def test_packings_are_cut_by_the_training_frame_and_keep_their_names(plan, training):
    folders = {key: told["--index"][0].split("/")[-2] for key, told in training.items() if "--index" in told}
    assert folders["raw/checker/seed0"] == "crop64_grid16_skip_bicubic_x2"
    assert folders["short/checker/seed0"] == "short_side64of72_grid16_resize_bicubic_x2"
    assert folders["larger/checker/seed0"] == "crop80_grid16_skip_bicubic_x2"
    sizes = {each["--index"][0].split("/")[-3]: json.loads(each["--frame"][0]) for each in commands(plan, "pack-crops")}
    assert sizes["crop80_grid16_skip_bicubic_x2"]["size"] == 80
    assert sizes["short_side64of72_grid16_resize_bicubic_x2"]["short_side"] == 72


def test_the_report_reads_every_history_and_what_was_watched(plan, training):
    (table,) = commands(plan, "tabulate")
    assert sorted(table["--histories"]) == sorted(f"results/toy/detectors/{key}/history.parquet" for key in training)
    watching = [key for key, told in training.items() if "--watched" in told]
    assert sorted(table["--watched"]) == sorted(f"results/toy/detectors/{key}/watched.parquet" for key in watching)
    drawn = {told["--figure"][0] for told in commands(plan, "plot")}
    assert {f"learning_{name}" for name in ("raw", "whole", "eased", "told", "tuned", "short", "given")} <= drawn


@pytest.mark.long
def test_every_kind_of_training_runs_to_a_report(tmp_path):
    """Weights of one experiment begin another, its histories order a third, whole files are read and watched."""
    checkout = Checkout(tmp_path / "run")
    configure(checkout)
    config = checkout.config
    kept = ("raw", "whole", "eased", "tuned")
    config["experiments"] = [item for item in config["experiments"] if item["name"] in kept]
    config["experiments"][2]["seeds"] = [0]
    config["experiments"][3] |= {"train_sets": ["checker"], "watch_every": None}
    config["recipes"] = config["recipes"][:2]
    for recipe in config["recipes"]:
        recipe |= {"steps": 8, "frame": {"kind": "crop", "size": 64}}
    config |= {"train_threads": 2, "train_gpus": 1}
    checkout.snakemake()
    store = checkout.folder / "results" / "toy"
    watched = pd.read_parquet(store / "detectors/whole/checker/seed0/watched.parquet")
    assert set(watched["train_set"]) == {"both"} and watched["roc_auc"].between(0, 1).all()
    history = pd.read_parquet(store / "detectors/whole/checker/seed0/history.parquet")
    assert history["step"].iloc[-1] == 8 and history["val_roc_auc"].notna().all()
    index = pd.read_parquet(store / "files/cut/both/index.parquet")
    assert set(index.query("label == 1")["jpeg_quality"]) == {96} and len(index) == 2 * 19
    log = (store / "logs/train_detector/whole/both/seed0.log").read_text()
    assert "workers=1" in log
    page = (store / "report.html").read_text()
    assert all(f'id="figure-learning_{name}"' in page for name in kept)
    assert "Nothing to be done" in checkout.snakemake("-n")
    config |= {"checkpoint_minutes": 1.0, "out_of_memory": "stop", "train_threads": 1, "train_minutes": 90}
    config |= {"score_threads": 2, "fetch_on": "here"}
    assert "Nothing to be done" in checkout.snakemake("-n")
