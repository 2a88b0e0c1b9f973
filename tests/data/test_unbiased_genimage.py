"""The presets against UnbiasedGenImage's own rules, as queries over its metadata table, on a synthetic GenImage."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import synthetic_genimage
from crossgen.config import Subset, derive
from crossgen.config.loading import load
from crossgen.config.presets import applied
from crossgen.data import choice_tables
from crossgen.data.filters import QUALITIES, conditions
from crossgen.data.genimage import FOLDERS
from crossgen.data.subsets import Roles, choose
from toys import ROOT

SCALE = 0.01
BOUNDS = {"sides": [450, 550]}


def meeting(rows, wanted):
    """The rows that meet every condition of a filter."""
    return rows[np.logical_and.reduce([condition.mask for condition in conditions(rows, wanted, ())])]


@pytest.fixture(scope="module")
def genimage(tmp_path_factory):
    """Pool to manifest, and the released table of the same images."""
    folder = tmp_path_factory.mktemp("genimage")
    manifests = synthetic_genimage.write(folder, SCALE)
    synthetic_genimage.metadata_csv(folder / "genimage_metadata.csv", list(manifests.values()))
    return manifests, released(folder / "genimage_metadata.csv")


def released(file):
    """Their table, with the generator's folder: what stands before train or val in a path (section 4's robust rule)."""
    table = pd.read_csv(file)
    table["folder"] = table["path"].str.extract(r"([^/]+)/(?:train|val)/", expand=False)
    return table


def query(table, preset, folder, low=450, high=550, quality=96):
    """Reals and fakes of GenImage's train folders that the mode of this name starts from."""
    train = table[table["mode"] == "train"]
    nature, own = train["generator"] == "nature", train["folder"] == folder
    if preset == "classic":
        reals = train[nature & own]
    elif preset == "jpeg96":
        reals = train[nature & own & (train["compression_rate"] == quality)]
    else:
        inside = (
            (train["width"] >= low) & (train["width"] <= high) & (train["height"] >= low) & (train["height"] <= high)
        )
        reals = train[nature & inside & (train["compression_rate"] == quality)]
    return reals, train[~nature & own]


def preset(name, **changes):
    real = {"real": BOUNDS} if name == "size_constrained" else {}
    return Subset.model_validate_json(json.dumps(applied({"name": "s", "preset": name, **real, **changes})))


def chosen(manifests, subset, generator):
    names = [f"{name}_real" for name in FOLDERS] if subset.reals_from == "all" else [f"{generator}_real"]
    looked_at = choice_tables.read([manifests[name] for name in [*names, generator]], subset, ())
    return looked_at, choose(looked_at, subset, Roles(generator))


def paths(rows):
    return {"GenImage/" + image_id.split("/", 1)[1] for image_id in rows["image_id"]}


@pytest.mark.parametrize("generator", ["wukong", "sd14", "biggan"])
@pytest.mark.parametrize("name", ["classic", "jpeg96", "size_constrained"])
def test_a_preset_starts_from_the_rows_of_their_query(genimage, name, generator):
    manifests, table = genimage
    everything = {"images_per_class": None, "balance_labels": False, "balance_classes": False, "drop_leaks": "none"}
    _, selection = chosen(manifests, preset(name, **everything), generator)
    reals, fakes = query(table, name, FOLDERS[generator])
    assert paths(selection.rows.query("label == 0")) == set(reals["path"]) and len(reals)
    assert paths(selection.rows.query("label == 1")) == set(fakes["path"])
    assert set(selection.rows["split"]) == {"train", "val"}


@pytest.mark.parametrize("estimate", ["exact", "published", "imagemagick"])
def test_the_count_of_the_whole_set_scales(genimage, estimate):
    manifests, _ = genimage
    subset = preset("size_constrained", real=BOUNDS | {"quality_estimate": estimate})
    looked_at, _ = chosen(manifests, subset, "wukong")
    reals = looked_at[looked_at["label"] == 0]
    inside = meeting(reals, subset.real)
    assert len(inside) == round(41_753 * SCALE)
    near = [tuple(row) for row in reals[["width", "height", QUALITIES[estimate]]].dropna().astype(int).to_numpy()]
    assert set(synthetic_genimage.NEAR_MISSES) <= set(near)
    assert {450, 550} <= set(inside["width"]) and {450, 550} <= set(inside["height"])
    assert len(looked_at[looked_at["label"] == 1]) == round(168_000 * SCALE)


def test_classes_are_balanced_as_theirs(genimage):
    """For every class the smaller number of both, in train and val alike."""
    manifests, table = genimage
    looked_at, selection = chosen(manifests, preset("size_constrained"), "wukong")
    files = "GenImage/" + looked_at["image_id"].str.split("/", n=1).str[1]
    split = dict(zip(files, looked_at["split"], strict=True))
    reals, fakes = query(table, "size_constrained", "wukong")
    counts = [frame.groupby([frame["path"].map(split), "class"]).size() for frame in (reals, fakes)]
    fewest = pd.concat(counts, axis=1).fillna(0).min(axis=1)
    fewest = fewest[fewest > 0].astype(int).to_dict()
    for label in (0, 1):
        found = selection.rows[selection.rows["label"] == label].groupby(["split", "class_index"]).size().to_dict()
        assert found == fewest and len(found) > 50


