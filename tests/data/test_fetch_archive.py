"""An archive source: fetched, verified, unpacked; idempotent, and gone on with after a kill."""

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from crossgen.__main__ import main
from crossgen.config import ArchiveSource, Pool
from crossgen.data import sources
from crossgen.data.fetch import fetch
from crossgen.data.members import STATE
from loopback import Loopback

IMAGES = {f"ai/{number}.png": os.urandom(30_000) for number in range(20)} | {"nature/1.jpg": b"j"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for name, content in IMAGES.items():
            out.writestr(name, content)
    return tmp_path / "a.zip"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def source(root: Path, url: object, archive: Path, **more: object) -> ArchiveSource:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return ArchiveSource(kind="archive", root=str(root), url=str(url), sha256=digest, **more)


def found(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and STATE not in path.parts
    }


FACTS = {"kind": "archive", "files": 21, "bytes": 600_001}


@pytest.mark.parametrize("scheme", ["path", "file", "localhost"])
def test_an_archive_at_hand_is_read_where_it_is(tmp_path: Path, archive: Path, scheme: str) -> None:
    archive = archive.rename(tmp_path / "a b.zip")
    url = {"path": archive, "file": archive.as_uri(), "localhost": f"file://localhost{archive.as_uri()[7:]}"}[scheme]
    asked = source(tmp_path / "out", url, archive)
    assert fetch(asked) == FACTS | {"sha256": asked.sha256}
    assert found(tmp_path / "out") == IMAGES
    assert archive.is_file()
    archive.unlink()
    assert fetch(asked) == FACTS | {"sha256": asked.sha256}


def test_a_far_archive_is_fetched_once(tmp_path: Path, archive: Path) -> None:
    with Loopback({"a.zip": archive}) as server:
        asked = source(tmp_path / "out", f"{server.url}/files/a.zip", archive)
        assert fetch(asked) == fetch(asked) == FACTS | {"sha256": asked.sha256}
        assert server.sent() == archive.stat().st_size
        assert found(tmp_path / "out") == IMAGES
        assert sorted(names(tmp_path / "out" / STATE)) == [f"{asked.sha256[:32]}.members", "lock"]
        (tmp_path / "out/ai/3.png").write_bytes(b"damaged")
        fetch(asked)
        assert server.sent() == 2 * archive.stat().st_size
    assert found(tmp_path / "out") == IMAGES


def test_it_is_listed_by_its_layout(tmp_path: Path, archive: Path) -> None:
    asked = source(tmp_path / "out", archive, archive)
    with pytest.raises(FileNotFoundError, match="does not hold all of its source yet: run crossgen fetch"):
        sources.entries(Pool(name="a", label="fake", source=asked))
    fetch(asked)
    listed = sources.entries(Pool(name="a", label="fake", source=asked))
    assert {entry.path for entry in listed} == set(IMAGES)


def test_another_digest_is_refused_and_both_are_named(tmp_path: Path, archive: Path) -> None:
    asked = source(tmp_path / "out", archive, archive)
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(ValueError, match=rf"{hashlib.sha256(archive.read_bytes()).hexdigest()}.*{asked.sha256}"):
        fetch(asked)
    assert found(tmp_path / "out") == {}


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.zip", "s3://a/b.zip", "file://elsewhere/a.zip"])
def test_other_addresses_are_refused(tmp_path: Path, archive: Path, url: str) -> None:
    with pytest.raises(ValueError, match="expected http"):
        fetch(source(tmp_path / "out", url, archive))


def test_an_absent_archive_is_named(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.zip"):
        fetch(source(tmp_path / "out", tmp_path / "gone.zip", archive))


def test_a_second_archive_below_one_root_is_refused(tmp_path: Path, archive: Path) -> None:
    fetch(source(tmp_path / "out", archive, archive))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as out:
        out.writestr("b.png", b"b")
    with pytest.raises(ValueError, match="holds files of another archive"):
        fetch(source(tmp_path / "out", tmp_path / "b.zip", tmp_path / "b.zip"))


def test_the_limit_of_the_config_holds(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(ValueError, match=r"limit of 600,000 bytes"):
        fetch(source(tmp_path / "out", archive, archive, max_unpacked_gb=0.0006))


def test_two_at_a_time_below_one_root_are_refused(tmp_path: Path, archive: Path) -> None:
    holder = (
        "import sys, pathlib; from crossgen.data.locks import held\n"
        "with held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path / "out"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(OSError, match="another process fetches there"):
            fetch(source(tmp_path / "out", archive, archive))
        other.communicate(b"")
    assert fetch(source(tmp_path / "out", archive, archive))["files"] == 21


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_the_command_writes_a_record_or_exits_with_one(tmp_path: Path, archive: Path, capsys) -> None:
    asked = source(tmp_path / "out", archive, archive)
    record = tmp_path / "fetched.json"
    assert main(["fetch", "--source", asked.model_dump_json(), "--output", str(record)]) in (0, None)
    assert json.loads(record.read_text()) == FACTS | {"sha256": asked.sha256}
    record.unlink()
    wrong = asked.model_copy(update={"sha256": "0" * 64, "root": str(tmp_path / "other")})
    assert main(["fetch", "--source", wrong.model_dump_json(), "--output", str(record)]) == 1
    assert "SHA-256" in capsys.readouterr().err
    assert not record.exists()


def test_a_killed_fetch_goes_on_from_its_bytes(tmp_path: Path, archive: Path) -> None:
    """Killed while bytes come (every time a little further), until it needs no more."""
    with Loopback({"a.zip": archive}) as server:
        asked = source(tmp_path / "out", f"{server.url}/files/a.zip", archive)
        server.slow = 0.05
        command = [sys.executable, "-m", "crossgen", "fetch", "--source", asked.model_dump_json(), "--output"]
        partial = tmp_path / "out" / STATE / f"{asked.sha256[:32]}.archive.partial"
        for least in (1, 200_000):
            with subprocess.Popen([*command, tmp_path / "record.json"], env=environment()) as process:
                while not (partial.exists() and partial.stat().st_size >= least):
                    assert process.poll() is None
                    time.sleep(0.01)
                process.kill()
            assert found(tmp_path / "out") == {}
        server.slow = 0.0
        server.forget()
        left = archive.stat().st_size - partial.stat().st_size
        assert fetch(asked) == FACTS | {"sha256": asked.sha256}
        assert server.sent() == left < archive.stat().st_size - 200_000 + 1
    assert found(tmp_path / "out") == IMAGES
