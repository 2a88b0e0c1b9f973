"""crossgen plan: it says what Snakemake says, counts what is there, and estimates from what was measured."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from checkout import Checkout
from crossgen import runs
from crossgen.plan.costs import table
from toys import ROOT

ALIGNED, SHADERS = "config/ablations/aligned.yaml", "config/ablations/shaders.yaml"


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Checkout:
    """Code and data, and nothing made of them."""
    checkout = Checkout(tmp_path_factory.mktemp("empty"))
    (checkout.folder / "data").symlink_to(ROOT / "data")
    checkout.write_config()
    return checkout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Checkout:
    """A finished run."""
    checkout = Checkout(tmp_path_factory.mktemp("fresh"))
    checkout.snakemake()
    return checkout


@pytest.fixture
def run(fresh, tmp_path) -> Checkout:
    """A private copy of the finished run, with the times of its files."""
    copy = Checkout.__new__(Checkout)
    copy.folder, copy.config = tmp_path / "run", json.loads(json.dumps(fresh.config))
    shutil.copytree(fresh.folder, copy.folder, copy_function=shutil.copy2)
    return copy


def planned(checkout: Checkout, *words: str, config: str = "toy.yaml") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossgen", "plan", *words, "--configfile", config]
    command += [] if "--profile" in words or "--cores" in words else ["--cores", "2"]
    return subprocess.run(
        command, cwd=checkout.folder, env=checkout.environment, capture_output=True, text=True, timeout=120
    )


def told(checkout: Checkout, *words: str, config: str = "toy.yaml") -> dict:
    done = planned(checkout, "--json", *words, config=config)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_rule(plan: dict) -> dict[str, int]:
    assert Counter(job["rule"] for job in plan["jobs"]) == {rule["rule"]: rule["jobs"] for rule in plan["rules"]}
    assert sum(plan["reasons"].values()) == len(plan["jobs"])
    return {rule["rule"]: rule["jobs"] for rule in plan["rules"]}


def dry_run(checkout: Checkout, *words: str, config: str = "toy.yaml") -> dict[str, int]:
    """Jobs by rule as `snakemake -n` counts them."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--rerun-incomplete", *words]
    output = checkout.output([*command, "--configfile", config, "--cores", "2"])
    stats = output.split("Job stats:")[-1] if "Job stats:" in output else ""
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if name != "total"}


