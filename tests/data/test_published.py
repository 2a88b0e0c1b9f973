"""genimage_metadata.csv: what is looked up in it, what is refused, and its cross-check with manifests."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import FolderSource, Pool
from crossgen.data import published
from crossgen.data.crosscheck import as_markdown, compare
from crossgen.data.sources import entries

NAMES = "path,generator,mode,width,height,compression_rate,class\n"
ROWS = [
    "GenImage/ADM/train/ai/115_adm_1.PNG,ADM,train,256,256,100,115",
    "GenImage/ADM/train/ai/115_adm_2.PNG,ADM,train,256,256,100,115",
    "GenImage/ADM/train/nature/n02807133_1.JPEG,nature,train,500,375,96,433",
    "GenImage/ADM/val/ai/8_adm_1.PNG,ADM,val,256,256,100,8",
    "GenImage/ADM/val/nature/ILSVRC2012_val_00000003.JPEG,nature,val,400,300,75,65",
    "GenImage/glide/val/nature/ILSVRC2012_val_00000004.JPEG,nature,val,401,301,76,66",
    "GenImage/glide/val/ai/GLIDE_1000_200_08_808_glide_00001.png,glide,val,256,256,100,808",
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "genimage_metadata.csv"
    path.write_text(NAMES + "\n".join(ROWS) + "\n")
    return path


def test_rows_are_looked_up_by_folder_split_and_name(table):
    assert published.lookup(table, {"ADM"}, "real") == {
        ("ADM", "train"): {"n02807133_1.JPEG": (433, 96)},
        ("ADM", "val"): {"ILSVRC2012_val_00000003.JPEG": (65, 75)},
    }
    assert published.lookup(table, {"glide"}, "fake") == {
        ("glide", "val"): {"GLIDE_1000_200_08_808_glide_00001.png": (808, 100)}
    }
    assert published.lookup(table, {"VQDM"}, "real") == published.lookup(table, set(), "real") == {}


@pytest.mark.parametrize("prefix", ["", "GenImage/", "/data/a train/GenImage/", "train/ai/"])
@pytest.mark.parametrize("inner", ["", "/imagenet_ai_0508_adm"])
def test_paths_of_any_depth_tell_the_same_folder(tmp_path, prefix, inner):
    path = tmp_path / "t.csv"
    path.write_text(f"{NAMES}{prefix}ADM{inner}/val/nature/a.JPEG,nature,val,1,2,3,4\n")
    assert published.lookup(path, {"ADM"}, "real") == {("ADM", "val"): {"a.JPEG": (4, 3)}}


@pytest.mark.parametrize("kept", [len(NAMES) + 200, len(NAMES) + 250, len(NAMES) + 135])
def test_a_cut_file_is_refused(table, kept):
    table.write_bytes(table.read_bytes()[:kept])
    with pytest.raises(ValueError, match="is cut or damaged: .*Expected 7 columns, got"):
        published.lookup(table, {"ADM"}, "real")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no genimage_metadata.csv: expected the columns path, generator, mode"),
        (NAMES, "holds no row"),
        ("path,label\na,b\n", "found path, label"),
        (NAMES.replace("class", "label") + ROWS[0], "is no genimage_metadata.csv"),
        (NAMES + ROWS[0].replace("256,256", "256,wide"), "cut or damaged: .*wide"),
        (NAMES + ROWS[0].replace(",115", ",1000"), "class from 1000 to 1000: expected 0-999"),
        (NAMES + ROWS[0].replace("100,115", "101,115"), "compression_rate from 101 to 101: expected 0-100"),
        (NAMES + ROWS[0].replace("256,256", "0,256"), "width from 0 to 0: expected at least 1"),
        (NAMES + ROWS[0].replace("100,115", ",115"), "empty value of compression_rate"),
        (NAMES + ROWS[0].replace("/ai/", "/fake/"), "path 'GenImage/ADM/train/fake/115_adm_1.PNG': expected GenImage/"),
    ],
)
def test_files_that_are_none_are_refused(table, content, message):
    table.write_text(content)
    with pytest.raises(ValueError, match=message):
        list(published.batches(table))


def test_a_file_that_is_gone_and_one_that_may_be_cut(table, tmp_path, caplog):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv: expected genimage_metadata"):
        published.lookup(tmp_path / "gone.csv", {"ADM"}, "real")
    table.write_bytes(table.read_bytes()[:-1])
    assert published.lookup(table, {"glide"}, "fake") and "its last row may be cut" in caplog.text
    columns = [line.split(",")[::-1] for line in (NAMES.strip(), *ROWS)]
    table.write_text("".join(",".join(line) + "\r\n" for line in columns))  # another order and other line ends
    assert published.lookup(table, {"ADM"}, "real")["ADM", "val"] == {"ILSVRC2012_val_00000003.JPEG": (65, 75)}


def tree(root):
    for row in ROWS:
        outer, rest = row.split(",")[0].removeprefix("GenImage/").split("/", 1)
        path = root / outer / f"imagenet_{outer}" / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


@pytest.mark.parametrize("folder", ["ADM", "adm", "imagenet_ai_0508_adm"])
def test_the_listing_of_a_folder_looks_up_class_and_quality(table, tmp_path, folder, caplog):
    root = tree(tmp_path / "tree")
    (root / "ADM").rename(root / "renamed")
    (root / "renamed").rename(root / folder)
    (root / folder / "val/nature").mkdir(parents=True)
    (root / folder / "val/nature/ILSVRC2012_val_00000009.JPEG").write_bytes(b"")
    source = FolderSource(kind="folder", root=str(root), layout="genimage", subset=folder, metadata=str(table))
    found = entries(Pool(name="mine", label="real", source=source))
    told = {entry.path.rpartition("/")[2]: (entry.class_index, entry.published_quality) for entry in found}
    assert told == {
        "n02807133_1.JPEG": (433, 96), "ILSVRC2012_val_00000003.JPEG": (65, 75),
        "ILSVRC2012_val_00000009.JPEG": (None, None),
    }  # fmt: skip
    assert "1 of 3 images are not in" in caplog.text and "the class of 1 of 3 images is unknown" in caplog.text


FACTS = {"format": None, "width": None, "height": None, "jpeg_quality": None, "jpeg_quality_estimate": None,
         "class_index": None, "defect": None, "folder": None}  # fmt: skip


def manifest(path, *rows):
    """A manifest's columns, of (path, facts)."""
    told = [{"path": name} | FACTS | facts for name, facts in rows]
    names = ("path", *FACTS)
    kinds = {name: records.MANIFEST.columns[name] for name in names}
    pq.write_table(pa.table({name: pa.array([row[name] for row in told], kinds[name]) for name in names}), path)
    return path


