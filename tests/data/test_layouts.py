"""Layouts: what folders say of label and split, what lies outside, and what is refused with what was seen."""

import logging
import os

import pytest

from crossgen.config import ArchiveSource, FolderSource, HuggingFaceSource, Pool
from crossgen.data.listing import build
from crossgen.data.sources import entries, folder


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def pool(root, label="real", **source):
    source = {"kind": "folder", "root": str(root)} | source
    return Pool(name="mine", label=label, source=FolderSource(**source))


def splits(root, label="real", **source):
    """Path to split of each entry."""
    return {entry.path: entry.split for entry in entries(pool(root, label, **source))}


NAMES = {
    "ai_nature": ("nature", "ai"),
    "0_real_1_fake": ("0_real", "1_fake"),
    "real_fake": ("real", "fake"),
}


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("{}/a.png", None), ("coco/{}/a.png", None), ("{}/coco/deep/a.png", None), ("train/{}/a.png", "train"),
        ("{}/train/a.png", "train"), ("TEST/{}/a.png", "test"), ("{}/Test/a.png", "test"), ("valid/{}/a.png", "val"),
        ("validation/coco/{}/a.png", "val"), ("coco/val/{}/a.png", "val"), ("{}/coco/VAL/a.png", "val"),
        ("val/train/{}/a.png", "val"),  # ProGAN has a class called train
    ],
)  # fmt: skip
def test_labels_and_splits_of_labelled_layouts(tmp_path, layout, written, split):
    real, fake = NAMES[layout]
    tree(tmp_path, written.format(real), written.format(fake.upper()))
    assert splits(tmp_path, "real", layout=layout) == {written.format(real): split}
    assert splits(tmp_path, "fake", layout=layout) == {written.format(fake.upper()): split}


def test_dmimagedetection_and_aligned_trees(tmp_path):
    """`<root>/{train,val or valid}/<subset>/{0_real,1_fake}`, and the same without subsets."""
    tree(
        tmp_path, "train/coco/0_real/1.jpg", "train/coco/1_fake/1.png", "train/lsun/0_real/2.jpg",
        "valid/coco/0_real/3.jpg", "valid/coco/1_fake/3.png", "train/0_real/4.jpg",
    )  # fmt: skip
    found = entries(pool(tmp_path, layout="0_real_1_fake"))
    assert [(entry.path, entry.split, entry.folder) for entry in found] == [
        ("train/0_real/4.jpg", "train", None),
        ("train/coco/0_real/1.jpg", "train", "coco"),
        ("train/lsun/0_real/2.jpg", "train", "lsun"),
        ("valid/coco/0_real/3.jpg", "val", "coco"),
    ]
    assert list(splits(tmp_path, "fake", layout="0_real_1_fake", subset="coco")) == [
        "train/coco/1_fake/1.png", "valid/coco/1_fake/3.png",
    ]  # fmt: skip


REALS = ("real_coco_valid", "real_imagenet_val", "real_imagenet_valid", "real_ucid")


@pytest.mark.parametrize("name", [*REALS, "stylegan3_r_ffhqu_1024x1024", "latent-diffusion_class2image"])
def test_dmimagedetections_test_set_has_a_folder_a_generator(tmp_path, name):
    """The folder's own name tells no split: such a pool names `split: test` itself."""
    tree(tmp_path, *(f"{folder}/{file}" for folder in (name, "glide") for file in ("a.png", "b.tif")))
    label = "real" if name in REALS else "fake"
    found = splits(tmp_path, label, subset=name, split="test")
    assert found == {f"{name}/a.png": "test", f"{name}/b.tif": "test"}
    assert splits(tmp_path / name, label, split="test") == {"a.png": "test", "b.tif": "test"}


def test_plain_reads_no_names_and_splits_reads_the_topmost(tmp_path):
    tree(tmp_path, "train/a.png", "x/Validation/b.png", "test/train/c.png")
    assert set(splits(tmp_path).values()) == {None}
    assert splits(tmp_path, layout="splits") == {
        "train/a.png": "train", "x/Validation/b.png": "val", "test/train/c.png": "test",
    }  # fmt: skip
    assert set(splits(tmp_path, layout="splits", split="test").values()) == {"test"}


