"""One's own folders in one block: from the config to the listing of its pools."""

import pytest

from crossgen.config import FolderSource, Pool
from crossgen.config.loading import ConfigError, load
from crossgen.data.listing import build
from crossgen.data.sources import entries
from toys import toy_config


@pytest.fixture
def mine(tmp_path, write_config):
    """(folders, files) -> the config of a block over these files, extending the toy's."""
    base = toy_config(tmp_path)
    base["folders"] = []
    write_config(base, "base.yaml")

    def configured(blocks, *files):
        for file in files:
            (tmp_path / "x" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "x" / file).write_bytes(b"")
        blocks = [{"root": str(tmp_path / "x")} | block for block in blocks]
        return load([write_config({"extends": "base.yaml", "folders": blocks}, "own.yaml")])

    return configured


def pools_of(config):
    return {pool.name: pool for pool in config.pools[3:]}


def listed(pool):
    return {entry.path: entry.split for entry in entries(pool)}


def test_a_folder_of_real_and_fake_needs_a_name_and_a_root(mine):
    files = [f"{label}/{number}.png" for label in ("real", "fake") for number in range(30)]
    config = mine([{"name": "mine"}], *files)
    assert [(pool.name, pool.label, pool.generator) for pool in config.pools[3:]] == [
        ("mine_real", "real", None), ("mine", "fake", "mine"),
    ]  # fmt: skip
    assert [(item.name, item.real, item.fake) for item in config.test_sets[2:]] == [("mine", "mine_real", "mine")]
    assert not config.folders
    for pool, label in zip(config.pools[3:], ("real", "fake"), strict=True):
        rows = build(pool, 0, 0.15, 0.3).to_pylist()
        assert {row["path"].split("/")[0] for row in rows} == {label} and len(rows) == 30
        assert {row["split"] for row in rows} == {"train", "val", "test"}
        assert {row["generator"] for row in rows} == {None if label == "real" else "mine"}


def test_folders_of_splits_above_or_below_are_read(mine):
    config = mine([{"name": "mine"}], "train/real/a.png", "test/real/b.png", "fake/train/c.png", "fake/valid/d.png")
    pools = pools_of(config)
    assert listed(pools["mine_real"]) == {"test/real/b.png": "test", "train/real/a.png": "train"}
    assert listed(pools["mine"]) == {"fake/train/c.png": "train", "fake/valid/d.png": "val"}


NAMED = {"name": "mine", "real": "photos", "fakes": {"adm": "made/adm", "ldm": "ldm"}}


def test_one_real_folder_and_several_fakes_with_and_without_splits(mine):
    flat = ["photos/a.png", "made/adm/b.png", "ldm/c.png", "elsewhere/d.png"]
    config = mine([NAMED], *flat)
    assert [(item.name, item.real, item.fake) for item in config.test_sets[2:]] == [
        ("mine_adm", "mine_real", "mine_adm"), ("mine_ldm", "mine_real", "mine_ldm"),
    ]  # fmt: skip
    assert {name: list(listed(pool)) for name, pool in pools_of(config).items()} == {
        "mine_real": ["photos/a.png"], "mine_adm": ["made/adm/b.png"], "mine_ldm": ["ldm/c.png"],
    }  # fmt: skip
    assert [pool.generator for pool in config.pools[3:]] == [None, "adm", "ldm"]


def test_folders_of_splits_stand_beside_the_named_folders(mine):
    config = mine(
        [NAMED], "train/photos/a.png", "test/photos/b.png", "photos/val/c.png", "made/adm/train/d.png",
        "test/made/adm/e.png", "ldm/test/f.png", "ldm/photos/test/g.png",
    )  # fmt: skip
    assert {name: listed(pool) for name, pool in pools_of(config).items()} == {
        "mine_real": {"train/photos/a.png": "train", "test/photos/b.png": "test", "photos/val/c.png": "val"},
        "mine_adm": {"made/adm/train/d.png": "train", "test/made/adm/e.png": "test"},
        "mine_ldm": {"ldm/test/f.png": "test", "ldm/photos/test/g.png": "test"},
    }
    plain = pools_of(mine([NAMED | {"layout": "plain"}]))
    assert listed(plain["mine_real"]) == {"photos/val/c.png": None}


