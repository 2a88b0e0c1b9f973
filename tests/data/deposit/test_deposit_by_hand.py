"""`crossgen download --destination`, and kill -9 while it runs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import pytest

from crossgen.__main__ import main
from loopback import Loopback
from toy_deposit import HELD, PARTS, brought, deposit, expected, pack, tree
from toys import ROOT


def by_hand(server, *options):
    return main(["download", "--server", server.url, *map(str, options)])


def test_by_hand_everything(server, tmp_path, capsys):
    into = tmp_path / "into"
    assert by_hand(server, "--destination", into) == 0
    assert {path.name for path in into.iterdir()} == {*HELD, ".crossgen"}
    assert "parts of the archive: 9 files" in capsys.readouterr().out
    server.forget()
    assert by_hand(server, "--destination", into) == 0 == server.asked(r"\.z|txt|csv")
    assert by_hand(server, "--destination", into, "--extract", "--subset", "adm", "--splits", "test") == 0
    assert brought(into) == expected("ADM/", "", "val/") and server.asked(r"\.z|txt|csv") == 0


def test_by_hand_only_metadata_or_only_images(server, tmp_path):
    assert by_hand(server, "--destination", tmp_path / "a", "--only", "metadata") == 0
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "genimage_metadata.csv",
        "corrupted_files.txt",
        ".crossgen",
    }
    assert by_hand(server, "--destination", tmp_path / "b", "--only", "images") == 0
    assert {path.name for path in (tmp_path / "b").iterdir()} == {*PARTS, ".crossgen"}


def test_by_hand_wanted_images_alone(server, tmp_path, capsys):
    assert (
        by_hand(server, "--destination", tmp_path, "--subset", "adm", "biggan", "--splits", "test", "--only", "images")
        == 0
    )
    assert brought(tmp_path) == expected("ADM/", "", "val/") | expected("BigGAN/", "", "val/")
    assert "biggan, real: 18 images, verified" in capsys.readouterr().out
    assert not (tmp_path / PARTS[0]).exists() and not (tmp_path / "genimage_metadata.csv").exists()
    assert by_hand(server, "--destination", tmp_path, "--per-class", 1) == 0
    assert {name.split("/")[1] for name in brought(tmp_path)} == {"ADM", "BigGAN", "glide"}


def test_by_hand_a_folder_of_the_official_downloader(server, tmp_path, capsys):
    for name in PARTS[:4]:
        (tmp_path / name).write_bytes(HELD[name])
    (tmp_path / PARTS[2]).write_bytes(HELD[PARTS[2]][:70_000])  # it keeps truncated files
    (tmp_path / PARTS[3]).write_bytes(bytes(len(HELD[PARTS[3]])))
    assert by_hand(server, "--destination", tmp_path) == 1 and server.asked() == 0
    assert "4 things that this command did not bring" in capsys.readouterr().err
    assert by_hand(server, "--destination", tmp_path, "--continue") == 0
    assert {name: (tmp_path / name).read_bytes() for name in HELD} == HELD
    rest = sum(len(HELD[name]) for name in HELD) - sum(len(HELD[name]) for name in PARTS[:2]) - 70_000
    assert server.sent() - server.sent("api") == rest


def test_by_hand_room_for_the_parts_and_their_images(server, tmp_path, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    free = sum(len(HELD[name]) for name in PARTS) * 3 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free))
    assert by_hand(server, "--destination", tmp_path / "a", "--extract") == 1
    assert "and its images, unpacked: " in capsys.readouterr().err and server.asked(r"\.z") == 0
    assert by_hand(server, "--destination", tmp_path / "a") == 0


def test_by_hand_not_everything_verified_is_no_success(server, tmp_path, capsys):
    server.spoil(PARTS[0], "corrupt", times=-1)
    assert by_hand(server, "--destination", tmp_path) == 1
    assert "crossgen download: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--destination", "x", "--output", "y"], "--output goes with --pool"),
        (["--pool", "{}", "--continue"], "--continue goes with --destination"),
        (["--pool", "{}", "--per-class", "3"], "--per-class goes with --destination"),
        (["--pool", "{}"], "--pool needs --output"),
        (["--destination", "x", "--only", "metadata", "--subset", "adm"], "--only metadata fetches no images"),
        (["--destination", "x", "--subset", "dalle"], "--subset: "),
        (["--destination", "x", "--fraction", "2"], "fraction"),
        (["--destination", "x", "--server", "http://me:secret@host"], "netrc"),
    ],
)
def test_by_hand_options_that_do_not_go_together(options, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["download", *options]) == 1
    error = capsys.readouterr().err
    assert reason in error and "secret" not in error and not list(tmp_path.iterdir())


def test_by_hand_images_that_are_not_there(server, tmp_path, capsys):
    assert by_hand(server, "--destination", tmp_path, "--subset", "wukong", "--only", "images") == 1
    assert "no fake image of wukong" in capsys.readouterr().err


def killed(server, command, after):
    """Run until so many bytes have left the server, then kill -9."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen([sys.executable, "-m", "crossgen", *command], env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while server.sent(r"\.z") < after and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_killed_at_any_byte_it_goes_on(tmp_path):
    files = tree(per_class=8, mean=30_000)
    archive = pack(files)
    held = deposit(files, list(range(700_000, len(archive), 700_000)))
    parts = [name for name in held if ".z" in name]
    with Loopback(held) as server:
        command = ["download", "--destination", str(tmp_path), "--server", server.url, "--connections", "2"]
        server.slow = 0.01
        for after in (1, 300_000, 900_000, 1_500_000):
            server.forget()
            complete = [name for name in parts if (tmp_path / name).exists()]
            partial = {path.name: path.stat().st_size for path in tmp_path.glob("*.partial")}
            killed(server, command, after)
            assert not {each.name for each in server.requests} & set(complete)
            for name, size in partial.items():  # gone on with from the very byte
                assert {each.start for each in server.requests if each.name == name.removesuffix(".partial")} <= {size}
        assert 0 < len([name for name in parts if (tmp_path / name).exists()]) < len(parts)
        server.slow = 0
        assert main(command) == 0
    assert {name: (tmp_path / name).read_bytes() for name in held} == held and not list(tmp_path.glob("*.partial*"))


def test_killed_while_members_come_it_goes_on(tmp_path, monkeypatch):
    files = tree(per_class=8, mean=30_000)
    with Loopback(deposit(files)) as server:
        options = ["--subset", "adm", "glide", "--only", "images", "--connections", "2"]
        command = ["download", "--destination", str(tmp_path), "--server", server.url, *options]
        server.slow = 0.02
        for after in (100, 100_000, 600_000):
            server.forget()
            killed(server, command, after)
            assert not [
                path
                for path in (tmp_path / "ADM").rglob("*")
                if path.is_file() and path.suffix not in (".PNG", ".JPEG")
            ]
        there = brought(tmp_path)
        assert there and len(there) < len(files) * 2 // 3
        assert all(files[name] == data for name, data in there.items())  # none is half
        server.slow = 0
        server.forget()
        assert main(command) == 0
        wanted = {name: data for name, data in files.items() if "/ADM/" in name or "/glide/" in name}
        missing = sum(len(data) for name, data in wanted.items() if name not in there)
        assert server.sent(r"\.z") <= 1.15 * missing
    assert brought(tmp_path) == wanted and not list(tmp_path.rglob("*.part"))
