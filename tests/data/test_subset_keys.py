"""Every key of a subset: what it keeps, what it refuses, and that nothing but ids and seeds decides."""

import numpy as np
import pandas as pd
import pytest
from blake3 import blake3

from crossgen.config import Classes, Filter, Lists, Subset, Validation
from crossgen.data.splits import assign
from crossgen.data.subsets import Roles, choose

NAMES = ("tench", "goldfish", "crane", "jay", "junco")


def pool(name, label, n=60, seed=0):
    """A pool of n images of five classes in turn; every fifth is val, every sixth test."""
    random = np.random.default_rng([seed, label])
    index = np.arange(n)
    shown = (index // 5 + index) % 5
    split = np.where(index % 6 == 5, "test", np.where(index % 5 == 4, "val", "train"))
    exact = random.choice([75, 95, 96, 97], n).astype(float)
    return pd.DataFrame({
        "image_id": [f"{name}/a/{i:03d}.jpg" for i in index], "path": [f"a/{i:03d}.jpg" for i in index],
        "pool": name, "generator": name if label else None, "label": label, "split": split,
        "group": [f"{name}/a/{i:03d}.jpg" for i in index], "blake3": [f"{name}{i}" for i in index], "quarantine": None,
        "class_index": shown, "class_synset": [f"n0000000{i}" for i in shown],
        "class_name": [NAMES[i] for i in shown],
        "format": random.choice(["JPEG", "PNG"], n), "width": random.integers(90, 130, n),
        "height": random.integers(90, 130, n), "chroma_subsampling": random.choice(["4:2:0", "4:4:4"], n),
        "jpeg_quality": np.where(exact == 75, np.nan, exact), "jpeg_quality_estimate": exact,
        "published_quality": exact - 1,
    })  # fmt: skip


def manifest(*others):
    return pd.concat([pool("p", 0), pool("f", 1), *others], ignore_index=True)


def chosen(rows=None, roles=None, **keys):
    return choose(manifest() if rows is None else rows, Subset(name="s", **keys), roles or Roles("t"))


def kept(rows=None, **keys):
    return chosen(rows, **keys).rows


def ids(rows):
    return set(rows["image_id"])


FILTERS = [
    (Filter(formats=("PNG",)), lambda r: r.format == "PNG"),
    (Filter(jpeg_quality=(96, 97)), lambda r: r.jpeg_quality in (96, 97)),
    (Filter(jpeg_quality=96), lambda r: r.jpeg_quality == 96),
    (Filter(jpeg_quality=(70, 95), quality_estimate="imagemagick"), lambda r: r.jpeg_quality_estimate in (75, 95)),
    (Filter(jpeg_quality=(95, 95), quality_estimate="published"), lambda r: r.published_quality == 95),
    (Filter(chroma_subsampling=("4:4:4",)), lambda r: r.chroma_subsampling == "4:4:4"),
    (Filter(width=(100, 110)), lambda r: 100 <= r.width <= 110),
    (Filter(height=(100, 110)), lambda r: 100 <= r.height <= 110),
    (Filter(sides=(95, 120)), lambda r: 95 <= r.width <= 120 and 95 <= r.height <= 120),
    (Filter(aspect=(0.9, 1.0)), lambda r: 0.9 * r.height <= r.width <= r.height),
    (Filter(width=(95, 120), formats=("JPEG",)), lambda r: 95 <= r.width <= 120 and r.format == "JPEG"),
]


@pytest.mark.parametrize("label", ["real", "fake"])
@pytest.mark.parametrize(("wanted", "predicate"), FILTERS)
def test_a_filter_keeps_the_rows_it_says_of_its_label_alone(wanted, predicate, label):
    rows = manifest()
    code = {"real": 0, "fake": 1}[label]
    open_to = rows[rows["split"] != "test"]
    expected = {row.image_id for row in open_to.itertuples() if row.label != code or predicate(row)}
    assert ids(kept(rows, **{label: wanted})) == expected and len(expected) < len(open_to)


def test_the_waterfall_adds_up_and_ends_at_the_rows():
    result = chosen(
        real=Filter(jpeg_quality=(95, 97), width=(92, 128)), classes=(0, 1, 2), fraction=0.8, balance_classes=True,
        images_per_class=8,
    )  # fmt: skip
    table = result.waterfall.sort_values("position")
    for _, group in table.groupby(["split", "label", "pool"]):
        left, removed = group["left"].to_numpy(), group["removed"].to_numpy()
        assert (left[1:] == left[:-1] - removed[1:]).all() and removed[0] == 0
    last = table[table["position"] == table["position"].max()].set_index(["split", "label", "pool"])["left"]
    assert last.to_dict() == result.rows.groupby(["split", "label", "pool"]).size().to_dict()
    steps = table.drop_duplicates("position")["step"].tolist()
    assert steps == [
        "found", "quarantine", "drop_leaks", "groups of val", "shared reals", "real.jpeg_quality", "real.width",
        "classes", "fraction", "balance_classes", "images_per_class",
    ]  # fmt: skip
    assert set(table["digest"]) == {result.digest}
    assert table.drop_duplicates("pool").set_index("pool")["generator"].fillna("-").to_dict() == {"p": "-", "f": "f"}


def test_a_selection_is_the_same_in_any_order_and_on_any_machine():
    keys = {"classes": Classes(n=4, seed=3), "fraction": 0.7, "balance_classes": True, "images_per_class": 6, "seed": 5}
    result, mixed = chosen(**keys), chosen(manifest().sample(frac=1, random_state=2), **keys)
    assert result.rows["image_id"].tolist() == mixed.rows["image_id"].tolist() and result.digest == mixed.digest
    assert result.digest == "e8b7048929a010ff31391a08c2ecd5364c3db3d4f8bce9149b3d3a66821be2a6"
    assert chosen(**(keys | {"seed": 6})).digest != result.digest
    columns = result.rows[["image_id", "split", "label", "blake3"]]
    lines = sorted(
        f'["{name}", "{split}", {label}, "{file}"]' for name, split, label, file in columns.itertuples(index=False)
    )
    assert blake3("\n".join(lines).encode()).hexdigest() == result.digest


def test_classes_are_indices_synsets_or_names():
    assert set(kept(classes=(0, 3))["class_index"]) == {0, 3}
    mixed = kept(classes=("n00000001", "crane"))
    assert set(mixed["class_index"]) == {1, 2} and set(mixed["label"]) == {0, 1}
    with pytest.raises(
        ValueError, match=r"classes names 2 of 3 that no image shows: 7, 'crain' \(did you mean 'crane'"
    ):
        kept(classes=(0, 7, "crain"))


def test_drawn_classes_are_the_same_for_both_labels_and_every_train_set():
    few, many = kept(classes=Classes(n=2)), kept(classes=Classes(n=4))
    assert set(few[few["label"] == 0]["class_name"]) == set(few[few["label"] == 1]["class_name"])
    assert set(few["class_name"]) < set(many["class_name"]) and few["class_name"].nunique() == 2
    other = pd.concat([pool("q", 0, 90, 7), pool("g", 1, 45, 8)], ignore_index=True)
    assert set(kept(other, classes=Classes(n=2))["class_name"]) == set(few["class_name"])
    assert {frozenset(kept(classes=Classes(n=2, seed=seed))["class_name"]) for seed in range(9)} > {
        frozenset(few["class_name"])
    }
    with pytest.raises(ValueError, match="asks for 6 content classes, but the fakes show 5"):
        kept(classes=Classes(n=6))


def test_a_class_is_told_by_what_reals_and_fakes_have_in_common():
    rows = manifest()
    rows.loc[rows["label"] == 0, "class_index"] = None
    assert set(kept(rows, classes=Classes(n=2))["label"]) == {0, 1}
    rows.loc[rows["label"] == 0, ["class_synset", "class_name"]] = None
    with pytest.raises(ValueError, match="content class is not known of both reals and fakes"):
        kept(rows, classes=Classes(n=2))


def test_images_per_content_class_cut_training_images_alone_and_are_nested():
    few, more = kept(images_per_content_class=2), kept(images_per_content_class=5)
    counts = few[few["split"] == "train"].groupby(["label", "class_index"]).size()
    assert set(counts) == {2} and len(counts) == 10 and ids(few) < ids(more)
    one = kept(images_per_content_class=1)
    assert ids(one[one["split"] == "val"]) == ids(kept()[lambda r: r["split"] == "val"])
    spread = kept(manifest(pool("h", 1, seed=4)), images_per_content_class=4)
    fakes = spread.query("split == 'train' and label == 1")
    assert set(fakes.groupby(["class_index", "pool"]).size()) == {2}


@pytest.mark.parametrize(("value", "splits"), [(True, {"train", "val"}), ("train", {"train"}), ("val", {"val"})])
def test_classes_are_balanced_in_the_splits_named(value, splits):
    wanted = Filter(formats=("PNG",))
    rows, plain = kept(real=wanted, balance_classes=value), kept(real=wanted)
    for split in ("train", "val"):
        found = rows[rows["split"] == split].groupby(["class_index", "label"]).size().unstack(fill_value=0)
        before = plain[plain["split"] == split].groupby(["class_index", "label"]).size().unstack(fill_value=0)
        fewest = before.min(axis=1)
        expected = fewest[fewest > 0] if split in splits else before[1]
        assert found[1].to_dict() == expected.to_dict()
        assert (found[0] == found[1]).all() == (split in splits)


def test_a_sample_of_balanced_classes_stays_balanced():
    rows = kept(balance_classes=True, images_per_class=12).query("split == 'train'")
    counts = rows.groupby(["class_index", "label"]).size().unstack()
    assert (counts[0] == counts[1]).all() and counts[0].sum() == 12 and set(counts[0]) == {2, 3}


def test_labels_are_balanced_where_no_number_is_said():
    wanted = Filter(width=(90, 105))
    rows = kept(real=wanted, balance_labels=True)
    sizes = rows.groupby(["split", "label"]).size()
    assert sizes["train", 0] == sizes["train", 1] and sizes["val", 0] == sizes["val", 1]
    reals = rows[rows["label"] == 0]
    assert ids(reals) == ids(kept(real=wanted)[lambda r: r["label"] == 0])
    assert kept(balance_labels=True, images_per_class=5).groupby(["split", "label"]).size()["train", 0] == 5


def test_fractions_are_nested_and_do_not_fall_together_with_the_test_carve():
    """Groups are images and both seeds 0: the images left in train all have a high hash of (seed, image id)."""
    names = [f"f/{i}" for i in range(3000)]
    rows = manifest(pool("x", 1, 3000)).query("pool != 'f'").reset_index(drop=True)
    rows.loc[rows["pool"] == "x", "split"] = assign(names, [None] * 3000, 0, 0.15, 0.3)
    rows.loc[rows["pool"] == "x", "image_id"] = names
    found_at = {share: kept(rows, fraction=share) for share in (1.0, 0.2, 0.5)}
    for split in ("train", "val"):
        found = {share: part[part["pool"].eq("x") & part["split"].eq(split)] for share, part in found_at.items()}
        for share, part in found.items():
            assert abs(len(part) / len(found[1.0]) - share) < 0.07
        assert ids(found[0.2]) < ids(found[0.5])


def leaking():
    """Two train fakes and one val fake are test fakes of their pool too, one train fake is one of another pool."""
    rows, tested = manifest(), pool("u", 1, seed=9).assign(split="test")
    test = rows.query("pool == 'f' and split == 'test'")["blake3"].tolist()
    for image_id, digest in zip(["f/a/000.jpg", "f/a/001.jpg", "f/a/004.jpg"], test, strict=False):
        rows.loc[rows["image_id"] == image_id, "blake3"] = digest
    rows.loc[rows["image_id"] == "f/a/002.jpg", "blake3"] = tested["blake3"].iloc[0]
    return pd.concat([rows, tested], ignore_index=True)


def test_leaks_are_dropped_from_train_and_val():
    roles, rows = Roles("t", only_tested=("u",)), leaking()
    missing = {
        how: ids(rows.query("pool == 'f' and split != 'test'")) - ids(chosen(rows, roles, drop_leaks=how).rows)
        for how in ("own", "none")
    }
    assert missing == {
        "own": {"f/a/000.jpg", "f/a/001.jpg", "f/a/002.jpg", "f/a/004.jpg"},
        "none": set(),
    }
    own = chosen(rows.query("pool != 'u'"), drop_leaks="own")
    assert "f/a/002.jpg" in ids(own.rows) and len(ids(own.rows) & {"f/a/000.jpg", "f/a/004.jpg"}) == 0
    assert own.waterfall.query("step == 'drop_leaks'").groupby("split")["removed"].sum().to_dict() == {
        "train": 2,
        "val": 1,
    }


def test_only_usable_test_images_make_a_leak_and_unknown_digests_never():
    rows = leaking().query("pool != 'u'").reset_index(drop=True)
    test = (rows["pool"] == "f") & (rows["split"] == "test")
    rows.loc[test, "quarantine"] = "empty"
    assert "f/a/000.jpg" in ids(kept(rows))
    rows = manifest()
    rows["blake3"] = None
    result = chosen(rows)
    assert len(result.rows) == len(manifest().query("split != 'test'")) == result.undigested


def test_pools_only_tested_are_never_chosen_from():
    extra = pool("u", 1, seed=9)
    result = chosen(manifest(extra), Roles("t", only_tested=("u",)))
    assert set(result.rows["pool"]) == {"p", "f"} and set(result.waterfall["pool"]) == {"p", "f"}


def sharing():
    """Pools p and q of reals share three files: train in both, val in p, val in q."""
    rows = manifest(pool("q", 0, seed=5))
    for own, other in (("000", "001"), ("004", "002"), ("003", "009")):
        digest = rows.loc[rows["image_id"] == f"p/a/{own}.jpg", "blake3"].iloc[0]
        rows.loc[rows["image_id"] == f"q/a/{other}.jpg", "blake3"] = digest
    return rows


def test_a_real_in_two_pools_is_refused_unless_declared():
    message = r"'p' and 'q' hold 3 of the same reals \(first: p/a/000.jpg and q/a/001.jpg .*shares_with: \[q\]"
    with pytest.raises(ValueError, match=message):
        chosen(sharing())
    with pytest.raises(ValueError, match=message):
        chosen(sharing(), Roles("t", shared=(("p", "x"),)))
    result = chosen(sharing(), Roles("t", shared=(("q", "p"),)))
    assert result.rows["blake3"].is_unique
    gone = ids(sharing().query("split != 'test'")) - ids(result.rows)
    assert gone == {"q/a/001.jpg", "q/a/002.jpg", "p/a/003.jpg"}  # val keeps its image
    assert chosen(manifest(pool("q", 0, seed=5))).rows["pool"].nunique() == 3


def test_ids_keep_what_a_file_names(tmp_path):
    wanted = [*(f"p/a/{i:03d}.jpg" for i in range(0, 60, 2)), *(f"f/a/{i:03d}.jpg" for i in range(0, 60, 3))]
    wanted = [name for name in wanted if name in ids(kept())]
    told = [*wanted, "elsewhere/a/1.jpg"]
    (tmp_path / "ids.txt").write_text("\n".join(told) + "\n\n")
    pd.DataFrame({"n": 1, "image_id": told}).to_csv(tmp_path / "ids.csv", index=False)
    pd.DataFrame({"image_id": told}).to_parquet(tmp_path / "ids.parquet")
    for suffix in ("txt", "csv", "parquet"):
        result = chosen(ids=str(tmp_path / f"ids.{suffix}"))
        assert ids(result.rows) == set(wanted)
        assert f"0 of {len(wanted)} entries absent" in result.waterfall.query("step == 'ids'")["setting"].iloc[0]


def test_absent_ids_are_counted_and_above_a_share_refused(tmp_path):
    file = tmp_path / "ids.txt"
    test = sorted(ids(manifest().query("split == 'test'")))[0]
    file.write_text("\n".join([*sorted(ids(kept())), "p/nowhere.jpg", test]))
    with pytest.raises(ValueError, match=r"2 of 102 entries absent .*\(first: f/a/005.jpg, p/nowhere.jpg\), more than"):
        chosen(ids=str(file))
    result = chosen(ids=str(file), max_absent=0.1)
    assert test not in ids(result.rows) and "2 of 102" in result.waterfall.query("step == 'ids'")["setting"].iloc[0]
    file.write_text("")
    with pytest.raises(ValueError, match="names no image of the pools read"):
        chosen(ids=str(file))
    with pytest.raises(ValueError, match=r"none.txt of ids or lists cannot be read \(.*No such file"):
        chosen(ids=str(tmp_path / "none.txt"))
    file.write_bytes(b"p/a/\xff.jpg\n")
    with pytest.raises(ValueError, match=r"ids.txt of ids or lists cannot be read \(.*utf-8"):
        chosen(ids=str(file))
    (tmp_path / "x.csv").write_text("name\np/a/000.jpg\n")
    with pytest.raises(ValueError, match="has no column image_id: it has name"):
        chosen(ids=str(tmp_path / "x.csv"))


def test_lists_name_images_of_their_label_by_file_name_or_more_of_the_path(tmp_path):
    """DMimageDetection's lists name reals alone: the fakes stay all."""
    usable = kept().query("label == 0")["path"].tolist()
    lines = [path.split("/")[1] if i % 2 else path for i, path in enumerate(usable[:20])]
    (tmp_path / "real.txt").write_text("\n".join(lines) + "\n")
    rows = kept(real=Filter(lists=(str(tmp_path / "real.txt"),)))
    assert rows.query("label == 0")["path"].tolist() == usable[:20]
    assert ids(rows.query("label == 1")) == ids(kept().query("label == 1"))
    (tmp_path / "real.csv").write_text(
        "filename,typ\n" + "".join(f".\\{path},real\n".replace("/", "\\") for path in usable[:9])
    )
    assert len(kept(real=Filter(lists=(str(tmp_path / "real.csv"),))).query("label == 0")) == 9
    (tmp_path / "wrong.txt").write_text("\n".join(f"b/{path}" for path in usable))
    with pytest.raises(ValueError, match=rf"real.lists: {len(usable)} of {len(usable)} entries absent"):
        kept(real=Filter(lists=(str(tmp_path / "wrong.txt"),)))


def test_lists_may_tell_the_split(tmp_path):
    usable = kept().query("label == 0")["path"].tolist()
    test = manifest().query("label == 0 and split == 'test'")["path"].tolist()
    (tmp_path / "train.txt").write_text("\n".join(usable[:25]))
    (tmp_path / "val.txt").write_text("\n".join([*usable[25:40], *test]))
    lists = Lists(train=(str(tmp_path / "train.txt"),), val=(str(tmp_path / "val.txt"),))
    rows = kept(real=Filter(lists=lists), max_absent=1.0).query("label == 0")
    assert rows[rows["split"] == "train"]["path"].tolist() == usable[:25]
    assert rows[rows["split"] == "val"]["path"].tolist() == usable[25:40]
    (tmp_path / "val.txt").write_text("\n".join(usable[24:40]))
    with pytest.raises(ValueError, match=r"real.lists name 1 images for both train and val \(first: p/a/"):
        kept(real=Filter(lists=lists))


def test_a_filter_that_leaves_nothing_is_named_with_its_value_and_counts():
    message = (
        r"leaves 0 train reals for train set 't', but at least 2 are needed \(of 40 found, "
        r"real.jpeg_quality \[10, 20\], exact removed 40\): widen its filters"
    )
    with pytest.raises(ValueError, match=message):
        kept(real=Filter(jpeg_quality=(10, 20)))
    rows = manifest().assign(published_quality=None)
    with pytest.raises(ValueError, match=r"published \(not known of any image\) removed 40"):
        kept(rows, real=Filter(jpeg_quality=(96, 96), quality_estimate="published"))
    with pytest.raises(ValueError, match=r"real.width \[90, 100\] removed \d+, real.aspect \[3.0, 4.0\] removed \d+"):
        kept(real=Filter(width=(90, 100), aspect=(3.0, 4.0)))


def test_a_lent_validation_pool_passes_the_filters_of_its_label():
    rows = manifest(pool("h", 1, seed=3))
    keys = {"fake": Filter(formats=("PNG",)), "validation": Validation(pool="h", n=8)}
    val = kept(rows, **keys, fraction=0.5).query("split == 'val' and label == 1")
    assert len(val) == 8 and set(val["format"]) == {"PNG"} and set(val["pool"]) == {"h"}


def test_ids_lists_and_shares_say_nothing_of_a_lent_pool(tmp_path):
    own = sorted(ids(kept()))
    (tmp_path / "ids.txt").write_text("\n".join(own))
    rows = manifest(pool("h", 1, seed=3))
    lent = kept(rows, ids=str(tmp_path / "ids.txt"), validation=Validation(pool="h", n=9)).query("pool == 'h'")
    assert len(lent) == 9 and set(lent["split"]) == {"val"}


def test_only_classes_that_fakes_show_are_drawn():
    rows = manifest()
    fake = rows["label"] == 1
    columns = ["class_index", "class_synset", "class_name"]
    rows.loc[fake & rows["class_index"].isin([3, 4]), columns] = None
    for seed in range(6):
        assert kept(rows, classes=Classes(n=3, seed=seed)).query("label == 0")["class_index"].isin([0, 1, 2]).all()
    with pytest.raises(ValueError, match="asks for 4 content classes, but the fakes show 3"):
        kept(rows, classes=Classes(n=4))


def test_the_share_of_absent_ids_may_be_reached(tmp_path):
    named = sorted(ids(kept()))[:99]
    (tmp_path / "ids.txt").write_text("\n".join([*named, "p/nowhere.jpg"]))
    assert ids(kept(ids=str(tmp_path / "ids.txt"), max_absent=0.01)) == set(named)
    with pytest.raises(ValueError, match="1 of 100 entries absent"):
        kept(ids=str(tmp_path / "ids.txt"), max_absent=0.009)
