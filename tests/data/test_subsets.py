"""Selections: filters, exact counts, nested samples, no leak between train and val."""

import pandas as pd
import pytest

from crossgen.config import Filter, Subset, Validation
from crossgen.data.subsets import select


def manifest(n=40):
    rows = []
    for index in range(n):
        split = "val" if index % 5 == 0 else "test" if index % 5 == 1 else "train"
        common = {"split": split, "group": f"g{index}", "quarantine": None}
        quality = 96 if index % 3 else 75
        real = {
            "image_id": f"p/{index}",
            "pool": "p",
            "label": 0,
            "blake3": f"r{index}",
            "format": "JPEG",
            "jpeg_quality": quality,
        }
        rows.append(common | real | {"width": 100 + index, "height": 110, "chroma_subsampling": "4:2:0"})
        fake = {
            "image_id": f"f/{index}",
            "pool": "f",
            "label": 1,
            "blake3": f"f{index}",
            "format": "PNG",
            "jpeg_quality": None,
        }
        rows.append(common | fake | {"width": 112, "height": 112, "chroma_subsampling": None})
    return pd.DataFrame(rows)


def test_counts_are_exact_and_test_images_never_chosen():
    chosen = select(manifest(), Subset(name="s", images_per_class=10, val_per_class=5), "t")
    assert chosen.groupby(["split", "label"]).size().to_dict() == {
        ("train", 0): 10, ("train", 1): 10, ("val", 0): 5, ("val", 1): 5,
    }  # fmt: skip


def test_smaller_samples_are_part_of_larger_ones_and_row_order_does_not_matter():
    few = select(manifest(), Subset(name="s", images_per_class=4), "t")
    many = select(manifest().sample(frac=1, random_state=1), Subset(name="s", images_per_class=9), "t")
    assert set(few["image_id"]) <= set(many["image_id"])
    other = select(manifest(), Subset(name="s", images_per_class=4, seed=1), "t")
    assert set(other["image_id"]) != set(few["image_id"])


def test_filters_match_quality_and_the_fakes_size():
    subset = Subset(name="s", real=Filter(jpeg_quality=(96, 96), relative_sides=(0.95, 1.1)))
    reals = select(manifest(), subset, "t").query("label == 0")
    assert set(reals["jpeg_quality"]) == {96}
    assert reals["width"].between(0.95 * 112, 1.1 * 112).all()
    absolute = select(manifest(), Subset(name="s", real=Filter(sides=(104, 120))), "t").query("label == 0")
    assert absolute["width"].between(104, 120).all() and len(absolute)


def test_quarantined_images_are_left_out():
    rows = manifest()
    rows.loc[rows["label"] == 0, "quarantine"] = ["truncated" if i % 2 else None for i in range(40)]
    assert select(rows, Subset(name="s"), "t").query("label == 0")["quarantine"].isna().all()


def test_a_group_that_is_val_in_one_pool_leaves_train_in_the_others():
    rows = manifest()
    other = rows[rows["label"] == 1].assign(pool="h", image_id=lambda r: "h/" + r["image_id"])
    other.loc[other["group"] == "g2", "split"] = "val"
    chosen = select(pd.concat([rows, other]), Subset(name="s"), "t")
    assert not set(chosen.query("split == 'train'")["group"]) & set(chosen.query("split == 'val'")["group"])


def test_samples_are_spread_over_pools():
    rows = manifest()
    other = rows[rows["label"] == 1].assign(pool="h", image_id=lambda r: "h/" + r["image_id"])
    chosen = select(pd.concat([rows, other]), Subset(name="s", images_per_class=10), "t")
    assert chosen.query("split == 'train' and label == 1")["pool"].value_counts().to_dict() == {"f": 5, "h": 5}


def lending(**changes):
    """The toy manifest and a pool `h` of other fakes, which may lend val images."""
    rows = manifest()
    rows["blake3"] = rows["image_id"]
    other = rows[rows["label"] == 1].assign(pool="h", image_id=lambda r: "h/" + r["image_id"])
    other = other.assign(group=lambda r: "h" + r["group"], blake3=lambda r: r["image_id"])
    return pd.concat([rows, other.assign(**changes)])


def test_val_images_come_from_the_named_pool():
    subset = Subset(name="s", validation=Validation(pool="h", n=6))
    chosen = select(lending(), subset, "t")
    val = chosen.query("split == 'val'")
    assert val.query("label == 1")["pool"].tolist() == ["h"] * 6 and set(val.query("label == 0")["pool"]) == {"p"}
    assert set(chosen.query("split == 'train'")["pool"]) == {"p", "f"}
    other = select(lending(), Subset(name="s", validation=Validation(pool="h", n=6, seed=1)), "t")
    assert set(other["image_id"]) != set(chosen["image_id"])


def test_a_named_pool_that_holds_training_images_is_refused():
    subset = Subset(name="s", validation=Validation(pool="h", n=30))
    same = lending()["blake3"].where(lending()["pool"] != "h", lending()["blake3"].str.removeprefix("h/"))
    with pytest.raises(ValueError, match="22 images of .* 'h' hold the same files as training images of 't'"):
        select(lending().assign(blake3=same), subset, "t")
    with pytest.raises(ValueError, match="has 32 usable images .* asks for 33"):
        select(lending(), Subset(name="s", validation=Validation(pool="h", n=33)), "t")


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        (
            Subset(name="s", images_per_class=25),
            "leaves 24 train reals for train set 't', but images_per_class asks for 25",
        ),
        (Subset(name="s", val_per_class=9), "leaves 8 val reals"),
        (Subset(name="s", real=Filter(jpeg_quality=(10, 20))), "leaves 0 train reals .* at least 2 are needed"),
        (Subset(name="s", fake=Filter(formats=("JPEG",))), "leaves 0 train fakes"),
    ],
)
def test_too_few_images_are_refused_with_counts(subset, message):
    with pytest.raises(ValueError, match=message):
        select(manifest(), subset, "t")


def test_an_image_is_not_real_and_fake_at_once():
    rows = manifest()
    rows.loc[rows["image_id"] == "f/3", "blake3"] = "r7"
    with pytest.raises(
        ValueError, match=r"'t' holds 1 images both as real and as fake \(first: f/3 and p/7 are the same"
    ):
        select(rows, Subset(name="s", images_per_class=10), "t")
