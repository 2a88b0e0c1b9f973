"""Files read at both ends tell the same as whole files, but for what the head of `crossgen.data.images` names."""

import os
from dataclasses import replace

import pytest
from PIL import Image

from crossgen.data import facts, reading
from crossgen.data.images import Unusable, decode, read_header
from mutations import chunk, corpus, mutant, rarer, saved
from toys import photograph

SEED, FILES = 4, 400


def at_ends(path):
    return facts._facts_at(path, hashed=False)


def whole(path):
    return facts._facts_at(path, hashed=True)


def told(path, blob, read):
    path.write_bytes(blob)
    return dict(zip(facts.NAMES, read(path), strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("head", "tail"), [(64, 16), (700, 300)])
def test_both_ends_tell_what_the_whole_file_tells(tmp_path, monkeypatch, head, tail):
    monkeypatch.setattr(reading, "HEAD", head)
    monkeypatch.setattr(reading, "TAIL", tail)
    files, at_end_only, differing = corpus(), 0, 0
    blobs = [*files.values(), *rarer().values(), *(mutant(files, SEED, number)[2] for number in range(FILES))]
    for blob in blobs:
        found, expected = (told(tmp_path / "file", blob, read) for read in (at_ends, whole))
        at_end_only += reading.read_ends(tmp_path / "file")[1] is not None
        assert found["blake3"] is None and expected.pop("blake3") and found.pop("blake3", None) is None
        if found != expected:
            differing += 1
            late = {"undecodable": "PNG", "too_large": "JPEG"}
            assert found["quarantine"] is None and late[expected["quarantine"]] == found["format"]
            assert {**found, "quarantine": expected["quarantine"]} == expected
            with pytest.raises(Unusable, match=expected["quarantine"]):
                decode(blob)
    assert at_end_only > len(blobs) / 3 and 0 < differing < len(blobs) / 4


def test_only_the_ends_are_read(tmp_path, monkeypatch):
    blob = saved(Image.fromarray(photograph(0, 500, 375)), "JPEG", quality=96)
    taken = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda file, n, at: taken.append(n) or real(file, n, at))
    found, expected = (told(tmp_path / "file", blob, read) for read in (at_ends, whole))
    assert sum(taken) <= reading.HEAD + reading.TAIL < len(blob) / 4
    assert found == expected | {"blake3": None}
    taken.clear()
    profile = saved(Image.fromarray(photograph(0, 500, 375)), "JPEG", quality=96, icc_profile=bytes(40_000))
    assert told(tmp_path / "file", profile, at_ends)["icc"] is True
    assert 40_000 < sum(taken) < len(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_without_its_end_is_read_whole(tmp_path, kind):
    blob = saved(Image.fromarray(photograph(0, 500, 375)), kind, quality=96)
    assert told(tmp_path / "file", blob[:-20_000], at_ends)["quarantine"] == "truncated"
    padded = told(tmp_path / "file", blob + bytes(50_000), at_ends)
    assert (padded["quarantine"], padded["bytes"]) == (None, len(blob) + 50_000)
    middle = len(blob) // 2
    holed = blob[:middle] + bytes(200) + blob[middle + 200 :]
    assert read_header(holed).quarantine == (None if kind == "JPEG" else "undecodable")
    assert told(tmp_path / "file", holed, at_ends)["quarantine"] is None  # stated; decoding tells


def test_marks_behind_the_pixels_are_seen_in_whole_files_only(tmp_path):
    blob = saved(Image.fromarray(photograph(0, 500, 375)), "PNG")
    late = blob[:-12] + chunk(b"tEXt", b"parameters\0a cat") + blob[-12:]
    assert read_header(late) == replace(read_header(blob), ai_marker="sd_parameters")
    assert told(tmp_path / "file", late, at_ends)["ai_marker"] is None


def test_what_pillow_was_never_seen_to_raise_is_a_reason_too(tmp_path, monkeypatch, caplog):
    def fails(*_):
        raise AssertionError("impossible")

    monkeypatch.setattr(facts, "read_header", fails)
    for read in (at_ends, whole):
        assert told(tmp_path / "file", b"anything", read)["quarantine"] == "undecodable"
    assert "AssertionError: impossible; counted as undecodable" in caplog.text

    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(facts, "read_header", exhausted)
    with pytest.raises(MemoryError):  # says nothing of the file
        told(tmp_path / "file", b"anything", whole)
