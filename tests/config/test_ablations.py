"""The committed ablations: each loads, shares its store, varies what it says, and selects images that are there."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from crossgen.config import Config, Experiment, Shown, derive
from crossgen.config.axes import ablations
from crossgen.config.claims import _meanings
from crossgen.config.loading import load
from crossgen.data.listing import build
from crossgen.data.manifest import describe
from crossgen.data.subsets import Roles, choose
from toys import ROOT

FOLDER = ROOT / "config" / "ablations"
FILES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))
TRAINED_ON = {"subset.real", "subset.align"}
CONSTRAINED = TRAINED_ON | {f"subset.{key}" for key in ("reals_from", "balance_classes", "balance_labels", "seed")}
CONSTRAINED |= {"subset.crop", "subset.images_per_class"}  # 37,000 of the preset jpeg96

#: Ablation -> keys in which the experiments on its axes differ, on the mini set and on GenImage.
VARIED = {
    "images_per_class": ({"subset.images_per_class"}, {"subset.classes", "subset.images_per_content_class"}),
    "classes": (
        {"subset.classes", "subset.images_per_class", "subset.val_per_class"},
        {"subset.classes", "subset.images_per_content_class"},
    ),
    "content": ({"subset.classes"}, {"subset.classes", "subset.images_per_class", "subset.val_per_class"}),
    "jpeg_quality": ({"subset.align"}, {"subset.align"}),
    "size_bins": ({"subset.real", "recipe.frame"}, {"subset.real"}),
    "alignment_and_size": (TRAINED_ON, CONSTRAINED),
    "lossless_reals": (TRAINED_ON, TRAINED_ON | {"subset.balance_labels", "subset.images_per_class"}),
    "augmentation": ({"recipe.augment"}, {"recipe.augment"}),
    "frames": (
        {"recipe.frame"},
        TRAINED_ON | {"subset.balance_labels", "subset.images_per_class", "recipe.frame", "recipe.augment"},
    ),
    "backbone": ({"recipe.options"}, {"recipe"}),  # GenImage's backbones have a published recipe each
    "pretrained": ({"subset.images_per_class", "experiment.start_from"}, {"recipe.options"}),
    "transfer": ({"recipe.freeze", "recipe.optimiser"}, {"recipe.freeze", "recipe.optimiser"}),
    "curriculum": ({"experiment.curriculum"}, {"experiment.curriculum"}),
    "ensembles": (set(), set()),
    "leave_one_out": ({"experiment.train_sets"}, {"experiment.train_sets"}),
    "growing": ({"experiment.train_sets"}, {"experiment.train_sets"}),
    "seeds": (TRAINED_ON, CONSTRAINED - {"subset.images_per_class"}),
}


@cache
def config(name: str) -> Config:
    return load([FOLDER / f"{name}.yaml"])


@cache
def extended(store: str) -> Config:
    return load([ROOT / "config" / f"{store}.yaml"])


def added(name: str) -> list[str]:
    """Detectors that the config which it extends does not have."""
    known = {each.key for each in derive.detectors(extended(config(name).data))}
    return [each.key for each in derive.detectors(config(name)) if each.key not in known]


def meaning(told: Config, experiment: Experiment) -> dict[str, object]:
    """All that decides what an experiment trains."""
    parts = {
        "subset": next(item for item in told.subsets if item.name == experiment.subset),
        "recipe": next(item for item in told.recipes if item.name == experiment.recipe),
        "experiment": experiment,
    }
    names = {"name", "preset", "subset", "recipe", "vary", "at"}
    return {
        f"{part}.{key}": value
        for part, item in parts.items()
        for key, value in item.model_dump(mode="json", exclude=names).items()
    }


def test_all_that_are_promised_are_there_in_both_sizes():
    assert {*VARIED, *(f"genimage/{name}" for name in VARIED)} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_each_loads_and_says_how_to_run_it(name):
    told, text = config(name), (FOLDER / f"{name}.yaml").read_text()
    assert text.startswith("# ") and f"--configfile config/ablations/{name}.yaml\n" in text
    assert told.report.startswith(f"{told.data}_") and (told.data == "genimage") == ("genimage" in name)


def test_reports_are_their_own():
    reports = [*(config(name).report for name in FILES), "mini", "genimage", "genimage_sample"]
    assert len(set(reports)) == len(reports)


@pytest.mark.parametrize("store", ["mini", "genimage"])
def test_a_name_means_one_thing_in_a_store(store):
    """So that any two of them, and what they extend, can share every finished job."""
    found: dict[tuple[str, str], tuple[str, object]] = {}
    told = [(store, extended(store)), *((name, config(name)) for name in FILES if config(name).data == store)]
    assert len(told) > 16
    for name, mine in told:
        for key, value in _meanings(mine).items():
            first, meant = found.setdefault(key, (name, value))
            assert meant == value, f"{key} in {first} and {name}"


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("store", ["mini", "genimage"])
def test_experiments_on_its_axes_differ_in_what_it_varies_alone(store, name):
    told = config(name if store == "mini" else f"genimage/{name}")
    experiments = {item.name: item for item in told.experiments}
    found = ablations((*told.experiments, *told.ensembles))
    assert found, "no axis, so no plot"
    keys = set()
    for ablation in found:
        meant = [meaning(told, experiments[each]) for each in ablation.points if each in experiments]
        keys |= {key for key in meant[0] if len({json.dumps(each[key]) for each in meant}) > 1}
    allowed = VARIED[name][store == "genimage"]
    assert {"recipe" if "recipe" in allowed and key.startswith("recipe.") else key for key in keys} == allowed


@pytest.mark.parametrize("name", FILES)
def test_jobs_know_its_ablations_by_the_workflows_names(name):
    """The config reaches them as JSON, whose keys are sorted."""
    told = config(name)
    known = ablations((*told.experiments, *told.ensembles))
    sent = told.model_dump(mode="json", include=set(Shown.model_fields))
    shown = Shown.model_validate_json(json.dumps(sent, sort_keys=True))
    assert ablations((*shown.experiments, *shown.ensembles)) == known


@pytest.fixture(scope="module")
def manifests():
    """The mini set's images as the workflow describes them."""
    told = extended("mini")
    split = (told.split_seed, told.val_fraction, told.test_fraction)
    return {
        pool.name: describe(build(pool, *split), Path(pool.source.root)).to_pandas()
        for pool in told.pools  # relative to the repository
    }


