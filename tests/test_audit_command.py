"""`crossgen audit` on folders of real files: verdict, exit status, page and JSON."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from crossgen.__main__ import main

KEYS = {
    "audit_version", "level", "pools", "balance", "unusable", "sampled", "undefined", "attributes", "probes",
    "duplicates", "without_digest", "near", "hints", "verdict", "given",
}  # fmt: skip


def save(path, seed, size=(64, 48), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.fixture
def biased(tmp_path):
    for i in range(14):
        save(tmp_path / "real" / f"{i}.jpg", i, quality=90)
        save(tmp_path / "fake" / f"{i}.png", 100 + i)
    return tmp_path


@pytest.fixture
def fair(tmp_path):
    for i in range(30):
        save(tmp_path / "real" / f"{i}.jpg", i, quality=(75, 90)[i % 2])
        save(tmp_path / "fake" / f"{i}.jpg", 100 + i, quality=(75, 90)[i % 2])
    return tmp_path


def audit(folder, *options, capsys=None, hints="0"):
    status = main(["audit", str(folder / "real"), str(folder / "fake"), "--hints", hints, *map(str, options)])
    return (status, capsys.readouterr()) if capsys else status


def found(folder, *options, **more):
    status = audit(folder, "--json", folder / "out.json", *options, **more)
    return status, json.loads((folder / "out.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_png_against_jpeg_is_told_and_fails(biased, capsys):
    status, told = found(biased, "--fail-above", 0.6)
    assert status == 2 and set(told) == KEYS
    verdict = told["verdict"]
    assert (verdict["status"], verdict["balanced_accuracy"], verdict["exit_status"]) == ("told", 1.0, 2)
    assert 0.5 < verdict["low"] < 1
    words = capsys.readouterr().out
    assert "told apart without looking at the picture: 100.0 %" in words
    assert "-> fake (100 %)" in words and "above --fail-above 0.6" in words
    by_name = {row["attribute"]: row for row in told["attributes"]}
    assert by_name["format"]["auc"] == 1 and by_name["width"]["reason"] == "constant: 64.0"
    assert by_name["format"]["distribution"] == {
        "kind": "values", "values": ["JPEG", "PNG"], "real": [14, 0], "fake": [0, 14], "other": {"real": 0, "fake": 0},
    }  # fmt: skip
    assert {(row["probe"], row["model"]) for row in told["probes"]} == {
        (probe, model) for probe in ("header", "header_and_geometry", "with_content") for model in ("tree", "boosting")
    }


def test_the_same_files_on_both_sides_pass(fair):
    status, told = found(fair, "--fail-above", 0.6)
    assert status == 0 and told["verdict"]["status"] == "chance"
    assert "do not tell real from fake" in told["verdict"]["words"][0]


def test_without_a_limit_a_bias_is_no_failure(biased):
    assert audit(biased) == 0


def test_a_split_against_another_is_a_leak(biased, capsys):
    for split in ("train", "test"):
        save(biased / "fake" / split / "same.png", 999)
    save(biased / "real" / "also.png", 999)
    status, told = found(biased)
    assert status == 0 and told["balance"]["splits"]["test"] == {"real": 0, "fake": 1}
    assert [row["relation"] for row in told["duplicates"]] == ["across_label"] * 2 + ["across_split"]
    words = capsys.readouterr().out
    assert "Identical files stand under both labels" in words and "Identical files stand in two splits" in words


def test_near_duplicates_are_told_when_asked(biased):
    save(biased / "real" / "near.jpg", 100, size=(128, 96), quality=70)
    assert found(biased)[1]["near"] is None
    near = found(biased, "--near")[1]["near"]
    assert [row["examples"] for row in near["rows"]] == [[["fake/0.png", "real/near.jpg"]]]
    assert near["threshold"] == 6 and near["hashed"] == 29


def test_the_kept_manifest_gives_the_same(biased):
    _, first = found(biased, "--manifest", biased / "kept.parquet")
    _, again = found(biased, "--manifest", biased / "kept.parquet")
    assert first == again == found(biased)[1]


def test_manifests_in_place_of_folders(biased, capsys):
    kept = biased / "kept.parquet"
    audit(biased, "--manifest", kept)
    assert main(["audit", "--manifests", str(kept), "--fail-above", "0.9", "--json", str(biased / "b.json")]) == 2
    capsys.readouterr()
    assert main(["audit", "--manifests", str(kept), "--near"]) == 1
    assert "go with folders" in capsys.readouterr().err


def test_a_page_of_hostile_names_is_only_text(biased):
    evil = "<img src=x onerror=alert(1)>&\"';"
    for i in range(3):
        save(biased / "fake" / f"{evil}\n{i}.png", 5000)
    (biased / "fake" / f"{evil}.png").write_bytes(b"")
    page = biased / "out.html"
    assert audit(biased, "--html", page, "--near", hints="3") == 0
    text = page.read_text()
    assert "<img" not in text and "&lt;img src=x" in text
    assert not re.search(r"<script|https?://|url\(|@import|<link", text) and "default-src 'none'" in text
    assert "Biased" in text and "<svg" in text and "empty" in text
    for heading in ("What was given", "All file facts together", "One fact alone", "there twice", "Hints", "left out"):
        assert heading in text


def test_hints_look_at_pixels(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(12):
        noise = np.cumsum(rng.normal(size=(160, 160, 3)), axis=i % 2) * 5 + 128
        picture = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
        (tmp_path / "real").mkdir(exist_ok=True)
        (tmp_path / "fake").mkdir(exist_ok=True)
        picture.save(tmp_path / "real" / f"{i}.png")
        picture.save(tmp_path / "was.jpg", quality=80)
        Image.open(tmp_path / "was.jpg").crop((3, 5, 160, 160)).save(tmp_path / "fake" / f"{i}.png")
    _, told = found(tmp_path, hints="12")
    assert told["hints"]["real"]["was_jpeg"]["found"] == 0
    assert told["hints"]["fake"]["was_jpeg"] == {"of": 12, "found": 12} == told["hints"]["fake"]["shifted"]
    assert any(words.startswith("Hint from pixels") for words in told["verdict"]["words"])


def test_far_more_fakes_than_reals(tmp_path):
    for i in range(12):
        save(tmp_path / "real" / f"{i}.jpg", i, size=(16, 16))
    for i in range(400):
        save(tmp_path / "fake" / f"{i}.png", i, size=(16, 16))
    status, told = found(tmp_path, "--fail-above", 0.6)
    assert status == 2 and told["verdict"]["balanced_accuracy"] == 1
    assert told["sampled"] == "a sample by hash: 120 of 400 fakes"
    assert any("unbalanced" in words for words in told["verdict"]["words"])


@pytest.mark.parametrize("kept", [0, 1, 9])
def test_too_few_images_are_no_number(biased, kept, capsys):
    for path in sorted((biased / "fake").iterdir())[kept:]:
        path.write_bytes(b"")
    status, told = found(biased)
    assert status == 0 and told["verdict"]["status"] == "unknown" and told["unusable"]["images"] == 14 - kept
    assert all(row["balanced_accuracy"] is None and row["reason"] for row in told["probes"])
    assert all(row["auc"] is None for row in told["attributes"])
    why = "no usable fakes" if not kept else "at least 10 of each label are needed"
    assert why in told["verdict"]["words"][0]
    capsys.readouterr()
    assert audit(biased, "--html", biased / "out.html") == 0 and "No verdict" in (biased / "out.html").read_text()
    status, printed = audit(biased, "--fail-above", 0.6, capsys=capsys)
    assert status == 1 and "cannot be decided" in printed.err


def test_all_copies_of_one_image_are_too_few(biased):
    for path in (biased / "fake").iterdir():
        save(path, 1)
    assert "1 image" in found(biased)[1]["undefined"] or "different" in found(biased)[1]["undefined"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["{}/real"], "give the folder of the reals, then"),
        ([], "Give folders"),
        (["{}/real", "{}/fake", "--manifests", "x"], "one of the two"),
        (["{}/real", "{}/real"], "are the same folder"),
        (["{}", "{}/real"], "lie one in the other"),
        (["{}/real", "{}/none"], "no such folder"),
        (["{}/real", "{}/fake", "--fail-above", "1"], "0.5 is guessing"),
        (["{}/real", "{}/fake", "--fail-above", "0.3"], "0.5 is guessing"),
        (["{}/real", "{}/fake", "--group", "(x"], "regular expression"),
        (["{}/real", "{}/fake", "--near", "--near-bits", "17"], "0 to 16"),
        (["{}/real", "{}/fake", "--hints", "-1"], "at least 0"),
        (["--manifests", "{}/none.parquet"], "none.parquet"),
    ],
)
def test_refusals_are_one_message_and_status_1(biased, options, message, capsys):
    assert main(["audit", *(each.format(biased) for each in options)]) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


@pytest.mark.parametrize("options", [["--fial-above", "0.6"], ["--fail-above", "much"]])
def test_wrong_usage_is_no_verdict(biased, options, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["audit", str(biased / "real"), str(biased / "fake"), *options])
    assert stopped.value.code == 1 and "error:" in capsys.readouterr().err