def files_of(folder: Path) -> set[tuple[str, int]]:
    """What lies there, Snakemake's own folder apart."""
    return {
        (path.relative_to(folder).as_posix(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".snakemake" not in path.parts and "__pycache__" not in path.parts
    }


def test_the_mini_run_from_nothing(empty):
    before = files_of(empty.folder)
    plan = told(empty, config="config/mini.yaml")
    assert by_rule(plan) == dry_run(empty, config="config/mini.yaml")
    assert plan["matrix"] == {
        "detectors": 16, "experiments": 2, "train_sets": 8, "test_sets": 12, "conditions": 9, "numbers": 16 * 12 * 9
    }  # fmt: skip
    # fakes_q96 does nothing to reals, and is all_q96 to fakes: 8 of 9 conditions are pixels of their own
    assert plan["cells"]["pixels"] == {"all": 13 * 8, "there": 0, "to_compute": 13 * 8}
    assert plan["cells"]["logits"] == {"all": 16 * 13 * 8, "there": 0, "to_compute": 16 * 13 * 8}
    assert plan["cells"]["validation"] == {"all": 16, "there": 0, "to_compute": 16}
    assert plan["images"]["photographs"]["all"] == 516 and plan["images"]["vq"]["test"] == 60
    assert plan["download"] == {"bytes": 0, "items": []}
    assert all(rule["from"] in ("table", "nothing to do") for rule in plan["rules"])
    assert not plan["cost"]["at_least"] and 0.05 < plan["cost"]["cpu_hours"] < 1
    assert files_of(empty.folder) == before and not list((empty.folder / ".snakemake" / "locks").glob("*"))


@pytest.mark.long
def test_reconstructions_are_as_many_as_the_reals_of_their_splits(empty):
    plan = told(empty, config=ALIGNED)
    assert by_rule(plan) == dry_run(empty, config=ALIGNED)
    reals, made = plan["images"]["photographs"], plan["images"]["round_trips"]
    assert reals["all"] == 516 and reals["test"] > 0 and made["test"] == 0
    assert (made["train"], made["val"]) == (reals["train"], reals["val"])
    assert made["all"] == reals["all"] - reals["test"] == reals["train"] + reals["val"]
    rules = {rule["rule"]: rule for rule in plan["rules"]}
    assert rules["reconstruct"]["jobs"] == 2 and rules["train_detector"]["jobs"] == 6 * 3
    start, an_image = (table()["reconstruct"][unit].cpu for unit in ("job", "image"))
    drawn = plan["images"]["shader_round_trips"]["all"]
    assert rules["reconstruct"]["cpu_seconds"] == pytest.approx(2 * start + (made["all"] + drawn) * an_image, abs=0.2)


@pytest.mark.long
def test_drawings_are_counted_before_they_are_drawn(empty):
    plan = told(empty, config=SHADERS)
    assert by_rule(plan) == dry_run(empty, config=SHADERS)
    drawn, again = plan["images"]["shaders"], plan["images"]["shader_round_trips"]
    assert [drawn[split] for split in ("train", "val", "test", "all")] == [1197, 211, 592, 2000]
    assert [again[split] for split in ("train", "val", "test", "all")] == [1197, 211, 592, 2000]
    (rule,) = [rule for rule in plan["rules"] if rule["rule"] == "draw_shaders"]
    assert rule["jobs"] == 1 and 40 < rule["cpu_seconds"] < 200


@pytest.mark.long
def test_genimage_on_an_empty_disk(empty):
    plan = told(empty, config="config/genimage.yaml")
    assert by_rule(plan) == dry_run(empty, config="config/genimage.yaml")
    assert sum(item["all"] for item in plan["images"].values()) == 2_681_167
    brought = {item["what"]: item["bytes"] for item in plan["download"]["items"]}
    assert brought.pop("Dataverse deposit, whole") == 653_808_797_076
    assert [name.split("_")[0] for name in brought] == [
        f"weights {name}" for name in ("cnnspot", "f3net", "gramnet", "spec")
    ]
    assert plan["cells"]["pixels"] == {"all": 0, "there": 0, "to_compute": 0}  # rendered as they are judged
    assert plan["cells"]["logits"]["all"] == plan["cells"]["logits"]["to_compute"] > 16 * 4 * 8
    assert plan["cost"]["bytes"] > 2 * 650e9  # the parts, and what is unpacked of them


@pytest.mark.long
def test_a_cluster_asks_for_what_the_rules_say_and_its_gpus_are_on_paper(empty):
    plan = told(empty, "--profile", "slurm", config="config/genimage.yaml")
    assert (plan["executor"], plan["cores"], plan["jobs_at_once"]) == ("slurm", None, 64)
    training = next(job for job in plan["jobs"] if job["rule"] == "train_detector")
    assert (training["threads"], training["gpu"], training["local"]) == (16, 1, False) and training["runtime"] >= 60
    assert next(job for job in plan["jobs"] if job["rule"] == "all")["local"]
    assert training["from"] == "table, GPU on paper" and training["gpu_seconds"] == training["wall_seconds"] > 3600
    assert any("constrained" in note and "at most" in note for note in plan["notes"])


@pytest.mark.long
def test_the_text_fits_100_columns_and_is_the_same_twice(empty):
    first, second = (planned(empty, config="config/genimage.yaml") for _ in range(2))
    assert first.returncode == 0 and first.stdout == second.stdout and not first.stderr
    assert max(map(len, first.stdout.splitlines())) <= 100
    for said in ("654 GB", "published counts", "2,681,167", "train_detector", "In all about"):
        assert said in first.stdout


@pytest.mark.long
def test_a_workstation_uses_the_gpus_that_its_profile_names(empty):
    plan = told(empty, "--", "--resources", "gpu=2", config="config/mini.yaml")
    (rule,) = [rule for rule in plan["rules"] if rule["rule"] == "train_detector"]
    assert plan["gpus_here"] == 2 and rule["from"] == "table, GPU on paper" and rule["gpu_seconds"] > 0
    assert by_rule(plan) == dry_run(empty, config="config/mini.yaml")


@pytest.mark.long
def test_every_unit_of_work_has_its_price(empty):
    """Work that the table does not price would be free in silence."""
    from crossgen.plan.account import Account
    from crossgen.plan.asked import ask

    for name in ("config/mini.yaml", "config/genimage.yaml", "config/ablations/detectors.yaml", SHADERS):
        with contextlib.chdir(empty.folder):
            work = Account(ask(["--configfile", name, "--cores", "2"]), []).work
            found = {(job.rule, unit) for job in work.asked.running for unit in work.of(job) or {}}
        assert len(found) > 15 and all(unit in table()[rule] for rule, unit in found)


@pytest.mark.long
def test_a_named_target_plans_its_own_part_only(empty):
    plan = told(empty, "align")
    assert by_rule(plan) == dry_run(empty, "align")
    assert plan["cells"]["pixels"]["to_compute"] == plan["cells"]["logits"]["to_compute"] == 0
    assert plan["cost"]["cpu_hours"] < told(empty)["cost"]["cpu_hours"]


@pytest.mark.long
def test_a_finished_run_has_nothing_to_do(run):
    done = planned(run)
    assert done.stdout == "Nothing to be done: results/toy is complete.\n"
    plan = told(run)
    assert plan["jobs"] == plan["rules"] == [] and plan["cells"]["logits"] == {"all": 15, "there": 15, "to_compute": 0}
    assert plan["images"]["checker"]["from"] == "manifest"


@pytest.mark.long
def test_a_changed_recipe_costs_its_own_detectors(run):
    run.config["recipes"].append(run.config["recipes"][0] | {"name": "other", "steps": 7})
    run.config["experiments"][1]["recipe"] = "other"
    run.write_config()
    plan = told(run)
    assert by_rule(plan) == dry_run(run)
    trained = [job for job in plan["jobs"] if job["rule"] == "train_detector"]
    assert len(trained) == 2 and all("params changed" in job["reasons"] for job in trained)
    assert plan["reasons"]["params changed"] >= 2
    # 3 of 5 detectors stay, each judged on 3 pools under one condition, and the pixels of all
    assert plan["cells"] == {
        "pixels": {"all": 3, "there": 3, "to_compute": 0},
        "logits": {"all": 15, "there": 9, "to_compute": 6},
        "validation": {"all": 5, "there": 3, "to_compute": 2},
    }


@pytest.mark.long
def test_what_was_measured_here_decides(run):
    """The same trainings again cost what they took; four times the steps, nearly four times as much above the start."""
    again = told(run, "train", "--", "--forcerun", "train_detector")
    files = list((run.folder / "results/toy/benchmarks/train_detector").rglob("*.tsv"))
    took = sum(float(path.read_text().splitlines()[1].split("\t")[0]) for path in files)
    (rule,) = [rule for rule in again["rules"] if rule["rule"] == "train_detector"]
    assert len(files) == 5 and rule["from"] == "measured here (5 earlier jobs)"
    assert rule["wall_seconds"] == pytest.approx(took, rel=0.1)
    run.config["recipes"][0]["steps"] *= 400
    run.write_config()
    (longer,) = [rule for rule in told(run, "train")["rules"] if rule["rule"] == "train_detector"]
    assert longer["wall_seconds"] > 2 * rule["wall_seconds"] and longer["from"] == rule["from"]


@pytest.mark.long
def test_another_run_is_priced_by_a_folder_and_by_a_card(run, empty, tmp_path):
    """The folder and the sums of its benchmark files say nearly the same of jobs of another config."""
    report = run.folder / "results" / "toy"
    spent = [summed(folder) for folder in sorted((report / "benchmarks").iterdir())]
    card = report / "card.json"
    card.write_text(json.dumps({"spent": spent, "detectors": [{"device": "cpu", "processes": 1}]}))
    plans = [told(empty, "--measured", str(path), config="config/mini.yaml") for path in (report, card)]
    for plan, place in zip(plans, (report, card), strict=True):
        found = {item["rule"]: item for item in plan["measured"]}
        assert {"extract_metadata", "filter_subset", "plot", "train_detector", "score_images"} <= set(found)
        assert all(item["from"] == [str(place)] for item in found.values())
        assert found["train_detector"]["jobs"] == 5 and not found["train_detector"]["alike"]
        by = {rule["rule"]: rule["from"] for rule in plan["rules"]}
        assert by["extract_metadata"] == "measured (3 earlier jobs)"
        assert by["train_detector"] == "measured on other networks (5 earlier jobs)"
    folder, sums = ({item["rule"]: item for item in plan["measured"]} for plan in plans)
    assert folder["plot"]["low"] <= folder["plot"]["cpu_factor"] <= folder["plot"]["high"]
    for rule in ("extract_metadata", "filter_subset", "pack_crops", "plot", "train_detector", "score_images"):
        assert sums[rule]["cpu_factor"] == pytest.approx(folder[rule]["cpu_factor"], rel=0.15), rule
    text = planned(empty, "--measured", str(card), config="config/mini.yaml").stdout
    assert max(map(len, text.splitlines())) <= 100 + len(str(card)) and "sum alone" in text
    (report / "config.json").unlink()
    done = planned(empty, "--measured", str(card), config="config/mini.yaml")
    assert done.returncode == 1 and f"no config.json in {report}" in done.stderr


def summed(folder: Path) -> dict:
    """A row of a card: the sums of a rule's benchmark files."""
    rows = [
        path.read_text().splitlines()[1].split("\t") for path in sorted([folder, *folder.rglob("*")]) if path.is_file()
    ]
    numbers = [[float(row[place]) if row[place] not in ("-", "NA") else 0.0 for place in (0, -1)] for row in rows]
    wall, cpu = (sum(column) for column in zip(*numbers, strict=True))
    rule = folder.name.removesuffix(".tsv")
    return {"rule": rule, "jobs": len(rows), "wall_seconds": wall, "processor_seconds": cpu}


@pytest.mark.long
def test_a_render_job_that_found_everything_says_little_of_one_that_must_render(run):
    """Another report over the same pixels: its jobs found all, by their logs; a new condition is not free for that."""
    blur = {"name": "blurred", "steps": [{"step": "blur", "sigma": 2}]}
    run.write_config(run.config | {"conditions": [*run.config["conditions"], blur]})
    plan = told(run)
    assert plan["cells"]["pixels"] == {"all": 6, "there": 3, "to_compute": 3}
    (rule,) = [rule for rule in plan["rules"] if rule["rule"] == "render_conditions"]
    assert rule["from"] == "measured here (3 earlier jobs)" and rule["why"] == {"params changed": 3}


@pytest.mark.long
def test_bad_configs_are_refused_as_by_a_run(empty):
    empty.write_config(empty.config | {"conditions": [{"name": "x", "steps": [{"step": "jpg"}]}]}, "bad.yaml")
    done = planned(empty, config="bad.yaml")
    assert done.returncode == 1 and done.stdout == ""
    same = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--configfile", "bad.yaml"],
        cwd=empty.folder, env=empty.environment, capture_output=True, text=True,
    )  # fmt: skip
    message = next(line for line in (same.stdout + same.stderr).splitlines() if "jpg" in line)
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "Cannot read the config file none.yaml" in planned(empty, config="none.yaml").stderr


def test_an_unknown_target_is_refused(empty):
    done = planned(empty, "matrices")
    assert done.returncode == 1 and "matrices" in done.stderr and "nothing was run" in done.stderr


def test_outside_a_checkout_it_says_where_to_go(tmp_path):
    done = subprocess.run([sys.executable, "-m", "crossgen", "plan"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "there is no Snakefile in" in done.stderr


@pytest.mark.long
def test_a_run_at_work_and_a_lock_left_behind_are_said_and_left_alone(run):
    run.config["recipes"][0]["steps"] = 7
    run.write_config()
    state = run.folder / ".snakemake"
    held, _ = runs.join(state, runs.here("config toy.yaml"))
    with held:
        done = planned(run)
    assert done.returncode == 0 and "Another run is at work in this folder: process" in done.stderr
    (state / "locks").mkdir(exist_ok=True)
    lock = state / "locks" / "0.output.lock"
    lock.write_text(str(run.folder / "results/toy/report.html") + "\n")
    done = planned(run)
    assert done.returncode == 0 and "train_detector" in done.stdout
    assert "A run was killed here and left its lock. Go on with: crossgen resume --configfile toy.yaml" in done.stderr
    assert lock.is_file()


def test_it_imports_no_torch():
    code = "import sys, crossgen.plan.account, crossgen.plan.printing; print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.long
def test_what_is_unknown_is_said_and_makes_the_sum_a_lower_bound(empty):
    source = {"kind": "archive", "root": "far", "url": "https://example.org/a.zip", "sha256": "0" * 64}
    pools = [*empty.config["pools"][:2], empty.config["pools"][2] | {"source": source}]
    empty.write_config(empty.config | {"pools": pools, "data": "far", "report": "far"}, "far.yaml")
    plan = told(empty, config="far.yaml")
    assert plan["images"]["stripes"]["all"] is None and plan["images"]["checker"]["all"] == 48
    assert plan["download"]["items"][0]["bytes"] is None and plan["cost"]["at_least"]
    assert any("images of stripes: unknown (not fetched yet" in note for note in plan["notes"])
    trained = {job["wildcards"]["train_set"]: job["whole"] for job in plan["jobs"] if job["rule"] == "train_detector"}
    assert trained == {"checker": True, "stripes": False, "both": False}
    text = planned(empty, config="far.yaml").stdout
    assert "In all at least" in text and "rest unknown" in text and "over 96" in text
