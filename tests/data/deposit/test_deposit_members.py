"""GenImage's deposit in parts: the wanted members by ranges, and few bytes more."""

import errno
import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from crossgen.data import sources
from crossgen.data.fetch import fetch, ranges
from loopback import Loopback
from toy_deposit import FILES, HELD, PARTS, awkward, brought, deposit, expected, pack, pool_of, source_of, tree


@pytest.mark.parametrize("label", ["fake", "real"])
def test_the_wanted_members_alone_are_brought(server, tmp_path, label):
    pool = pool_of(server, tmp_path, label)
    told = fetch(pool.source)
    found = sources.entries(pool)
    assert brought(tmp_path) == expected("ADM/", {"fake": "ai/", "real": "nature/"}[label])
    assert {f"GenImage/{entry.path}" for entry in found} == set(brought(tmp_path))
    assert {entry.split for entry in found} == {"train", "test"} and {entry.folder for entry in found} == {"ADM"}
    assert all(entry.class_index in (0, 1, 2) for entry in found)
    assert told["members"] == len(FILES) and told["parts"] == len(PARTS) and told["kind"] == "genimage_dataverse"


def test_bytes_of_every_cut_and_of_an_archive_without_zip64(tmp_path):
    archive = pack(FILES)
    for number, at in enumerate([awkward(archive), [], [1], list(range(5000, len(archive), 5000))]):
        with Loopback(deposit(FILES, at, zip64=number != 1)) as server:
            sources.entries(pool_of(server, tmp_path / str(number), metadata=False))
        assert brought(tmp_path / str(number)) == expected("ADM/", "ai/")


def test_an_archive_of_the_zip_program(tmp_path):
    if shutil.which("zip") is None:
        assert os.environ.get("CROSSGEN_PROGRAMS") != "require"
        pytest.skip("no zip program")
    for name, data in expected("ADM/").items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    command = ["zip", "-q", "-r", "-fz", str(tmp_path / "packed.zip"), "GenImage"]
    subprocess.run(command, check=True, cwd=tmp_path / "tree")
    data = (tmp_path / "packed.zip").read_bytes()
    with Loopback({"GenImage.z000": data[:1000], "GenImage.z001": data[1000:]}) as server:
        sources.entries(pool_of(server, tmp_path / "out", "fake", metadata=False))
    assert brought(tmp_path / "out") == expected("ADM/", "ai/")


