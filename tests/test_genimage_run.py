"""From GenImage's deposit to a report: the whole workflow over a toy of it, fetched by ranges from a local server."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from checkout import Checkout
from crossgen.data.genimage import FOLDERS
from loopback import Loopback
from toy_deposit import SYNSETS, deposit
from toys import photograph, synthetic, toy_config

GENERATORS = ("adm", "biggan")
FORMS = {"adm": "{:03d}_adm_{:d}.PNG", "biggan": "{:03d}_biggan_{:05d}.png"}
TRAIN, TEST = 14, 6  # images of each of three classes, label and generator


def encoded(image, **how):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, **how)
    return stream.getvalue()


def tree():
    """Member name -> a real picture: fakes PNG of 112 px, reals JPEG of 112 to 128 px."""
    files, seed = {}, 0
    for number, generator in enumerate(GENERATORS):
        for folder, count in (("train", TRAIN), ("val", TEST)):
            for index in range(3):
                for place in range(count):
                    seed += 1
                    fake = encoded(synthetic(seed, 112, period=2 + number), format="PNG")
                    files[f"GenImage/{FOLDERS[generator]}/{folder}/ai/{FORMS[generator].format(index, place)}"] = fake
                    sides = 112 + seed % 17, 112 + 3 * seed % 17
                    real = encoded(photograph(9000 + seed, *sides), format="JPEG", quality=96)
                    stem = f"{SYNSETS[index]}_{seed}" if folder == "train" else f"ILSVRC2012_val_{3 * seed + index:08d}"
                    files[f"GenImage/{FOLDERS[generator]}/{folder}/nature/{stem}.JPEG"] = real
    files["GenImage/ADM/train/ai/115_adm_135.PNG"] = b""  # one of the 17 that are broken in every copy
    return files


def config_over(server, **members):
    source = {"kind": "genimage_dataverse", "root": "genimage", "server": server.url, "members": members}
    config = toy_config(Path("images"), GENERATORS)
    config["pools"] = [
        {"name": name, "label": label, "shards": 2, "source": source | {"subset": generator}, "max_quarantine": 0}
        for generator in GENERATORS
        for name, label in ((generator, "fake"), (f"{generator}_real", "real"))
    ]
    config["test_sets"] = [{"name": name, "fake": name, "real": f"{name}_real"} for name in GENERATORS]
    config["subsets"] = [
        {"name": "raw", "preset": "classic"},
        {
            "name": "unbiased",
            "preset": "size_constrained",
            "real": {"sides": [112, 128]},
            "align": {"jpeg_quality": "reals", "chroma_subsampling": "reals"},
            "crop": {"size": 96},
        },
    ]
    config["recipes"][0]["steps"] = 8
    return config


@pytest.mark.long
def test_from_the_deposit_to_a_report(tmp_path):
    checkout, files = Checkout(tmp_path / "run"), tree()
    with Loopback(deposit(files)) as server:
        config = config_over(server, splits=["train", "test"])
        planned = checkout.planned(config=config)
        assert (planned["fetch"], planned["download"], planned["extract_metadata"]) == (1, 4, 8)
        assert server.asked() == 0  # a dry run asks nobody
        checkout.snakemake(config=config)
        asked = server.asked()
        assert "Nothing to be done" in checkout.snakemake(config=config)
        assert server.asked() == asked

    folder = checkout.folder / "results" / "toy"
    rows = {name: pq.read_table(folder / "manifest" / f"{name}.parquet").to_pylist() for name in ("adm", "adm_real")}
    (broken,) = [row for row in rows["adm"] if row["quarantine"]]
    assert (broken["path"], broken["quarantine"]) == ("ADM/train/ai/115_adm_135.PNG", "known_defect")
    tested = [row for row in rows["adm_real"] if row["split"] == "test"]
    assert len(tested) == 3 * TEST and {row["class_index"] for row in tested} == {0, 1, 2}  # by the published table
    for row in rows["adm_real"]:
        assert (checkout.folder / "genimage" / row["path"]).read_bytes() == files[f"GenImage/{row['path']}"]
    chosen = pq.read_table(folder / "subsets/unbiased/adm.parquet").to_pandas()
    assert set(chosen[chosen["label"] == 0]["pool"]) == {"adm_real", "biggan_real"}
    assert chosen.groupby(["split", "label"]).size().unstack().diff(axis=1)[1].eq(0).all()  # as many of each label
    aligned = [
        row for path in folder.glob("drawn/unbiased/adm/adm/*/index.parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert {(row["jpeg_quality"], row["chroma_subsampling"]) for row in aligned} == {(96, "4:2:0")}
    assert {row["image_id"] for row in aligned} == set(chosen[chosen["label"] == 1]["image_id"])
    assert (folder / "report.html").is_file()


@pytest.mark.long
def test_a_sample_of_the_deposit_travels_alone(tmp_path):
    checkout, files = Checkout(tmp_path / "run"), tree()
    with Loopback(deposit(files)) as server:
        checkout.snakemake("metadata", config=config_over(server, splits=["test"], per_class=2))
        sent = server.sent(r"\.z")
    brought = [path for path in (checkout.folder / "genimage").rglob("*.*") if path.suffix.lower() in (".png", ".jpeg")]
    assert len(brought) == len(GENERATORS) * 2 * 3 * 2 and not [path for path in brought if "train" in path.parts]
    assert sent < 0.5 * sum(map(len, files.values()))
