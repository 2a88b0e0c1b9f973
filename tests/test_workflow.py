"""The graph: run once with 2 generators and 1 condition in a copy of the repository, then asked what changes cost."""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from blake3 import blake3
from rocrate.rocrate import ROCrate

from checkout import Checkout
from crossgen.replay.steps import texts_of
from toys import ROOT, synthetic, write_tables


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


def test_every_rule_has_a_command_and_a_log_folder_of_its_name():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    rules = re.split(r"^rule (\w+):$", text, flags=re.M)
    found = dict(zip(rules[1::2], rules[2::2], strict=True))
    assert len(found) >= 13
    for name, body in found.items():
        assert (ROOT / "src" / "crossgen" / "commands" / f"{name}.py").is_file(), name
        assert f"python -m crossgen {name.replace('_', '-')} " in body, name
        assert re.search(rf"/logs/{name}[/.]", body), name


def test_the_run_made_what_it_promises(fresh):
    report = fresh.folder / "results" / "toy"
    told = json.loads((report / "run.json").read_text())["files"]
    listed = [item for value in told.values() for item in (value if isinstance(value, list) else [value])]
    assert len(listed) > 20
    for item in listed:
        assert blake3((report / item["path"]).read_bytes()).hexdigest() == item["blake3"], item
    metrics = pd.read_parquet(report / "metrics.parquet")
    cells = metrics[metrics["metric"].eq("roc_auc") & metrics["train_set"].ne("mean")]
    cells = cells[~cells["test_generator"].str.startswith(("mean", "own", "worst"))]
    assert len(cells) == (3 + 2) * 2 and cells["value"].notna().all() and (cells["coverage"] == 1).all()
    assert (report / "report.html").stat().st_size > 10_000
    assert not list((fresh.folder / "results").rglob("*.part"))
    assert "None." in (report / "tables" / "losses.md").read_text()


def test_the_run_has_a_card_and_a_crate(fresh):
    """Every job of the run counts but the one that writes the card."""
    report = fresh.folder / "results" / "toy"
    card = json.loads((report / "card.json").read_text())
    assert card["run"]["blake3"] == blake3((report / "run.json").read_bytes()).hexdigest()
    assert card["lock"]["blake3"] == blake3((fresh.folder / "envs" / "requirements.txt").read_bytes()).hexdigest()
    files = [path.relative_to(report / "benchmarks") for path in (report / "benchmarks").rglob("*.tsv")]
    counted = Counter(path.parts[0].removesuffix(".tsv") for path in files)
    assert counted.pop("describe_run") == 1 and counted["report"] == 1
    assert {row["rule"]: row["jobs"] for row in card["spent"]} == counted
    assert {each["device"] for each in card["detectors"]} == {"cpu"} and len(card["detectors"]) == 3 + 2
    ways = [{"device": each["device"], "precision": each["precision"]} for each in card["detectors"]]
    assert [told["judged"] for told in card["scores"]] == [[way] for way in ways]  # judged where they were trained
    assert {"report.html", "metrics.parquet"} <= {each.id for each in ROCrate(report).data_entities}
    page = (report / "card.html").read_text()
    assert all(f'id="from-{key}"' in page for key in ("raw-checker-seed0", "unbiased-checker-seed0"))


def test_every_origin_that_the_page_names_is_there(fresh):
    report = fresh.folder / "results" / "toy"
    said = re.findall(r'<span class="from">From (.*?)</span>', (report / "report.html").read_text())
    links = {address for each in said for address in re.findall(r'href="([^"]+)"', each)}
    anchors = set(re.findall(r'\sid="([^"]+)"', (report / "card.html").read_text()))
    assert len(said) > 30 and {"metrics.parquet", "audit/probes.parquet", "card.html#data"} <= links
    for path, _, anchor in (address.partition("#") for address in links):
        assert (report / path).is_file() and (not anchor or anchor in anchors), (path, anchor)


