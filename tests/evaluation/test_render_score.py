"""Rendering and scoring: only what is missing, decoded once, the same whether stored or streamed."""

import threading
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from crossgen.config import Blur, Condition, Frame, Jpeg, Noise, Resize, Statistics, TestSet, Webp
from crossgen.data import frames
from crossgen.data.images import decode
from crossgen.evaluation import cells, conditions, render, scoring
from crossgen.evaluation.metrics import compute_metrics
from toys import described

FRAME = Frame(kind="crop", size=64)
CLEAN = Condition(name="clean")
FAKES = Condition(name="fakes_q96", to="fake", steps=(Jpeg(step="jpeg", quality=96),))
ALL = Condition(name="all_q96", steps=(Jpeg(step="jpeg", quality=96),))
BLURRED = Condition(name="blurred", base="fakes_q96", steps=(Blur(step="blur", sigma=2),))
KNOWN = (CLEAN, FAKES, ALL, BLURRED)
FEW = Statistics(replicates=100)


@pytest.fixture
def fakes(pools):
    return render.tested_images(described(pools, "checker", "fake"), pools)


def test_only_usable_test_images_are_taken(pools, fakes):
    assert len(fakes) == 24 and all("/test/" in image_id for image_id in fakes.ids) and fakes.label == 1
    (pools / "checker" / "test" / "000.png").write_bytes(b"")
    assert len(render.tested_images(described(pools, "checker", "fake"), pools)) == 23


def test_conditions_concern_their_label_and_share_pixels(fakes):
    assert render.effective_steps(FAKES, 0, KNOWN) == ()
    assert render.effective_steps(FAKES, 1, KNOWN) == ALL.steps
    assert render.effective_steps(BLURRED, 1, KNOWN) == FAKES.steps + BLURRED.steps
    assert render.effective_steps(BLURRED, 0, KNOWN) == BLURRED.steps
    key = {c.name: render.pixel_key(fakes, FRAME, render.effective_steps(c, 1, KNOWN)) for c in KNOWN}
    assert key["fakes_q96"] == key["all_q96"] and len(set(key.values())) == 3
    normalised = FRAME.model_copy(update={"mean": (0.4, 0.4, 0.4)})
    assert render.pixel_key(fakes, normalised, ()) == key["clean"]


def test_pixels_are_decode_then_condition_then_frame(fakes, tmp_path):
    store = cells.Store(tmp_path / "cells")
    render.store_missing(store, fakes, FRAME, {"c" * 32: (), "d" * 32: ALL.steps})
    image = decode(fakes.paths[5].read_bytes())
    assert (store.read("c" * 32)[5] == frames.fit(FRAME, image)).all()
    assert (store.read("d" * 32)[5] == conditions.render_full(image, ALL.steps, FRAME, fakes.ids[5])).all()
    render.store_missing(store, fakes, FRAME, {"c" * 32: (), "e" * 32: ()})
    assert (store.computed, store.reused) == (3, 1)


def test_an_image_that_breaks_after_the_manifest_is_a_counted_gap(fakes, tmp_path):
    fakes.paths[3].write_bytes(fakes.paths[3].read_bytes()[:300])
    store = cells.Store(tmp_path / "cells")
    render.store_missing(store, fakes, FRAME, {"c" * 32: ()})
    assert list(render.failures(store, "c" * 32)) == [3]
    logits = score_once(fakes, store, tmp_path / "a")
    assert np.isnan(logits[3]) and np.isfinite(np.delete(logits, 3)).all()


def test_an_image_that_fails_under_one_condition_is_judged_under_the_others(pools, tmp_path):
    """WebP holds 16,383 pixels a side. What a cell holds must not depend on what else is rendered with it."""
    Image.fromarray(np.full((64, 16_384, 3), 77, np.uint8)).save(pools / "checker" / "test" / "007.png")
    wide = render.tested_images(described(pools, "checker", "fake"), pools)
    store, webp = cells.Store(tmp_path / "cells"), (Webp(step="webp", quality=80),)
    render.store_missing(store, wide, FRAME, {"a" * 32: (), "b" * 32: webp, "d" * 32: ALL.steps})
    assert [render.failures(store, key * 32) for key in "abd"] == [{}, {7: "too_large"}, {}]
    assert (store.read("a" * 32)[7] == 77).all() and not store.read("b" * 32)[7].any()
    tasks = [scoring.Task(wide, FRAME, steps, key * 32, ((0, key * 32),)) for key, steps in (("a", ()), ("b", webp))]
    for name, pixels in (("stored", store), ("streamed", cells.Store(tmp_path / "none"))):
        logits = cells.Store(tmp_path / name)
        scoring.score(tasks, [BRIGHTNESS], scoring.Stores(pixels, logits))
        assert np.isnan(logits.read("b" * 32)).tolist() == [row == 7 for row in range(24)]
        assert np.isfinite(logits.read("a" * 32)).all()
        assert [render.failures(logits, key * 32) for key in "ab"] == [{}, {7: "too_large"}]


