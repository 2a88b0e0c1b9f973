"""`crossgen train-detector`: what it reads, what it hands to the training, what it writes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Recipe, clashes
from crossgen.detectors.identity import read_header
from crossgen.training import given, launch, loop
from crossgen.training.augment import resident
from crossgen.training.interrupt import STATUS, Interrupted
from toys import described, draw_pools, toy_config, write_tables

GENERATORS = ("checker", "stripes")
RECIPE = toy_config(Path())["recipes"][0] | {"steps": 6, "batch_size": 8, "frame": {"kind": "crop", "size": 48}}
FILES = RECIPE | {"reading": "files", "crops_per_image": 1, "augment": [{"step": "random_crop", "size": 48}]}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Selections of two train sets over few drawn images, and their crops."""
    folder = tmp_path_factory.mktemp("store")
    draw_pools(folder / "images", n=12)
    write_tables(folder / "images")
    reals = described(folder / "images", "photographs", "real").to_pandas()
    for name in GENERATORS:
        fakes = described(folder / "images", name, "fake").to_pandas()
        rows = pd.concat([reals, fakes], ignore_index=True).query("split != 'test'")
        rows = rows.assign(split=["val" if place % 4 == 0 else "train" for place in range(len(rows))])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        records.write(folder / f"{name}.parquet", table, records.SELECTION)
        words = [
            "pack-crops",
            "--selection",
            folder / f"{name}.parquet",
            "--folders",
            folders(folder),
            "--lost-for",
            "x",
        ]
        words += ["--frame", json.dumps(RECIPE["frame"]), "--crops-per-image", 2]
        outputs = {"crops": f"{name}.npy", "index": f"{name}.index", "losses": f"{name}.losses"}
        assert run(*words, *(word for key, file in outputs.items() for word in (f"--{key}", folder / file))) == 0
    return folder


def folders(store: Path) -> str:
    return json.dumps(dict.fromkeys(("photographs", *GENERATORS), str(store / "images")))


def run(*words: object) -> int:
    return main([str(word) for word in words])


def command(store: Path, place: Path, *more: object, recipe: dict = RECIPE, name: str = "checker") -> list[object]:
    """Everything told; images unless `more` tells of them."""
    words = ["train-detector", "--recipe", json.dumps(recipe), "--experiment", "raw", "--train-set", name]
    words += ["--generator", name, "--seed", 3, "--lost-for", "here"]
    if "--selection" not in more:
        words += ["--crops", store / f"{name}.npy", "--index", store / f"{name}.index"]
    outputs = {"output": "d.safetensors", "history": "h.parquet", "watched-output": "w.parquet", "losses": "l.parquet"}
    words += [word for key, file in outputs.items() for word in (f"--{key}", place / file)]
    return [*words, "--events", place / "events", *more]


def from_files(store: Path) -> list[object]:
    return ["--selection", store / "checker.parquet", "--folders", folders(store)]


def crops_of(store: Path, name: str) -> dict[str, object]:
    return {"crops": [str(store / f"{name}.npy")], "index": str(store / f"{name}.index")}


