"""Rendering and scoring: only what is missing, decoded once, the same whether stored or streamed."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from crossgen.config import Blur, Condition, Frame, Jpeg, Webp
from crossgen.data import frames
from crossgen.data.images import decode
from crossgen.evaluation import cells, conditions, render, scoring
from toys import described

FRAME = Frame(kind="crop", size=64)
CLEAN = Condition(name="clean")
FAKES = Condition(name="fakes_q96", to="fake", steps=(Jpeg(step="jpeg", quality=96),))
ALL = Condition(name="all_q96", steps=(Jpeg(step="jpeg", quality=96),))
BLURRED = Condition(name="blurred", base="fakes_q96", steps=(Blur(step="blur", sigma=2),))
KNOWN = (CLEAN, FAKES, ALL, BLURRED)


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
        scoring.score(tasks, [brightness], pixels, logits)
        assert np.isnan(logits.read("b" * 32)).tolist() == [row == 7 for row in range(24)]
        assert np.isfinite(logits.read("a" * 32)).all()
        assert [render.failures(logits, key * 32) for key in "ab"] == [{}, {7: "too_large"}]


def brightness(crops):
    return crops.astype(np.float32).mean(axis=(1, 2, 3))


def score_once(images, store, folder):
    logits = cells.Store(folder)
    task = scoring.Task(images, FRAME, (), "c" * 32, ((0, "f" * 32),))
    scoring.score([task], [brightness], store, logits)
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
    rows = render.render_shard(store, images, frame, KNOWN, 1e9)
    assert not any(store.holds(row["cell"]) for row in rows)
    logits, seen = cells.Store(tmp_path / "logits"), []

    def judge(crops):
        seen.append(crops.shape)
        return brightness(crops)

    steps = ALL.steps
    scoring.score([scoring.Task(images, frame, steps, "c" * 32, ((0, "f" * 32),))], [judge], store, logits)
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