def brightness(crops):
    return crops.astype(np.float32).mean(axis=(1, 2, 3))


BRIGHTNESS = scoring.Judge(brightness, "cpu", "fp32")


def score_once(images, store, folder, threads=1):
    logits = cells.Store(folder)
    task = scoring.Task(images, FRAME, (), "c" * 32, ((0, "f" * 32),))
    scoring.score([task], [BRIGHTNESS], scoring.Stores(store, logits), threads)
    assert logits.facts("f" * 32)["judged"] == {"device": "cpu", "precision": "fp32"}
    return np.asarray(logits.read("f" * 32))


def test_streamed_pixels_give_the_same_logits_as_stored_ones(fakes, tmp_path):
    store = cells.Store(tmp_path / "cells")
    streamed = score_once(fakes, store, tmp_path / "a")
    assert not store.whole("c" * 32)
    render.store_missing(store, fakes, FRAME, {"c" * 32: ()})
    stored = score_once(fakes, store, tmp_path / "b")
    assert (streamed == stored).all() and streamed.std() > 0


def test_two_labels_in_one_pool_are_refused(pools):
    both = pa.concat_tables([described(pools, "checker", "fake"), described(pools, "photographs", "real")])
    with pytest.raises(ValueError, match="A pool holds one label"):
        render.tested_images(both, pools)