def png(side=256, **facts):
    return {"format": "PNG", "width": side, "height": side, "folder": "ADM"} | facts


def jpeg(width, height, quality, **facts):
    sizes = {"width": width, "height": height, "jpeg_quality": quality, "jpeg_quality_estimate": quality}
    return {"format": "JPEG", "folder": "ADM"} | sizes | facts


AGREEING = [
    ("ADM/x/train/ai/115_adm_1.PNG", png(class_index=115)),
    ("ADM/x/train/ai/115_adm_2.PNG", png()),
    ("ADM/x/train/nature/n02807133_1.JPEG", jpeg(500, 375, 96, class_index=433)),
    ("ADM/x/val/ai/8_adm_1.PNG", png()),
    ("ADM/x/val/nature/ILSVRC2012_val_00000003.JPEG", jpeg(400, 300, 75, class_index=65)),
]


def test_what_agrees_agrees(table, tmp_path):
    report = compare(table, [manifest(tmp_path / "m.parquet", *AGREEING)])
    assert report["agrees"] and report["totals"]["matched"] == 5
    assert {(group["folder"], group["label"], group["split"]): group["matched"] for group in report["groups"]} == {
        ("ADM", "ai", "train"): 2, ("ADM", "ai", "val"): 1, ("ADM", "nature", "train"): 1, ("ADM", "nature", "val"): 1,
    }  # fmt: skip
    assert report["not_compared"] == [
        {"folder": "glide", "label": "ai", "split": "val", "published": 1},
        {"folder": "glide", "label": "nature", "split": "val", "published": 1},
    ]
    assert report["published_rows"] == 7 and report["published_rows_expected"] == 2_681_150
    assert "They agree." in as_markdown(report)


def changed(place, **facts):
    path, before = AGREEING[place]
    return [*AGREEING[:place], (path, before | facts), *AGREEING[place + 1 :]]


DEFECT = "known_defect: corrupted, GenImage-Dataset/GenImage#2"