def test_without_folders_of_splits_the_hash_of_the_group_decides_and_the_log_says_so(tmp_path, caplog):
    tree(tmp_path, *(f"photos/{number}.png" for number in range(40)))
    rows = build(pool(tmp_path, layout="splits"), 0, 0.15, 0.3)
    assert set(rows["split"].to_pylist()) == {"train", "val", "test"}
    assert "no folder train, val or test (seen: photos), so its images are split by hash" in caplog.text


@pytest.mark.parametrize(
    ("layout", "subset", "found"),
    [
        ("plain", "a", ["b/a/2.png", "test/a/1.png", "train/a/3.png"]),
        ("plain", "./a", None),
        ("plain", "b/a", ["b/a/2.png"]),
        ("plain", "train/a", ["train/a/3.png"]),
        ("plain", "b", ["b/4.png", "b/a/2.png"]),
        ("splits", "./a", ["test/a/1.png", "train/a/3.png"]),
        ("splits", "./a/", ["test/a/1.png", "train/a/3.png"]),
        ("splits", "./ab", ["TRAIN/ab/6.png", "test/ab/5.png"]),
        ("splits", "train/a", ["train/a/3.png"]),
        ("splits", "b/a", ["b/a/2.png"]),
    ],
)
def test_a_subset_is_a_name_at_any_depth_or_a_path_below_root(tmp_path, layout, subset, found):
    tree(tmp_path, "test/a/1.png", "b/a/2.png", "train/a/3.png", "b/4.png", "test/ab/5.png", "TRAIN/ab/6.png")
    if found is None:
        with pytest.raises(ValueError, match="finds no real image"):
            splits(tmp_path, subset=subset, layout=layout)
    else:
        assert list(splits(tmp_path, subset=subset, layout=layout)) == found


@pytest.mark.parametrize(
    ("layout", "outside"),
    [
        ("real_fake", ["a.png", "misc/b.png", "real/fake/c.png"]),
        ("splits", ["a.png"]),
        ("genimage", ["a.png", "train/b.png", "val/other/c.png", "test/nature/d.png"]),
    ],
)
def test_what_lies_outside_is_left_out_counted_and_named(tmp_path, caplog, layout, outside):
    inside = {"real_fake": "real/x.png", "splits": "train/x.png", "genimage": "train/nature/n02807133_1.JPEG"}[layout]
    tree(tmp_path, inside, *outside)
    if layout == "real_fake":
        tree(tmp_path, "fake/y.png")
    with caplog.at_level(logging.WARNING):
        found = splits(tmp_path, layout=layout)
    assert list(found) == [inside]
    assert f"left out {len(outside)} images that lie outside layout {layout} (first: a.png" in caplog.text


@pytest.mark.parametrize(("subset", "folder"), [(None, None), ("a", "a"), ("./a", "a"), ("./b/a/", "b/a"), (".", None)])
def test_the_subset_is_the_folder_of_layouts_without_another(tmp_path, subset, folder):
    tree(tmp_path, "a/1.png", "b/a/2.png")
    for layout in ("plain", "splits"):
        assert {entry.folder for entry in entries(pool(tmp_path, layout=layout, subset=subset))} == {folder}


def test_images_beside_folders_of_splits_are_not_mixed_in(tmp_path, caplog):
    tree(tmp_path, "train/real/a.png", "real/b.png", "train/fake/c.png")
    assert splits(tmp_path, layout="real_fake") == {"train/real/a.png": "train"}
    assert "left out 1 images" in caplog.text and "real/b.png" in caplog.text
    assert "for all images or for none" in caplog.text


@pytest.mark.parametrize(
    ("source", "label", "message"),
    [
        ({"layout": "real_fake"}, "fake", "layout real_fake finds no fake image below .*expected a folder fake, .*"
         "seen: photos/cats, photos/dogs, real"),
        ({"layout": "0_real_1_fake"}, "real", "expected a folder 0_real"),
        ({"layout": "genimage"}, "real", "expected <generator>/.<archive>/.<train.val>/nature/<file>"),
        ({"subset": "horses"}, "real", "subset horses: expected images; seen: photos/cats"),
        ({"subset": "photos/horses", "layout": "splits"}, "real", "subset photos/horses"),
    ],
)  # fmt: skip
def test_a_layout_that_finds_nothing_says_what_was_expected_and_seen(tmp_path, source, label, message):
    tree(tmp_path, "photos/cats/a.png", "photos/dogs/b.png", "real/c.png")
    with pytest.raises(ValueError, match=message):
        entries(pool(tmp_path, label, **source))