def test_whole_images_are_judged_at_their_own_sizes_and_never_stored(pools, tmp_path):
    """Some of one size together, some alone; one too small for the frame and one that broke are gaps."""
    folder, rng = pools / "checker" / "test", np.random.default_rng(0)
    for number, (width, height) in enumerate([(90, 70), (70, 90), (90, 70), (20, 90)]):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(folder / f"{number:03d}.png")
    images = render.tested_images(described(pools, "checker", "fake"), pools)
    images.paths[5].write_bytes(images.paths[5].read_bytes()[:300])
    frame, store = Frame(kind="whole", size=32), cells.Store(tmp_path / "cells")
    rows = render.render_shard(store, images, frame, KNOWN, render.Means(1e9))
    assert not any(store.holds(row["cell"]) for row in rows)
    logits, seen = cells.Store(tmp_path / "logits"), []

    def judge(crops):
        seen.append(crops.shape)
        return brightness(crops)

    steps = ALL.steps
    scoring.score(
        [scoring.Task(images, frame, steps, "c" * 32, ((0, "f" * 32),))],
        [scoring.Judge(judge, "cpu", "fp32")],
        scoring.Stores(store, logits),
    )
    found = np.asarray(logits.read("f" * 32))
    expected = [
        np.nan if row in (3, 5) else conditions.render_full(decode(path.read_bytes()), steps, frame, "x").mean()
        for row, path in enumerate(images.paths)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert render.failures(logits, "f" * 32) == {3: "under_frame", 5: "truncated"}
    assert (2, 70, 90, 3) in seen and (1, 90, 70, 3) in seen


def test_large_whole_images_are_judged_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(scoring, "BATCH_PIXELS", 3 * 100)
    pictures = [np.full((10, 10, 3), n, np.uint8) for n in range(7)]
    parts = list(scoring._alike(pictures, np.array([0, 1, 2, 4, 5, 6])))
    assert [rows.tolist() for rows, _ in parts] == [[0, 1, 2], [4, 5, 6]]
    assert [pixels[:, 0, 0, 0].tolist() for _, pixels in parts] == [[0, 1, 2], [4, 5, 6]]


ALL_STEPS = (
    Jpeg(step="jpeg", quality=40),
    Blur(step="blur", sigma=1.5),
    Noise(step="noise", sigma=4),
    Webp(step="webp", quality=50),
)


@pytest.mark.parametrize("kind", ["crop", "whole"])
@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_neither_pixels_nor_failures(fakes, kind, threads):
    fakes.paths[3].write_bytes(fakes.paths[3].read_bytes()[:300])
    frame = Frame(kind=kind, size=32)
    wanted = {"a": (), "b": ALL_STEPS}
    alone = list(render.render(fakes, frame, wanted, chunk=7))
    several = list(render.render(fakes, frame, wanted, chunk=7, threads=threads))
    assert [start for start, _, _ in alone] == [start for start, _, _ in several] == list(range(0, 24, 7))
    for (_, one, failed), (_, other, failed_too) in zip(alone, several, strict=True):
        assert failed == failed_too and one.keys() == other.keys() == wanted.keys()
        for key in wanted:
            assert all((a == b).all() for a, b in zip(one[key], other[key], strict=True))
    assert alone[0][2] == {"a": {3: "truncated"}, "b": {3: "truncated"}}


@pytest.mark.parametrize("stored", [True, False])
def test_threads_change_no_logit_and_no_file(fakes, tmp_path, stored):
    store = cells.Store(tmp_path / "cells")
    if stored:
        render.store_missing(store, fakes, FRAME, {"c" * 32: ()}, threads=3)
    alone, several = (score_once(fakes, store, tmp_path / f"{n}", threads=n) for n in (1, 3))
    assert alone.tobytes() == several.tobytes() and alone.std() > 0
    files = [tmp_path / f"{n}" / "ff" / ("f" * 32) / "cell.json" for n in (1, 3)]
    assert files[0].read_text() == files[1].read_text()


def test_the_next_chunk_is_made_while_one_is_judged(fakes, tmp_path, monkeypatch):
    """The judge of the first chunk waits until an image of the second is read."""
    monkeypatch.setattr(scoring, "_chunks", partial(scoring._chunks, chunk=8))
    seen, read = threading.Event(), render._decoded

    def watched(path):
        if path == fakes.paths[8]:
            seen.set()
        return read(path)

    def judge(crops):
        assert seen.wait(30)
        return brightness(crops)

    monkeypatch.setattr(render, "_decoded", watched)
    monkeypatch.setattr(render, "AHEAD", 1)
    task = scoring.Task(fakes, FRAME, (), "c" * 32, ((0, "f" * 32),))
    stores = scoring.Stores(cells.Store(tmp_path / "cells"), cells.Store(tmp_path / "logits"))
    scoring.score([task], [scoring.Judge(judge, "cpu", "fp32")], stores, threads=2)
    assert seen.is_set()


def test_coverage_counts_streamed_images(fakes, pools, tmp_path):
    """What is streamed and breaks is a gap of its metric, as what is stored: n and coverage tell so."""
    facts = described(pools, "checker", "fake").to_pandas()
    fakes.paths[3].write_bytes(fakes.paths[3].read_bytes()[:300])
    found = {}
    for name, gigabytes in (("stored", 1.0), ("streamed", 0.0)):
        store = cells.Store(tmp_path / name)
        (row,) = render.render_shard(store, fakes, FRAME, (CLEAN,), render.Means(gigabytes))
        assert store.whole(row["cell"]) == (name == "stored")
        logits = cells.Store(tmp_path / f"{name}_logits")
        task = scoring.Task(fakes, FRAME, (), row["cell"], ((0, "f" * 32),))
        scoring.score([task], [BRIGHTNESS], scoring.Stores(store, logits))
        keys = {"experiment": "e", "train_set": "t", "seed": 0, "pool": "checker", "condition": "clean"}
        rows = scoring.score_rows(keys, fakes, np.asarray(logits.read("f" * 32)))
        found[name] = compute_metrics(rows.to_pandas(), facts, [TestSet(name="checker", fake="checker")], {}, FEW)
        assert set(found[name].query("test_generator == 'checker'")["coverage"]) == {23 / 24}
    assert found["stored"].equals(found["streamed"])


def test_cells_rendered_before_a_step_had_another_option_keep_their_names(fakes):
    """What a step does not say is no part of the name: `filter_up` came later, and stored pixels stay."""
    steps = [{"step": "resize", "size": 112, "reference": 224, "filter": "bicubic", "down_only": False}]
    told = cells.key(images=fakes.digest, frame=frames.key(FRAME), steps=steps, version=conditions.VERSION)
    assert render.pixel_key(fakes, FRAME, (Resize(step="resize", size=112),)) == told
    other = render.pixel_key(fakes, FRAME, (Resize(step="resize", size=112, filter_up="nearest"),))
    assert other != told
