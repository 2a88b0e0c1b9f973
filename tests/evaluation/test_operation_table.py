"""The step `operations`: each image's own square and JPEG quality, as a table lists them."""

import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from crossgen import records
from crossgen.config import Condition, Frame, Operations
from crossgen.data.images import Unusable, decode
from crossgen.evaluation import cells, operation_table, render
from crossgen.evaluation.conditions import render as rendered
from crossgen.evaluation.operation_table import Cut, Drawn
from toys import described, photograph

WHOLE = Frame(kind="whole", size=8)


@pytest.fixture
def fakes(pools):
    return render.tested_images(described(pools, "checker", "fake"), pools)


@pytest.fixture
def table(tmp_path):
    """Writes a table of rows and says its path."""

    def written(*rows: str, name: str = "operations.csv") -> str:
        (tmp_path / name).write_text("\n".join(("filename,cropsize,x1,y1,qf", *rows)) + "\n")
        return str(tmp_path / name)

    return written


def step(path: str, size: int = 200) -> Operations:
    return Operations(step="operations", table=path, size=size)


@pytest.mark.parametrize(("side", "size"), [(260, 200), (160, 200), (64, 64)])
def test_it_is_pillows_crop_resize_and_jpeg(table, side, size):
    """As the published code does it, by Pillow alone."""
    image = photograph(1, 300, 280)
    found = rendered(image, [step(table(f"biggan/a.png,{side},17,5,71"), size)], WHOLE, "fakes/biggan/a.png")
    square = Image.fromarray(image).crop((17, 5, 17 + side, 5 + side))
    filter = Image.Resampling.LANCZOS if side > size else Image.Resampling.BICUBIC
    stream = io.BytesIO()
    square.resize((size, size), filter).save(stream, "JPEG", quality=71)
    np.testing.assert_array_equal(found, np.asarray(Image.open(stream)))
    assert found.shape == (size, size, 3)


def test_the_longest_src_that_ends_a_path_is_meant(table):
    path = table("b/c.png,10,0,0,90", "a/b/c.png,20,0,0,90", "c.png,30,0,0,90")
    ids = ("pool/a/b/c.png", "pool/b/c.png", "pool/xb/c.png", "pool/d.png")
    assert [cut and cut.size for cut in (operation_table.find(path, name) for name in ids)] == [20, 10, 30, None]


def test_what_the_table_does_not_list_or_cuts_outside_is_lost_with_a_reason(table):
    image, path = photograph(1, 60, 50), table("p/low.png,40,0,11,90", "p/fits.png,40,20,10,90")
    for name, reason in (("p/other.png", "unlisted"), ("p/low.png", "under_frame")):
        with pytest.raises(Unusable) as caught:
            rendered(image, [step(path)], WHOLE, name)
        assert caught.value.reason == reason
    assert rendered(image, [step(path)], WHOLE, "p/fits.png").shape == (200, 200, 3)


def test_an_unlisted_image_is_a_gap_of_this_condition_alone(table, fakes, tmp_path):
    rows = [f"{name.partition('/')[2]},64,0,16,80" for name in fakes.ids[1:]]
    store, frame = cells.Store(tmp_path / "cells"), Frame(kind="crop", size=64)
    known = (Condition(name="clean"), Condition(name="listed", steps=(step(table(*rows), 64),)))
    found = {row["condition"]: row for row in render.render_shard(store, fakes, frame, known, render.Means(1))}
    assert found["clean"]["missing"] == 0 and found["listed"]["missing"] == 1
    assert render.failures(store, found["listed"]["cell"]) == {0: "unlisted"}
    image = decode(fakes.paths[1].read_bytes())
    np.testing.assert_array_equal(
        store.read(found["listed"]["cell"])[1], rendered(image, known[1].steps, frame, fakes.ids[1])
    )


def test_a_table_that_lists_no_image_of_the_shard_is_refused(table, fakes, tmp_path):
    known = (Condition(name="listed", steps=(step(table("biggan/a.png,64,0,0,80")),)),)
    with pytest.raises(ValueError, match="lists none of 24 test images .first: .*: expected src as the end .*biggan/a"):
        render.render_shard(cells.Store(tmp_path / "cells"), fakes, WHOLE, known, render.Means(1))


def test_pixels_go_by_what_the_table_says_and_not_by_where_it_lies(table, fakes):
    one, same, other = (
        render.pixel_key(fakes, WHOLE, (step(table(row, name=f"{n}.csv")),))
        for n, row in enumerate(("a.png,64,0,0,80", "a.png,64,0,0,80", "a.png,64,0,0,81"))
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["a.png,64,0,0"], "line 2: .*expected src, crop_size"),
        (["a.png,64,0,0,80", "b.png,64,zero,0,80"], "line 3: .*numbers whole"),
        (["a.png,64,0,0,101"], "a quality of 1 to 100"),
        (["a.png,0,0,0,80"], "a square from 0 on"),
        (["a.png,64,-1,0,80"], "a square from 0 on"),
        (["a.png,64,0,0,80", "a.png,64,0,0,81"], "line 3: a.png is listed twice"),
        ([], "lists no image: expected a header row"),
    ],
)
def test_faulty_tables_are_refused(table, rows, fault):
    with pytest.raises(ValueError, match=fault):
        operation_table.read(table(*rows))


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="Cannot read the table .*absent.csv' of a step `operations`.*draw-operations"):
        operation_table.read(str(tmp_path / "absent.csv"))


IMAGES = [(f"p/{n}.png", 150 + 37 * n, 400 - 3 * n) for n in range(60)] + [("p/large.png", 5000, 4000)]


def test_draws_keep_to_the_constants_and_go_by_seed_and_image_alone():
    cuts = dict(operation_table.draw(IMAGES, Drawn()))
    assert (
        set(cuts) == {name for name, width, height in IMAGES if min(width, height) >= 160} != {n for n, _, _ in IMAGES}
    )
    for name, width, height in IMAGES:
        if name in cuts:
            size, x, y, quality = cuts[name]
            assert max(160, round(5 / 8 * min(width, height))) <= size <= min(2048, width, height) or size == 2048
            assert 0 <= x <= width - size and 0 <= y <= height - size and 65 <= quality <= 100
    assert dict(operation_table.draw(IMAGES[::-1][:9], Drawn())).items() <= cuts.items()
    assert dict(operation_table.draw(IMAGES, Drawn(seed=1))) != cuts


def test_what_is_drawn_is_read_again(tmp_path):
    cuts = dict(operation_table.draw(IMAGES, Drawn()))
    (tmp_path / "t.csv").write_text(operation_table.as_csv(cuts.items()))
    assert operation_table.read(str(tmp_path / "t.csv")) == cuts
    assert all(isinstance(cut, Cut) for cut in cuts.values())


@pytest.mark.parametrize("bad", [Drawn(least=300, most=200), Drawn(ratio=1.5), Drawn(qualities=(90, 70))])
def test_bounds_that_hold_nothing_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        bad.checked()


def test_the_command_lists_usable_test_images(pools, tmp_path):
    manifest, output = described(pools, "checker", "fake"), tmp_path / "operations.csv"
    records.write(tmp_path / "checker.parquet", pa.table(manifest), records.MANIFEST)
    command = ["-m", "crossgen", "draw-operations", "--manifests", tmp_path / "checker.parquet", "--output", output]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--crop", "64", "100"], capture_output=True, text=True, check=True
    )
    assert set(operation_table.read(str(output))) == set(render.tested_images(manifest, pools).ids)
    assert "24 images; 0 have a side below 64 pixels" in done.stdout
