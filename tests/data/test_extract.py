"""Archives are unpacked whole and safely, or refused by name before anything is written."""

import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from crossgen.data.extract import Unpacking, unpack, verified
from crossgen.data.members import STATE, Member, judge

GIGABYTE = 10**9


def program(name: str) -> None:
    if not shutil.which(name) and os.environ.get("CROSSGEN_PROGRAMS") != "require":
        pytest.skip(f"the program {name} is needed")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def job(archive: Path, root: Path, limit: int = GIGABYTE) -> Unpacking:
    return Unpacking(archive, root, "f" * 64, limit)


def write_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def found(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and STATE not in path.parts
    }


IMAGES = {f"train/ai/{number}.png": os.urandom(3000 + number) for number in range(30)} | {"train/nature/é .JPEG": b"x"}
WRITERS = {
    "zip": write_zip,
    "stored.zip": lambda path, members: write_zip(path, members, zipfile.ZIP_STORED),
    "bzip2.zip": lambda path, members: write_zip(path, members, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda path, members: write_zip(path, members, zipfile.ZIP_LZMA),
    "tar": write_tar,
    "tar.gz": lambda path, members: write_tar(path, members, "w:gz"),
    "tar.bz2": lambda path, members: write_tar(path, members, "w:bz2"),
    "tar.xz": lambda path, members: write_tar(path, members, "w:xz"),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_all_files_arrive_whatever_the_archive_is_called(tmp_path: Path, ending: str) -> None:
    WRITERS[ending](tmp_path / f"a.{ending}", IMAGES)
    archive = (tmp_path / f"a.{ending}").rename(tmp_path / "download")
    facts = unpack(job(archive, tmp_path / "out"))
    assert found(tmp_path / "out") == IMAGES
    assert facts == {"files": 31, "bytes": sum(map(len, IMAGES.values()))} == verified(job(archive, tmp_path / "out"))
    assert sorted(names(tmp_path / "out" / STATE)) == ["f" * 32 + ".members"]


def test_an_archive_of_the_program_tar_with_folders_and_dots(tmp_path: Path) -> None:
    program("tar")
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/a.png").write_bytes(b"a")
    subprocess.run(["tar", "-C", tmp_path / "in", "-cf", tmp_path / "a.tar", "."], check=True)
    unpack(job(tmp_path / "a.tar", tmp_path / "out"))
    assert found(tmp_path / "out") == {"sub/a.png": b"a"}


NAMES = {
    "/etc/passwd": "absolute",
    "a/../../b.png": "'..'",
    "..": "'..'",
    "a\\b.png": "backslash",
    "..\\..\\b.png": "backslash",
    "C:b.png": "drive letter",
    "c:/b.png": "drive letter",
    "a" * 256: "longer than 255",
    ".crossgen/lock": "records",
    ".CrossGen/lock": "records",
}


@pytest.mark.parametrize("writer", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere_are_refused_before_anything_is_written(
    tmp_path: Path, name: str, writer: str
) -> None:
    archive = tmp_path / "a"
    WRITERS[writer](archive, {"good.png": b"good", name: b"bad"})
    with pytest.raises(ValueError, match=NAMES[name]) as refusal:
        unpack(job(archive, tmp_path / "out"))
    assert str(archive) in str(refusal.value)
    assert name.replace("\\", "\\\\") in str(refusal.value)
    assert not (tmp_path / "out").exists()


PAIRS = [
    ("a/B.png", "a/b.png", "case or Unicode"),
    ("A/x.png", "a/y.png", "case or Unicode"),
    ("caf\u00e9.png", "cafe\u0301.png", "case or Unicode"),
    ("\u1e9e.png", "SS.png", "case or Unicode"),
    ("a.png", "./a.png", "twice"),
    ("a//b.png", "a/b.png", "twice"),
    ("a", "a/b.png", "a folder of other"),
    ("a/b.png", "a", "a folder of other"),
]


@pytest.mark.parametrize("writer", ["zip", "tar"])
@pytest.mark.parametrize(("first", "second", "reason"), PAIRS)
def test_names_that_collide_are_refused(tmp_path: Path, first: str, second: str, reason: str, writer: str) -> None:
    archive = WRITERS[writer](tmp_path / "a", {first: b"1", second: b"2"})
    with pytest.raises(ValueError, match=reason):
        unpack(job(archive, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_folders_may_be_named_before_or_after_what_they_hold_and_twice() -> None:
    members = [
        Member("a/", "folder"),
        Member("a/b.png", "file", 1),
        Member("a", "folder"),
        Member("a/c.png", "file", 2),
    ]
    assert [file.path for file in judge(members, "x", 3)] == ["a/b.png", "a/c.png"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("evil")
        info.type, info.linkname = kind, "/etc"
        archive.addfile(info)
    with pytest.raises(ValueError, match=r"member evil is a (symbolic link|hard link|device)"):
        unpack(job(tmp_path / "a.tar", tmp_path / "out"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_of_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("evil")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(ValueError, match=r"member evil is a (symbolic link|device)"):
        unpack(job(tmp_path / "a.zip", tmp_path / "out"))


@pytest.mark.parametrize("writer", ["zip", "tar.gz"])
def test_more_than_the_limit_is_refused(tmp_path: Path, writer: str) -> None:
    archive = tmp_path / "a"
    WRITERS[writer](archive, {"a.png": bytes(600), "b.png": bytes(401)})
    with pytest.raises(ValueError, match=r"1,000 bytes \(reached at b.png\)"):
        unpack(job(archive, tmp_path / "out", 1000))
    assert unpack(job(archive, tmp_path / "out", 1001)) == {"files": 2, "bytes": 1001}


def patched(path: Path, old: bytes, new: bytes, count: int) -> None:
    data = path.read_bytes()
    assert data.count(old) == count
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_inflates_beyond_its_size_is_stopped(tmp_path: Path, method: int) -> None:
    content = bytes(5_000_000)
    archive = write_zip(tmp_path / "a.zip", {"bomb.png": content}, method)
    patched(archive, struct.pack("<L", len(content)), struct.pack("<L", 1000), 2)
    patched(archive, struct.pack("<L", zlib.crc32(content)), struct.pack("<L", zlib.crc32(bytes(1000))), 2)
    with pytest.raises(ValueError, match=r"member bomb.png holds more than the 1,000 bytes it declares"):
        unpack(job(archive, tmp_path / "out"))
    assert found(tmp_path / "out") == {}
    assert not list((tmp_path / "out" / STATE).glob("*.part"))


def overlapping(path: Path) -> Path:
    """Two directory entries of one and the same local member, as in the overlap bombs."""
    content = zlib.compress(bytes(1000))[2:-4]
    local = (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(bytes(1000)), len(content), 1000, 1, 0) + b"a"
    )
    entries = b"".join(
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            0,
            zlib.crc32(bytes(1000)),
            len(content),
            1000,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + name
        for name in (b"a", b"b")
    )
    start = len(local) + len(content)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(entries), start, 0)
    path.write_bytes(local + content + entries + end)
    return path


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"member a overlaps member b \(a zip bomb"):
        unpack(job(overlapping(tmp_path / "a.zip"), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_overlap_by_the_local_header_alone_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"a.png": b"1" * 50, "b.png": b"2"}, zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[28:30] = struct.pack("<H", 40)  # length of the extra field of the first local header
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"member a.png overlaps the one after it"):
        unpack(job(archive, tmp_path / "out"))


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    program("zip")
    (tmp_path / "a.png").write_bytes(b"secret")
    subprocess.run(["zip", "-q", "-P", "key", "a.zip", "a.png"], cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match=r"member a.png is encrypted"):
        unpack(job(tmp_path / "a.zip", tmp_path / "out"))


def test_methods_that_python_cannot_read_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"a.png": bytes(100)})
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"PK\1\2\x14\x03\x14\0\0\0\x08\0", b"PK\1\2\x14\x03\x14\0\0\0\x09\0"))
    with pytest.raises(ValueError, match=r"member a.png is compressed by method 9"):
        unpack(job(archive, tmp_path / "out"))


@pytest.mark.parametrize("writer", ["stored.zip", "zip", "tar.gz", "tar.xz", "tar.bz2"])
def test_damage_is_named_and_leaves_nothing_half_written(tmp_path: Path, writer: str) -> None:
    archive = tmp_path / "a"
    WRITERS[writer](archive, {"a.png": os.urandom(100_000)})
    data = bytearray(archive.read_bytes())
    data[50_000] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|no readable"):
        unpack(job(archive, tmp_path / "out"))
    assert not (tmp_path / "out").exists() or found(tmp_path / "out") == {}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_truncated_archive_is_refused(tmp_path: Path, writer: str) -> None:
    archive = tmp_path / "a"
    WRITERS[writer](archive, {"a.png": os.urandom(100_000), "b.png": os.urandom(100_000)})
    archive.write_bytes(archive.read_bytes()[:150_000])
    with pytest.raises(ValueError, match=r"no readable"):
        unpack(job(archive, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_tar_whose_second_header_is_damaged_does_not_end_there(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", {"a.png": bytes(512), "b.png": bytes(512)})
    data = bytearray(archive.read_bytes())
    data[1024 + 3] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"no readable zip or tar"):
        unpack(job(archive, tmp_path / "out"))


def test_a_header_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 * GIGABYTE
        archive.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ValueError, match=r"claims 8,000,\d+,\d+ bytes"):
        unpack(job(tmp_path / "a.tar", tmp_path / "out"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4 and nothing", bytes(10240)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"no readable|holds no file"):
        unpack(job(tmp_path / "a.zip", tmp_path / "out"))


def test_a_zip_behind_a_program_or_as_a_stream_is_one(tmp_path: Path) -> None:
    plain = write_zip(tmp_path / "a.zip", IMAGES)
    (tmp_path / "b.exe").write_bytes(b"MZ" + bytes(700) + plain.read_bytes())
    unpack(job(tmp_path / "b.exe", tmp_path / "out"))
    assert found(tmp_path / "out") == IMAGES

    class Stream(io.RawIOBase):
        """Cannot be sought in: sizes stand behind the members then."""

        def __init__(self) -> None:
            self.bytes = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:
            self.bytes += data
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in IMAGES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    (tmp_path / "c.zip").write_bytes(stream.bytes)
    unpack(job(tmp_path / "c.zip", tmp_path / "other"))
    assert found(tmp_path / "other") == IMAGES


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "a.zip", {"hidden.png": b"x"}).read_bytes()
    data = write_tar(tmp_path / "a.tar", {"a.zip": inner}).read_bytes().rstrip(b"\0") + bytes(1024)
    (tmp_path / "a.tar").write_bytes(data)
    unpack(job(tmp_path / "a.tar", tmp_path / "out"))
    assert found(tmp_path / "out") == {"a.zip": inner}


def test_holes_of_a_sparse_file_count_as_bytes(tmp_path: Path) -> None:
    with open(tmp_path / "a.raw", "wb") as file:
        file.write(b"start")
        file.truncate(3_000_000)
    program("tar")
    subprocess.run(["tar", "-C", tmp_path, "-S", "-cf", tmp_path / "a.tar", "a.raw"], check=True)
    assert (tmp_path / "a.tar").stat().st_size < 100_000
    with pytest.raises(ValueError, match="limit of 2,999,999 bytes"):
        unpack(job(tmp_path / "a.tar", tmp_path / "out", 2_999_999))
    unpack(job(tmp_path / "a.tar", tmp_path / "out"))
    assert (tmp_path / "out/a.raw").read_bytes() == b"start" + bytes(3_000_000 - 5)


def test_an_empty_zip_holds_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no file"):
        unpack(job(write_zip(tmp_path / "a.zip", {}), tmp_path / "out"))


def test_no_room_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossgen.data.room.shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(OSError, match=r"101 bytes .* 100 are free"):
        unpack(job(write_zip(tmp_path / "a.zip", {"a.png": bytes(101)}), tmp_path / "out"))
    assert found(tmp_path / "out") == {}


def test_a_link_below_the_root_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="out/train is a link"):
        unpack(job(write_zip(tmp_path / "a.zip", IMAGES), tmp_path / "out"))
    assert not names(tmp_path / "elsewhere")


@pytest.mark.parametrize("writer", ["zip", "tar"])
def test_a_file_of_someone_else_is_not_overwritten(tmp_path: Path, writer: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"a.png is there and is not the archive's"):
        unpack(job(WRITERS[writer](tmp_path / "a", {"a.png": b"them"}), tmp_path / "out"))
    assert found(tmp_path / "out") == {"a.png": b"mine"}


@pytest.mark.parametrize("writer", ["zip", "tar.gz"])
def test_what_differs_is_unpacked_again_and_the_rest_is_left(tmp_path: Path, writer: str) -> None:
    archive, out = tmp_path / "a", tmp_path / "out"
    WRITERS[writer](archive, IMAGES)
    unpack(job(archive, out))
    kept = (out / "train/ai/1.png").stat().st_ino
    (out / "train/ai/2.png").write_bytes(bytes(3002))
    (out / "train/ai/3.png").write_bytes(b"short")
    (out / "train/ai/4.png").unlink()
    assert verified(job(archive, out)) is None
    unpack(job(archive, out))
    assert found(out) == IMAGES
    assert (out / "train/ai/1.png").stat().st_ino == kept
    assert verified(job(archive, out)) == {"files": 31, "bytes": sum(map(len, IMAGES.values()))}


def test_a_touched_file_is_read_not_unpacked_again(tmp_path: Path) -> None:
    task = job(write_zip(tmp_path / "a.zip", IMAGES), tmp_path / "out")
    unpack(task)
    os.utime(tmp_path / "out/train/ai/1.png", (1, 1))
    assert verified(task)


def test_without_a_finished_record_nothing_counts_as_verified(tmp_path: Path) -> None:
    task = job(write_zip(tmp_path / "a.zip", IMAGES), tmp_path / "out")
    unpack(task)
    lines = task.record.path.read_bytes().splitlines(keepends=True)
    for cut in (b"", b"".join(lines[:-1]), b"".join(lines)[:-8]):
        task.record.path.write_bytes(cut)
        assert verified(task) is None
    assert unpack(task)["files"] == 31
    assert verified(task)


KILLED = """
import sys, os
from pathlib import Path
from crossgen.data import extract
archive, root, calls = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
step = {"left": calls}
def counted(call):
    def wrapped(*args, **kwargs):
        step["left"] -= 1
        if step["left"] == 0:
            os.kill(os.getpid(), 9)
        return call(*args, **kwargs)
    return wrapped
extract.os.replace = counted(os.replace)
from crossgen.data.record import Pen
Pen.note, Pen.finish = counted(Pen.note), counted(Pen.finish)
extract.zlib = type("zlib", (), {"crc32": staticmethod(counted(extract.zlib.crc32))})
extract.unpack(extract.Unpacking(archive, root, "f" * 64, 10**9))
"""


@pytest.mark.parametrize("writer", ["zip", "tar.gz"])
def test_a_kill_at_any_step_leaves_whole_files_and_is_gone_on_with(tmp_path: Path, writer: str) -> None:
    archive, out = tmp_path / "a", tmp_path / "out"
    WRITERS[writer](archive, IMAGES)
    for calls in (1, 2, 3, 4, 20, 45):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, archive, out, str(calls)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert ended.returncode == -9
        assert found(out).items() <= IMAGES.items()
        assert verified(job(archive, out)) is None
    unpack(job(archive, out))
    assert found(out) == IMAGES
    assert sorted(names(out / STATE)) == ["f" * 32 + ".members"]


@pytest.mark.long
def test_a_kill_at_a_random_time_is_gone_on_with(tmp_path: Path) -> None:
    images = {f"{number:04}.png": os.urandom(20_000) for number in range(3000)}
    archive, out = write_zip(tmp_path / "a.zip", images), tmp_path / "out"
    for seconds in (0.3, 0.5, 0.7):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, archive, out, "10000000"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        time.sleep(seconds)
        process.kill()
        process.wait()
        assert found(out).items() <= images.items()
    unpack(job(archive, out))
    assert found(out) == images