def test_every_selection_finds_its_images_in_the_mini_set(monkeypatch, request):
    monkeypatch.chdir(ROOT)
    tables = request.getfixturevalue("manifests")
    seen = {}
    for name in VARIED:
        told = config(name)
        subsets = {item.name: item for item in told.subsets}
        for detector in derive.detectors(told):
            subset, train_set = subsets[detector.experiment.subset], detector.train_set
            if (subset.name, train_set.name) in seen:
                continue
            pools = [tables[pool] for pool in derive.read_pools(told, subset, train_set)]
            roles = Roles.from_json(train_set.name, derive.roles(told, subset, train_set))
            rows = choose(pd.concat(pools), subset, roles).rows
            counts = rows.groupby(["split", "label"]).size().to_dict()
            n, n_val = subset.images_per_class, subset.val_per_class
            assert counts == {("train", 0): n, ("train", 1): n, ("val", 0): n_val, ("val", 1): n_val}, subset.name
            assert set(rows.loc[rows["label"] == 1, "pool"]) == set(train_set.fake)
            seen[subset.name, train_set.name] = rows
    assert len(seen) > 80
    sizes = {name: seen[f"quality_alone+sides={name}", "realesrgan"] for name in ("near_128", "near_160")}
    reals = {name: rows.loc[rows["label"] == 0, ["width", "height"]] for name, rows in sizes.items()}
    assert reals["near_128"].to_numpy().max() <= 140 < 160 <= reals["near_160"].to_numpy().min()
    assert set(seen["classes_2", "cyclegan"]["class_name"]) == {"monument", "wildlife"}
    assert seen["classes_14", "cyclegan"]["class_name"].nunique() > 8


