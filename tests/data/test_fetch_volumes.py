"""Multi-volume zips, made by the program zip, unpacked by 7-Zip: whole, or told what is missing or damaged."""

import csv
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from crossgen.config import Members, Pool, VolumesSource
from crossgen.data import batches as batching
from crossgen.data import sevenzip, sources, volumes
from crossgen.data.fetch import fetch
from crossgen.data.members import STATE, Member
from crossgen.data.record import Pen
from loopback import Loopback

STEM, FOLDER = "imagenet_ai_0419_biggan", "BigGAN"

if not (shutil.which("zip") and shutil.which("7zz")) and os.environ.get("CROSSGEN_PROGRAMS") != "require":
    pytest.skip("the programs zip and 7zz are needed", allow_module_level=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def draw(seed: int = 0) -> dict[str, bytes]:
    """A toy of GenImage's BigGAN archive: incompressible bytes of 3 classes and 4 images of each."""
    made = random.Random(seed)  # noqa: S311 (images)
    images = {}
    for split in ("train", "val"):
        for number in range(4):
            for index in (0, 1, 433):
                images[f"{split}/ai/{index:03}_biggan_{number:05}.png"] = made.randbytes(20_000)
            name = f"n02807133_{number}.JPEG" if split == "train" else f"ILSVRC2012_val_0000{number:04}.JPEG"
            images[f"{split}/nature/{name}"] = made.randbytes(9_000)
    return images


IMAGES = draw()


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volumes of 64 KiB: .z01 to .z08 and .zip."""
    folder = tmp_path_factory.mktemp("packed")
    return pack(folder, IMAGES, f"{STEM}/")


def pack(folder: Path, images: dict[str, bytes], top: str, volume: str = "64k") -> Path:
    for name, content in images.items():
        (folder / "in" / top / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / top / name).write_bytes(content)
    (folder / "volumes").mkdir()
    command = ["zip", "-q", "-r", "-s", volume, f"../volumes/{STEM}.zip", "."]
    subprocess.run(command, cwd=folder / "in", check=True)
    return folder / "volumes"


@pytest.fixture
def at_hand(tmp_path: Path, packed: Path) -> Path:
    """A copy of the volumes, for damage, and their checksums."""
    copied = shutil.copytree(packed, tmp_path / "volumes")
    list_sums(tmp_path, copied)
    return copied


def list_sums(folder: Path, copied: Path) -> None:
    rows = [
        (path.name, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())
        for path in sorted(copied.iterdir())
    ]
    (folder / "md5.csv").write_text("volume,md5\n" + "".join(f"{name},{md5}\n" for name, md5 in rows))


def source(folder: Path, **more: object) -> VolumesSource:
    facts = {"root": str(folder / "out"), "volumes": str(folder / "volumes"), "checksums": str(folder / "md5.csv")}
    return VolumesSource(kind="genimage_volumes", subset="biggan", **(facts | more))


def unlisted(folder: Path, **more: object) -> VolumesSource:
    """A source of an archive that the list of checksums does not name."""
    (folder / "other.csv").write_text("volume,md5\n")
    return source(folder, checksums=str(folder / "other.csv"), **more)


def found(folder: Path) -> dict[str, bytes]:
    root = folder / "out"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and STATE not in path.parts
    }


WHOLE = {f"{FOLDER}/{STEM}/{name}": content for name, content in IMAGES.items()}
FACTS = {"kind": "genimage_volumes", "archive": STEM, "volumes": 9, "damaged_members": 0, "files": 32, "bytes": 552_000}


def pool(origin: VolumesSource, label: str = "fake") -> Pool:
    return Pool(name="biggan", label=label, source=origin)


def test_the_list_of_the_drive_copy_has_its_volumes() -> None:
    listed = volumes.published()
    assert len(listed) == 207
    assert listed[f"{STEM}.zip"] == "03b8a8003ea2be5b9f92b4ee9f18692c"
    counts = {"biggan": 8, "midjourney": 71, "sdv4": 30, "sdv5": 31, "adm": 13, "glide": 11, "wukong": 31, "vqdm": 12}
    for ending, count in counts.items():
        assert sum(name.rpartition(".")[0].endswith(ending) for name in listed) == count


@pytest.mark.parametrize("make", [source, unlisted])
def test_volumes_are_unpacked_below_their_generator(tmp_path: Path, at_hand: Path, make) -> None:
    assert len(names(at_hand)) == 9
    assert fetch(make(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE
    left = {f"{STEM}.lock", f"{STEM}.members", f"{STEM}.unpack_errors.csv", f"{STEM}.volumes.json"}
    assert set(names(tmp_path / "out" / STATE)) == left


def test_the_trap_unzip_calls_these_volumes_a_bomb(packed: Path) -> None:
    told = subprocess.run(["unzip", "-t", packed / f"{STEM}.zip"], capture_output=True, text=True)
    assert told.returncode
    assert "overlapped components (possible zip bomb)" in told.stdout + told.stderr


@pytest.mark.parametrize("top", ["", f"{FOLDER}/", f"{FOLDER}/{STEM}/"])
def test_other_depths_end_below_the_generator_too(tmp_path: Path, top: str) -> None:
    pack(tmp_path, IMAGES, top)
    fetch(unlisted(tmp_path))
    inner = f"{STEM}/" if STEM in top else ""
    assert found(tmp_path) == {f"{FOLDER}/{inner}{name}": content for name, content in IMAGES.items()}


def test_names_that_browsers_gave_and_folders_are_understood(tmp_path: Path, at_hand: Path) -> None:
    (at_hand / "deep" / "er").mkdir(parents=True)
    (at_hand / f"{STEM}.z01").rename(at_hand / "deep" / f"{STEM}-001.z01")
    (at_hand / f"{STEM}.z02").rename(at_hand / "deep" / "er" / f"{STEM}.z02-014")
    (at_hand / f"{STEM}.zip").rename(at_hand / f"{STEM}-009.zip")
    (at_hand / "imagenet_glide.z01").write_bytes(b"another generator's")
    assert fetch(source(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE


def test_a_volume_that_is_there_twice_is_refused(tmp_path: Path, at_hand: Path) -> None:
    shutil.copy(at_hand / f"{STEM}.z01", at_hand / f"{STEM}-001.z01")
    with pytest.raises(ValueError, match=rf"are both volume {STEM}.z01"):
        fetch(source(tmp_path))


def test_missing_and_extra_volumes_are_listed(tmp_path: Path, at_hand: Path) -> None:
    (at_hand / f"{STEM}.z03").unlink()
    (at_hand / f"{STEM}.z05").rename(at_hand / f"{STEM}.z55")
    with pytest.raises(
        ValueError, match=rf"2 of 9 volumes are missing \({STEM}.z03, {STEM}.z05\); 1 are not of .*{STEM}.z55\)"
    ):
        fetch(source(tmp_path))
    assert found(tmp_path) == {}


@pytest.mark.parametrize("damage", [b"", None])
def test_differing_volumes_are_listed(tmp_path: Path, at_hand: Path, damage: bytes | None) -> None:
    volume = at_hand / f"{STEM}.z03"
    volume.write_bytes(volume.read_bytes()[:-1] + b"?" if damage is None else damage)
    size = "65,536" if damage is None else "0"
    with pytest.raises(
        ValueError, match=rf"1 of 9 volumes differ from .*{STEM}.z03 \({size} bytes, MD5 [0-9a-f]+, exp"
    ):
        fetch(source(tmp_path))
    assert found(tmp_path) == {}


def test_without_a_list_of_ones_own_the_published_one_holds(tmp_path: Path, at_hand: Path) -> None:
    with pytest.raises(ValueError, match=rf"1 are not of this archive .*{STEM}.z08"):
        fetch(source(tmp_path, checksums=None))
    (at_hand / f"{STEM}.z08").unlink()
    with pytest.raises(ValueError, match=r"8 of 8 volumes differ from the list of the Google Drive copy"):
        fetch(source(tmp_path, checksums=None))


def test_an_unlisted_archive_lacking_a_volume_is_refused(tmp_path: Path, at_hand: Path) -> None:
    (at_hand / f"{STEM}.z03").unlink()
    with pytest.raises(ValueError, match=rf"volume {STEM}.z03 is missing"):
        fetch(unlisted(tmp_path))
    (at_hand / f"{STEM}.zip").unlink()
    with pytest.raises(ValueError, match=rf"no volume {STEM}.zip"):
        fetch(unlisted(tmp_path))
    assert found(tmp_path) == {}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, at_hand: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fetch(source(tmp_path, volumes=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("volume,sum\n", "expected volume and md5"),
        ("volume,md5\na.zip,12\n", "is no MD5"),
        (f"volume,md5\na.zip,{'0' * 32}\na.zip,{'0' * 32}\n", "line 3: a.zip twice"),
        ("volume,md5\na.zip,\n", "line 2: an empty value"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path: Path, at_hand: Path, text: str, reason: str) -> None:
    (tmp_path / "md5.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        fetch(source(tmp_path))


def damaged_members(folder: Path) -> dict[str, str]:
    with open(folder / "out" / STATE / f"{STEM}.unpack_errors.csv", newline="") as lines:
        return {row["path"]: row["reason"] for row in csv.DictReader(lines)}


def test_damaged_members_are_left_out_and_listed_with_their_defect(tmp_path: Path, at_hand: Path) -> None:
    volume = at_hand / f"{STEM}.z04"
    data = bytearray(volume.read_bytes())
    data[30_000] ^= 0xFF
    volume.write_bytes(data)
    facts = fetch(unlisted(tmp_path))
    errors = damaged_members(tmp_path)
    assert facts == FACTS | {"damaged_members": 1, "files": 31, "bytes": facts["bytes"]}
    assert set(errors.values()) <= {"CRC Failed", "Data Error"}
    assert found(tmp_path) == {name: content for name, content in WHOLE.items() if name not in errors}
    origin = unlisted(tmp_path)
    listed = [*sources.entries(pool(origin)), *sources.entries(pool(origin, "real"))]
    assert {entry.path for entry in listed} == set(WHOLE)
    assert {entry.path: entry.defect for entry in listed if entry.defect} == {
        path: f"damaged in {STEM}: {reason}" for path, reason in errors.items()
    }
    assert fetch(unlisted(tmp_path)) == facts


def test_an_empty_volume_of_an_unlisted_archive_costs_its_members_alone(tmp_path: Path, at_hand: Path) -> None:
    (at_hand / f"{STEM}.z04").write_bytes(b"")
    facts = fetch(unlisted(tmp_path))
    assert 0 < facts["damaged_members"] == 32 - facts["files"] < 10
    assert found(tmp_path) == {
        name: content for name, content in WHOLE.items() if name not in damaged_members(tmp_path)
    }


def test_a_volume_repaired_later_brings_the_missing_ones(tmp_path: Path, at_hand: Path, packed: Path) -> None:
    (at_hand / f"{STEM}.z04").write_bytes(b"")
    fetch(unlisted(tmp_path))
    shutil.copy(packed / f"{STEM}.z04", at_hand)
    assert fetch(unlisted(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE
    assert damaged_members(tmp_path) == {}


def test_a_second_run_reads_neither_volumes_nor_images(
    tmp_path: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(source(tmp_path))
    monkeypatch.setattr("crossgen.data.fetch.volumes.digest_of", None)
    monkeypatch.setattr("crossgen.data.record.crc_of", None)
    monkeypatch.setattr(sevenzip, "program", None)
    assert fetch(source(tmp_path)) == FACTS
    shutil.rmtree(at_hand)
    at_hand.mkdir()
    assert fetch(source(tmp_path)) == FACTS


def test_a_changed_image_is_unpacked_again(tmp_path: Path, at_hand: Path) -> None:
    fetch(source(tmp_path))
    name = next(iter(WHOLE))
    (tmp_path / "out" / name).write_bytes(b"x")
    assert fetch(source(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE


def test_a_volume_that_changed_since_is_read_again(tmp_path: Path, at_hand: Path) -> None:
    fetch(source(tmp_path))
    (at_hand / f"{STEM}.z01").write_bytes(b"")
    with pytest.raises(ValueError, match="1 of 9 volumes differ"):
        fetch(source(tmp_path))


def test_another_archive_in_the_same_place_is_refused(tmp_path: Path, at_hand: Path) -> None:
    fetch(unlisted(tmp_path))
    shutil.rmtree(at_hand)
    shutil.rmtree(tmp_path / "in", ignore_errors=True)
    pack(tmp_path, {"train/ai/000_biggan_99999.png": b"new"}, f"{STEM}/")
    with pytest.raises(ValueError, match="holds 32 files of other volumes"):
        fetch(unlisted(tmp_path))
    shutil.rmtree(tmp_path / "out" / FOLDER)
    assert fetch(unlisted(tmp_path))["files"] == 1
    assert fetch(unlisted(tmp_path))["files"] == 1


def test_someone_elses_file_is_not_overwritten(tmp_path: Path, at_hand: Path) -> None:
    name = next(iter(WHOLE))
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_bytes(b"mine")
    with pytest.raises(ValueError, match="is there and is not the archive's"):
        fetch(source(tmp_path))
    assert found(tmp_path) == {name: b"mine"}


def write_single(folder: Path, members: dict[str, bytes]) -> None:
    (folder / "volumes").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "volumes" / f"{STEM}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/abs/x.png", "absolute"),
        ("a/../../b.png", r"'\.\.'"),
        ("a\\b.png", "backslash"),
        ("C:/x.png", "drive letter"),
        ("TRAIN/ok.png", "case or Unicode"),
        ("train/ok.png/x.png", "folder of other members"),
    ],
)
def test_names_are_judged_before_anything_is_written(tmp_path: Path, name: str, reason: str) -> None:
    write_single(tmp_path, {"train/ok.png": b"ok", name: b"evil"})
    with pytest.raises(ValueError, match=reason):
        fetch(unlisted(tmp_path))
    assert found(tmp_path) == {}


def test_links_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    (tmp_path / "volumes").mkdir()
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    (tmp_path / "a.png").write_bytes(b"a")
    archive = str(tmp_path / "volumes" / f"{STEM}.zip")
    subprocess.run(["zip", "-q", "-y", archive, "link.png"], cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match=r"member link.png is a symbolic link"):
        fetch(unlisted(tmp_path))
    Path(archive).unlink()
    subprocess.run(["zip", "-q", "-P", "key", archive, "a.png"], cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match=r"member a.png is encrypted"):
        fetch(unlisted(tmp_path))


def test_a_bomb_is_refused_by_its_size(tmp_path: Path) -> None:
    write_single(tmp_path, {"train/ai/zeros.png": bytes(3_000_000)})
    with pytest.raises(ValueError, match=r"larger than the limit .*zeros.png"):
        fetch(unlisted(tmp_path))


def test_a_member_that_goes_on_beyond_its_size_is_left_out(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(1000)  # noqa: S311
    content += bytes(50_000)
    write_single(tmp_path, {"train/ai/a.png": content, "train/ai/b.png": b"b"})
    archive = tmp_path / "volumes" / f"{STEM}.zip"
    data = archive.read_bytes()
    for old, new in ((len(content), 1000), (zlib.crc32(content), zlib.crc32(content[:1000]))):
        assert data.count(struct.pack("<L", old)) == 2
        data = data.replace(struct.pack("<L", old), struct.pack("<L", new))
    archive.write_bytes(data)
    assert fetch(unlisted(tmp_path))["damaged_members"] == 1
    assert found(tmp_path) == {f"{FOLDER}/train/ai/b.png": b"b"}


def test_overlapping_members_of_an_unlisted_archive_are_refused() -> None:
    listed = [sevenzip.Listed(Member(name, "file", 100), volume, 0, 50) for volume, name in enumerate("ab")]
    found_here = sevenzip.Listing(listed, 2)
    sevenzip.refuse_overlap(found_here, [100, 100], "x")
    listed[1] = sevenzip.Listed(Member("b", "file", 100), 0, 80, 10)
    with pytest.raises(ValueError, match="member a overlaps"):
        sevenzip.refuse_overlap(found_here, [100, 100], "x")


def test_a_name_with_a_newline_is_told_not_lost(tmp_path: Path) -> None:
    write_single(tmp_path, {"train/ai/new\nline.png": b"a", "train/ai/b.png": b"b"})
    assert fetch(unlisted(tmp_path))["files"] == 1
    assert damaged_members(tmp_path) == {
        f"{FOLDER}/train/ai/new_line.png": "7-Zip did not give it under its listed name"
    }


def test_no_room_is_told_before_anything_is_written(tmp_path: Path, at_hand: Path, monkeypatch) -> None:
    monkeypatch.setattr("crossgen.data.room.shutil.disk_usage", lambda _: type("Usage", (), {"free": 551_999}))
    with pytest.raises(OSError, match=r"552,000 bytes .* 551,999 are free"):
        fetch(source(tmp_path))
    assert found(tmp_path) == {}


def test_no_7zip_is_told_with_its_packages(tmp_path: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"apt-get install 7zip; conda"):
        fetch(source(tmp_path))


def test_what_stops_7zip_is_no_damage(tmp_path: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk would else be written down as 32 damaged members."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "7zz"
    script.write_text(
        '#!/bin/sh\nif [ "$1" = x ]; then echo "System ERROR:" >&2; echo "No space left on device" >&2; exit 2; fi\n'
        f'exec {shutil.which("7zz")} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(OSError, match=r"7-Zip stopped \(exit 2\): System ERROR: No space left"):
        fetch(source(tmp_path))
    monkeypatch.undo()
    assert fetch(source(tmp_path)) == FACTS


@pytest.mark.parametrize("stop", [1, 7, 20])
def test_after_a_break_finished_members_stand(
    tmp_path: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr(batching, "MEMBERS", 5)
    left = [stop]
    note = Pen.note

    def counted(self: Pen, *facts: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        note(self, *facts)

    monkeypatch.setattr(Pen, "note", counted)
    with pytest.raises(KeyboardInterrupt):
        fetch(source(tmp_path))
    with pytest.raises(FileNotFoundError, match="is not unpacked"):
        sources.entries(pool(source(tmp_path)))
    inodes = {name: (tmp_path / "out" / name).stat().st_ino for name in found(tmp_path)}
    assert len(inodes) == stop
    monkeypatch.setattr(Pen, "note", note)
    assert fetch(source(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE
    assert all((tmp_path / "out" / name).stat().st_ino == inode for name, inode in inodes.items())


KILLED = """
import sys
from crossgen.config import VolumesSource
from crossgen.data import batches
from crossgen.data.fetch import fetch
batches.MEMBERS = 2
fetch(VolumesSource.model_validate_json(sys.argv[1]))
"""


def test_a_kill_while_it_unpacks_is_gone_on_with(tmp_path: Path, at_hand: Path) -> None:
    record = tmp_path / "out" / STATE / f"{STEM}.members"
    for least in (1, 1000):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, source(tmp_path).model_dump_json()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process:
            while process.poll() is None and not (record.exists() and record.stat().st_size >= least):
                time.sleep(0.002)
            process.kill()
        assert found(tmp_path).items() <= WHOLE.items()
    assert fetch(source(tmp_path)) == FACTS
    assert found(tmp_path) == WHOLE


def test_missing_volumes_are_fetched_by_links(tmp_path: Path, at_hand: Path, packed: Path) -> None:
    absent = [f"{STEM}.z02", f"{STEM}.z07", f"{STEM}.zip"]
    for name in absent:
        (at_hand / name).unlink()
    with Loopback({name: packed / name for name in absent}) as server:
        server.spoil(absent[0], "truncate")
        rows = [(name, f"{server.url}/files/{name}") for name in absent]
        rows += [("imagenet_glide.z01", f"{server.url}/files/none")]
        (tmp_path / "links.csv").write_text("volume,url\n" + "".join(f"{name},{url}\n" for name, url in rows))
        asked = source(tmp_path, links=str(tmp_path / "links.csv"))
        assert fetch(asked) == fetch(asked) == FACTS
        assert server.asked("z01") == 0
    assert found(tmp_path) == WHOLE
    assert sorted(names(at_hand)) == sorted(names(packed))


def test_links_that_fail_are_all_told_and_the_others_kept(tmp_path: Path, packed: Path, at_hand: Path) -> None:
    shutil.rmtree(at_hand)
    with Loopback({path.name: path for path in packed.iterdir()}) as server:
        wrong = {f"{STEM}.z02": "gone", f"{STEM}.z05": f"{STEM}.z06"}
        every = names(packed)
        lines = [f"{name},{server.url}/files/{wrong.get(name, name)}\n" for name in every]
        (tmp_path / "links.csv").write_text("volume,url\n" + "".join(lines))
        with pytest.raises(OSError, match=r"z05 from .*md5 [0-9a-f]+ instead of .*; .*status 404"):
            fetch(source(tmp_path, links=str(tmp_path / "links.csv")))
        assert len([name for name in names(at_hand) if not name.endswith(".partial")]) == 7
        assert found(tmp_path) == {}


def test_the_listing_says_split_class_and_label(tmp_path: Path, at_hand: Path) -> None:
    fetch(source(tmp_path))
    fakes, reals = (sources.entries(pool(source(tmp_path), label)) for label in ("fake", "real"))
    assert len(fakes) == 24
    assert {(entry.split, entry.class_index) for entry in fakes} == {
        (split, index) for split in ("train", "test") for index in (0, 1, 433)
    }
    assert {(entry.split, entry.class_index) for entry in reals} == {("train", 433), ("test", None)}
    assert {entry.folder for entry in fakes} == {FOLDER}


def test_only_the_wanted_are_listed(tmp_path: Path, at_hand: Path) -> None:
    fetch(source(tmp_path))
    chosen = sources.entries(pool(source(tmp_path, members=Members(splits=("test",), per_class=2, seed=3))))
    assert {entry.split for entry in chosen} == {"test"}
    assert sorted(entry.class_index for entry in chosen) == [0, 0, 1, 1, 433, 433]
    other = sources.entries(pool(source(tmp_path, members=Members(splits=("test",), per_class=2, seed=4))))
    assert {entry.path for entry in other} != {entry.path for entry in chosen}
    half = sources.entries(pool(source(tmp_path, members=Members(fraction=0.5))))
    assert 4 < len(half) < 20
    with pytest.raises(ValueError, match=r"class of .*ILSVRC2012_val_\d+.JPEG is unknown"):
        sources.entries(pool(source(tmp_path, members=Members(per_class=2)), "real"))


@pytest.mark.parametrize("most", [1, 3, 10, 40, 1000])
def test_batches_hold_every_member_once_and_their_patterns_choose_it(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    names = [
        f"{folder}{start}{number:02}.png" for folder in ("", "a/", "a/b/") for start in "xy" for number in range(9)
    ]
    names += ["a/x", "a/xy", "a/x*.png", "a/b/[é].png"]
    files = {f"G/{name}": Member(name, "file", 10) for name in names}
    monkeypatch.setattr(batching, "MEMBERS", most)
    made = list(batching.batches(files))
    assert sorted(path for batch in made for path in batch.members) == sorted(files)
    assert all(len(batch.members) <= most for batch in made)
    for batch in made:
        folders = {pattern.rpartition("/") for pattern in batch.patterns}
        for member in batch.members.values():
            folder, slash, name = member.name.rpartition("/")
            choices = [last for *first, last in folders if first == [folder, slash]]
            assert any(name == last or (last.endswith("*") and name.startswith(last[:-1])) for last in choices)
    if most == 1000:
        assert len(made) == 1
        assert len(made[0].patterns) == 3


def test_batches_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BYTES", 100)
    files = {f"{number}.png": Member(f"{number}.png", "file", 40 + 100 * (number == 5)) for number in range(9)}
    sizes = [batch.size for batch in batching.batches(files)]
    assert sum(sizes) == 460
    assert [size for size in sizes if size > 100] == [140]


def test_odd_names_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names_here = [
        " lead.png",
        "tr .png",
        'q"uote.png',
        "-dash.png",
        "@at.png",
        "star*.png",
        "a;1.png",
        "é ü.png",
        "-1*",
        "-1",
    ]
    write_single(tmp_path, {f"train/ai/{name}": name.encode() for name in names_here})
    for most in (3, 20_000):
        monkeypatch.setattr(batching, "MEMBERS", most)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        assert fetch(unlisted(tmp_path))["damaged_members"] == 0
        assert found(tmp_path) == {f"{FOLDER}/train/ai/{name}": name.encode() for name in names_here}
