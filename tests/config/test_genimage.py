"""The complete run of both papers, and its sample: what is planned, on a disk that holds nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from crossgen.config import derive
from crossgen.config.loading import load
from crossgen.data.genimage import FOLDERS
from toys import ROOT

CONFIGS = ROOT / "config"
#: GenImage's, in the order of its tables; ours of the first is called `raw`.
SEVEN = ("resnet50", "deit_s", "swin_t", "cnnspot", "spec", "f3net", "gramnet")
NAMED = ("pools", "test_sets", "subsets", "recipes", "experiments")


@pytest.mark.parametrize("name", ["genimage.yaml", "genimage_sample.yaml"])
def test_it_holds_no_key_of_the_mini_config(name):
    ours, mini = load([CONFIGS / name]), load([CONFIGS / "mini.yaml"])
    assert ours.data != mini.data and ours.report != mini.report
    for key in NAMED:
        shared = {item.name for item in getattr(ours, key)} & {item.name for item in getattr(mini, key)}
        assert shared <= {"raw"}, key  # an experiment's name: unique in its own store
    assert "mini" not in json.dumps(ours.model_dump(mode="json")).replace("crossgen-mini", "")
    assert "extends" not in yaml.safe_load((CONFIGS / "genimage.yaml").read_text())


def test_it_is_both_papers_with_their_detectors():
    config = load([CONFIGS / "genimage.yaml"])
    assert [item.name for item in config.test_sets] == list(FOLDERS)
    assert [pool.name for pool in config.pools] == [name for each in FOLDERS for name in (each, f"{each}_real")]
    assert all(pool.source.subset == pool.name.removesuffix("_real") for pool in config.pools)
    trained = {}
    for detector in derive.detectors(config):
        trained.setdefault(detector.experiment.name, []).append(detector.train_set.name)
    square = ("sd14", "sd15", "wukong")  # the family of 512 pixels (unbiased_genimage, section 4)
    assert {name: tuple(sets) for name, sets in trained.items()} == {
        **dict.fromkeys(("raw", *SEVEN[1:], "jpeg96"), tuple(FOLDERS)),
        **dict.fromkeys(("constrained", "swin_raw", "swin_constrained"), square),
    }
    names = [condition.name for condition in config.conditions]
    degraded = ["resize_112", "resize_64", "jpeg_q65", "jpeg_q30", "blur_s3", "blur_s5"]
    assert names == ["clean", *degraded, "fakes_q96", "all_q96"]
    recipe = config.recipes[0]
    assert (recipe.architecture, recipe.options["model"]) == ("timm", "resnet50")
    assert (recipe.reading, recipe.epochs, recipe.batch_size) == ("files", 210, 128)
    assert 2_681_167 / sum(pool.shards for pool in config.pools) < 50_000


def test_the_constrained_set_reads_the_reals_of_all_generators():
    config = load([CONFIGS / "genimage.yaml"])
    subsets = {subset.name: subset for subset in config.subsets}
    wukong = derive.train_sets(config)["wukong"]
    reals = {f"{name}_real" for name in FOLDERS}
    assert set(derive.read_pools(config, subsets["constrained"], wukong)) == reals | {"wukong"}
    assert derive.read_pools(config, subsets["classic"], wukong) == ["wukong_real", "wukong"]


@pytest.mark.parametrize("name", ["genimage.yaml", pytest.param("genimage_sample.yaml", marks=pytest.mark.long)])
def test_a_dry_run_on_an_empty_disk_plans_it_without_naming_an_image(name, tmp_path):
    """Fewer than 1,500 jobs, and nothing of the mini config merged in by Snakemake."""
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--configfile", str(CONFIGS / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout + done.stderr
    total = int(next(line.split()[1] for line in said.splitlines() if line.startswith("total")))
    assert 100 < total < 1500
    jobs = [line for line in said.splitlines() if line.strip().startswith(("input:", "output:"))]
    assert len(jobs) > 100
    named = [path for line in jobs for path in line.split(":", 1)[1].split(",") if "/figures/" not in path]
    assert not [path for path in named if any(end in path.lower() for end in (".jpeg", ".png", "results/mini"))]
    assert not [path for path in Path(tmp_path).rglob("*") if path.is_file() and ".snakemake" not in path.parts]
