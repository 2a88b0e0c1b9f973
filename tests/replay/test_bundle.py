"""Bundles: the same bytes from the same run, nothing private in them, nothing altered or foreign taken from them."""

import json
import zipfile

import pyarrow.parquet as pq
import pytest
from small_run import Lab

from crossgen.__main__ import main
from crossgen.replay import bundle, slim


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.make()
    return lab


@pytest.fixture
def packed(lab, tmp_path):
    path = tmp_path / "lab.zip"
    assert main(["export", str(lab.report), "--output", str(path)]) == 0
    return path


def rewritten(path, change, sealed=True):
    """The same zip with its files (name to bytes) changed, sealed as a bundle is."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in files.items():
            archive.writestr(name, held)
        archive.comment = b"0" * bundle.SEAL
    if sealed:
        held = path.read_bytes()[: -bundle.SEAL]
        path.write_bytes(held + bundle.blake3(held).hexdigest().encode())
    return path


def retold(files, /, **changes):
    """Change bundle.json."""
    files["bundle.json"] = json.dumps(json.loads(files["bundle.json"]) | changes).encode()


def refused(path, capsys, *more):
    assert main(["verify", str(path), *more]) == 1
    return capsys.readouterr().err


def test_a_bundle_holds_what_the_run_holds(packed, capsys):
    assert main(["verify", str(packed)]) == 0
    told = capsys.readouterr().out
    assert "every claim that was checked holds" in told and "1 metrics.parquet" in told
    with zipfile.ZipFile(packed) as archive:
        assert {"bundle.json", "CITATION.bib", "results/lab/run.json"} < set(archive.namelist())
        assert all(entry.date_time == bundle.TIME for entry in archive.infolist())


def test_the_card_of_a_run_goes_with_it(lab, tmp_path):
    names = ("card.json", "card.html", "ro-crate-metadata.json")
    for name in names:
        (lab.report / name).write_text(name)
    try:
        assert main(["export", str(lab.report), "--output", str(tmp_path / "lab.zip")]) == 0
    finally:
        for name in names:
            (lab.report / name).unlink()
    with zipfile.ZipFile(tmp_path / "lab.zip") as archive:
        assert [archive.read(f"results/lab/{name}").decode() for name in names] == list(names)
    assert main(["verify", str(tmp_path / "lab.zip")]) == 0


def test_the_same_run_gives_the_same_bytes(lab, packed, tmp_path):
    assert main(["export", str(lab.report), "--output", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_no_path_of_the_disk_is_in_it(packed, lab, tmp_path):
    with bundle.opened(packed) as held:
        for path in sorted(held.run.folder.rglob("*")):
            raw = path.read_bytes() if path.is_file() else b""
            table = json.dumps(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else b""
            assert b"secret" not in raw + table and str(lab.folder).encode() not in raw + table, path
        assert json.loads((held.run.folder / "config.json").read_text())["pools"][0]["source"]["root"] is None


def test_a_config_loses_its_places_and_nothing_else():
    told = {
        "a": "/x",
        "b": ["~/y", "z", r"C:\\d", "D:/e", 3],
        "c": {"root": "images", "kind": "folder", "weights": "w"},
    }
    assert slim.without_places(told) == {
        "a": None, "b": [None, "z", None, None, 3], "c": {"root": None, "kind": "folder", "weights": None}
    }  # fmt: skip


def test_pictures_of_a_gallery_are_told_of(tmp_path, capsys):
    lab = Lab(tmp_path)
    lab.make()
    for expected, config in ((True, {"gallery": True}), (False, {"gallery": False})):
        (lab.report / "config.json").write_text(json.dumps(lab.config | {"breakdowns": config}))
        lab.tell()
        assert main(["export", str(lab.report), "--output", str(tmp_path / "x.zip")]) == 0
        assert ("small pictures of test images" in capsys.readouterr().out) == expected


def test_training_rows_can_be_left_out(lab, tmp_path, capsys):
    path = tmp_path / "tested.zip"
    assert main(["export", str(lab.report), "--tested-only", "--output", str(path)]) == 0
    with bundle.opened(path) as held:
        rows = pq.read_table(held.run.path("results/lab/manifest/adm.parquet"))
        assert set(rows["split"].to_pylist()) == {"test"} and not held.holds_all
    assert main(["verify", str(path)]) == 0
    assert "every claim that was checked holds" in capsys.readouterr().out


def test_every_altered_byte_is_noticed(packed, capsys):
    """At every place of the file: names, times, checks, data, index, seal."""
    whole = packed.read_bytes()
    for place in [*range(0, len(whole), len(whole) // 150), *range(len(whole) - 90, len(whole))]:
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"lab\.zip"), bundle.opened(packed):
            pass
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a readable bundle"), bundle.opened(packed):
        pass


def test_an_altered_file_is_named(packed, capsys):
    told = refused(rewritten(packed, lambda files: files.update({"results/lab/metrics.parquet": b"PAR1"})), capsys)
    assert "results/lab/metrics.parquet was altered: bundle.json tells of other bytes" in told
    with zipfile.ZipFile(packed) as archive:
        entry = archive.getinfo("results/lab/scores/raw.parquet")
    whole = bytearray(packed.read_bytes())
    whole[entry.header_offset + 200] ^= 255
    packed.write_bytes(bytes(whole))
    with zipfile.ZipFile(packed) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read("results/lab/scores/raw.parquet")


def test_a_bundle_whose_numbers_do_not_follow_is_told_to_lie(packed, capsys):
    """All digests in it are right."""

    def lie(files):
        name = "results/lab/run.json"
        told = json.loads(files[name])
        files["results/lab/metrics.parquet"] = files["results/lab/differences.parquet"]
        told["files"]["metrics"]["blake3"] = told["files"]["differences"]["blake3"]
        files[name] = json.dumps(told).encode()
        held = {place: bundle.blake3(files[place]).hexdigest() for place in json.loads(files["bundle.json"])["files"]}
        retold(files, files=held)

    assert main(["verify", str(rewritten(packed, lie))]) == 2
    assert "metrics.parquet: columns: claimed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda files: files.pop("bundle.json"), "holds no bundle.json"),
        (lambda files: files.update({"bundle.json": b"["}), "cannot be read"),
        (lambda files: files.update({"bundle.json": b"[]"}), "cannot be read"),
        (lambda files: retold(files, bundle_version=2), "bundle_version"),
        (lambda files: retold(files, files=None), "files"),
        (lambda files: retold(files, report="results/../.."), "which is no place of a run's results"),
        (lambda files: retold(files, report="elsewhere"), "which is no place of a run's results"),
        (lambda files: files.update({"results/lab/more.txt": b""}), "is there twice, untold or missing"),
        (lambda files: files.pop("results/lab/metrics.parquet"), "is there twice, untold or missing"),
        (lambda files: files.update({"results/../../taken": b""}), "which is no place of a run's results"),
        (lambda files: files.update({"/tmp/taken": b""}), "which is no place of a run's results"),
        (lambda files: files.update({"results\\taken": b""}), "which is no place of a run's results"),
    ],
)
def test_foreign_and_hostile_zips_are_refused(packed, tmp_path, capsys, change, expected):
    told = refused(rewritten(packed, change), capsys)
    assert expected in told and "Traceback" not in told and not (tmp_path.parent / "taken").exists()


def test_a_zip_that_unpacks_to_too_much_is_refused(packed, capsys):
    assert "over the limit of 1e-05 GB (--max-gb)" in refused(packed, capsys, "--max-gb", "0.00001")


def test_a_file_that_is_no_zip_is_refused(tmp_path, capsys):
    (tmp_path / "lab.zip").write_bytes(b"nothing of the kind")
    assert "is not a readable bundle" in refused(tmp_path / "lab.zip", capsys)


def test_a_run_with_a_missing_file_is_not_packed(lab, tmp_path, capsys):
    other = Lab(tmp_path)
    bundle.shutil.copytree(lab.folder / "results", tmp_path / "results")
    (other.report / "metrics.parquet").unlink()
    assert main(["export", str(other.report), "--output", str(tmp_path / "x.zip")]) == 1
    assert "the file of role 'metrics' is missing" in capsys.readouterr().err and not (tmp_path / "x.zip").exists()
