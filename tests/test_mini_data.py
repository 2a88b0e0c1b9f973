"""The committed mini data set keeps its promises (design, section 8), and its maker deals as it says."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3
from PIL import Image, JpegImagePlugin
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data" / "mini"
FAKES = ["cyclegan", "realesrgan", "realsr", "srvgg", "waifu2x", "realcugan", "style", "autoencoder"]
UNSEEN = ["vq", "diffusion"]  # test images only
OWN = ["autoencoder", *UNSEEN]  # trained by the maker
CONTROLS = ["photographs_png", "bicubic"]
SIZES = (112, 128, 160)
FIRST_COLUMNS = ["path", "pool", "split", "group", "class_name", "stratum", "bytes", "blake3"]


@cache
def images() -> pd.DataFrame:
    """images.csv with `part` (train, val, test): val carved as crossgen carves it."""
    table = pd.read_csv(DATA / "images.csv")
    table["part"] = table["split"]
    for _, train in table[table["split"] == "train"].groupby("pool"):
        table.loc[train.index[train["group"].isin(carve(train["group"]))], "part"] = "val"
    return table


def carve(groups: pd.Series) -> list[str]:
    ordered = sorted(set(groups), key=lambda group: blake3(f"0:{group}".encode()).hexdigest())
    return ordered[: max(1, round(0.15 * len(ordered)))]


@cache
def photographs() -> pd.DataFrame:
    return pd.read_csv(DATA / "photographs.csv").set_index("id")


def pool(*names: str) -> pd.DataFrame:
    return images()[images()["pool"].isin(names)]


# --- files -----------------------------------------------------------------------------------------------------------


def test_every_file_is_listed_and_has_its_bytes():
    on_disk = {path.relative_to(DATA).as_posix() for path in (DATA / "images").rglob("*") if path.is_file()}
    assert on_disk == set(images()["path"])
    for row in images().itertuples():
        content = (DATA / row.path).read_bytes()
        assert (len(content), blake3(content).hexdigest()) == (row.bytes, row.blake3), row.path


def test_table_is_in_order():
    table = pd.read_csv(DATA / "images.csv")
    assert list(table.columns[: len(FIRST_COLUMNS)]) == FIRST_COLUMNS
    assert list(table["path"]) == sorted(table["path"])
    assert b"\r" not in (DATA / "images.csv").read_bytes()
    assert table["blake3"].is_unique
    assert set(table["split"]) == {"train", "test"}
    assert table["group"].str.fullmatch(r"[a-z0-9_.-]+").all()
    assert set(table["pool"]) == {"photographs", *FAKES, *UNSEEN, *CONTROLS}


def test_folder_keeps_its_budget():
    sizes = [path.stat().st_size for path in DATA.rglob("*") if path.is_file()]
    assert sum(sizes) <= 47_800_000
    assert max(sizes) < 5_000_000
    assert (DATA / "contact_sheet.jpg").stat().st_size < 600_000


def test_pixels_are_what_the_table_says():
    for row in images().itertuples():
        with Image.open(DATA / row.path) as image:
            assert image.size == (row.crop_w, row.crop_h), row.path
            assert image.mode == "RGB"
            assert image.format == ("JPEG" if row.pool == "photographs" else "PNG")
            assert min(image.size) >= 96


def test_reals_have_the_quality_that_the_table_says():
    expected = {}
    for quality in set(pool("photographs")["jpeg_quality"]):
        buffer = BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=int(quality))
        expected[quality] = Image.open(buffer).quantization
    for row in pool("photographs").itertuples():
        with Image.open(DATA / row.path) as image:
            assert image.quantization == expected[row.jpeg_quality], row.path
            assert JpegImagePlugin.get_sampling(image) == 2, "4:2:0"


# --- counts ----------------------------------------------------------------------------------------------------------


def test_counts_of_pools():
    counts = Counter(zip(images()["pool"], images()["part"], strict=True))
    assert counts["photographs", "test"] >= 120
    for name in FAKES:
        assert counts[name, "train"] >= 60
        assert counts[name, "val"] >= 10
        assert counts[name, "test"] >= 60
    for name in UNSEEN:
        assert counts[name, "test"] == counts[FAKES[0], "test"]
    for name in (*UNSEEN, *CONTROLS):
        assert counts[name, "test"] >= 60
        assert counts[name, "train"] == counts[name, "val"] == 0


@pytest.mark.parametrize("size", SIZES)
def test_matching_leaves_enough_reals(size):
    reals = pool("photographs")
    sides = reals[["crop_w", "crop_h"]]
    fits = ((sides >= size) & (sides <= 1.25 * size)).all(axis=1) & (reals["jpeg_quality"] == 96)
    counts = reals[fits]["part"].value_counts()
    assert counts["train"] >= 60
    assert counts["val"] >= 12
    assert counts["test"] >= 40


def test_planted_biases_are_there():
    reals, fakes = pool("photographs"), pool(*FAKES, *UNSEEN)
    assert (reals["jpeg_quality"] == 96).mean() == pytest.approx(0.68, abs=0.02)
    near = reals[["crop_w", "crop_h"]].max(axis=1) <= 1.25 * reals[["crop_w", "crop_h"]].min(axis=1)
    assert near.mean() == pytest.approx(0.78, abs=0.05)
    assert (fakes["crop_w"] == fakes["crop_h"]).all()
    assert (fakes.groupby("pool")["crop_w"].nunique() == 1).all()
    assert set(fakes["crop_w"]) == set(SIZES)


def test_quality_is_dealt_independently_of_size():
    reals = pool("photographs")
    share = (reals["jpeg_quality"] == 96).groupby([reals["part"], reals["size_class"]]).agg(["mean", "size"])
    exact = (share["mean"] - 0.68).abs() * share["size"]
    assert exact.max() <= 1, "a hand may be off by one card"


# --- honesty ---------------------------------------------------------------------------------------------------------


def test_a_photograph_is_on_one_side_and_in_one_split():
    sides = {"photographs": "real"} | dict.fromkeys([*FAKES, *UNSEEN, *CONTROLS], "fake")
    known = photographs().loc[images()["group"]]
    assert (known["split"].to_numpy() == images()["split"].to_numpy()).all()
    assert (known["side"].to_numpy() == images()["pool"].map(sides).to_numpy()).all()
    assert (known["class"].to_numpy() == images()["class_name"].to_numpy()).all()
    assert (known["package"].to_numpy() == images()["stratum"].to_numpy()).all()


def test_all_fakes_and_controls_are_of_the_same_photographs():
    first = Counter(pool(FAKES[0])["group"])
    assert all(Counter(pool(name)["group"]) == first for name in FAKES)
    behind = Counter(pool(FAKES[0]).query("split == 'test'")["group"])
    assert all(Counter(pool(name)["group"]) == behind for name in UNSEEN)
    assert all(set(pool(name)["group"]) == set(behind) for name in CONTROLS)


def test_no_picture_stands_in_two_photographs():
    sources = photographs()["source"].dropna()
    assert sources.is_unique


def test_photographs_are_down_scaled_and_crops_lie_inside():
    known = photographs().loc[images()["group"]].reset_index(drop=True)
    assert (known["downscale"] >= 1.5).all()
    for side, crop in (("width", ("crop_x", "crop_w")), ("height", ("crop_y", "crop_h"))):
        end = images()[crop[0]] + images()[crop[1]]
        assert (images()[crop[0]] >= 0).all()
        assert (end <= known[f"scaled_{side}"]).all()
        assert (known[f"scaled_{side}"] * known["downscale"] <= known[side] + 1).all()


def test_crops_are_not_aligned():
    for name in (*FAKES, *UNSEEN):
        assert set(pool(name)["crop_x"] % 8) == set(range(8)), name


def test_strata_have_the_same_share_of_every_pool():
    for _, images_of_split in pool("photographs", FAKES[0]).groupby("split"):
        counts = images_of_split.value_counts(["pool", "stratum", "class_name"]).unstack("pool", fill_value=0)
        shares = counts / counts.sum()
        assert shares.diff(axis=1).abs().max(axis=None) <= 1.5 / counts.sum().min()


def probe(columns: list[str]) -> tuple[float, float]:
    """95 % interval (by photograph) of the AUC of a small tree, real against fake, fitted on train, judged on test.

    Not by cross-validation: where strata are balanced exactly, leaving some out makes the rest point the other way.
    """
    table = pool("photographs", FAKES[0]).reset_index(drop=True)
    features = pd.get_dummies(table[columns]).to_numpy(float)
    label, train = (table["pool"] != "photographs").to_numpy(), (table["split"] == "train").to_numpy()
    tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, class_weight="balanced", random_state=0)
    score = tree.fit(features[train], label[train]).predict_proba(features)[:, 1]
    rows = table[~train].groupby("group").groups
    rng, drawn = np.random.default_rng(0), []
    for _ in range(300):
        chosen = np.concatenate([rows[group] for group in rng.choice(list(rows), len(rows))])
        drawn.append(roc_auc_score(label[chosen], score[chosen]))
    return tuple(np.quantile(drawn, (0.025, 0.975)))


def test_content_tells_nothing():
    low, high = probe(["stratum", "class_name", "downscale"])
    assert low <= 0.5 <= high


def test_the_probe_sees_a_bias_where_one_is_planted():
    low, _ = probe(["crop_w", "crop_h"])
    assert low > 0.9


# --- attribution -----------------------------------------------------------------------------------------------------


def test_every_photograph_has_author_and_free_licence():
    table = photographs()
    assert table[["package", "version", "path", "author", "licence"]].notna().all(axis=None)
    free = table["licence"].str.match(r"public domain|CC0-1\.0|CC-BY-\d|CC-BY-SA-\d|LGPL-3|BSD-3")
    assert free.all(), set(table["licence"][~free])
    text = (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(f"| {key} |" in text for key in table.index)


def test_every_network_has_its_weights_named():
    table = pd.read_csv(DATA / "networks.csv")
    assert list(dict.fromkeys(table["pool"])) == [*FAKES, *UNSEEN]
    assert table["weight_sha256"].str.fullmatch(r"[0-9a-f]{64}").all()
    assert table["licence"].notna().all()
    ours = table[table["package"] == "crossgen"]
    assert list(ours["pool"]) == OWN
    for row in ours.itertuples():
        assert hashlib.sha256((DATA / row.weight_file).read_bytes()).hexdigest() == row.weight_sha256
        assert row.weight_file in (DATA / "LICENSE").read_text(encoding="utf-8")


# --- the maker -------------------------------------------------------------------------------------------------------


def test_maker_carves_as_crossgen_does(maker):
    groups = pool("photographs").query("split == 'train'")["group"]
    assert maker("deal").validation_groups(groups) == set(carve(groups))


def test_maker_deals_exact_hands(maker):
    deal = maker("deal")
    counts = deal.shares({"a": 68, "b": 20, "c": 12}, 50, np.random.default_rng(0))
    assert counts == {"a": 34, "b": 10, "c": 6}
    hand = deal.deal_cards({"a": 1, "b": 2}, 10, np.random.default_rng(0))
    assert Counter(hand) in (Counter(a=3, b=7), Counter(a=4, b=6))


@pytest.mark.parametrize("name", ["near_128", "near_160", "other"])
def test_maker_draws_shapes_that_fit(maker, name):
    rng = np.random.default_rng(0)
    for room in ((212, 160), (160, 212), (160, 160), (400, 300)):
        for width, height in (maker("deal").shape(name, *room, rng) for _ in range(50)):
            assert 96 <= width <= room[0]
            assert 96 <= height <= room[1]
            assert (max(width, height) > 1.25 * min(width, height)) == (name == "other")


def test_maker_reads_readmes(maker):
    text = "Copyright: A B\nLicense: CC-BY 2.0\nFiles:\none.webp\ntwo.webp\n\nFiles: three.webp\nCopyright: C\n"
    entries = maker("photographs").parse_readme(text)
    assert entries["one.webp"] == entries["two.webp"] == {"copyright": "A B", "license": "CC-BY 2.0"}
    assert entries["three.webp"]["copyright"] == "C"


@pytest.mark.parametrize(
    ("licence", "free"),
    [("CC-BY 2.0", True), ("Public Domain", True), ("GPLv2+", False), ("CC-BY-NC-2.0", False), ("", False)],
)
def test_maker_takes_free_licences_only(maker, licence, free):
    module = maker("photographs")
    assert bool(module.FREE.match(module.licence_name(licence))) == free


def test_maker_knows_the_pools(maker):
    networks = maker("networks").NETWORKS
    assert list(networks) == [*FAKES, *UNSEEN]
    assert [name for name, network in networks.items() if network.test_only] == UNSEEN
    sizes = pool(*networks).groupby("pool")["crop_w"].first()
    assert all(network.size == sizes[name] for name, network in networks.items())
