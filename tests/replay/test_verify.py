"""`crossgen verify`: a good run holds, and whatever is changed in it is named."""

import json
import shutil

import pytest
from small_run import Lab, change_cell

from crossgen import records
from crossgen.__main__ import main


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.make()
    return lab


@pytest.fixture
def lab(made, tmp_path):
    """A run of one's own to change."""
    shutil.copytree(made.folder / "results", tmp_path / "results")
    return Lab(tmp_path)


def verify(lab, capsys, *more):
    status = main(["verify", str(lab.report), *more])
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_good_run_holds_wherever_it_lies(lab, capsys):
    lab.report.rename(lab.folder / "results" / "moved")
    assert main(["verify", str(lab.folder / "results" / "moved")]) == 0
    told = capsys.readouterr().out
    assert "every claim that was checked holds" in told and "1 metrics.parquet" in told
    assert "by digest only: 5 files (1 scores, 3 manifest, 1 config.json)" in told


@pytest.mark.long
def test_a_changed_number_is_named_with_what_it_should_be(lab, capsys):
    change_cell(lab.report / "metrics.parquet", "value", 3, 0.123)
    status, told = verify(lab, capsys)
    assert status == 2 and "metrics.parquet: altered, run.json tells of" in told
    assert "metrics.parquet: (raw, adm, 0, adm, clean, average_precision), value: claimed 0.123, recomputed 0." in told
    lab.tell()  # a liar who knows of run.json
    status, told = verify(lab, capsys)
    assert status == 2 and "altered" not in told and "value: claimed 0.123" in told


@pytest.mark.long
def test_a_changed_logit_is_named_by_its_file_and_by_what_follows_from_it(lab, capsys):
    change_cell(lab.report / "scores" / "raw.parquet", "logit", 5, 99.0)
    status, told = verify(lab, capsys)
    assert status == 2 and "scores/raw.parquet: altered" in told and "recomputed: 0 numbers" in told
    lab.tell()
    status, told = verify(lab, capsys)
    assert status == 2 and "metrics.parquet: (raw, adm, 0, adm, clean," in told and "altered" not in told
    few = told.count("claimed")
    assert "more (--all names them)" in told
    assert verify(lab, capsys, "--all")[1].count("claimed") > few


@pytest.mark.long
def test_rows_that_are_gone_or_invented_are_named(lab, capsys):
    path = lab.report / "metrics.parquet"
    table = records.read(path, records.METRICS)
    records.write(path, table.slice(1), records.METRICS)
    status, told = verify(lab, capsys)
    assert status == 2 and "(raw, adm, 0, adm, clean, accuracy): claimed no such row, recomputed a row" in told


@pytest.mark.long
def test_a_missing_file_is_named(lab, capsys):
    (lab.report / "differences.parquet").unlink()
    status, told = verify(lab, capsys)
    assert status == 2 and "differences.parquet: the file is missing" in told
    (lab.report / "scores" / "raw.parquet").unlink()
    status, told = verify(lab, capsys)
    assert status == 2 and "scores/raw.parquet: the file is missing" in told and "every number" in told


@pytest.mark.long
def test_a_broken_file_is_a_claim_that_does_not_hold(lab, capsys):
    (lab.report / "metrics.parquet").write_bytes(b"PAR1 nothing")
    status, told = verify(lab, capsys)
    assert status == 2 and "metrics.parquet: the file: claimed not a readable Parquet file" in told


@pytest.mark.long
def test_a_manifest_that_changed_after_scoring_stops_the_replay(lab, capsys):
    path = lab.manifest("adm")
    for row in range(16):
        change_cell(path, "bytes", row, 7)
        change_cell(path, "blake3", row, "f" * 64)
    lab.tell()
    status, told = verify(lab, capsys)
    assert status == 1 and "cannot be made again" in told and "test images of pool 'adm'" in told


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"run_version": 1}, "run_version 1, expected 2: make the report again"),
        ({"folder": "../elsewhere"}, "leaves its folder"),
        ({"files": {"scores": {"path": "../../../secret", "blake3": ""}}}, "outside of the run's results"),
        ({"replay": [{"command": "prune", "words": []}]}, "'prune' is to be run again, which nobody may ask"),
        ({"replay": [{"command": "os", "words": []}]}, "a command 'os' that this crossgen does not have"),
        ({"replay": [{"command": "../x", "words": []}]}, "does not have"),
        ({"replay": [{"command": "compute-metrics", "words": ["--scores"]}]}, "cannot be read: argument --scores"),
        ({"replay": 7}, "lacks or garbles"),
        ({"files": [1]}, "lacks or garbles"),
    ],
)
def test_a_run_that_asks_for_something_else_is_refused(lab, capsys, change, expected):
    lab.tell(**change)
    status, told = verify(lab, capsys)
    assert status == 1 and expected in told and "Traceback" not in told


@pytest.mark.parametrize("place", ["/tmp/taken.parquet", "../../taken.parquet"])
def test_a_step_may_not_write_or_read_elsewhere(lab, capsys, place):
    words = [place if word.endswith("differences.parquet") else word for word in lab.step().words]
    lab.tell(replay=[{"command": "compute-metrics", "words": words}])
    status, told = verify(lab, capsys)
    assert status == 1 and "outside of its results" in told
    words = [*lab.step().words, "--train-generators", json.dumps({"adm": "/etc/passwd"})]
    lab.tell(replay=[{"command": "compute-metrics", "words": words}])
    assert verify(lab, capsys)[0] == 1


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "holds no run.json" in capsys.readouterr().err
    (tmp_path / "run.json").write_text("{")
    assert main(["verify", str(tmp_path)]) == 1
    assert "is not what crossgen writes there" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "absent")]) == 1
    assert "is not there" in capsys.readouterr().err