def test_one_named_fake_bears_the_blocks_name_and_its_generators(mine):
    config = mine([NAMED | {"fakes": {"adm": "made/adm"}}], "photos/a.png", "made/adm/b.png")
    assert [(pool.name, pool.generator) for pool in config.pools[3:]] == [("mine_real", None), ("mine", "adm")]


def test_other_keys_of_a_block_reach_its_pools(mine):
    block = {"name": "mine", "group": r"^(\d+)", "suffixes": [".png"], "shards": 3, "max_quarantine": 0.2}
    config = mine(
        [block | {"test_only": True, "subset": "coco"}], "coco/real/7_a.png", "coco/fake/7_b.png", "real/8.jpg"
    )
    for pool in config.pools[3:]:
        assert (pool.shards, pool.max_quarantine, pool.test_only) == (3, 0.2, True)
        assert {entry.group for entry in entries(pool)} == {"7"} and len(entries(pool)) == 1
    assert config.test_sets[2].unseen
    named = mine([NAMED | {"subset": "coco"}], "photos/coco/a.png", "photos/b.png")
    assert list(listed(pools_of(named)["mine_real"])) == ["photos/coco/a.png"]


@pytest.mark.parametrize("layout", ["0_real_1_fake", "ai_nature", "genimage"])
def test_layouts_tell_the_labels_of_named_folders(mine, layout):
    real, fake = {"0_real_1_fake": ("0_real", "1_fake")}.get(layout, ("nature", "ai"))
    files = [f"{outer}/val/{label}/7_x_1.png" for outer in ("ADM", "glide") for label in (real, fake)]
    config = mine([{"name": "mine", "layout": layout, "fakes": {"adm": "ADM", "glide": "glide"}}], *files)
    split = "test" if layout == "genimage" else "val"
    assert {name: listed(pool) for name, pool in pools_of(config).items()} == {
        "mine_real": {files[0]: split, files[2]: split}, "mine_adm": {files[1]: split}, "mine_glide": {files[3]: split},
    }  # fmt: skip


def test_missing_folders_are_named_with_what_is_there(mine, tmp_path):
    pools = pools_of(mine([NAMED | {"real": "foto"}], "photos/a.png", "ldm/c.png"))
    with pytest.raises(ValueError, match=r"finds no real image .*subset \./foto: .*seen: ldm, photos"):
        entries(pools["mine_real"])
    pool = pools_of(mine([{"name": "mine", "root": str(tmp_path / "gone")}]))["mine"]
    with pytest.raises(FileNotFoundError, match="no folder .*gone: correct its root"):
        entries(pool)


REFUSED = [
    ([{"name": "mine"}, {"name": "mine", "root": "/elsewhere"}], "Doubled name 'mine' in pools"),
    ([{"name": "checker"}], "Doubled name 'checker' in pools"),
    ([{"name": "real"}], "Reserved name 'real' in pools"),
    ([{"name": "mine"}, {"name": "other"}], "Overlapping pools 'mine' and 'other'"),
    ([{"name": "mine", "real": "photos"}], "expected both `real` and `fakes`"),
    ([{"name": "mine", "fakes": {"a": "b"}}], "expected both `real` and `fakes`"),
    ([{"name": "mine", "layout": "plain"}], "expected both `real` and `fakes`"),
    ([NAMED | {"real": "../photos"}], "expected a folder below root, written relative to it and without .."),
    ([NAMED | {"fakes": {"a": "/abs"}}], "expected a folder below root"),
    ([NAMED | {"real": "ldm"}], "Overlapping pools 'mine_ldm' and 'mine_real': "),
    ([NAMED | {"real": "ldm/photos"}], "Overlapping pools 'mine_real' and 'mine_ldm': "),
    ([NAMED | {"real": "made"}], "Overlapping pools 'mine_adm' and 'mine_real': "),
    ([NAMED | {"real": "."}], "Overlapping pools 'mine_adm' and 'mine_real': "),
    ([NAMED | {"real": "train/ldm"}], "Overlapping pools 'mine_real' and 'mine_ldm': "),
    ([NAMED | {"fakes": {"a": "x", "b": "./x/"}}], "Overlapping pools 'mine_a' and 'mine_b': "),
    ([NAMED | {"fakes": {"a": "x", "b": "x", "real": "y"}}], "Doubled name 'mine_real' in pools"),
    ([NAMED | {"fakes": {"A-b": "x"}}], "String should match pattern"),
    ([{"name": "mine", "metadata": "val.txt"}], "metadata only with layout genimage"),
    ([{"name": "mine", "group": r"\d+"}], "expected a regular expression with one capture"),
    ([{"name": "mine", "layouts": "plain"}], "Unknown key 'layouts' in 'mine': did you mean 'layout'?"),
]


