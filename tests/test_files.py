"""Files appear whole or not at all, and a full disk is said in one line."""

import errno

import pytest

from crossgen.files import write_text, write_whole


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fails(part):
        part.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_whole(path, fails)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_names_the_file_and_the_reason(tmp_path):
    def full(part):
        part.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"cannot write .*/new/a.txt: .*No space left on device; nothing was left there"):
        write_whole(tmp_path / "new" / "a.txt", full)
    assert list((tmp_path / "new").iterdir()) == []


def test_text_keeps_its_line_ends(tmp_path):
    write_text(tmp_path / "a.csv", "a,b\r\n1,2\n")
    assert (tmp_path / "a.csv").read_bytes() == b"a,b\r\n1,2\n"