def test_the_card_tells_what_each_file_was_computed_from(fresh):
    """As the recorded steps read and write them; a file that a step makes is of what that step reads."""
    report = fresh.folder / "results" / "toy"
    run = json.loads((report / "run.json").read_text())
    role_of = {
        (report / item["path"]).resolve(): role
        for role, told in run["files"].items()
        for item in (told if isinstance(told, list) else [told])
    }
    rows = {row["role"]: row for row in json.loads((report / "card.json").read_text())["tables"]}
    last = [step["command"] for step in run["replay"]].index("tabulate")
    for step in run["replay"][:last]:
        words = [text for word in step["words"] for text in texts_of(word)]
        named = {role_of.get((fresh.folder / word).resolve()) for word in words} - {None}
        makes = {option.removeprefix("--").replace("-", "_") for option in words if option.startswith("--")} & set(rows)
        made = {role for role in makes & named if role not in NEEDED[step["command"]]}
        assert made and all(set(rows[role]["rests_on"]) <= named - made for role in made), step["command"]
        assert {role for each in made for role in rows[each]["rests_on"]} == named - made, step["command"]


#: What the steps read by options of a role's name.
NEEDED = {
    "compute-metrics": {"scores", "manifests"},
    "choose-thresholds": {"scores", "manifests", "validation", "validated"},
    "break-down": {"scores", "manifests", "metrics"},
    "audit-biases": {"manifests"},
}


def test_every_job_of_the_store_is_on_the_card():
    """Or its rule would be missing there without a word."""
    rules = ROOT / "workflow" / "rules"
    text = "\n".join(path.read_text() for path in sorted(rules.glob("*.smk")))
    timed = set(re.findall(r'"\{STORE\}/benchmarks/(\w+)/', text))
    listed = text.split("def stored_jobs():")[1].split("\ndef ")[0]
    assert len(timed) > 12 and all(re.search(rf'"{rule}"|f"{rule}/', listed) for rule in timed)


def test_detectors_find_the_pattern_they_were_shown(fresh):
    """The truth is known: each toy generator plants its pattern, and a detector of it must see it."""
    metrics = pd.read_parquet(fresh.folder / "results" / "toy" / "metrics.parquet")
    own = metrics[metrics["metric"].eq("roc_auc") & metrics["train_generator"].eq(metrics["test_generator"])]
    assert len(own) == 4 and (own["value"] > 0.95).all()


def test_thresholds_are_chosen_on_validation_images_alone(fresh):
    report = fresh.folder / "results" / "toy"
    validation = pd.read_parquet(report / "scores" / "validation" / "0.parquet")
    splits = pd.concat([pd.read_parquet(path) for path in (report / "manifest").glob("*.parquet")])
    split_of = splits.set_index("image_id")["split"]
    assert set(split_of[validation["image_id"]]) <= {"train", "val"}  # `val` may be carved from train by the subset
    for (experiment, train_set), rows in validation.groupby(["experiment", "train_set"]):
        index = pd.read_parquet(next((report / "crops" / experiment / train_set).glob("*/index.parquet")))
        assert set(rows["image_id"]) == set(index.loc[index["split"] == "val", "image_id"])
        assert set(rows["label"]) == {0, 1}
    thresholds = pd.read_parquet(report / "thresholds.parquet")
    assert len(thresholds) == (3 + 2) * 7 and (report / "tables" / "operating_points.md").is_file()
    points = pd.read_parquet(report / "operating_points.parquet")
    metrics = pd.read_parquet(report / "metrics.parquet")
    keys = ["experiment", "train_set", "seed", "test_generator", "condition", "metric"]
    both = points[points["rule"] == "fixed"].merge(metrics, on=keys, suffixes=("", "_metrics"))
    assert len(both) > 20 and (both["value"] - both["value_metrics"]).abs().max() < 1e-12


