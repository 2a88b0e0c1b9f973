"""`crossgen filter-subset` on manifests as files: whole rows out of narrow reading, the waterfall beside them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import synthetic_genimage
from crossgen import records
from crossgen.__main__ import main
from crossgen.config import derive
from crossgen.config.loading import load
from crossgen.records import WATERFALL
from toys import ROOT


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    return synthetic_genimage.write(tmp_path_factory.mktemp("manifests"), 0.002)


def run(manifests, folder, pools, subset, **roles):
    arguments = ["filter-subset", "--manifests", *(str(manifests[name]) for name in pools), "--train-set", "sd14"]
    arguments += ["--subset", json.dumps({"name": "s", **subset}), "--roles", json.dumps(roles)]
    outputs = ["--output", str(folder / "s.parquet"), "--waterfall", str(folder / "w.parquet")]
    return main([*arguments, *outputs])


def test_rows_are_those_of_the_manifest_whole(manifests, tmp_path, capsys):
    subset = {"images_per_class": 40, "real": {"jpeg_quality": [96, 100]}}
    assert run(manifests, tmp_path, ("sd14_real", "sd14"), subset) == 0
    rows = records.read(tmp_path / "s.parquet", records.SELECTION)
    both = pa.concat_tables([pq.read_table(manifests[name]) for name in ("sd14_real", "sd14")]).to_pylist()
    by_id = {row["image_id"]: row for row in both}
    assert rows.to_pylist() == [by_id[name] for name in sorted(rows["image_id"].to_pylist())]
    told = records.read(tmp_path / "w.parquet", WATERFALL)
    (digest,) = set(told["digest"].to_pylist())
    said = capsys.readouterr().out
    assert f"digest {digest}" in said and "40 train fakes, 40 train reals" in said
    assert "real.jpeg_quality [96, 100], exact:" in said and "drop_leaks own: removed 1 " in said
    assert set(told["train_set"].to_pylist()) == {"sd14"} and set(told["generator"].to_pylist()) == {None, "sd14"}


def test_small_row_groups_and_the_order_of_manifests_change_nothing(manifests, tmp_path):
    (tmp_path / "b").mkdir()
    cut = {name: tmp_path / f"{name}.parquet" for name in ("sd14", "sd14_real")}
    for name, path in cut.items():
        pq.write_table(pq.read_table(manifests[name]), path, row_group_size=37)
    assert run(manifests, tmp_path, ("sd14_real", "sd14"), {"fraction": 0.5}) == 0
    assert run(cut, tmp_path / "b", ("sd14", "sd14_real"), {"fraction": 0.5}) == 0
    assert pq.read_table(tmp_path / "s.parquet").equals(pq.read_table(tmp_path / "b" / "s.parquet"))


def test_presets_and_roles_by_hand(manifests, tmp_path, capsys):
    constrained = {"preset": "size_constrained", "real": {"sides": [450, 550]}, "drop_leaks": "all"}
    pools = ("sd14_real", "wukong_real", "sd14", "adm")
    assert run(manifests, tmp_path, pools, constrained, only_tested=["adm"]) == 0
    rows = pq.read_table(tmp_path / "s.parquet")
    assert set(rows["pool"].to_pylist()) == {"sd14_real", "wukong_real", "sd14"}
    assert run(manifests, tmp_path, pools, constrained, tested=["adm"]) == 1
    assert "Unknown role 'tested' of pools: expected only_tested or shared" in capsys.readouterr().err


def test_a_manifest_without_a_column_that_is_asked_for_is_named(manifests, tmp_path, capsys):
    table = pq.read_table(manifests["sd14"]).drop_columns(["published_quality"])
    pq.write_table(table, tmp_path / "old.parquet")
    paths = manifests | {"sd14": tmp_path / "old.parquet"}
    real = {"real": {"jpeg_quality": [96, 96], "quality_estimate": "published"}}
    assert run(paths, tmp_path, ("sd14_real", "sd14"), real) == 1
    assert "old.parquet: manifest table lacks the columns ['published_quality']" in capsys.readouterr().err


def test_roles_follow_from_the_config():
    config = load([ROOT / "config" / "genimage.yaml"])
    subsets, wukong = {item.name: item for item in config.subsets}, derive.train_sets(config)["wukong"]
    everywhere = subsets["classic"].model_copy(update={"drop_leaks": "all"})
    told = derive.roles(config, everywhere, wukong)
    assert len(told["only_tested"]) == 14 and not {"wukong", "wukong_real"} & set(told["only_tested"])
    assert derive.roles(config, subsets["constrained"], wukong) == {"only_tested": [], "shared": []}
    pools = [
        pool.model_copy(update={"shares_with": ("adm_real",)}) if pool.name in ("wukong_real", "adm") else pool
        for pool in config.pools
    ]
    shared = config.model_copy(update={"pools": tuple(pools)})
    assert derive.roles(shared, subsets["constrained"], wukong)["shared"] == [("adm_real", "wukong_real")]
