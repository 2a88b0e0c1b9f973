"""Archives that are damaged, or that someone has made to do harm: refused by name."""

import io
import zipfile

import pytest

from crossgen.data import sources
from crossgen.data.fetch import fetch
from loopback import Loopback
from toy_deposit import FILES, brought, expected, pack, pool_of, source_of

EVIL = [
    ("GenImage/ADM/train/ai/../../../../../evil.png", 0o100644, r"leads out of the folder"),
    ("/GenImage/ADM/train/ai/evil.png", 0o100644, r"absolute path"),
    ("GenImage\\ADM\\evil.png", 0o100644, "backslash"),
    ("GenImage/ADM/train/ai/link.png", 0o120777, "symbolic link"),
    ("GenImage/ADM/train/ai/000_ADM_0.png", 0o100644, "differ in case"),
]


@pytest.mark.parametrize(("name", "mode", "reason"), EVIL)
def test_unsafe_members_are_refused_by_name(tmp_path, name, mode, reason):
    buffer = io.BytesIO(pack(expected("ADM/")))
    info = zipfile.ZipInfo("x")
    info.filename, info.external_attr = name, mode << 16
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, b"../../etc/passwd")
    with Loopback({"GenImage.z000": buffer.getvalue()}) as server, pytest.raises(ValueError, match=reason) as raised:
        sources.entries(pool_of(server, tmp_path / "in", metadata=False))
    assert name.rpartition("/")[2].rpartition("\\")[2] in str(raised.value)
    assert not brought(tmp_path / "in") and not list(tmp_path.glob("*evil*"))


def patched(data: bytes, name: str, at: int, value: bytes) -> bytes:
    """Change the directory's record of a member at a byte after its start."""
    place = data.rindex(name.encode()) - 46 + at
    return data[:place] + value + data[place + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (8, b"\x01", "is encrypted"),
        (10, b"\x0c", "method 12"),
        (24, (1 << 30).to_bytes(4, "little"), "bytes hold 1,073,741,824"),
        (20, (40_000).to_bytes(4, "little"), "overlaps the next member"),
        (0, b"XX", "something else between its members"),
        (42, (1 << 31).to_bytes(4, "little"), "beyond its end"),
    ],
)
def test_members_that_are_not_what_they_say(tmp_path, at, value, reason):
    data = patched(pack(expected("ADM/"), zip64=False), "GenImage/ADM/train/ai/000_adm_1.PNG", at, value)
    with Loopback({"GenImage.z000": data}) as server, pytest.raises(ValueError, match=reason):
        sources.entries(pool_of(server, tmp_path, metadata=False))
    assert not brought(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[:-30], "no end of a zip's directory"),
        (lambda data: data[: -len(data) // 2], "no end of a zip's directory"),
        (lambda data: data.replace(b"PK\6\6", b"XXXX"), "no Zip64 end"),
        (lambda data: data[10_000:], "beyond"),
        (lambda data: data[:-18] + b"\1" + data[-17:], "multi-volume"),
    ],
)
def test_archives_that_are_none(tmp_path, spoil, reason):
    data = pack(FILES, zip64=reason != "multi-volume")
    with Loopback({"GenImage.z000": spoil(data)}) as server, pytest.raises(ValueError, match=reason):
        fetch(source_of(server, tmp_path, metadata=False))


def test_bytes_before_and_a_comment_after_the_archive(tmp_path):
    data = pack(FILES)
    with Loopback(
        {"GenImage.z000": b"#!" * 50 + data[:-2] + (9000).to_bytes(2, "little") + b"PK\5\6" + b"c" * 8996}
    ) as server:
        sources.entries(pool_of(server, tmp_path, metadata=False))
    assert brought(tmp_path) == expected("ADM/", "ai/")