def test_scoring_again_shows_no_validation_image_again(run):
    target = run.folder / "results" / "toy" / "scores" / "validation" / "0.parquet"
    before = target.read_bytes()
    run.snakemake("results/toy/scores/batches/0.parquet", "--forcerun", "score_images")
    log = (run.folder / "results" / "toy" / "logs" / "score_images" / "0.log").read_text()
    assert "validation cells: computed=0 reused=5" in log and target.read_bytes() == before


def test_scores_are_the_shared_cells_and_name_no_machine(fresh):
    for path in (fresh.folder / "results" / "toy").rglob("*.parquet"):
        frame = pd.read_parquet(path)
        texts = frame.select_dtypes(exclude="number").astype(str)
        assert not texts.apply(lambda column: column.str.contains(str(fresh.folder), regex=False)).any().any(), path


def test_touching_nothing_runs_nothing(run):
    assert "Nothing to be done" in run.snakemake()


def test_a_file_target_asks_for_its_own_part_only(run):
    shutil.rmtree(run.folder / "results")
    plan = run.planned("results/toy/detectors/raw/checker/seed0/detector.safetensors")
    assert plan["train_detector"] == 1 and plan["pack_crops"] == 1 and "align_jpeg" not in plan
    assert run.planned("align")["align_jpeg"] == 2


def test_named_targets_are_there(run):
    targets = "downloads weights metadata audit subsets align train matrix degraded plots report"
    assert "Nothing to be done" in run.snakemake("-n", *targets.split())


def test_training_never_opens_a_test_image_and_repeats_itself_bit_by_bit(run):
    target = run.folder / "results" / "toy" / "detectors" / "unbiased" / "checker" / "seed0" / "detector.safetensors"
    before = target.read_bytes()
    for folder in ("aligned", "crops", "subsets", "detectors"):
        shutil.rmtree(run.folder / "results" / "toy" / folder)
    for path in (run.folder / "images").glob("*/test/*"):
        path.unlink()
    run.snakemake(target.relative_to(run.folder).as_posix())
    assert target.read_bytes() == before


def test_a_changed_recipe_trains_only_its_detectors(run):
    other = run.config["recipes"][0] | {"name": "other"}
    run.config["recipes"].append(other)
    run.config["experiments"][1]["recipe"] = "other"
    other["steps"] = 7
    plan = run.planned("train")
    assert plan == {"train": 1, "train_detector": 2}
    reasons = run.snakemake("-n", "train")
    assert "Params have changed" in reasons and "detectors/raw/" not in reasons.split("reason:")[1]


def test_new_conditions_render_and_score_only_themselves(run):
    blur, jpeg = {"step": "blur", "sigma": 2}, {"step": "jpeg", "quality": 96}
    run.config["conditions"] += [
        {"name": "blurred", "steps": [blur]},
        {"name": "fakes", "to": "fake", "steps": [jpeg]},
        {"name": "every", "steps": [jpeg]},
    ]
    assert not {"train_detector", "align_jpeg", "extract_metadata"} & set(run.planned())
    run.snakemake("results/toy/scores/raw/checker/seed0.parquet")
    # clean is there; to reals, `fakes` is clean; to fakes, it is `every`: two new cells for each pool
    assert set(run.logged("render_conditions").values()) == {(2, 1)}
    assert run.logged("score_images") == {"0.log": (5 * 3 * 2, 5 * 3)}
    scores = pd.read_parquet(run.folder / "results" / "toy" / "scores" / "raw" / "checker" / "seed0.parquet")
    wide = scores.pivot(index=["label", "image_id"], columns="condition", values="logit")
    assert (wide.loc[0, "fakes"] == wide.loc[0, "clean"]).all() and (wide.loc[1, "fakes"] == wide.loc[1, "every"]).all()
    assert (wide.loc[1, "fakes"] != wide.loc[1, "clean"]).any() and (wide["blurred"] != wide["clean"]).any()


