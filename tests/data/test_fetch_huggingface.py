"""A snapshot of the hub, from a local stand-in: verified, gone on with, unpacked; and told why not."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crossgen.config import HuggingFaceSource, Pool
from crossgen.data import sources
from crossgen.data.fetch import fetch, http
from crossgen.data.members import STATE
from loopback_hub import REPOSITORY, REVISION, Hub, git_sha1

FILES = {
    "README.md": b"A toy.",
    "train/0_real/a.jpg": os.urandom(5000),
    "train/1_fake/a.png": os.urandom(200_000),
    "test/1_fake/ b é.png": os.urandom(3000),
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(http.PATIENCE, "first", 0.01)
    monkeypatch.setattr(http.PATIENCE, "attempts", 3)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    """Serve files as the hub; ends with the test."""
    with Hub(dict(FILES), frozenset({"train/1_fake/a.png"})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def source(root: Path, **more: object) -> HuggingFaceSource:
    return HuggingFaceSource(
        **({"kind": "huggingface", "root": str(root), "repository": REPOSITORY} | {"revision": REVISION} | more)
    )


def found(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {STATE, ".cache"} & set(path.parts)
    }


def test_a_snapshot_arrives_whole_and_a_second_run_asks_nothing(tmp_path: Path, hub: Hub) -> None:
    hub.page = 2
    facts = fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES
    assert facts == {
        "kind": "huggingface", "revision": REVISION, "snapshot_files": 4, "unpacked_files": 0, "unpacked_bytes": 0,
    }  # fmt: skip
    hub.asked.clear()
    assert fetch(source(tmp_path / "out")) == facts
    assert hub.asked == []


def test_only_what_the_patterns_choose_is_fetched(tmp_path: Path, hub: Hub) -> None:
    fetch(source(tmp_path / "out", patterns=("test/**", "*.md")))
    assert set(found(tmp_path / "out")) == {"README.md", "test/1_fake/ b é.png"}
    fetch(source(tmp_path / "out", patterns=("**",)))
    assert found(tmp_path / "out") == FILES
    with pytest.raises(ValueError, match=r"holds files of lab/images@a{12} that are not wanted"):
        fetch(source(tmp_path / "out", patterns=("*.md",)))
    with pytest.raises(ValueError, match=r"none of its 4 files matches source.patterns \['nothing'\]"):
        fetch(source(tmp_path / "other", patterns=("nothing",)))


def test_it_is_listed_by_its_layout(tmp_path: Path, hub: Hub) -> None:
    asked = source(tmp_path / "out", layout="0_real_1_fake")
    with pytest.raises(FileNotFoundError, match="does not hold all of its source yet: run crossgen fetch"):
        sources.entries(Pool(name="a", label="fake", source=asked))
    fetch(asked)
    listed = sources.entries(Pool(name="a", label="fake", source=asked))
    assert {(entry.path, entry.split) for entry in listed} == {
        ("train/1_fake/a.png", "train"), ("test/1_fake/ b é.png", "test"),
    }  # fmt: skip


def test_changed_and_removed_files_come_again(tmp_path: Path, hub: Hub) -> None:
    fetch(source(tmp_path / "out"))
    hub.asked.clear()
    (tmp_path / "out/train/1_fake/a.png").write_bytes(bytes(200_000))
    (tmp_path / "out/README.md").unlink()
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES
    assert hub.sent() == 200_006


def test_bytes_that_break_off_are_gone_on_with(tmp_path: Path, hub: Hub) -> None:
    hub.cut = {"train/1_fake/a.png": 2}
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES
    assert hub.sent("a.png") == 200_000


@pytest.mark.parametrize("name", ["train/1_fake/a.png", "train/0_real/a.jpg"])
def test_wrong_bytes_are_fetched_again_and_refused_in_the_end(tmp_path: Path, hub: Hub, name: str) -> None:
    hub.wrong = {name: 1}
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES
    hub.wrong = {name: 100}
    with pytest.raises(ValueError, match=rf"{name}.*3 times"):
        fetch(source(tmp_path / "other"))
    assert name not in found(tmp_path / "other")


def test_a_busy_hub_is_asked_again(tmp_path: Path, hub: Hub) -> None:
    hub.refusals = [(503, "")]
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"revision": "b" * 40}, r"lab/images has no commit b{40}"),
        ({"repository": "lab/none"}, r"No data set lab/none on the hub, or a private one"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, hub: Hub, more: dict, reason: str) -> None:
    with pytest.raises(OSError, match=reason):
        fetch(source(tmp_path / "out", **more))


def test_a_gated_data_set_says_how_to_give_a_token(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated_by = "hf_toy"
    with pytest.raises(
        OSError, match=r"gated: accept its terms at https://huggingface.co/datasets/lab/images.*HF_TOKEN"
    ):
        fetch(source(tmp_path / "out"))
    monkeypatch.setenv("HF_TOKEN", "hf_toy")
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == FILES


def test_no_hub_is_told_and_nothing_at_hand_is_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/README.md").write_bytes(b"stands here by chance")
    with pytest.raises(OSError, match="cannot reach the hub for lab/images"):
        fetch(source(tmp_path / "out"))


def test_offline_is_told_unless_all_is_here(tmp_path: Path, hub: Hub) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(source(tmp_path / "out"), tmp_path), env=environment(hub, HF_HUB_OFFLINE="1"),
            capture_output=True, text=True,
        )  # fmt: skip

    told = run()
    assert (told.returncode, "HF_HUB_OFFLINE forbids" in told.stderr) == (1, True)
    fetch(source(tmp_path / "out"))
    assert run().returncode == 0
    assert json.loads((tmp_path / "record.json").read_text())["snapshot_files"] == 4


def command(asked: HuggingFaceSource, folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "crossgen", "fetch", "--source", asked.model_dump_json(), "--output",
        str(folder / "record.json"),
    ]  # fmt: skip


def environment(hub: Hub, **more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_ENDPOINT": hub.url} | more


def test_a_killed_fetch_goes_on_from_its_bytes(tmp_path: Path, hub: Hub) -> None:
    hub.files["big.png"] = os.urandom(3_000_000)
    hub.large |= {"big.png"}
    hub.slow = 0.02
    with subprocess.Popen(command(source(tmp_path / "out"), tmp_path), env=environment(hub)) as process:
        while hub.sent("big.png") < 1_500_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    had = (tmp_path / "out/big.png.partial").stat().st_size
    assert had > 1_000_000
    assert not (tmp_path / "out/big.png").exists()
    (tmp_path / "out/.cache/huggingface/download").mkdir(parents=True, exist_ok=True)
    (tmp_path / "out/.cache/huggingface/download/README.md.0123.incomplete").write_bytes(b"half")
    hub.slow = 0.0
    hub.asked.clear()
    fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == hub.files
    assert not list((tmp_path / "out").glob("**/*.incomplete"))
    assert hub.sent("big.png") == 3_000_000 - had


def test_a_file_of_someone_else_is_not_overwritten(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/README.md").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"README.md is there and is not the archive's"):
        fetch(source(tmp_path / "out"))
    assert (tmp_path / "out/README.md").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "reason"), [("../x.png", r"'\.\.'"), ("readme.MD", "case or Unicode"), ("README.md/x", "folder of other")]
)
def test_unsafe_names_are_refused(tmp_path: Path, hub: Hub, name: str, reason: str) -> None:
    hub.files[name] = b"x"
    with pytest.raises(ValueError, match=reason):
        fetch(source(tmp_path / "out"))
    assert found(tmp_path / "out") == {}


def test_a_link_below_the_root_is_not_followed(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="out/train is a link"):
        fetch(source(tmp_path / "out"))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_large_file_s_address_is_asked_for_once(tmp_path: Path, hub: Hub) -> None:
    fetch(source(tmp_path / "out"))
    assert sum(each.path.endswith("resolve/" + REVISION + "/train/1_fake/a.png") for each in hub.asked) == 1


def test_another_commit_in_the_same_root_is_refused(tmp_path: Path, hub: Hub) -> None:
    fetch(source(tmp_path / "out"))
    known = tmp_path / "out" / STATE / "snapshot.json"
    known.write_text(known.read_text().replace(REVISION, "c" * 40))
    with pytest.raises(ValueError, match=r"holds files of lab/images@c{12}"):
        fetch(source(tmp_path / "out"))


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_archives_are_unpacked_beside_themselves_and_may_go_then(tmp_path: Path, hub: Hub) -> None:
    hub.files |= {"data/a.zip": zipped({"ai/1.png": b"1"}), "data/b.tar.gz": tarred({"nature/2.png": b"22"})}
    facts = fetch(source(tmp_path / "out"))
    assert (facts["unpacked_files"], facts["unpacked_bytes"]) == (2, 3)
    unpacked = {"data/a/ai/1.png": b"1", "data/b/nature/2.png": b"22"}
    assert found(tmp_path / "out") == hub.files | unpacked
    (tmp_path / "out/data/a.zip").unlink()
    hub.asked.clear()
    assert fetch(source(tmp_path / "out")) == facts
    assert hub.asked == []
    (tmp_path / "out/data/a/ai/1.png").unlink()
    assert fetch(source(tmp_path / "out")) == facts
    assert found(tmp_path / "out") == hub.files | unpacked


def test_an_unsafe_archive_of_a_snapshot_is_refused(tmp_path: Path, hub: Hub) -> None:
    hub.files["data/a.zip"] = zipped({"../../evil.png": b"1"})
    with pytest.raises(ValueError, match=r"a.zip: member ../../evil.png leads out"):
        fetch(source(tmp_path / "out"))
    assert set(found(tmp_path / "out")) == set(hub.files)


def encoded(kind: str, shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), shade).save(out, kind)
    return out.getvalue()


def shard_of(rows: list[dict], label: pa.DataType | None, features: dict | None) -> bytes:
    fields = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    schema = pa.schema(fields + ([("label", label)] if label else []))
    if features:
        schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), out, row_group_size=2)
    return out.getvalue()


CONTENTS = [encoded("PNG", 1), encoded("JPEG", 2), encoded("WEBP", 3), encoded("GIF", 4), b"no image", b""]
ENDINGS = [".png", ".jpg", ".webp", ".gif", ".bmp", ".jpg"]
ROWS = [
    {"image": {"bytes": content or None, "path": f"photo{row}.BMP" if row == 4 else None}, "label": row % 2}
    for row, content in enumerate(CONTENTS)
]


def test_images_in_parquet_become_files_by_split_label_and_row(tmp_path: Path, hub: Hub) -> None:
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["real", "fake"]}}
    name = "data/validation-00000-of-00001"
    hub.files = {f"{name}.parquet": shard_of(ROWS, pa.int64(), features)}
    asked = source(tmp_path / "out", layout="real_fake")
    facts = fetch(asked)
    written = found(tmp_path / "out")
    table = written.pop(f"{name}/images.csv").decode().splitlines()
    assert written.pop(f"{name}.parquet") == hub.files[f"{name}.parquet"]
    paths = [f"{name}/val/{('real', 'fake')[row % 2]}/{row:08}{ending}" for row, ending in enumerate(ENDINGS)]
    assert written == dict(zip(paths, CONTENTS, strict=True))
    assert facts["unpacked_files"] == 6
    assert table[0] == "path,split,label,name"
    assert table[5] == f"{paths[4]},val,0,photo4.BMP"
    listed = sources.entries(Pool(name="a", label="fake", source=asked))
    assert {(entry.path, entry.split) for entry in listed} == {(path, "val") for path in paths[1::2]}
    assert fetch(asked) == facts


@pytest.mark.parametrize(
    ("label", "values", "folders"),
    [
        (pa.int64(), [0, 1], ["0/", "1/"]),
        (pa.string(), ["a/b", None], ["a_b/", "unlabelled/"]),
        (None, [0, 0], ["", ""]),
    ],
)
def test_labels_without_names_are_folders_by_value(
    tmp_path: Path, hub: Hub, label: pa.DataType | None, values: list, folders: list[str]
) -> None:
    rows = [{"image": {"bytes": CONTENTS[0], "path": None}, "label": value} for value in values]
    hub.files = {"shard.parquet": shard_of(rows, label, None)}
    fetch(source(tmp_path / "out"))
    expected = {f"shard/{folder}{row:08}.png" for row, folder in enumerate(folders)}
    assert set(found(tmp_path / "out")) == {"shard.parquet", "shard/images.csv", *expected}


def test_labels_that_are_one_folder_on_some_disks_are_refused(tmp_path: Path, hub: Hub) -> None:
    rows = [{"image": {"bytes": b"x", "path": None}, "label": value} for value in ("Fake", "fake")]
    hub.files = {"shard.parquet": shard_of(rows, pa.string(), None)}
    with pytest.raises(ValueError, match="case or Unicode"):
        fetch(source(tmp_path / "out"))
    assert set(found(tmp_path / "out")) == {"shard.parquet"}


def test_tables_without_images_stay_what_they_are(tmp_path: Path, hub: Hub) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"], "audio": [{"bytes": b"x", "path": "a"}]}), out)
    hub.files = {"table.parquet": out.getvalue(), "plain.parquet": parquet(pa.table({"text": ["a"]}))}
    with_features = pa.table({"audio": [{"bytes": b"x", "path": "a"}]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"audio": {"_type": "Audio"}}}})}
    )
    hub.files = {"sound.parquet": parquet(with_features), "plain.parquet": parquet(pa.table({"text": ["a"]}))}
    facts = fetch(source(tmp_path / "out"))
    assert set(found(tmp_path / "out")) == {"sound.parquet", "plain.parquet"}
    assert fetch(source(tmp_path / "out")) == facts


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_two_columns_of_images_are_refused_unless_one_is_called_image(tmp_path: Path, hub: Hub) -> None:
    image = {"bytes": CONTENTS[0], "path": None}
    hub.files = {"shard.parquet": parquet(pa.table({"before": [image], "after": [image]}))}
    with pytest.raises(ValueError, match=r"columns \['before', 'after'\]"):
        fetch(source(tmp_path / "out"))


def test_a_parquet_that_is_none_is_named(tmp_path: Path, hub: Hub) -> None:
    hub.files = {"shard.parquet": b"nothing"}
    with pytest.raises(ValueError, match="shard.parquet is no readable Parquet"):
        fetch(source(tmp_path / "out"))


def test_after_a_break_written_images_stand(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files = {"train.parquet": shard_of(ROWS, None, None)}
    replaced, left = os.replace, [6]

    def counted(*args: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        replaced(*args)

    monkeypatch.setattr("crossgen.data.extract.os.replace", counted)
    with pytest.raises(KeyboardInterrupt):
        fetch(source(tmp_path / "out"))
    monkeypatch.setattr("crossgen.data.extract.os.replace", replaced)
    inodes = {path: path.stat().st_ino for path in (tmp_path / "out/train").rglob("0*.*")}
    assert len(inodes) in (3, 4, 5)
    fetch(source(tmp_path / "out"))
    assert all(path.stat().st_ino == inode for path, inode in inodes.items())
    assert len(found(tmp_path / "out")) == 8


def test_no_room_is_told(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossgen.data.room.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(OSError, match=r"fetch lab/images: 208,006 bytes .* 10 are free"):
        fetch(source(tmp_path / "out"))


def test_the_digest_of_small_files_is_gits() -> None:
    assert git_sha1(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