def test_it_writes_everything_and_the_same_bytes_again(store, tmp_path, capsys):
    watched = ["--watched", json.dumps({"stripes": crops_of(store, "stripes")}), "--watch-every", 1]
    for place in (tmp_path / "a", tmp_path / "b"):
        assert run(*command(store, place, *watched)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{tmp_path / 'b' / 'd.safetensors'}: epoch ")
    assert (tmp_path / "a" / "d.safetensors").read_bytes() == (tmp_path / "b" / "d.safetensors").read_bytes()
    assert not list((tmp_path / "a").glob(".*.part"))

    header = read_header(tmp_path / "a" / "d.safetensors")
    history = records.read(tmp_path / "a" / "h.parquet", records.HISTORY).to_pandas()
    assert header["identity"] == {"experiment": "raw", "train_set": "checker", "generator": "checker", "seed": 3}
    told = header["training"]
    assert (told["steps"], told["kept_epoch"]) == (6, int(history.query("kept")["epoch"].iloc[-1]))
    assert told["device"] and told["precision"] and told["parameters"] > 100_000 and "commit" in told
    assert history["step"].iloc[-1] == 6 and history["kept"].sum() == 1
    assert set(history[["experiment", "trained_on", "seed"]].apply(tuple, axis=1)) == {("raw", "checker", 3)}
    seen = records.read(tmp_path / "a" / "w.parquet", records.WATCHED).to_pandas()
    assert (
        set(seen["train_set"]) == {"stripes"} and set(seen["trained_on"]) == {"checker"} and len(seen) == len(history)
    )
    assert records.read(tmp_path / "a" / "l.parquet", records.LOSSES).num_rows == 0
    assert [path.stat().st_size > 100 for path in (tmp_path / "a" / "events").iterdir()] == [True]


def test_watching_moves_no_weight(store, tmp_path):
    watched = ["--watched", json.dumps({"stripes": crops_of(store, "stripes")}), "--watch-every", 1]
    for place, more in ((tmp_path / "a", watched), (tmp_path / "b", [])):
        assert run(*command(store, place, *more)) == 0
    first, other = (load_file(tmp_path / name / "d.safetensors") for name in "ab")
    assert all(torch.equal(first[name], other[name]) for name in first)
    assert records.read(tmp_path / "b" / "w.parquet", records.WATCHED).num_rows == 0


def test_files_are_read_whole_and_those_that_cannot_be_are_told(store, tmp_path):
    copy = Path(shutil.copytree(store, tmp_path / "store"))
    rows = records.read(copy / "checker.parquet", records.SELECTION).to_pandas()
    broken = rows.query("label == 1 and split == 'train'").iloc[0]
    file = copy / "images" / broken["path"]
    file.write_bytes(file.read_bytes()[: broken["bytes"] // 2])
    assert run(*command(copy, tmp_path, *from_files(copy), recipe=FILES)) == 0
    lost = records.read(tmp_path / "l.parquet", records.LOSSES).to_pylist()
    told = {"stage": "training", "lost_for": "here", "pool": "checker", "image_id": broken["image_id"]}
    assert [{name: row[name] for name in told} for row in lost] == [told]
    assert records.read(tmp_path / "h.parquet", records.HISTORY)["lost"].to_pylist()[0] == 1


def test_it_begins_with_another_detector(store, tmp_path):
    frozen = RECIPE | {
        "optimiser": {"lr": 1e-12, "weight_decay": 0.0},
        "select": "last",
        "steps": 1,
        "precision": "fp32",
    }
    frozen |= {"schedule": {"kind": "constant"}}
    assert run(*command(store, tmp_path / "first", name="stripes")) == 0
    start = tmp_path / "first" / "d.safetensors"
    for name, more in (("kept", []), ("fresh", ["--start-head", "fresh"])):
        assert run(*command(store, tmp_path / name, "--start", start, *more, recipe=frozen)) == 0
    before = load_file(start)
    for name in ("kept", "fresh"):
        after = load_file(tmp_path / name / "d.safetensors")
        moved = [key for key in before if "running" not in key and "tracked" not in key]
        moved = {key for key in moved if not torch.allclose(before[key], after[key], atol=1e-6)}
        assert (moved == set()) == (name == "kept") and len(moved) <= 2, moved  # weight and bias of the head


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """What a command sets does not outlast its test."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def settings(monkeypatch, *words: object) -> loop.Setting:
    """What the command hands to the training."""
    handed = []

    def train(data, recipe, setting, log):
        handed.append(setting)
        raise ValueError("enough")

    monkeypatch.setattr(loop, "train", train)
    assert run(*words) == 1
    return handed[0]


def test_options_become_settings(store, tmp_path, monkeypatch):
    for name, area in (("checker", 0.6), ("stripes", 0.9)):
        rows = [dict.fromkeys(records.HISTORY.columns, 0) | {"val_roc_auc": area, "kept": True}]
        records.write(tmp_path / f"{name}.parquet", records.from_rows(rows, records.HISTORY), records.HISTORY)
    measured = json.dumps({name: str(tmp_path / f"{name}.parquet") for name in GENERATORS})
    curriculum = json.dumps({"experiment": "raw", "ramp": 0.8})
    more = ["--curriculum", curriculum, "--measured", measured, "--checkpoint-seconds", 90, "--out-of-memory", "halve"]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")  # as Snakemake does
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told = settings(monkeypatch, *command(store, tmp_path, *more, "--threads", 4, recipe=FILES))
    assert told.joins == {"stripes": 0.0, "checker": 0.8} and told.workers == 1
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert (told.seed, told.checkpoint_minutes, told.out_of_memory) == (3, 1.5, "halve")
    assert told.folder.name.startswith(".d.safetensors.") and told.folder.is_dir()  # left for the next job
    assert told.events == tmp_path / "events"


def test_the_checkpoints_of_another_training_are_not_taken_up(store, tmp_path, monkeypatch):
    other = tmp_path / "start.safetensors"
    other.write_bytes(b"1")
    changes = [
        command(store, tmp_path),
        command(store, tmp_path, recipe=RECIPE | {"steps": 7}),
        command(store, tmp_path, name="stripes"),
        command(store, tmp_path, "--start", other),
        command(store, tmp_path, "--start", other, "--start-head", "fresh"),
        command(store, tmp_path, "--curriculum", json.dumps({"order": ["a", "b"]})),
        command(store, tmp_path, "--seed", 4),
    ]
    found = [settings(monkeypatch, *words).folder for words in changes]
    assert len(set(found)) == len(found)
    how = ["--threads", 3, "--checkpoint-seconds", 5, "--out-of-memory", "halve"]
    assert settings(monkeypatch, *command(store, tmp_path, *how)).folder == found[0]


REFUSALS = [
    (
        ["--selection", "s.parquet", "--folders", "{}", "--crops", "c.npy"],
        "Images are named by crops, selection: expec",
    ),
    (["--selection", "s.parquet", "--index", "i.parquet"], "Images are named by index, selection: expected crops and"),
    (["--curriculum", '{"experiment": "raw"}'], "A curriculum without `order` needs the histories"),
    (["--watched", "[]"], "Expected a JSON mapping, found '[]'"),
    (["--watched", '{"x": {"index": "i"}}'], "Images are named by index: expected crops and index, or selection"),
]


@pytest.mark.parametrize(("more", "message"), REFUSALS, ids=[message[:40] for _, message in REFUSALS])
def test_options_that_do_not_fit_are_refused(store, tmp_path, more, message, capsys):
    assert run(*command(store, tmp_path, *more)) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "cores", "on_cpu", "beside_gpu"),
    [
        ({"augment": [{"step": "flip"}, {"step": "rot90"}]}, 4, (0, 4), (0, 4)),
        ({"augment": [{"step": "jpeg"}]}, 4, (1, 3), (3, 1)),
        ({"augment": [{"step": "jpeg"}]}, 1, (0, 1), (0, 1)),
        ({"splits": {"augment": [{"step": "randaugment"}]}}, 2, (1, 1), (1, 1)),
        ({"reading": "files", "crops_per_image": 1}, 3, (1, 2), (2, 1)),
        ({"reading": "resident", "augment": [{"step": "cutout"}]}, 4, (0, 4), (0, 4)),
    ],
)
def test_workers_are_taken_where_they_bring_more_than_they_cost(changes, cores, on_cpu, beside_gpu):
    recipe = Recipe.model_validate_json(json.dumps(RECIPE | changes))
    assert (given.shares(recipe, cores, False), given.shares(recipe, cores, True)) == (on_cpu, beside_gpu)


def test_the_config_knows_the_steps_that_run_on_a_device():
    assert set(clashes.ON_DEVICE) == set(resident.ON_DEVICE)


def test_several_processes_know_the_first_and_share_the_cores(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert (launch.processes(), launch.is_first(), launch.cores(6)) == (1, True, 6)
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert (launch.processes(), launch.is_first()) == (1, True)  # a batch script's own variables launch nothing
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert (launch.processes(), launch.is_first()) == (4, False)
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS")
    assert (launch.processes(), launch.is_first(), launch.cores(6), launch.cores(1)) == (2, True, 3, 1)


def test_a_launcher_that_is_told_to_stop_tells_its_processes_and_asks_to_be_run_again(monkeypatch, tmp_path):
    started = tmp_path / "started"
    code = "import pathlib, signal, sys, time; signal.signal(15, lambda *_: sys.exit(1));"
    code += f"pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    monkeypatch.setattr(launch, "torchrun", lambda wanted: [sys.executable, "-c", code])

    def stop() -> None:
        while not started.exists():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=stop, daemon=True).start()
    before = signal.getsignal(signal.SIGUSR1)
    assert launch.again(launch.Processes(2), ["train-detector"]) == STATUS
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.mark.parametrize(("processes", "left"), [("1", signal.SIG_DFL), ("2", signal.SIG_IGN)])
def test_one_of_several_that_was_told_to_stop_is_not_told_again_while_it_ends(monkeypatch, processes, left):
    """Its launcher would: the first that ends has a status other than 0."""
    monkeypatch.setenv("WORLD_SIZE", processes)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(Interrupted), launch.ending_together():
            raise Interrupted(3)
        assert signal.getsignal(signal.SIGTERM) == left
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_launcher_gives_back_its_processes_status(monkeypatch):
    monkeypatch.setattr(launch, "torchrun", lambda wanted: [sys.executable, "-c", "import sys; sys.exit(3)"])
    assert launch.again(launch.Processes(2), ["train-detector"]) == 3


def test_more_gpus_than_there_are_are_refused(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert run(*command(store, tmp_path, "--gpus", 2)) == 1
    assert "2 GPUs are asked for, and this machine has 1: set train_gpus (--gpus)" in capsys.readouterr().err


def test_several_nodes_are_a_slurm_jobs(store, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert run(*command(store, tmp_path, "--gpus", 4, "--nodes", 2)) == 1
    assert "Training on 2 nodes (train_nodes, --nodes) needs a SLURM job" in capsys.readouterr().err
    assert run(*command(store, tmp_path, "--gpus", 3, "--nodes", 2)) == 1
    assert "3 GPUs (--gpus) on 2 nodes (--nodes): expected as many on each" in capsys.readouterr().err


#: Stands in for srun: says how it was started, then waits for the signal that srun hands on.
SRUN = """#!/bin/sh
trap 'echo USR1 >> {0}/signals; exit 75' USR1
trap 'echo TERM >> {0}/signals; exit 1' TERM
echo "$@" > {0}/words
echo $MASTER_ADDR $MASTER_PORT $LOCAL_WORLD_SIZE $OMP_NUM_THREADS > {0}/environment
while :; do sleep 0.05; done
"""


def test_processes_of_several_nodes_are_started_by_srun_and_told_to_stop_as_it_lets_them(monkeypatch, tmp_path):
    (tmp_path / "srun").write_text(SRUN.format(tmp_path))
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")

    def stop() -> None:
        while not (tmp_path / "environment").exists():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    assert launch.again(launch.Processes(4, 2, threads=6), ["train-detector", "--seed", "1"]) == STATUS
    assert (tmp_path / "signals").read_text() == "USR1\n"
    words = (tmp_path / "words").read_text().split()
    sizes = ["--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=3", "--kill-on-bad-exit=1"]
    assert words == [*sizes, sys.executable, "-m", "crossgen", "train-detector", "--seed", "1"]
    host, port, each, threads = (tmp_path / "environment").read_text().split()
    assert (host, each, threads) == (socket.gethostname(), "2", "3") and 0 < int(port) < 65536


def test_told_to_stop_while_they_are_started_they_are_told_once(monkeypatch, tmp_path):
    sent = []

    class Child:
        def send_signal(self, number):
            sent.append(number)

        def wait(self):
            os.kill(os.getpid(), signal.SIGTERM)
            return 1

    def start(wanted, words):
        os.kill(os.getpid(), signal.SIGTERM)
        return Child(), signal.SIGUSR1

    monkeypatch.setattr(launch, "_started_by_srun", start)
    earlier = signal.getsignal(signal.SIGTERM)
    assert launch.again(launch.Processes(4, 2), ["train-detector"]) == STATUS
    assert sent == [signal.SIGUSR1] and signal.getsignal(signal.SIGTERM) is earlier


@pytest.mark.long
def test_two_processes_write_one_detector(store, tmp_path):
    words = [str(word) for word in command(store, tmp_path, "--gpus", 2, "--threads", 2)]
    done = subprocess.run([sys.executable, "-m", "crossgen", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("d.safetensors: epoch ") == 1
    assert read_header(tmp_path / "d.safetensors")["training"]["processes"] == 2
    assert not list(tmp_path.glob(".*.part"))