def test_plotting_code_redraws_only(run):
    style = run.folder / "src" / "crossgen" / "report" / "style.py"
    style.write_text(style.read_text() + "\n\nUNUSED = 1\n")
    plan = run.planned()
    assert set(plan) == {"all", "plot", "report", "describe_run"}
    page = run.folder / "src" / "crossgen" / "report" / "page.py"
    style.write_text(style.read_text().replace("UNUSED = 1", ""))
    page.write_text(page.read_text() + "\n# a remark\n")
    assert run.planned() == {}
    css = page.with_suffix(".css")
    css.write_text(css.read_text() + "p { margin: 0; }\n")
    assert run.planned() == {"all": 1, "report": 1, "describe_run": 1}


@pytest.mark.long
def test_snakemake_embeds_the_report_and_runs_nothing_for_it(run):
    run.snakemake("--report", "embedded.html")
    text = (run.folder / "embedded.html").read_text(encoding="utf-8")
    address = re.search(r"data:text/html;charset=utf8;filename=overview.html;base64,([A-Za-z0-9+/=]+)", text)
    assert len(address[0]) < 2_000_000  # Chromium opens no longer address
    overview = (run.folder / "results" / "toy" / "overview.html").read_bytes()
    assert base64.b64decode(address[1]) == overview and b"In short" in overview
    for name in ("matrix_clean_roc_auc.svg", "summary.csv", "degraded.csv"):
        assert f"filename={name}" in text
    assert run.planned() == {}


def test_a_new_version_of_the_training_loop_trains_again(run):
    loop = run.folder / "src" / "crossgen" / "training" / "loop.py"
    loop.write_text(loop.read_text() + "\n\nUNUSED = 1\n")
    assert run.planned() == {}
    loop.write_text(re.sub(r"^VERSION = \d+$", "VERSION = 99", loop.read_text(), flags=re.M))
    assert run.planned()["train_detector"] == 5


def test_how_a_training_runs_is_no_reason_to_train_again(run):
    run.config |= {"checkpoint_minutes": 1.0, "out_of_memory": "halve", "train_threads": 2, "fetch_on": "here"}
    assert run.planned() == {}


@pytest.mark.long
def test_another_generator_touches_nothing_that_exists(run):
    folder = run.folder / "images"
    for split, start in (("train", 0), ("test", 1000)):
        for index in range(24):
            path = folder / "dots" / split / f"{index:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            from PIL import Image

            Image.fromarray(synthetic(9000 + start + index, 112, 4)).save(path)
    write_tables(folder)
    table = {"kind": "table", "root": str(folder), "table": str(folder / "dots.csv")}
    run.config["pools"].append({"name": "dots", "label": "fake", "source": table})
    run.config["test_sets"].append({"name": "dots", "fake": "dots", "real": "photographs"})
    assert (folder / "checker.csv").stat().st_mtime > (run.folder / "results" / "toy" / "run.json").stat().st_mtime
    plan = run.planned()
    only = {"download": 1, "extract_metadata": 1, "align_jpeg": 1, "filter_subset": 1, "train_detector": 1}
    assert {name: plan.get(name) for name in only} == only and plan["render_conditions"] == 1
    run.snakemake("results/toy/scores/batches/0.parquet")
    assert run.logged("render_conditions")["dots/0.log"] == (1, 0)
    assert run.logged("score_images") == {"0.log": (5 * 1 + 1 * 4, 5 * 3)}


def test_an_ablation_adds_only_its_own_detectors(run):
    ablation = {
        "report": "ablated",
        "experiments": [
            run.config["experiments"][0],
            run.config["experiments"][0] | {"name": "fewer", "vary": {"subset.images_per_class": [4, 8]}},
        ],
        "comparisons": [],
    }
    plan = run.planned(config=run.config | ablation)
    assert plan["train_detector"] == 6 and plan["pack_crops"] == 6
    assert not {"download", "extract_metadata", "align_jpeg"} & set(plan)