def documented() -> dict[str, tuple[int, int]]:
    """Ablation to its trainings, and those beyond config/mini.yaml's, as docs/ablations.md has them."""
    text = (ROOT / "docs" / "ablations.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \| (\d+) \|$", text, re.M)
    return {name: (int(total), int(new)) for name, total, new in rows}


def test_the_page_counts_trainings_as_the_configs_do():
    assert documented() == {name: (len(derive.detectors(config(name))), len(added(name))) for name in VARIED}


def test_the_example_of_ones_own_loads(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ablations.md").read_text(), re.S)
    path = tmp_path / "learning_rate.yaml"
    path.write_text(example.replace("../mini.yaml", str(ROOT / "config" / "mini.yaml")))
    told = load([path])
    (found,) = ablations(told.experiments)
    assert found.points == {"unbiased": (0.002,), "rates+lr=0.0005": (0.0005,), "rates+lr=0.008": (0.008,)}
    assert next(item for item in told.recipes if item.name == "mini").optimiser.lr == 0.002
    mine, mini = _meanings(told), _meanings(extended("mini"))
    assert all(mine[key] == mini[key] for key in mine.keys() & mini.keys())


def trained(folder: Path, configfile: str) -> set[str]:
    """Detectors that `crossgen plan train` would train on an empty disk."""
    command = [sys.executable, "-m", "crossgen", "plan", "train", "--json", "--cores", "2", "--configfile", configfile]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return {job["output"][0] for job in json.loads(done.stdout)["jobs"] if job["rule"] == "train_detector"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """The repository without results."""
    folder = tmp_path_factory.mktemp("empty")
    for name in ("Snakefile", "src", "workflow", "config", "envs", "profiles", "slurm", "data"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.long
def test_snakemake_plans_as_many_trainings(empty):
    """All, and those that the demonstration leaves to be trained: the outputs that it has not."""
    mini = trained(empty, "config/mini.yaml")
    assert len(mini) == 16
    for name, (total, new) in documented().items():
        found = trained(empty, f"config/ablations/{name}.yaml")
        assert (len(found), len(found - mini)) == (total, new), name


@pytest.mark.long
@pytest.mark.parametrize("name", ["images_per_class", "lossless_reals"])
def test_a_variant_on_genimage_is_planned_on_an_empty_disk(name, empty):
    found = trained(empty, f"config/ablations/genimage/{name}.yaml")
    assert len(found) == len(derive.detectors(config(f"genimage/{name}")))


@pytest.mark.long
@pytest.mark.parametrize("store", ["mini", "genimage"])
def test_every_recipe_has_layers_as_it_names_them(store):
    """A wrong option, layer to freeze or rate of layers would show hours later; weights are not fetched."""
    from crossgen.detectors.zoo import network
    from crossgen.training.freezing import frozen
    from crossgen.training.optimisers import optimiser_of

    built = set()
    for name in VARIED:
        told = config(name if store == "mini" else f"genimage/{name}")
        used = {item.recipe for item in told.experiments}
        for recipe in told.recipes:
            if recipe.name not in used or recipe.name in built:
                continue
            built.add(recipe.name)
            made = network(recipe.architecture, recipe.options | {"pretrained": False})
            frozen(made, recipe.freeze)
            rates = {group["lr"] for group in optimiser_of(recipe, made).param_groups}
            assert (len(rates) > 1) == (recipe.optimiser.layer_decay not in (None, 1.0)), recipe.name
            learns = [part for part, parameter in made.named_parameters() if parameter.requires_grad]
            if recipe.freeze:
                assert not any(f".{recipe.freeze}." in part for part in learns), recipe.name
            assert any(".fc." in part or ".head" in part or "classifier" in part for part in learns), recipe.name
    assert len(built) > 10