@pytest.mark.parametrize(("blocks", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_blocks_that_cannot_be_used(mine, blocks, message):
    with pytest.raises(ConfigError) as refused:
        mine(blocks)
    assert message in str(refused.value)


ALLOWED = [
    [NAMED | {"real": "real", "fakes": {"a": "fake_a"}}],
    [NAMED | {"real": "ldm_photos"}],
    [NAMED | {"real": "train/photos"}, {"name": "other", "real": "test/photos", "fakes": {"ldm": "test/ldm2"}}],
    [{"name": "mine"}, {"name": "other", "root": "/elsewhere"}],
    [{"name": "mine", "subset": "a"}, {"name": "other", "subset": "b"}],
    [{"name": "mine", "suffixes": [".png"]}, {"name": "other", "suffixes": [".jpg"]}],
]


@pytest.mark.parametrize("blocks", ALLOWED)
def test_blocks_apart_are_taken(mine, blocks):
    assert mine(blocks).pools


def folder_pools(tmp_path, *sources, labels=("real", "fake"), **changes):
    given = [{"kind": "folder", "root": str(tmp_path)} | source for source in sources]
    return [
        Pool(name=name, label=label, source=FolderSource(**source), **changes).model_dump(mode="json")
        for name, label, source in zip("pq", labels, given, strict=True)
    ]


@pytest.mark.parametrize(
    ("sources", "labels", "refused"),
    [
        (({"subset": "ADM", "layout": "genimage"}, {"subset": "ADM", "layout": "genimage"}), ("real", "fake"), False),
        (({"subset": "ADM", "layout": "genimage"}, {"subset": "ADM", "layout": "genimage"}), ("fake", "fake"), True),
        (({"subset": "ADM", "layout": "genimage"}, {"subset": "glide", "layout": "genimage"}), ("fake", "fake"), False),
        (({"subset": "ADM", "layout": "genimage"}, {"layout": "genimage"}), ("fake", "fake"), True),
        (({"subset": "a"}, {"subset": "b/a"}), ("real", "fake"), True),  # a: every folder so called
        (({"subset": "./a"}, {"subset": "b/a"}), ("real", "fake"), False),
        (({"subset": "./a"}, {"subset": "train/a"}), ("real", "fake"), False),
        (({"subset": "./a", "layout": "splits"}, {"subset": "train/a"}), ("real", "fake"), True),
        (({"layout": "real_fake"}, {"layout": "ai_nature"}), ("real", "fake"), True),
    ],
)
def test_what_overlaps_is_told_by_the_names_of_folders(tmp_path, write_config, sources, labels, refused):
    toy = toy_config(tmp_path)
    toy["pools"] += folder_pools(tmp_path / "y", *sources, labels=labels)
    if refused:
        with pytest.raises(ConfigError, match="Overlapping pools '[pq]' and '[pq]'"):
            load([write_config(toy)])
    else:
        load([write_config(toy)])


def test_pools_of_one_label_may_be_declared_to_share(tmp_path, write_config):
    toy = toy_config(tmp_path)
    pools = folder_pools(tmp_path / "y", {}, {"subset": "a"}, labels=("real", "real"))
    toy["pools"] += [pools[0], pools[1] | {"shares_with": ["p"]}]
    load([write_config(toy)])
    toy["pools"][-1] |= {"label": "fake"}
    with pytest.raises(ConfigError, match="Overlapping pools"):
        load([write_config(toy)])