def test_an_ensemble_trains_and_scores_nothing(run):
    run.config["ensembles"] = [{"name": "together", "experiments": ["raw", "unbiased"]}]
    plan = run.planned()
    report = {"all", "plot", "tabulate", "report", "describe_run"}
    assert plan["average_scores"] == 2
    assert set(plan) == {"average_scores", "compute_metrics", "choose_thresholds", "break_down", *report}
    target = "results/toy/scores/together/checker/seed0.parquet"
    run.snakemake(target)
    scores = [
        pd.read_parquet(run.folder / target.replace("together", name)) for name in ("raw", "unbiased", "together")
    ]
    first, second, both = (each.set_index(["pool", "condition", "image_id"])["logit"].sort_index() for each in scores)
    assert abs(both - (first + second) / 2).max() < 1e-6 and len(both) == len(first)
    assert (
        "0 (image, condition) left out"
        in (run.folder / "results/toy/logs/average_scores/together/checker/seed0.log").read_text()
    )


def test_a_half_cell_is_computed_again(run):
    values = sorted((run.folder / "results" / "toy" / "cells" / "logits").glob("*/*/values.npy"))
    values[0].write_bytes(values[0].read_bytes()[:-4])
    run.snakemake("results/toy/scores/batches/0.parquet", "--forcerun", "score_images")
    assert run.logged("score_images") == {"0.log": (1, 14)}


def test_bad_configs_stop_before_any_job(run):
    output = run.snakemake(
        "-n", config=run.config | {"conditions": [{"name": "x", "steps": [{"step": "jpg"}]}]}, check=False
    )
    assert "Unknown step 'jpg' in 'x': expected one of jpeg" in output and "Traceback" not in output


def test_too_many_unusable_images_stop_the_run_before_any_training(tmp_path):
    """Also of detectors that do not learn from the pool: `stripes` and `photographs` are sound."""
    checkout = Checkout(tmp_path)
    first, second, *_ = sorted((checkout.folder / "images" / "checker" / "test").iterdir())
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:400])
    assert "gather_manifest" in checkout.snakemake(check=False)
    results = checkout.folder / "results" / "toy"
    assert not (results / "logs" / "train_detector").exists() and not (results / "detectors").exists()
    message = (results / "logs" / "gather_manifest" / "checker.log").read_text()
    assert "Pool 'checker': 4.2% of 48 images are unusable ({'empty': 1, 'truncated': 1}" in message
    assert "first: ['checker/checker/test/000.png', 'checker/checker/test/001.png']" in message
    assert "max_quarantine 1.0%: repair or remove them" in message
    left = checkout.planned()  # another pool's jobs may not have begun when the run stopped
    again = checkout.planned("--forcerun", "results/toy/downloads/checker.parquet")  # config/README.md tells so
    assert [again[rule] - left.get(rule, 0) for rule in ("download", "extract_metadata")] == [1, 1]
    assert again["train_detector"] == 5
    checkout.config["pools"][1]["max_quarantine"] = 0.05
    plan = checkout.planned()
    assert plan["train_detector"] == 5 and plan.get("download", 0) == left.get("download", 0)


def test_an_image_that_does_not_decode_is_told_of(run):
    """Its header is sound, its data end halfway: cut short, then given an end marker."""
    victim = run.folder / "images" / "photographs" / "test" / "003.jpg"
    victim.write_bytes(victim.read_bytes()[:4000] + b"\xff\xd9")
    store = run.folder / "results" / "toy"
    rendered = store / "rendered" / "photographs" / "0.parquet"
    cell = pd.read_parquet(rendered)["cell"][0]
    shutil.rmtree(store / "cells" / "pixels" / cell[:2] / cell)
    shutil.rmtree(store / "cells" / "logits")
    run.snakemake("results/toy/scores/losses/0.parquet", "--forcerun", rendered.relative_to(run.folder).as_posix())
    lost = pd.read_parquet(store / "scores" / "losses" / "0.parquet").to_dict("records")
    image_id = "photographs/photographs/test/003.jpg"
    assert [(row["image_id"], row["reason"], row["stage"]) for row in lost] == [(image_id, "truncated", "test")]
    assert re.fullmatch(r"crop64_[0-9a-f]{8} clean", lost[0]["lost_for"])