@pytest.mark.parametrize(
    ("rows", "fault", "group"),
    [
        (AGREEING[1:], "missing_in_manifests", ("ai", "train")),
        ([AGREEING[0], *AGREEING[2:]], "missing_in_manifests", ("ai", "train")),
        (AGREEING[:3] + AGREEING[4:], "missing_in_manifests", ("ai", "val")),  # a whole split
        ([*AGREEING, ("ADM/x/val/ai/9_adm_1.PNG", png())], "missing_in_published", ("ai", "val")),
        (changed(0, width=255), "sizes_differ", ("ai", "train")),
        (changed(4, height=301), "sizes_differ", ("nature", "val")),
        (changed(2, jpeg_quality=95), "qualities_differ", ("nature", "train")),
        (changed(4, format="PNG", jpeg_quality=None), "qualities_differ", ("nature", "val")),
        (changed(4, class_index=66), "classes_differ", ("nature", "val")),
    ],
)
def test_each_disagreement_is_counted_where_it_is(table, tmp_path, rows, fault, group):
    report = compare(table, [manifest(tmp_path / "m.parquet", *rows)])
    found = {
        (each["label"], each["split"], name): each[name]
        for each in report["groups"]
        for name in (
            "missing_in_manifests",
            "missing_in_published",
            "sizes_differ",
            "qualities_differ",
            "classes_differ",
        )
        if each[name]
    }
    assert found == {(*group, fault): 1} and not report["agrees"]
    (example,) = next(each["examples"] for each in report["groups"] if each["examples"])[fault]
    assert example["path"].startswith("ADM/")
    assert example["path"] in as_markdown(report)


def test_what_is_no_disagreement(table, tmp_path):
    table.write_text(NAMES + "\n".join([*ROWS[:4], ROWS[4].replace(",75,", ",0,")]) + "\n")
    rows = [
        *changed(2, jpeg_quality=None, jpeg_quality_estimate=92)[:4],  # an estimate may differ from an estimate
        (AGREEING[4][0], jpeg(400, 300, 1)),  # 0 and 1 are the same tables
        ("ADM/x/train/ai/115_adm_141.PNG", {"defect": DEFECT, "folder": "ADM"}),  # not published: corrupted
        ("ADM/x/readme.png", png()),
    ]
    report = compare(table, [manifest(tmp_path / "m.parquet", *rows)])
    assert report["agrees"] and report["totals"]["known_defects"] == 1 and report["images_outside_layout"] == 1
    group = next(each for each in report["groups"] if (each["label"], each["split"]) == ("nature", "train"))
    assert (group["estimates_compared"], group["estimates_differ"], group["qualities_compared"]) == (1, 1, 0)
    assert group["estimates_largest_gap"] == 4


def test_samples_shared_pools_and_roots_of_one_generator(table, tmp_path):
    """The generator's folder may stand in the column alone; an image of two pools counts once."""
    rows = [(path.removeprefix("ADM/x/"), facts) for path, facts in AGREEING[:1]]
    one = manifest(tmp_path / "one.parquet", *rows)
    two = manifest(tmp_path / "two.parquet", ("Adm/VAL/AI/8_adm_1.PNG", png() | {"folder": None}), *AGREEING[:1])
    report = compare(table, [one, two], partial=True)
    assert report["agrees"] and report["totals"]["matched"] == 2 and report["totals"]["missing_in_manifests"] == 1
    assert not compare(table, [one, two])["agrees"]


def test_what_cannot_be_compared_is_refused(table, tmp_path):
    other = manifest(tmp_path / "other.parquet", ("photos/a.png", png()))
    with pytest.raises(ValueError, match="None of 1 manifests holds an image of GenImage's layout"):
        compare(table, [other])
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "less.parquet")
    with pytest.raises(ValueError, match="lacks the columns .*'width'"):
        compare(table, [tmp_path / "less.parquet"])
    (tmp_path / "none.parquet").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        compare(table, [tmp_path / "none.parquet"])
    table.write_text(NAMES + "\n".join([*ROWS, ROWS[0]]) + "\n")
    with pytest.raises(ValueError, match="1 files of ADM/train/ai are listed twice"):
        compare(table, [manifest(tmp_path / "m.parquet", *AGREEING)])


def test_the_command_writes_and_fails_only_if_asked(table, tmp_path, capsys):
    good, bad = manifest(tmp_path / "m.parquet", *AGREEING), manifest(tmp_path / "b.parquet", *changed(0, width=255))
    for path, name, status in ((good, "r.json", 0), (bad, "r.json", 1), (bad, "r.md", 1)):
        options = ["cross-check", "--published", str(table), "--manifests", str(path), "--output", str(tmp_path / name)]
        assert main(options) == 0
        assert main([*options, "--fail"]) == status
    assert "1 sizes that differ; see" in capsys.readouterr().err
    assert json.loads((tmp_path / "r.json").read_text())["totals"]["sizes_differ"] == 1
    assert "| ADM | ai | train | 2 | 2 | 2 | 0 | 0 | 1 |" in (tmp_path / "r.md").read_text()
