"""GenImage's trees in both depths, its name patterns, ImageNet's classes, and the lists of broken files."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from crossgen.config import DataverseSource, FolderSource, Pool, VolumesSource
from crossgen.data import defects, genimage, imagenet
from crossgen.data.sources import entries
from toys import ROOT

DEEP = [f"{genimage.FOLDERS[name]}/{genimage.ARCHIVES[name]}" for name in genimage.FOLDERS]
FLAT = list(genimage.FOLDERS.values())


def pool(root, label="fake", **changes):
    source = {"kind": "folder", "root": str(root), "layout": "genimage"} | changes.pop("source", {})
    return Pool(name="mine", label=label, source=FolderSource(**source), **changes)


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


@pytest.mark.parametrize(
    ("name", "folder", "index"),
    [
        ("116_biggan_00094.png", "BigGAN", 116), ("033_sdv4_00134.png", "stable_diffusion_v_1_4", 33),
        ("573_sdv5_00001_x.png", "stable_diffusion_v_1_5", 573), ("115_adm_141.PNG", "ADM", 115),
        ("GLIDE_1000_200_08_808_glide_00033.png", "glide", 808), ("GLIDE_1000_200_01_147_glide_00000.png", None, 147),
        ("glide_5_6_01_7_x.png", "glide", 7), ("208_midjourney_76.png", "Midjourney", 208),
        ("44_midjourney_19.png", "Midjourney", 44), ("0_midjourney_0.png", None, 0),
        ("717_wukong_image12.png", "wukong", 717), ("3_VQDM_1000_200_04_n.png", "VQDM", 3),
        ("999_adm_1.PNG", "ADM", 999), ("1000_adm_1.PNG", "ADM", None), ("12345_adm_1.PNG", "ADM", None),
        ("IMG_2023_01_02_123_x.png", "ADM", None), ("5.png", "ADM", None), ("5_6.png", "ADM", None),
        ("GLIDE_1000_200.png", "glide", None), ("１１_adm_1.png", "ADM", None),
    ],
)  # fmt: skip
def test_the_class_that_a_fakes_name_tells(name, folder, index):
    assert genimage.class_of(name, folder, "fake") == index


@pytest.mark.parametrize(
    ("name", "index"),
    [("n02807133_231.JPEG", 433), ("n01440764_1.JPEG", 0), ("n15075141_9.JPEG", 999), ("n00000001_1.JPEG", None),
     ("ILSVRC2012_val_00000001.JPEG", None), ("115_adm_141.PNG", None)],
)  # fmt: skip
def test_the_class_that_a_reals_name_tells(name, index):
    assert genimage.class_of(name, "ADM", "real") == index


def test_synsets_are_sorted_and_named_without_importing_timm():
    assert list(imagenet.synsets()) == sorted(imagenet.synsets()) and len(set(imagenet.synsets())) == 1000
    assert imagenet.synsets()[433] == "n02807133"
    assert imagenet.names()["n02807133"] == "bathing cap, swimming cap"
    assert all(synset in imagenet.names() for synset in imagenet.synsets())
    code = "import sys; from crossgen.data import genimage, imagenet; imagenet.names(); imagenet.synsets();"
    code += "sys.exit(bool({'timm', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "src")}).returncode == 0


def test_without_timm_the_message_names_it(monkeypatch):
    imagenet.synsets.cache_clear()
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="install timm"):
        imagenet.synsets()


@pytest.mark.parametrize("depth", [DEEP, FLAT], ids=["archives", "plain"])
def test_every_generators_folder_in_both_depths(tmp_path, depth):
    files = ["train/ai/7_x_1.png", "train/nature/n02807133_1.JPEG", "val/ai/8_x_1.PNG"]
    files.append("val/nature/ILSVRC2012_val_00000001.JPEG")
    tree(tmp_path / "GenImage", *(f"{folder}/{file}" for folder in depth for file in files))
    for root in (tmp_path, tmp_path / "GenImage"):
        found = entries(pool(root, "real"))
        assert len(found) == 16 and {entry.folder for entry in found} == set(FLAT)
        assert Counter(entry.split for entry in found) == {"train": 8, "test": 8}
        for folder in FLAT:
            mine = entries(pool(root, "fake", source={"subset": folder}))
            assert [(entry.split, entry.folder) for entry in mine] == [("train", folder), ("test", folder)]
            assert [entry.class_index for entry in mine] == [7, 8]
    for folder, inner in zip(FLAT, depth, strict=True):
        for root in {tmp_path / "GenImage" / folder, tmp_path / "GenImage" / inner}:
            assert {entry.folder for entry in entries(pool(root, "fake"))} == {folder}
            assert len(entries(pool(root, "fake"))) == 2


@pytest.mark.parametrize("depth", [DEEP, FLAT], ids=["archives", "plain"])
def test_a_subset_may_be_our_name_of_the_generator(tmp_path, depth):
    tree(tmp_path, *(f"{folder}/train/{label}/7_x_1.png" for folder in depth for label in ("ai", "nature")))
    for name, folder in genimage.FOLDERS.items():
        (found,) = entries(pool(tmp_path, source={"subset": name}))
        assert found.folder == folder
    with pytest.raises(ValueError, match="subset sd21: expected"):
        entries(pool(tmp_path, source={"subset": "sd21"}))


def test_archives_beside_each_other_and_merged_folders(tmp_path):
    tree(tmp_path, "all/imagenet_glide/val/ai/GLIDE_1_2_3_4_glide_5.png", "all/imagenet_ai/Train/AI/1_adm_1.PNG")
    found = {entry.path.split("/")[1]: entry for entry in entries(pool(tmp_path))}
    assert found["imagenet_glide"].folder == "glide" and found["imagenet_ai"].folder == "all"
    assert found["imagenet_ai"].split == "train"


def test_classes_reach_the_entries(tmp_path, caplog):
    paths = ["train/nature/n02807133_231.JPEG", "val/nature/ILSVRC2012_val_00000003.JPEG"]
    tree(tmp_path, *paths)
    train, val = entries(pool(tmp_path, "real"))
    assert (train.class_index, train.class_synset, train.class_name) == (433, "n02807133", "bathing cap, swimming cap")
    assert (val.class_index, val.class_synset, val.class_name) == (None, None, None)
    assert "the class of 1 of 2 images is unknown" in caplog.text and "ILSVRC2012_val_00000003" in caplog.text
    lists = {
        "val.txt": "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000003.JPEG 433\n",
        "tabs.txt": "ILSVRC2012_val_00000003\tn02807133\n",
        "LOC_val_solution.csv": "ImageId,PredictionString\nILSVRC2012_val_00000003,n02807133 85 1 499 272\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        _, val = entries(pool(tmp_path, "real", source={"metadata": str(tmp_path / name)}))
        assert (val.class_index, val.class_synset) == (433, "n02807133"), name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_2 7\n",
            "line 2: expected 'ILSVRC2012_val_<8 digits> <class>'",
        ),
        ("ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 1000\n", "line 2"),
        ("name,class\nILSVRC2012_val_00000001.JPEG,n00000000\n", "line 2"),
        ("65\n970\n", "is no genimage_metadata.csv: expected the columns path, generator"),
        ("", "is no genimage_metadata.csv"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, message):
    tree(tmp_path, "val/nature/ILSVRC2012_val_00000003.JPEG")
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        entries(pool(tmp_path, "real", source={"metadata": str(tmp_path / "val.txt")}))
    with pytest.raises(FileNotFoundError, match=r"gone\.csv"):
        entries(pool(tmp_path, "real", source={"metadata": str(tmp_path / "gone.csv")}))


def test_other_sources_ask_for_their_subset(tmp_path, caplog):
    paths = [f"GenImage/{folder}/{rest}" for folder in FLAT for rest in ("train/ai/7_x_1.png", "val/nature/a.JPEG")]
    paths += ["imagenet_ai_0508_adm/val/ai/8_adm_2.PNG", "GenImage/readme.png"]
    source = DataverseSource(kind="genimage_dataverse", root=str(tmp_path), subset="adm")
    found = genimage.entries(paths, Pool(name="mine", label="fake", source=source), None)
    assert [row["path"] for row in found] == [
        "GenImage/ADM/train/ai/7_x_1.png", "imagenet_ai_0508_adm/val/ai/8_adm_2.PNG",
    ]  # fmt: skip
    assert {row["folder"] for row in found} == {"ADM"} and "1 files lie outside GenImage's layout" in caplog.text
    bare = tmp_path / "ADM"
    source = VolumesSource(kind="genimage_volumes", root=str(bare), subset="adm", volumes="v")
    found = genimage.entries(["train/ai/7_x_1.png"], Pool(name="mine", label="fake", source=source), None)
    assert [row["folder"] for row in found] == ["ADM"]


def listed_defects():
    with open(Path(defects.__file__).parent / "genimage_drive_defects.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_list_holds_what_its_source_is_known_to_hold():
    rows = listed_defects()
    corrupted = Counter(row["archive"] for row in rows if row["defect"] == "corrupted")
    assert corrupted == {
        "imagenet_ai_0419_biggan": 4, "imagenet_ai_0419_sdv4": 3, "imagenet_ai_0508_adm": 6, "imagenet_glide": 1,
        "imagenet_midjourney": 3, "imagenet_ai_0424_sdv5": 3648,
    }  # fmt: skip
    labels = Counter(defect.label for defect in defects.genimage().values())
    assert labels == {"fake": 17, "real": 3648}
    fakes = [name for name, each in defects.genimage().items() if each.label == "fake"]
    assert {genimage.class_of(name, None, "fake") for name in fakes} == {116, 33, 115, 808, 208}


ADM, SD15 = "train/ai/115_adm_141.PNG", "train/nature/n03495258_20762.JPEG"
DRIVE = "stable_diffusion_v_1_5/imagenet_ai_0424_sdv5"


def defect_of(path, label, source, **changes):
    found = genimage.entries([path], Pool(name="mine", label=label, source=source, **changes), None)
    return found[0]["defect"]


def test_known_defects_by_source_kind_and_depth(tmp_path):
    folder = FolderSource(kind="folder", root=str(tmp_path), layout="genimage")
    inner = FolderSource(kind="folder", root=str(tmp_path / DRIVE), layout="genimage")
    dataverse = DataverseSource(kind="genimage_dataverse", root=str(tmp_path), subset="sd15")
    volumes = VolumesSource(kind="genimage_volumes", root=str(tmp_path), subset="sd15", volumes="v")
    told = "known_defect: corrupted, GenImage-Dataset/GenImage#2"
    assert defect_of(f"ADM/{ADM}", "fake", folder) == (
        "known_defect: corrupted, improper_png_header, GenImage-Dataset/GenImage#2"
    )
    assert defect_of(f"ADM/{ADM}", "fake", folder, known_defects=False) is None
    assert defect_of("ADM/train/ai/115_adm_140.PNG", "fake", folder) is None
    assert defect_of("ADM/imagenet_ai_0508_adm/train/nature/115_adm_141.PNG", "real", folder) is None
    assert defect_of("ADM/val/ai/115_adm_141.PNG", "fake", folder) is None
    flat = SD15.replace("train", "stable_diffusion_v_1_5/train", 1)
    assert defect_of(f"{DRIVE}/{SD15}", "real", folder) == defect_of(SD15, "real", inner) == told
    assert defect_of(flat, "real", volumes) == told
    assert defect_of(flat, "real", folder) is None  # the Dataverse copy has no archives' folders, and sound reals
    assert defect_of(flat, "real", dataverse) is defect_of(f"{DRIVE}/{SD15}", "real", dataverse) is None


def test_known_defects_reach_the_listing_of_a_folder(tmp_path):
    tree(tmp_path, *(f"{folder}/train/ai/{name}" for folder, name in zip(FLAT, "abcdefgh", strict=True)))
    tree(tmp_path, "BigGAN/train/ai/116_biggan_00081.png", "BigGAN/train/ai/116_biggan_00082.png")
    found = {entry.path: entry.defect for entry in entries(pool(tmp_path))}
    assert [path for path, defect in found.items() if defect] == ["BigGAN/train/ai/116_biggan_00081.png"]
