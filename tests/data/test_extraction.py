"""Extraction of many files: the same rows whoever reads them, in a bounded memory, gone on with after a kill."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import FolderSource, Pool
from crossgen.data import extraction
from crossgen.data.extraction import Shard, extract, in_processes, in_threads
from crossgen.data.listing import build
from crossgen.data.manifest import describe


@pytest.fixture
def listing(pools, tmp_path) -> Path:
    return write_listing(pools, tmp_path / "files.parquet")


def write_listing(root: Path, path: Path, shards: int = 1) -> Path:
    pool = Pool(name="mine", label="real", shards=shards, source=FolderSource(kind="folder", root=str(root)))
    records.write(path, build(pool, 0, 0.15, 0.3), records.FILES)
    return path


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(extraction, "BATCH", 16)
    monkeypatch.setattr(extraction, "TASK", 5)
    monkeypatch.setattr(extraction, "TOGETHER", 2)


def remains(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("start", [in_threads, in_processes])
@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.usefixtures("small_batches")
def test_workers_tell_what_one_reader_tells(pools, tmp_path, listing, start, hashed):
    counted = extract(Shard(listing, pools, hashed=hashed), tmp_path / "out" / "m.parquet", 2, start)
    expected = describe(records.read(listing, records.FILES), pools, hashed)
    assert records.read(tmp_path / "out" / "m.parquet", records.MANIFEST).equals(expected)
    assert counted.total == 144 and not counted.reasons
    assert expected["blake3"].null_count == (0 if hashed else 144)
    assert pq.read_metadata(tmp_path / "out" / "m.parquet").num_row_groups == 5
    assert remains(tmp_path / "out") == []


@pytest.mark.usefixtures("small_batches")
def test_shards_share_the_images(pools, tmp_path):
    listing = write_listing(pools, tmp_path / "files.parquet", shards=3)
    parts = []
    for number in range(4):
        extract(Shard(listing, pools, number), tmp_path / f"{number}.parquet", 1)
        parts.append(records.read(tmp_path / f"{number}.parquet", records.MANIFEST))
    assert [set(part["shard"].to_pylist()) for part in parts] == [{0}, {1}, {2}, set()]
    assert sum(part.num_rows for part in parts) == 144


DRIVER = """
import sys, time
from pathlib import Path
from crossgen.data import extraction, facts
extraction.BATCH, extraction.TASK = 16, 5
real = facts.read_facts
def slowly(*given):
    time.sleep(0.02)
    return real(*given)
if __name__ == "__main__":
    listing, root, output, start = sys.argv[1:]
    if start == "in_threads":
        extraction.read_facts = slowly
    else:
        extraction._finished.__globals__["records"] = type("Slow", (), {
            **vars(extraction.records), "write": staticmethod(lambda *given: (time.sleep(0.3),
            sys.modules["crossgen.records"].write(*given)))})
    extraction.extract(extraction.Shard(Path(listing), Path(root)), Path(output), 2, getattr(extraction, start))
