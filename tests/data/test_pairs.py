"""Selections of whole pairs: how halves find each other, what is refused or dropped, and samples of pairs."""

import pandas as pd
import pytest

from crossgen.config import Alignment, Filter, Subset, Validation
from crossgen.data.pairs import boxed, stem
from crossgen.data.subsets import Roles, choose

PAIRS = Subset(name="s", pairing="name")


def manifest(n: int = 40, by_id: bool = False) -> pd.DataFrame:
    """n reals of 64 x 50 pixels and a fake of each, 8 pixels smaller at the right."""
    rows = []
    for index in range(n):
        shared = {
            "split": "val" if index % 5 == 0 else "test" if index % 5 == 1 else "train", "quarantine": None,
            "group": f"g{index}", "class_index": index % 4, "height": 50,
        }  # fmt: skip
        real = {"image_id": f"p/lsun/0_real/{index}.jpg", "pool": "p", "label": 0, "width": 64, "format": "JPEG"}
        fake = {"image_id": f"f/lsun/1_fake/{index}.png", "pool": "f", "label": 1, "width": 56, "format": "PNG"}
        told = {"pair": real["image_id"], "pair_x": 8, "pair_y": 0} if by_id else {"pair": None}
        rows += [shared | real | {"pair": None}, shared | fake | told]
    frame = pd.DataFrame(rows)
    if not by_id:
        frame = frame.assign(pair_x=None, pair_y=None)
    return frame.assign(path=frame["image_id"].str.split("/", n=1).str[1], blake3=frame["image_id"])


def chosen(rows: pd.DataFrame, subset: Subset = PAIRS) -> pd.DataFrame:
    return choose(rows, subset, Roles("t")).rows


def removed(rows: pd.DataFrame, subset: Subset = PAIRS) -> dict[tuple[str, str, int], int]:
    told = choose(rows, subset, Roles("t")).waterfall.query("removed > 0")
    return {(row.step, row.split, row.label): row.removed for row in told.itertuples()}


def numbers(rows: pd.DataFrame, split: str, label: int) -> set[str]:
    return {stem(path) for path in rows.query(f"split == '{split}' and label == {label}")["path"]}


def changed(where: str, rows: pd.DataFrame | None = None, **values: object) -> pd.DataFrame:
    rows = manifest() if rows is None else rows
    for name, value in values.items():
        rows.loc[rows["image_id"] == where, name] = value
    return rows


def test_a_name_is_the_path_without_ending_and_folders_of_labels():
    assert stem("train/0_real/lsun/a.b.jpg") == stem("train/lsun/1_fake/a.b.png") == "train/lsun/a.b"
    assert stem("nature/x.JPEG") == "x" and stem("realistic/x") == "realistic/x" and stem(".hidden") == ".hidden"


@pytest.mark.parametrize("by_id", [False, True])
def test_halves_find_each_other_and_the_selection_says_where_they_lie(by_id):
    rows = chosen(manifest(by_id=by_id).sample(frac=1, random_state=3))
    fakes = rows.query("label == 1").set_index("image_id")
    assert len(rows) == 64 and len(fakes) == 32
    assert fakes.loc["f/lsun/1_fake/7.png", ["pair", "pair_x", "pair_y"]].tolist() == [
        "p/lsun/0_real/7.jpg", 8 if by_id else 0, 0
    ]  # fmt: skip
    assert rows.query("label == 0")["pair"].isna().all()
    told = boxed(rows).set_index("image_id")
    box = ["pair_key", "box_x", "box_y", "box_width", "box_height"]
    assert told.loc["p/lsun/0_real/7.jpg", box].tolist() == ["p/lsun/0_real/7.jpg", 8 if by_id else 0, 0, 56, 50]
    assert told.loc["f/lsun/1_fake/7.png", box].tolist() == ["p/lsun/0_real/7.jpg", 0, 0, 56, 50]


