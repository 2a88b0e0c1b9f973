"""`crossgen audit-biases`: three tables from manifests, selections and crops."""

import json

import pandas as pd
import pytest

from crossgen import records
from crossgen.__main__ import main


def rows(pool, label, n, **facts):
    for i in range(n):
        image_id = f"{pool}/{i}"
        key = {"image_id": image_id, "path": str(i), "pool": pool, "source": "folder", "label": label, "shard": 0}
        told = {"split": ("train", "test")[i % 4 == 0], "group": image_id, "stratum": pool, "blake3": f"{pool}{i}"}
        sizes = {"width": 100 + i % 7, "height": 100, "bytes": 999, "mode": "RGB"}
        crop = {
            "crop": 0,
            "row": i,
            "crop_size": 96,
            "crop_x": 0,
            "crop_y": 0,
            "source_width": 100,
            "source_height": 100,
        }
        yield key | told | sizes | crop | {name: value(i) for name, value in facts.items()}


def write(path, found, schema):
    records.write(path, records.from_rows(list(found), schema), schema)
    return str(path)


@pytest.fixture
def given(tmp_path):
    fakes = list(rows("adm", 1, 60, format=lambda i: "PNG"))
    reals = list(rows("photos", 0, 60, format=lambda i: "JPEG", jpeg_quality=lambda i: 96))
    fakes[4]["blake3"] = fakes[1]["blake3"]  # a test image that is trained on
    fakes[2] |= {"quarantine": "truncated", "format": "JPEG"}
    chosen = [row for row in fakes[:2] + fakes[3:] + reals if row["split"] == "train"]
    aligned = [row | {"format": "JPEG", "jpeg_quality": 96} for row in chosen]
    manifests = [
        write(tmp_path / f"{name}.parquet", each, records.MANIFEST) for name, each in (("a", fakes), ("r", reals))
    ]
    selection = write(tmp_path / "selection.parquet", chosen, records.SELECTION)
    index = write(tmp_path / "index.parquet", aligned, records.CROPS)
    audited = [[subset, "adm", selection, index] for subset in ("raw", "unbiased")]
    outputs = [
        word for name in ("biases", "probes", "duplicates") for word in (f"--{name}", str(tmp_path / f"{name}.out"))
    ]
    return tmp_path, ["--manifests", *manifests, "--audited", json.dumps(audited), *outputs]


def test_three_tables(given):
    folder, options = given
    assert main(["audit-biases", *options, "--train-sets", '{"adm": ["photos", "adm"]}']) == 0
    probes = (
        pd.read_parquet(folder / "probes.out").set_index(["subset", "stage", "group"])["balanced_accuracy"].sort_index()
    )
    assert probes["raw", "before_selection", "header"] == 1  # the quarantined JPEG does not count
    assert probes["raw", "after_alignment", "detector_reads"] == 0.5
    raw, unbiased = (probes[subset, "before_selection"].to_dict() for subset in ("raw", "unbiased"))
    assert raw == unbiased
    biases = pd.read_parquet(folder / "biases.out")
    before = biases[biases["stage"] == "before_selection"]
    assert set(before["n_real"]) == {45} and set(before["n_fake"]) == {44} and "exif" not in set(biases["attribute"])
    shared = records.read(folder / "duplicates.out", records.DUPLICATES).to_pylist()
    assert [(row["relation"], row["files"], row["examples"]) for row in shared] == [
        ("across_split", 1, '[["adm/4", "adm/1"]]')
    ]


def test_a_pool_without_a_manifest_is_refused(given, capsys):
    _, options = given
    assert main(["audit-biases", *options, "--train-sets", '{"adm": ["photos", "glide"]}']) == 1
    assert "names the pool 'glide', of which no manifest is given" in capsys.readouterr().err