"""


def killed(tmp_path: Path, listing: Path, root: Path, output: Path, start: str) -> list[int]:
    """Start an extraction, kill it once two batches are written; the processes that it had started."""
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, tmp_path / "driver.py", listing, root, output, start]
    run = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    deadline = time.monotonic() + 60
    while len(list(output.parent.glob(".*.parts/*.parquet"))) < 2:
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.005)
    started = [int(word) for word in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()]
    run.send_signal(signal.SIGKILL)
    run.wait()
    return started


@pytest.mark.parametrize("start", ["in_threads", "in_processes"])
@pytest.mark.usefixtures("small_batches")
def test_a_killed_extraction_goes_on_and_reads_no_finished_batch_again(pools, tmp_path, listing, monkeypatch, start):
    output = tmp_path / "out" / "m.parquet"
    output.parent.mkdir()
    children = killed(tmp_path, listing, pools, output, start)
    assert not output.exists() and len(remains(output.parent)) == 1
    done = 16 * len(list(output.parent.glob(".*.parts/*.parquet")))
    assert 32 <= done < 144
    read, real = [], extraction.read_facts
    monkeypatch.setattr(
        extraction, "read_facts", lambda root, paths, hashed: read.extend(paths) or real(root, paths, hashed)
    )
    extract(Shard(listing, pools), output, 2, in_threads)
    expected = describe(records.read(listing, records.FILES), pools)
    assert read == expected["path"].to_pylist()[done:]
    assert records.read(output, records.MANIFEST).equals(expected)
    assert remains(output.parent) == []
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):  # no process is left behind
        assert time.monotonic() < deadline
        time.sleep(0.05)


def interrupted(shard: Shard, output: Path, monkeypatch) -> None:
    """Three batches are read, the fourth stops it."""
    written, real = [], records.write

    def write(path, *given):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        real(path, *given)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(records, "write", write)
        extract(shard, output, 1)


@pytest.mark.parametrize("change", ["listing", "repair", "digests", "version", "root", "damage"])
@pytest.mark.usefixtures("small_batches")
def test_batches_of_something_else_are_not_taken(pools, tmp_path, listing, monkeypatch, change):
    shard, output = Shard(listing, pools), tmp_path / "out" / "m.parquet"
    interrupted(shard, output, monkeypatch)
    (folder,) = output.parent.glob(".*.parts")
    first = records.read(folder / "000000.parquet", records.MANIFEST)["path"][0].as_py()
    (pools / first).write_bytes(b"")  # a batch that is read again says so
    if change == "listing":
        records.write(listing, records.read(listing, records.FILES).slice(0, 100), records.FILES)
    elif change == "repair":  # the same listing, written anew
        os.utime(listing, ns=(1, 1))
    elif change == "digests":
        shard = Shard(listing, pools, hashed=False)
    elif change == "version":
        monkeypatch.setattr(extraction, "VERSION", -1)
    elif change == "root":
        shutil.copytree(pools, tmp_path / "copy")
        shard = Shard(listing, tmp_path / "copy")
    else:
        (folder / "000000.parquet").write_bytes((folder / "000000.parquet").read_bytes()[:-9])
    counted = extract(shard, output, 1)
    assert counted.reasons == {"empty": 1} and remains(output.parent) == []


@pytest.mark.usefixtures("small_batches")
def test_an_undisturbed_continuation_takes_them(pools, tmp_path, listing, monkeypatch):
    """The control of the test above."""
    shard, output = Shard(listing, pools), tmp_path / "out" / "m.parquet"
    interrupted(shard, output, monkeypatch)
    (folder,) = output.parent.glob(".*.parts")
    first = records.read(folder / "000000.parquet", records.MANIFEST)["path"][0].as_py()
    (pools / first).write_bytes(b"")
    (output.parent / ".other.parquet.0.parts").mkdir()  # of another output: not ours
    assert not extract(shard, output, 1).reasons
    assert remains(output.parent) == [".other.parquet.0.parts"]


def with_defects(listing: Path, *paths: str) -> Path:
    table = records.read(listing, records.FILES)
    told = pc.if_else(pc.is_in(table["path"], pa.array(paths)), "a published list", None)
    records.write(listing, table.set_column(table.column_names.index("defect"), "defect", told), records.FILES)
    return listing


def test_faults_of_files_are_reasons_and_never_a_stop(pools, tmp_path, listing, capsys):
    files = sorted((pools / "checker" / "train").iterdir())
    files[0].unlink()
    files[1].write_bytes(b"")
    files[2].write_bytes(files[2].read_bytes()[:300])
    files[3].chmod(0)
    files[4].unlink()
    files[4].mkdir()
    with_defects(listing, "checker/train/000.png", "checker/train/005.png", "checker/train/001.png")
    output = tmp_path / "m.parquet"
    assert main(["extract-metadata", "--files", str(listing), "--root", str(pools), "--output", str(output)]) == 0
    manifest = records.read(output, records.MANIFEST).to_pandas().set_index("path")
    lost = manifest["quarantine"].dropna().to_dict()
    expected = {"000": "known_defect", "001": "known_defect", "002": "truncated", "004": "unreadable"}
    expected["005"] = "known_defect"
    if os.getuid():
        expected["003"] = "unreadable"
    assert lost == {f"checker/train/{name}.png": reason for name, reason in expected.items()}
    assert manifest.loc["checker/train/005.png", "width"] == 112  # what was read is told
    assert "144 images, quarantined: {" in capsys.readouterr().out
    gather = ["gather-manifest", "--shards", str(output), "--pool", "mine", "--output", str(tmp_path / "all.parquet")]
    assert main([*gather, "--max-quarantine", "0.001"]) == 1
    told = capsys.readouterr().err
    assert "known_defect" not in told and "of 144 images are unusable" in told and "checker/train/002.png" in told
    assert main([*gather, "--max-quarantine", f"{(len(lost) - 3) / 144}"]) == 0
    assert "'known_defect': 3" in capsys.readouterr().out


@pytest.mark.usefixtures("small_batches")
def test_a_disk_that_is_gone_is_no_million_missing_files(pools, tmp_path, listing, monkeypatch):
    shard, output = Shard(listing, pools), tmp_path / "out" / "m.parquet"
    interrupted(shard, output, monkeypatch)
    pools.rename(tmp_path / "unmounted")
    with pytest.raises(FileNotFoundError, match="images is gone, or no folder: mount it"):
        extract(shard, output, 1)
    (tmp_path / "unmounted").rename(pools)
    assert not extract(shard, output, 1).reasons


def test_a_worker_that_was_killed_is_told_of(pools, tmp_path, listing, monkeypatch):
    def dies(workers):
        executor = in_processes(1)
        executor.submit(os.getpid).result()
        for process in executor._processes.values():
            process.kill()
        return executor

    with pytest.raises(OSError, match="a process that reads files was killed .* run again"):
        extract(Shard(listing, pools), tmp_path / "m.parquet", 1, dies)
    assert remains(tmp_path) == []


def test_no_digests_by_option(pools, tmp_path, listing):
    output = tmp_path / "m.parquet"
    command = ["extract-metadata", "--files", str(listing), "--root", str(pools), "--output", str(output), "--no-hash"]
    assert main(command) == 0
    assert records.read(output, records.MANIFEST)["blake3"].null_count == 144


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threads", "0"], "0 workers cannot read anything: expected at least 1"),
        (["--files", __file__], r"test_extraction\.py: not a readable Parquet file"),
        (["--files", "/nowhere.parquet"], "/nowhere.parquet"),
    ],
)
def test_what_cannot_be_done_is_said(pools, tmp_path, listing, capsys, options, message):
    given = ["--files", str(listing), "--root", str(pools), "--output", str(tmp_path / "m.parquet")]
    assert main(["extract-metadata", *given, *options]) == 1
    assert re.search(message, capsys.readouterr().err) and remains(tmp_path) == []


MEASURED = textwrap.dedent(r"""
    import re, sys
    from pathlib import Path
    from crossgen.data.extraction import Shard, extract
    if __name__ == "__main__":
        extract(Shard(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), 1)
        print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # not of this test, as rusage
""")


@pytest.mark.long
def test_memory_does_not_grow_with_the_listing(pools, tmp_path, listing):
    """Of files that are missing: their rows are made as any other's, and reading them takes no time."""
    (tmp_path / "measured.py").write_text(MEASURED)
    memory = {}
    for n in (60_000, 240_000):
        table = records.read(listing, records.FILES)
        table = pa.concat_tables([table] * (n // 144)).combine_chunks()
        for name, prefix in (("image_id", "mine/"), ("path", "")):
            values = [f"{prefix}a/long/folder/name/{number:09d}.png" for number in range(table.num_rows)]
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        records.write(tmp_path / "many.parquet", table, records.FILES)
        command = [sys.executable, tmp_path / "measured.py", tmp_path / "many.parquet", pools, tmp_path / "m.parquet"]
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        memory[n] = int(run.stdout)
        assert pq.read_metadata(tmp_path / "m.parquet").num_rows == table.num_rows
    assert memory[240_000] - memory[60_000] < 40_000  # KiB; the rows at once would be Python objects of 400 MB