def test_groups_are_captured_from_the_stem_and_shared_over_pools(tmp_path):
    tree(tmp_path, "real/0007_photo.jpg", "real/0008_photo.tar.jpg", "fake/adm-0007.png", "fake/sd14-0007.v2.png")
    group = r"(?:^|-)(\d{4})"
    real = {entry.path: entry.group for entry in entries(pool(tmp_path, layout="real_fake", group=group))}
    fake = {entry.path: entry.group for entry in entries(pool(tmp_path, "fake", layout="real_fake", group=group))}
    assert real == {"real/0007_photo.jpg": "0007", "real/0008_photo.tar.jpg": "0008"}
    assert set(fake.values()) == {"0007"}
    rows = build(pool(tmp_path, "fake", layout="real_fake", group=group), 0, 0.15, 0.3)
    assert rows["group"].to_pylist() == ["0007", "0007"] and len(set(rows["split"].to_pylist())) == 1


@pytest.mark.parametrize("group", [r"photo_(\d+)", r"^(x?)", r"a|(b)"])
def test_a_group_that_finds_nothing_is_refused_with_an_example(tmp_path, group):
    tree(tmp_path, "photo_1.png", "picture_2a.png") if "photo" in group else tree(tmp_path, "a.png", "picture_2a.png")
    with pytest.raises(
        ValueError, match=r"finds nothing in the names of [12] of 2 images \(first: (picture_2a|a)\.png"
    ):
        entries(pool(tmp_path, group=group))


def test_a_group_torn_by_folders_of_splits_is_refused(tmp_path):
    tree(tmp_path, "train/7_a.png", "test/7_b.png")
    with pytest.raises(ValueError, match="Group '7' has images in test and in"):
        build(pool(tmp_path, layout="splits", group=r"^(\d+)"), 0, 0.15, 0.3)


def test_other_kinds_are_listed_the_same_way_and_state_folders_are_passed_over(tmp_path, caplog):
    tree(tmp_path, "real/a.png", "fake/b.png", ".crossgen/real/c.png", "deep/.crossgen/real/d.png")
    archive = ArchiveSource(kind="archive", root=str(tmp_path), layout="real_fake", url="a.zip", sha256="0" * 64)
    hub = HuggingFaceSource(
        kind="huggingface", root=str(tmp_path), layout="real_fake", repository="a/b", revision="0" * 40
    )
    for source in (archive, hub):
        given = Pool(name="mine", label="real", source=source)
        assert [row["path"] for row in folder.entries(source, given)] == ["real/a.png", "deep/.crossgen/real/d.png"]
    assert not caplog.text


def test_names_that_are_not_utf8_and_links_keep_their_places(tmp_path):
    root = tmp_path / "root"
    tree(root, "train/fake/a.png")
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    (root / os.fsdecode(b"caf\xe9") / "train").mkdir()
    (root / os.fsdecode(b"caf\xe9") / "train" / "real").symlink_to(tree(tmp_path / "far", "b.png"))
    (root / "train" / "real").symlink_to("nowhere")  # a folder of images that is gone is seen, not passed over
    found = {entry.path: (entry.split, entry.folder) for entry in entries(pool(root, layout="real_fake"))}
    assert found == {"caf\ufffdE9/train/real/b.png": ("train", "caf\ufffdE9"), "train/real": ("train", None)}
    assert list(splits(root, "fake", layout="real_fake")) == ["train/fake/a.png"]  # the lost folder is the other's
    assert list(splits(root, layout="real_fake", subset="caf\ufffdE9")) == ["caf\ufffdE9/train/real/b.png"]


def test_folders_of_other_pools_are_not_listed(tmp_path, monkeypatch):
    tree(
        tmp_path, "ADM/imagenet_ai_0508_adm/train/ai/115_adm_1.PNG",
        "ADM/imagenet_ai_0508_adm/train/nature/n02807133_1.JPEG", "glide/train/nature/n02807133_2.JPEG",
    )  # fmt: skip
    seen, scandir = [], os.scandir
    monkeypatch.setattr(folder.os, "scandir", lambda path: (seen.append(os.fspath(path)), scandir(path))[1])
    assert list(splits(tmp_path, layout="genimage", subset="ADM")) == [
        "ADM/imagenet_ai_0508_adm/train/nature/n02807133_1.JPEG"
    ]
    assert not [path for path in seen if path.endswith(("ADM/imagenet_ai_0508_adm/train/ai", "glide/train/nature"))]
