"""GenImage's deposit whole: every file verified, images out of the parts; and the server's list of them."""

import json
import os
import shutil
from collections import namedtuple

import pytest

from crossgen.data import sources
from crossgen.data.fetch import fetch
from crossgen.data.fetch.deposit import ask, remembered
from loopback import Loopback
from toy_deposit import HELD, PARTS, brought, expected, pool_of, source_of


@pytest.mark.parametrize("connections", [1, 5])
def test_whole_files_are_verified_and_a_second_run_asks_for_none(server, tmp_path, connections):
    source = source_of(server, tmp_path, mode="whole", connections=connections)
    told = fetch(source)
    assert {name: (tmp_path / name).read_bytes() for name in HELD} == HELD
    assert told["files"] == told["fetched"] == len(HELD) and told["bytes"] == sum(map(len, HELD.values()))
    server.forget()
    assert fetch(source) == told | {"fetched": 0} and server.asked("GenImage|txt|csv") == 0


def test_the_images_come_out_of_the_parts(server, tmp_path):
    fetch(source_of(server, tmp_path, mode="whole"))
    server.forget()
    found = sources.entries(pool_of(server, tmp_path, "real", mode="whole", subset="glide"))
    assert brought(tmp_path) == expected("glide/", "nature/") and len(found) == 36 and server.requests == []
    (tmp_path / PARTS[2]).write_bytes(b"changed")
    with pytest.raises(ValueError, match=f"1 of 9 parts .*first: {PARTS[2]}.*--continue"):
        sources.entries(pool_of(server, tmp_path, "fake", mode="whole"))


def test_wrong_truncated_and_missing_files_are_fetched_again(server, tmp_path):
    source = source_of(server, tmp_path, mode="whole")
    fetch(source)
    part = tmp_path / PARTS[2]
    data = part.read_bytes()
    part.write_bytes(data[:1000] + b"?" + data[1001:])
    (tmp_path / PARTS[3]).write_bytes((tmp_path / PARTS[3]).read_bytes()[:5000])
    (tmp_path / PARTS[0]).unlink()
    os.utime(tmp_path / PARTS[5], ns=(1, 1))
    server.forget()
    assert fetch(source)["fetched"] == 4
    assert server.sent() - server.sent("api") == len(data) + len(HELD[PARTS[3]]) - 5000 + len(HELD[PARTS[0]])
    assert {name: (tmp_path / name).read_bytes() for name in HELD} == HELD


def test_a_part_that_stays_wrong_fails_the_run_and_keeps_the_others(server, tmp_path):
    server.spoil(PARTS[2], "corrupt", times=-1)
    with pytest.raises(ValueError, match=r"1 faults among 11 files.*GenImage.z002 .*md5 .* instead of .*3 times"):
        fetch(source_of(server, tmp_path, mode="whole"))
    assert {path.name for path in tmp_path.iterdir()} == {*HELD, ".crossgen"} - {PARTS[2]}


def test_a_dead_line_is_given_up(server, tmp_path):
    for name in HELD:
        server.spoil(name, "status", times=-1, status=500)
    with pytest.raises(ValueError, match="faults among 11 files"):
        fetch(source_of(server, tmp_path, mode="whole", connections=1))
    assert len({each.name for each in server.requests}) <= 1 + 10


@pytest.mark.parametrize("mode", ["whole", "partial"])
def test_without_room_nothing_is_fetched(server, tmp_path, monkeypatch, mode):
    pool = pool_of(server, tmp_path / "in", mode=mode, metadata=mode == "whole")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 90_000))
    with pytest.raises(OSError, match=r"\(0\.\d{3} GB\) more are needed below .*in, 90,000 are free: make room"):
        fetch(pool.source)
        sources.entries(pool)
    assert server.sent(r"\.z|txt|csv") < 30_000 and not brought(tmp_path / "in")


@pytest.mark.parametrize("kind", ["MD5", "SHA-1", "SHA-256", "SHA-512"])
def test_all_checksums_of_dataverse(server, kind, tmp_path):
    import hashlib

    def digests(listing):
        for item in listing["data"]["latestVersion"]["files"]:
            data, name = item["dataFile"], item["dataFile"]["filename"]
            value = hashlib.new(kind.lower().replace("-", ""), HELD[name]).hexdigest()
            del data["md5"]
            data["checksum"] = {"type": kind, "value": value}
        return listing

    server.listing = digests
    assert fetch(source_of(server, tmp_path, mode="whole"))["fetched"] == len(HELD)


def test_only_md5_and_folders_of_the_list(tmp_path):
    with Loopback({f"data/{name}" if ".z" in name else name: data for name, data in HELD.items()}) as server:
        server.listing = lambda told: json.loads(json.dumps(told).replace('"checksum"', '"other"'))
        fetch(source_of(server, tmp_path, mode="whole"))
        sources.entries(pool_of(server, tmp_path, mode="whole"))
    assert (tmp_path / "data" / PARTS[0]).read_bytes() == HELD[PARTS[0]]
    assert brought(tmp_path) == expected("ADM/", "ai/")


def test_a_table_that_the_installation_has_turned_is_fetched_as_deposited(server):
    def turned(listing):
        first = listing["data"]["latestVersion"]["files"][0]["dataFile"]
        first |= {"filename": "x.tab", "filesize": 1, "originalFileName": "x.csv", "originalFileSize": 7}
        return listing

    server.listing = turned
    found = ask(server.url, "doi:1").files[0]
    assert (found.name, found.size) == ("x.csv", 7) and found.address.endswith("?format=original")


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (lambda told: {"status": "ERROR", "message": "not found"}, "something else than a list of the files"),
        (lambda told: [], "something else than a list"),
        (lambda told: json.loads(json.dumps(told).replace(PARTS[3], "x")), r"missing: \[3\]"),
        (lambda told: json.loads(json.dumps(told).replace(PARTS[3], PARTS[4])), "twice|once"),
        (lambda told: json.loads(json.dumps(told).replace(PARTS[3], f"../{PARTS[3]}")), "leads out of the folder"),
        (lambda told: json.loads(json.dumps(told).replace('"md5"', '"a"').replace('"checksum"', '"b"')), "no checksum"),
    ],
)
def test_lists_that_are_none(server, tmp_path, listing, reason):
    server.listing = listing
    with pytest.raises(ValueError, match=reason):
        fetch(source_of(server, tmp_path))
    assert server.asked(r"\.z") == 0


def test_a_new_version_of_the_data_set_is_noticed(server, tmp_path):
    source = source_of(server, tmp_path, mode="whole")
    fetch(source)
    server.files["corrupted_files.txt"] = b"another list\n"
    assert fetch(source)["fetched"] == 1
    assert (tmp_path / "corrupted_files.txt").read_bytes() == b"another list\n"
    assert remembered(tmp_path, server.url, "doi:other") is None


@pytest.mark.parametrize("mode", ["whole", "partial"])
def test_an_installation_that_serves_the_bytes_itself(server, tmp_path, mode):
    server.is_direct = True
    source = source_of(server, tmp_path, mode=mode)
    fetch(source)
    sources.entries(pool_of(server, tmp_path, mode=mode))
    assert brought(tmp_path) == expected("ADM/", "ai/") and not server.resolved


def test_a_kept_directory_that_is_damaged_is_read_anew(server, tmp_path):
    fetch(source_of(server, tmp_path))
    (kept,) = (tmp_path / ".crossgen").glob("directory-*.parquet")
    kept.write_bytes(kept.read_bytes()[:100])
    sources.entries(pool_of(server, tmp_path))
    assert brought(tmp_path) == expected("ADM/", "ai/")