def test_without_class_balance_as_many_fakes_as_reals_are_drawn(genimage):
    manifests, table = genimage
    _, selection = chosen(manifests, preset("size_constrained", balance_classes=False), "wukong")
    reals, _ = query(table, "size_constrained", "wukong")
    sizes = selection.rows.groupby(["split", "label"]).size()
    assert sizes["train", 0] + sizes["val", 0] == len(reals)
    assert sizes["train", 0] == sizes["train", 1] and sizes["val", 0] == sizes["val", 1]


def test_jpeg96_samples_37000_of_each_label(genimage):
    manifests, _ = genimage
    subset = preset("jpeg96")
    assert (subset.images_per_class, subset.reals_from, subset.real.jpeg_quality) == (37_000, "own", (96, 96))
    with pytest.raises(
        ValueError, match="leaves .* train reals for train set 'wukong', but images_per_class asks for 37"
    ):
        chosen(manifests, subset, "wukong")
    _, selection = chosen(manifests, preset("jpeg96", images_per_class=370), "wukong")
    assert selection.rows.groupby(["split", "label"]).size()["train"].to_dict() == {0: 370, 1: 370}
    val = selection.rows.query("split == 'val'").groupby("label").size()
    assert val[0] == val[1] > 100 and (selection.rows.query("label == 0")["jpeg_quality"] == 96).all()


def test_leaks_are_dropped_unless_the_config_keeps_them(genimage):
    manifests, _ = genimage
    _, kept = chosen(manifests, preset("classic", drop_leaks="none"), "sd14")
    _, dropped = chosen(manifests, preset("classic"), "sd14")
    leaks = round(synthetic_genimage.LEAKS * SCALE) or 1
    assert len(kept.rows) - len(dropped.rows) == leaks
    step = dropped.waterfall.query("step == 'drop_leaks'").groupby("label")["removed"].sum()
    assert step.to_dict() == {0: 0, 1: leaks}


@pytest.mark.long
def test_the_whole_genimage_in_bounded_memory(tmp_path):
    """41,753 reals of 450-550 px and quality 96 and 168,000 Wukong fakes, out of 2,681,150 rows, as their table has."""
    manifests = synthetic_genimage.write(tmp_path)
    assert sum(pq.read_metadata(path).num_rows for path in manifests.values()) == 2_681_150
    config = load([ROOT / "config" / "genimage.yaml"])
    wukong = derive.train_sets(config)["wukong"]
    subset = preset("size_constrained", balance_classes=False, balance_labels=False, drop_leaks="all")
    names = derive.read_pools(config, subset, wukong)
    assert len(names) == 16
    command = [sys.executable, "-c", MEASURED, "filter-subset", "--train-set", "wukong"]
    command += ["--manifests", *(str(manifests[name]) for name in names)]
    command += ["--subset", subset.model_dump_json(), "--roles", json.dumps(derive.roles(config, subset, wukong))]
    command += ["--output", str(tmp_path / "selection.parquet"), "--waterfall", str(tmp_path / "waterfall.parquet")]
    done = subprocess.run(command, cwd=ROOT / "src", check=True, capture_output=True, text=True)
    assert int(done.stdout.splitlines()[-1]) < 2_000_000  # kB: 1.6 GB measured, the rule asks for 5
    rows = pq.read_table(tmp_path / "selection.parquet").to_pandas()
    synthetic_genimage.metadata_csv(tmp_path / "genimage_metadata.csv", list(manifests.values()))
    table = released(tmp_path / "genimage_metadata.csv")
    reals, fakes = query(table, "size_constrained", "wukong")
    assert paths(rows[rows["label"] == 0]) == set(reals["path"]) and len(reals) < 41_753
    assert paths(rows[rows["label"] == 1]) == set(fakes["path"]) and len(fakes) == 162_000
    tested, _ = query(table.assign(mode="train"), "size_constrained", "wukong")
    assert len(tested) == 41_753 and (table["generator"] == "wukong").sum() == 168_000
    looked_at = [pq.read_table(manifests[name]).to_pandas() for name in names if name.endswith("_real")]
    assert sum(len(meeting(part, subset.real)) for part in looked_at) == 41_753
    first = pd.read_parquet(tmp_path / "waterfall.parquet").query("position == 0")
    assert first["left"].sum() == 1_281_167 + 162_000


#: Its own largest memory: what `getrusage` tells of a process begins with that of the one that started it.
MEASURED = """
import re, sys
from pathlib import Path
from crossgen.__main__ import main
status = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""
