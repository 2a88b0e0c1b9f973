"""verify-images: every byte, every pixel, against what the manifest says."""

import csv
import json
import re

import pyarrow.compute as pc
import pytest
from test_extraction import with_defects, write_listing

from crossgen import records
from crossgen.__main__ import main
from crossgen.data.manifest import describe
from crossgen.data.splits import fraction


@pytest.fixture
def verified(pools, tmp_path, capsys):
    """Describe the pools (before the test changes them), then verify; (exit status, stdout, stderr, rows)."""
    files = write_listing(pools, tmp_path / "files.parquet")

    def run(*options, ending="parquet", described=True, hashed=True):
        if described:
            manifest = describe(records.read(files, records.FILES), pools, hashed)
            records.write(tmp_path / "manifest.parquet", manifest, records.MANIFEST)
            return None
        output = tmp_path / f"verified.{ending}"
        capsys.readouterr()
        given = ["--manifest", str(tmp_path / "manifest.parquet"), "--root", str(pools), "--output", str(output)]
        status = main(["verify-images", *given, *options])
        said = capsys.readouterr()
        rows = records.read(output, records.VERIFIED) if output.suffix == ".parquet" and output.exists() else None
        return status, said.out, said.err, rows

    run.files = files
    run()
    return run


def outcomes(rows) -> dict[str, str]:
    lost = rows.filter(pc.not_equal(rows["outcome"], "sound"))
    return dict(zip(lost["path"].to_pylist(), lost["outcome"].to_pylist(), strict=True))


def test_sound_images_are_all_read(verified):
    status, out, err, rows = verified(described=False)
    assert status == 0 and not err and "144 images read whole (sound: 144)" in out
    assert rows.num_rows == 144 and outcomes(rows) == {} and rows["quarantine"].null_count == 144


def test_whatever_is_wrong_is_found(verified, pools):
    jpegs, pngs = (sorted((pools / name / "train").iterdir()) for name in ("photographs", "checker"))
    blob = jpegs[0].read_bytes()
    jpegs[0].write_bytes(blob[: len(blob) // 2] + b"\xff\xd9")  # sound by its header, and the manifest is made of it
    verified()
    jpegs[1].unlink()
    jpegs[2].write_bytes(blob)  # another picture
    blob = pngs[0].read_bytes()
    pngs[0].write_bytes(blob[:60] + bytes([blob[60] ^ 1]) + blob[61:])
    status, out, err, rows = verified(described=False)
    expected = {
        "photographs/train/000.jpg": "truncated", "photographs/train/001.jpg": "missing",
        "photographs/train/002.jpg": "changed", "checker/train/000.png": "changed",
    }  # fmt: skip
    assert status == 1 and outcomes(rows) == expected
    assert "sound: 140" in out and "changed: 2" in out
    assert "4 of 144 images are not what it calls usable" in err and "mine/checker/train/000.png (changed)" in err


def test_without_digests_sizes_are_compared_and_pixels_decoded(verified, pools):
    (first, second, *_) = sorted((pools / "checker" / "train").iterdir())
    blob = first.read_bytes()
    middle = len(blob) // 2
    first.write_bytes(blob[:middle] + bytes(40) + blob[middle + 40 :])  # its ends are sound
    from crossgen.data import reading

    with pytest.MonkeyPatch.context() as patched:  # toy images are small enough to be read whole otherwise
        patched.setattr(reading, "HEAD", 100)
        patched.setattr(reading, "TAIL", 20)
        verified(hashed=False)
    second.write_bytes(second.read_bytes() + b"\0")
    status, _, _, rows = verified(described=False)
    assert status == 1
    assert outcomes(rows) == {"checker/train/000.png": "undecodable", "checker/train/001.png": "changed"}


def test_what_is_in_quarantine_fails_nothing(verified, pools):
    (pools / "checker" / "train" / "000.png").write_bytes(b"")
    with_defects(verified.files, "checker/train/001.png")
    verified()
    status, out, _, rows = verified(described=False)
    assert status == 0 and outcomes(rows) == {"checker/train/000.png": "empty"}
    assert "the manifest has 2 of them in quarantine; 1 of these are sound" in out


def test_a_sample_is_a_function_of_seed_and_name(verified):
    _, _, _, first = verified("--fraction", "0.2", "--seed", "3", "--threads", "1", described=False)
    _, _, _, again = verified("--fraction", "0.2", "--seed", "3", "--threads", "3", described=False)
    assert first.equals(again) and 10 < first.num_rows < 50
    assert all(fraction(3, name) < 0.2 for name in first["image_id"].to_pylist())
    _, _, _, larger = verified("--fraction", "0.5", "--seed", "3", described=False)
    assert set(first["path"].to_pylist()) < set(larger["path"].to_pylist())
    _, _, _, other = verified("--fraction", "0.2", "--seed", "4", described=False)
    assert first["path"].to_pylist() != other["path"].to_pylist()


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_tables_of_other_kinds(verified, tmp_path, pools, ending):
    (pools / "checker" / "test" / "007.png").unlink()
    assert verified(described=False, ending=ending)[0] == 1
    text = (tmp_path / f"verified.{ending}").read_text(encoding="utf-8")
    rows = json.loads(text) if ending == "json" else list(csv.DictReader(text.splitlines()))
    assert len(rows) == 144 and {row["outcome"] for row in rows} == {"sound", "missing"}
    assert [row["path"] for row in rows if row["outcome"] == "missing"] == ["checker/test/007.png"]


@pytest.mark.parametrize(
    ("options", "ending", "message"),
    [
        (["--fraction", "0"], "csv", "A fraction of 0.0 cannot be verified: expected more than 0"),
        (["--fraction", "1.5"], "csv", "at most 1"),
        (["--fraction", "0.000001"], "csv", "no image was looked at: raise --fraction"),
        ([], "xlsx", r"must end in \.parquet, \.csv, \.json"),
        (["--root", "/nowhere"], "csv", "no folder /nowhere"),
        (["--manifest", "/nowhere.parquet"], "csv", "/nowhere.parquet"),
        (["--manifest", __file__], "csv", r"test_verification\.py: not a readable Parquet file"),
        (["--threads", "0"], "csv", "0 threads cannot decode anything"),
    ],
)
def test_what_cannot_be_done_is_said(verified, options, ending, message):
    status, _, err, _ = verified(*options, described=False, ending=ending)
    assert status == 1 and re.search(message, err) and "Traceback" not in err