@pytest.mark.long
def test_more_members_than_an_old_zip_can_count(tmp_path):
    """Without any patch of zipfile: over 65,535 members force its Zip64 end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(65_540):
            archive.writestr(f"GenImage/ADM/train/ai/{number % 1000:03d}_adm_{number}.PNG", b"%d" % number)
    data = buffer.getvalue()
    assert b"PK\6\6" in data
    middle = len(data) - 4_000_000
    with Loopback({"GenImage.z000": data[:middle], "GenImage.z001": data[middle:]}) as server:
        pool = pool_of(server, tmp_path, metadata=False, members={"fraction": 0.002})
        assert 80 < len(sources.entries(pool)) < 180
    for path in (tmp_path / "ADM").rglob("*.PNG"):
        assert path.read_bytes() == path.stem.rpartition("_")[2].encode()


@pytest.fixture(scope="module")
def larger():
    files = tree(per_class=16, mean=20_000)
    return files, deposit(files)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"splits": ["test"]},
        {"fraction": 0.1},
        {"fraction": 0.5, "seed": 4},
        {"per_class": 1},
        {"per_class": 5, "seed": 9},
        {"splits": ["train"], "per_class": 2},
    ],
)
def test_few_bytes_more_than_wanted_are_fetched(larger, tmp_path, members):
    files, held = larger
    with Loopback(held) as server:
        pools = [pool_of(server, tmp_path, label, subset=subset, members=members, metadata=True)
                 for subset in ("glide", "biggan") for label in ("fake", "real")]  # fmt: skip
        fetch(pools[0].source)
        directory = server.sent(r"\.z")
        server.forget()
        found = {f"GenImage/{entry.path}" for pool in pools for entry in sources.entries(pool)}
        fetched = server.sent(r"\.z")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(held[name] for name in held if ".z" in name)))
    wanted = sum(archive.getinfo(name).compress_size for name in found)
    assert found and set(brought(tmp_path)) == found
    assert fetched <= 1.15 * wanted
    assert directory <= 1.01 * (len(archive.fp.getvalue()) - archive.start_dir) + 200
    assert all(files[name] == data for name, data in brought(tmp_path).items())


def test_the_directory_is_fetched_once_over_all_pools(server, tmp_path):
    start = zipfile.ZipFile(io.BytesIO(b"".join(HELD[name] for name in PARTS))).start_dir
    lengths = [len(HELD[name]) for name in PARTS]
    starts = dict(zip(PARTS, (sum(lengths[:number]) for number in range(len(lengths))), strict=True))
    for subset in ("adm", "biggan", "glide"):
        sources.entries(pool_of(server, tmp_path, metadata=False, subset=subset))
    asked = [starts[each.name] + each.start for each in server.requests if each.name in starts]
    of_directory = [place for place in asked if place >= start]
    assert of_directory and len(of_directory) == len(set(of_directory))
    before = server.asked("api")
    server.forget()
    sources.entries(pool_of(server, tmp_path, metadata=False, subset="adm"))
    assert before == 1 and server.requests == []  # all is there: the server is not even asked


def test_neighbours_share_a_request(server, tmp_path, monkeypatch):
    fetch(source_of(server, tmp_path))
    server.forget()
    sources.entries(pool_of(server, tmp_path))  # ADM/train/ai and ADM/val/ai: two runs of neighbours, a few cuts
    assert server.asked(r"\.z") <= 6
    monkeypatch.setattr(ranges, "SHORTEST", 4000)
    monkeypatch.setattr(ranges, "LONGEST", 4000)
    server.forget()
    sources.entries(pool_of(server, tmp_path, subset="glide"))
    assert server.asked(r"\.z") > 12


@pytest.mark.parametrize("uses", [1, 2])
def test_addresses_that_expire_are_asked_for_again(tmp_path, uses):
    with Loopback(dict(HELD), uses=uses) as server:
        sources.entries(pool_of(server, tmp_path, members={"fraction": 0.3}, metadata=False))
        sources.entries(pool_of(server, tmp_path, "real", members={"fraction": 0.3}, subset="glide", metadata=False))
        assert sum(server.resolved.values()) > len(server.resolved)
    assert brought(tmp_path)


@pytest.mark.parametrize("kind", ["truncate", "corrupt", "status", "whole"])
def test_bad_replies_are_mended(server, tmp_path, kind):
    fetch(source_of(server, tmp_path))
    for name in PARTS:
        server.spoil(name, kind, headers={"Retry-After": "0"})
    server.spoil(f"redirect {PARTS[2]}", "status", status=500)
    sources.entries(pool_of(server, tmp_path))
    assert brought(tmp_path) == expected("ADM/", "ai/")


@pytest.mark.parametrize("kind", ["truncate", "status"])
def test_a_bad_line_while_the_directory_is_read(server, tmp_path, kind):
    for name in [*PARTS, "api"]:
        server.spoil(name, kind)
    assert fetch(source_of(server, tmp_path, metadata=False))["members"] == len(FILES)


def test_a_folder_that_is_a_link_to_another_disk(server, tmp_path, monkeypatch):
    move = os.replace

    def replace(start, end):
        if Path(start).parent != Path(end).parent and "ADM" in str(end):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        move(start, end)

    monkeypatch.setattr(os, "replace", replace)
    sources.entries(pool_of(server, tmp_path, metadata=False))
    assert brought(tmp_path) == expected("ADM/", "ai/")


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    pool = pool_of(server, tmp_path)
    sources.entries(pool_of(server, tmp_path, metadata=False))
    fetch(pool.source)
    images = sorted((tmp_path / "ADM").rglob("*.PNG"))
    right = images[0].read_bytes()
    images[0].write_bytes(b"other" + right[5:])  # changed
    images[1].unlink()  # gone
    os.utime(images[2], ns=(1, 1))  # touched
    (tmp_path / ".crossgen" / "members-ADM_ai.jsonl").open("ab").write(b'\n["ADM/tr')  # torn
    server.forget()
    sources.entries(pool)
    one = zipfile.ZipFile(io.BytesIO(b"".join(HELD[name] for name in PARTS))).getinfo(
        f"GenImage/{images[0].relative_to(tmp_path)}"
    )
    assert brought(tmp_path) == expected("ADM/", "ai/")
    assert 0 < server.sent(r"\.z") <= 2 * (one.compress_size + 5000)
    server.forget()
    (tmp_path / ".crossgen" / "members-ADM_ai.jsonl").unlink()  # the record is gone: the files speak for themselves
    sources.entries(pool)
    assert server.requests == []


def test_what_stays_wrong_is_named_and_the_rest_is_kept(server, tmp_path):
    held = b"".join(HELD[name] for name in PARTS)
    info = zipfile.ZipFile(io.BytesIO(held)).getinfo("GenImage/ADM/train/ai/001_adm_2.PNG")
    at = info.header_offset + 30 + len(info.filename) + 20 + info.compress_size // 2
    spoiled = held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :]
    server.files = {"GenImage.z000": spoiled}
    server.ids = {"GenImage.z000": 7}
    with pytest.raises(ValueError, match=r"ADM_ai: 1 faults among 36 files.*001_adm_2.PNG.*3 times.*Run again"):
        sources.entries(pool_of(server, tmp_path, metadata=False))
    assert len(brought(tmp_path)) == len(expected("ADM/", "ai/")) - 1


def test_a_class_that_nobody_knows(server, tmp_path):
    pool = pool_of(server, tmp_path, "real", metadata=False, members={"per_class": 1})
    with pytest.raises(
        ValueError, match="per_class: the class of ADM/val/nature/ILSVRC2012_val_.* is unknown: .*metadata"
    ):
        sources.entries(pool)


def test_a_directory_that_came_wrong_is_read_again_by_the_next_run(server, tmp_path):
    part = next(name for name in PARTS if b"PK\1\2" in HELD[name] and len(HELD[name]) > 5000 and name > PARTS[3])
    place = HELD[part].index(b"000_adm_3.PNG", HELD[part].index(b"GenImage/ADM/train/ai/")) + 8  # its number
    server.files[part] = HELD[part][:place] + b"7" + HELD[part][place + 1 :]
    pool = pool_of(server, tmp_path, metadata=False)
    with pytest.raises(ValueError, match="twice|is called"):
        sources.entries(pool)
    server.files[part] = HELD[part]
    sources.entries(pool)
    assert brought(tmp_path) == expected("ADM/", "ai/")


def test_members_outside_the_layout_are_counted(tmp_path, caplog):
    files = FILES | {"GenImage/readme.txt": b"x", "GenImage/ADN/train/ai/000_adm_0.PNG": b"y"}
    with Loopback(deposit(FILES) | {"GenImage.z000": pack(files)}) as server:
        server.files = {"GenImage.z000": pack(files)}
        server.ids = {"GenImage.z000": 1}
        told = fetch(source_of(server, tmp_path, metadata=False))
    assert told["members_outside"] == 2 and "2 members lie outside GenImage's layout" in caplog.text