FAULTS = {
    "1 fakes without their real": lambda: manifest().query("image_id != 'p/lsun/0_real/7.jpg'"),
    "1 reals without a fake": lambda: manifest().query("image_id != 'f/lsun/1_fake/7.png'"),
    "1 of a name that several reals have": lambda: pd.concat(
        [manifest(), manifest().query("image_id == 'p/lsun/0_real/7.jpg'").assign(image_id="q/7", pool="q", blake3="q")]
    ),
    "1 fakes of a real that another is the half of": lambda: pd.concat(
        [manifest(), manifest().query("image_id == 'f/lsun/1_fake/7.png'").assign(image_id="h/7", pool="h", blake3="h")]
    ),
    "1 fakes whose size does not fit": lambda: changed("f/lsun/1_fake/7.png", width=48),
    "1 fakes whose size .*7.png": lambda: changed("f/lsun/1_fake/7.png", width=65),
    "1 fakes whose size does": lambda: changed("f/lsun/1_fake/7.png", manifest(by_id=True), pair_x=9),
    "1 fakes whose size": lambda: changed("f/lsun/1_fake/7.png", manifest(by_id=True), pair_x=-1),
    "1 fakes in another split": lambda: changed("f/lsun/1_fake/7.png", split="val", group="f/lsun/1_fake/7.png"),
    "1 fakes in another group": lambda: changed("f/lsun/1_fake/7.png", group="h"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_is_in_no_pair_is_refused_or_dropped_and_counted(message):
    rows = FAULTS[message]()
    with pytest.raises(ValueError, match=f"keeps whole pairs .* {message}.*unpaired: drop"):
        chosen(rows)
    dropping = PAIRS.model_copy(update={"unpaired": "drop"})
    left, told = chosen(rows, dropping), choose(rows, dropping, Roles("t")).waterfall
    assert numbers(left, "train", 0) == numbers(left, "train", 1)
    assert len(left) == (64 if "another is the half" in message else 62)
    assert told.query("step == 'unpaired'")["setting"].str.contains("1 ").all()


def test_a_fake_without_a_group_of_its_own_gets_its_reals():
    rows = manifest()
    fakes = rows["label"] == 1
    rows.loc[fakes, "group"] = rows.loc[fakes, "image_id"]
    found = chosen(rows)
    assert set(found.query("label == 1")["group"]) == set(found.query("label == 0")["group"])


def test_a_quarantined_or_filtered_half_takes_the_other_along():
    rows = changed("f/lsun/1_fake/7.png", quarantine="truncated", width=None)
    rows = changed("p/lsun/0_real/8.jpg", rows, quarantine="truncated", width=None)
    rows = changed("p/lsun/0_real/9.jpg", rows, format="PNG")
    subset = PAIRS.model_copy(update={"real": Filter(formats=("JPEG",))})
    told = removed(rows, subset)
    assert told["quarantine", "train", 1] == told["quarantine", "train", 0] == 1
    assert told["other half", "train", 0] == 1 and told["other half", "train", 1] == 1
    left = chosen(rows, subset)
    assert {"lsun/7", "lsun/8", "lsun/9"}.isdisjoint(numbers(left, "train", 0) | numbers(left, "train", 1))
    assert len(left) == 58


@pytest.mark.parametrize(
    "keys",
    [
        {"images_per_class": 9, "val_per_class": 3},
        {"fraction": 0.5},
        {"images_per_content_class": 2},
        {"balance_classes": True, "images_per_class": 8},
        {"balance_labels": True, "seed": 4},
    ],
)
@pytest.mark.parametrize("pools", [1, 2])
def test_samples_are_of_whole_pairs_and_smaller_ones_part_of_larger_ones(keys, pools):
    rows = manifest()
    odd = rows["label"].eq(1) & rows["class_index"].eq(3)
    rows["pool"] = rows["pool"].where((pools == 1) | ~odd, "h")
    left = chosen(rows, PAIRS.model_copy(update=keys))
    for split in ("train", "val"):
        assert numbers(left, split, 0) == numbers(left, split, 1) and numbers(left, split, 0)
    if "images_per_class" in keys:
        assert len(numbers(left, "train", 0)) == keys["images_per_class"]
        fewer = chosen(rows, PAIRS.model_copy(update=keys | {"images_per_class": 5}))
        assert numbers(fewer, "train", 0) < numbers(left, "train", 0)


def test_too_few_pairs_are_refused():
    with pytest.raises(ValueError, match="leaves 24 train reals .* images_per_class asks for 25"):
        chosen(manifest(), PAIRS.model_copy(update={"images_per_class": 25}))


def lent() -> pd.DataFrame:
    """With pools `h` of other fakes and `q` of other reals, which may lend val images."""
    rows = manifest(by_id=True)
    others = [
        rows[rows["label"] == label].assign(
            pool=pool, pair=None, pair_x=None, pair_y=None, **{k: f"{pool}/" + rows[k] for k in ("image_id", "group")}
        )
        for label, pool in ((1, "h"), (0, "q"))
    ]
    return pd.concat([rows, *(each.assign(blake3=each["image_id"]) for each in others)])


BOTH = PAIRS.model_copy(update={"validation": (Validation(pool="h", n=6), Validation(pool="q", n=5))})


@pytest.mark.parametrize("pairing", ["none", "name"])
def test_val_images_of_both_labels_come_from_named_pools(pairing):
    left = chosen(lent(), BOTH.model_copy(update={"pairing": pairing}))
    assert left.query("split == 'val'").groupby(["pool"]).size().to_dict() == {"h": 6, "q": 5}
    assert set(left.query("split == 'train'")["pool"]) == {"p", "f"}
    assert numbers(left, "train", 0) == numbers(left, "train", 1) and len(numbers(left, "train", 0)) == 24


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"blake3": "p/lsun/0_real/7.jpg"}, "hold the same files as training images of 't'"),
        ({"pair": "p/lsun/0_real/7.jpg"}, "are, or were made from, training images of 't'"),
        ({"group": "g7"}, "have the group of training images of 't'"),
    ],
)
def test_lent_images_that_are_trained_on_are_refused(values, message):
    rows = changed("h/f/lsun/1_fake/8.png", lent().query("pool != 'q'").reset_index(drop=True), **values)
    if "blake3" in values:  # of one label: else they are refused as real and fake at once
        rows = changed("f/lsun/1_fake/7.png", rows, **values)
        rows = changed("p/lsun/0_real/7.jpg", rows, blake3="other")
    every = PAIRS.model_copy(update={"validation": (Validation(pool="h", n=32),), "drop_leaks": "none"})
    with pytest.raises(ValueError, match=f"1 images of validation pool 'h' {message}"):
        chosen(rows, every)


def test_alignment_to_the_pair_needs_pairs():
    with pytest.raises(ValueError, match="pairing: name with align.jpeg_quality"):
        Subset(name="s", align=Alignment(jpeg_quality="pair"))
    assert Subset(name="s", pairing="name", align=Alignment(jpeg_quality="pair")).align.is_drawn
    for wrong, message in (
        ({"jpeg_quality": "pair", "to": "all"}, "to: fake"),
        ({"jpeg_quality": "pair", "chroma_subsampling": "reals"}, "both of the pair"),
        ({"jpeg_quality": 96, "probability": 0.5}, "probability: 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Alignment(**wrong)
