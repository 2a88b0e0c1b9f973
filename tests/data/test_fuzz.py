"""Mutated files through the real functions: listing, metadata, alignment, packing, rendering. File n is a function of
(SEED, n): see `mutations`. What once crashed lies in `seeds`."""

import faulthandler
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crossgen import records
from crossgen.config import Alignment, FolderSource, Frame, Jpeg, Pool, Resize, Webp
from crossgen.data.align import align
from crossgen.data.images import decode
from crossgen.data.listing import build
from crossgen.data.manifest import describe, quarantined
from crossgen.evaluation import render
from mutations import corpus, mutant
from packing import packed

SEED = 20261122
FILES = 2000
SEEDS = Path(__file__).parent / "seeds"
FRAME = Frame(kind="crop", size=32)
CONDITIONS = {
    "clean": (),
    "jpeg": (Jpeg(step="jpeg", quality=50),),
    "resize": (Resize(step="resize", size=112), Jpeg(step="jpeg", quality=90)),
    "webp": (Webp(step="webp", quality=50),),
}
#: A hang is a failure: the stack is printed and the process ends.
SECONDS = 300


def through_everything(root: Path, work: Path) -> Counter:
    """Files of a folder by what became of each. Asserts that every one is used or has a reason, at every step."""
    source = FolderSource(kind="folder", root=str(root), suffixes=(".jpg", ".png", ".webp"))
    files = build(Pool(name="fuzz", label="real", source=source), 0, 0.15, 0.3)
    names = {path.name for path in root.iterdir()}
    assert set(files["path"].to_pylist()) == names
    manifest = records.check(describe(files, root), records.MANIFEST, "fuzz")
    assert manifest["path"].to_pylist() == files["path"].to_pylist()

    frame = manifest.to_pandas().assign(split="train")
    usable = set(frame.loc[frame["quarantine"].isna(), "image_id"])
    work.mkdir()
    aligned = align(frame, root, Alignment(jpeg_quality=96, to="real"), work)
    assert set(aligned["image_id"]) == usable and aligned["image_id"].is_unique
    late = dict(zip(aligned["image_id"], aligned["quarantine"], strict=True))
    late = {image_id: reason for image_id, reason in late.items() if isinstance(reason, str)}
    assert all(read.shape[2] == 3 for read in (decode(path.read_bytes()) for path in work.iterdir()))

    selection = frame[frame["image_id"].isin(usable)]
    for rewritten, folders in ((aligned, {"aligned/fuzz/0": work}), (aligned.head(0), {})):
        crops, index, lost = packed(selection, rewritten, {"fuzz": root, **folders}, FRAME, 1)
        assert sorted([*index["image_id"], *lost["image_id"]]) == sorted(usable) and len(crops) == len(index)
        told = dict(zip(lost["image_id"], lost["reason"], strict=True))
        assert {image_id: told[image_id] for image_id in late} == late
        assert {told[image_id] for image_id in told.keys() - late.keys()} <= {"under_frame"}

    tested = manifest.set_column(manifest.column_names.index("split"), "split", pa.array(["test"] * len(names)))
    images = render.tested_images(tested, root)
    assert set(images.ids) == usable
    failed = {key: {} for key in CONDITIONS}
    for start, arrays, faults in render.render(images, FRAME, CONDITIONS):
        for key, rows in faults.items():
            failed[key] |= {images.ids[row]: reason for row, reason in rows.items()}
            black = {start + row for row in np.flatnonzero(~arrays[key].any(axis=(1, 2, 3)))}
            assert rows.keys() <= black
    assert failed["clean"] == told and failed["jpeg"] == told
    for key in ("resize", "webp"):
        assert told.items() <= failed[key].items()
        assert set(failed[key].values()) - set(told.values()) <= {"too_large"}
    return (
        Counter(quarantined(manifest))
        + Counter(f"later {told[key]}" for key in told)
        + Counter({"used": len(usable) - len(told)})
    )


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_used_or_have_a_reason(tmp_path):
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        root = tmp_path / "files"
        root.mkdir()
        files = corpus()
        for number in range(FILES):
            made_of, _, blob = mutant(files, SEED, number)
            ending = (*({"j": "jpg", "p": "png", "w": "webp"}[made_of[0]] for _ in range(3)), "png")[number % 4]
            (root / f"{number:05d}.{ending}").write_bytes(blob)
        found = through_everything(root, tmp_path / "aligned")
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert found.total() == FILES
    # the campaign reaches everything: neither do all mutants fail at the door, nor do all pass
    assert found["used"] > FILES / 10 and found["undecodable"] > FILES / 10 and found["truncated"] > FILES / 50
    assert (
        found["later undecodable"] > FILES / 50
        and found["later truncated"] > FILES / 50
        and found["too_large"] > FILES / 100
    )


@pytest.mark.filterwarnings("ignore")
def test_what_once_crashed(tmp_path):
    assert through_everything(SEEDS, tmp_path / "aligned") == {"later undecodable": len(list(SEEDS.iterdir()))}


def test_a_campaign_can_be_repeated():
    first, second = (mutant(corpus(), 5, 17) for _ in range(2))
    assert first == second and first != mutant(corpus(), 5, 18)