def test_too_few_images_stop_with_counts_in_the_log(run):
    run.config["subsets"][0]["images_per_class"] = 500
    run.snakemake("subsets", "--keep-going", check=False)  # whichever subset is tried first
    log = run.folder / "results" / "toy" / "logs" / "filter_subset" / "raw" / "checker.log"
    assert "leaves 20 train reals for train set 'checker', but images_per_class asks for 500" in log.read_text()


@pytest.mark.parametrize("profile", [(), ("--profile", "slurm")])
def test_the_mini_config_dry_runs(profile):
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "2", "--quiet", "rules", "--forceall", *profile]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"train_detector +16", done.stdout + done.stderr)


def test_a_failed_job_shows_the_end_of_its_log_and_how_to_repeat_it(run):
    image = next((run.folder / "images" / "checker").rglob("*.png"))
    run.config["pools"][1]["source"] = run.config["pools"][1]["source"] | {"root": str(run.folder / "images")}
    table = Path(run.config["pools"][1]["source"]["table"])
    run.config["pools"][1]["source"]["table"] = str(run.folder / "images" / table.name)
    image.unlink()
    output = run.snakemake("downloads", check=False)
    assert (
        "-- failed: download (pool=checker): exit status 1\n---- the end of results/toy/logs/download/checker.log:"
        in output
    )
    assert output.count("is missing") == 1  # Snakemake does not show the log too
    listed = "; not done:\n   download (pool=checker): exit status 1; log: results/toy/logs/download/checker.log\n"
    assert listed in output
    assert (
        f"crossgen download: Pool 'checker': 1 of 48 files are not what the source says: {image} is missing" in output
    )
    command = output.split("---- to repeat this job by hand:\n")[1].splitlines()[0]
    again = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=run.environment)
    assert again.returncode == 1 and "files are not what the source says" in again.stderr
    shutil.copy(next((run.folder / "images" / "stripes").rglob("*.png")), image)
    again = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=run.environment)
    assert again.returncode == 0 and "48 images of pool 'checker', verified" in again.stdout


def test_a_finished_job_says_what_it_wrote(run):
    (run.folder / "results" / "toy" / "metrics.parquet").unlink()
    output = run.resume("--", "results/toy/metrics.parquet")
    told = r"^-- compute_metrics: 1 job done in [0-9:]+ \(results/toy/metrics.parquet: \d+ numbers; results/toy/diff"
    assert re.search(told + r".*\); 1 of 1 steps, [0-9:]+ gone$", output, re.M)
    assert re.search(r"^-- all 1 steps done, [0-9:]+ gone$", output, re.M)
    assert "Finished jobid" not in output and "Select jobs" not in output


def test_another_config_may_not_claim_the_report_or_redefine_a_name(run):
    run.write_config(run.config, "other.yaml")
    command = [sys.executable, "-m", "snakemake", "--configfile", "other.yaml", "-n"]
    assert "report 'toy' belongs to toy.yaml, and other.yaml claims it too" in run.output(command, check=False)
    recipes = [run.config["recipes"][0] | {"steps": 9}]
    run.write_config(run.config | {"report": "other", "recipes": recipes}, "other.yaml")
    assert "recipe.steps is 24 in toy.yaml and 9 here; give it another name" in run.output(command, check=False)
    assert "train_detector" in run.planned(config=run.config | {"recipes": recipes})  # edited: no other config
