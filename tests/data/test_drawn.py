"""Encodings drawn from training reals: their shares, who they depend on, and Pillow's bytes."""

import io
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crossgen.config import Alignment
from crossgen.data.align import align, concerned, reencode
from crossgen.data.drawn import Draws, Encoding, draws, fixed
from crossgen.data.jpeg import encode
from crossgen.data.splits import fraction
from toys import described, draw_pools, photograph, write_tables

BOTH = Alignment(jpeg_quality="reals", chroma_subsampling="reals")
IDS = [f"biggan/train/{index:05d}.png" for index in range(20_000)]


def reals(*rows: tuple[float | None, str | None, str, int]) -> pd.DataFrame:
    """A selection of (quality, chroma, split, label)."""
    return pd.DataFrame(rows, columns=["jpeg_quality", "chroma_subsampling", "split", "label"])


SELECTION = reals(
    *[(96.0, "4:2:0", "train", 0)] * 6, *[(96.0, "4:4:4", "train", 0)] * 3, (75.0, "4:2:2", "train", 0),
    (90.0, "4:4:0", "train", 0), (80.0, "grey", "train", 0), (None, "4:2:0", "train", 0),  # what cannot be written
    *[(50.0, "4:2:0", "val", 0)] * 40, *[(30.0, "4:2:0", "train", 1)] * 40,  # who is not asked
)  # fmt: skip


def test_the_chances_are_the_training_reals_counts():
    found = draws(BOTH, SELECTION)
    assert found.encodings == ((75, "4:2:2"), (96, "4:2:0"), (96, "4:4:4")) and found.counts == (1, 6, 3)
    assert found.left_out == 3 and "of 10 training reals; 3 (23.1%) left out" in str(found)


@pytest.mark.parametrize(
    ("alignment", "expected", "left_out"),
    [
        # a grey or 4:4:0 real has a quality, whatever chroma is written
        (
            Alignment(jpeg_quality="reals", chroma_subsampling="4:2:2"),
            {(75, "4:2:2"): 1, (80, "4:2:2"): 1, (90, "4:2:2"): 1, (96, "4:2:2"): 9},
            1,
        ),
        (
            Alignment(jpeg_quality=70, chroma_subsampling="reals"),
            {(70, "4:2:0"): 7, (70, "4:2:2"): 1, (70, "4:4:4"): 3},
            2,
        ),
    ],
)
def test_what_is_stated_is_not_drawn(alignment, expected, left_out):
    found = draws(alignment, SELECTION)
    assert dict(zip(found.encodings, found.counts, strict=True)) == expected and found.left_out == left_out


def shares(found: Draws, ids: list[str]) -> dict[Encoding, float]:
    counts = Counter(map(found, ids))
    return {key: count / len(ids) for key, count in counts.items()}


def test_images_get_the_shares_of_the_reals():
    found = shares(draws(BOTH, SELECTION), IDS)
    for key, share in {(96, "4:2:0"): 0.6, (96, "4:4:4"): 0.3, (75, "4:2:2"): 0.1}.items():
        assert abs(found[key] - share) < 4 * np.sqrt(share * (1 - share) / len(IDS))


def test_a_draw_is_the_image_s_and_the_seed_s_and_nobody_else_s():
    found, shuffled = draws(BOTH, SELECTION), draws(BOTH, SELECTION.sample(frac=1, random_state=3))
    assert found == shuffled
    assert [found.encodings.index(found(each)) for each in IDS[:16]] == GOLDEN
    other = draws(BOTH.model_copy(update={"seed": 1}), SELECTION)
    assert 0.3 < np.mean([found(each) == other(each) for each in IDS]) < 0.6


GOLDEN = [1, 1, 1, 2, 2, 0, 1, 2, 2, 1, 1, 1, 2, 1, 2, 2]  # others: raise VERSION of drawn


def test_who_is_in_a_split_or_sample_says_nothing_of_the_draw():
    """These are drawn from (seed, name) too: with the same seed they must not choose the qualities."""
    found = draws(BOTH, SELECTION)
    kept = [each for each in IDS if fraction(0, each) < 0.1]
    assert len(kept) > 1500
    assert abs(shares(found, kept)[Encoding(96, "4:2:0")] - 0.6) < 4 * np.sqrt(0.6 * 0.4 / len(kept))


def test_refusals():
    with pytest.raises(ValueError, match="None of the 2 training reals .*'jpeg_quality': 'reals'.*select JPEG reals"):
        draws(BOTH, reals(*[(None, None, "train", 0)] * 2, (96.0, "4:2:0", "val", 0)))
    with pytest.raises(ValueError, match="draws from reals: it needs their selection"):
        fixed(BOTH)


def pillow(image: Image.Image, quality: int, chroma: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=chroma)
    return stream.getvalue()


@pytest.mark.parametrize("chroma", ["4:4:4", "4:2:2", "4:2:0"])
def test_the_encoder_writes_pillow_s_bytes(chroma):
    image = photograph(5, 51, 67)  # odd sides
    for quality in (1, 30, 49, 50, 75, 95, 96, 100):
        assert encode(image, quality, chroma) == pillow(Image.fromarray(image), quality, chroma)


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """Drawn once: nobody changes them."""
    root = tmp_path_factory.mktemp("drawn") / "images"
    draw_pools(root, generators=("checker",))
    write_tables(root)
    return root


@pytest.fixture
def manifest(pools):
    tables = [described(pools, "photographs", "real"), described(pools, "checker", "fake")]
    return pd.concat([table.to_pandas() for table in tables], ignore_index=True)


def test_each_drawn_file_is_pillow_s_of_its_encoding(pools, manifest, tmp_path):
    chances = draws(BOTH, SELECTION)
    rows = reencode(concerned(manifest, BOTH), pools, chances, tmp_path)
    assert len(rows) == 24 and rows["chroma_subsampling"].nunique() > 1
    paths = manifest.set_index("image_id")["path"]
    for row in rows.to_dict("records"):
        drawn = chances(row["image_id"])
        assert (tmp_path / row["path"]).read_bytes() == pillow(Image.open(pools / paths[row["image_id"]]), *drawn)
        assert (row["jpeg_quality"], row["chroma_subsampling"]) == drawn


@pytest.mark.parametrize(("to", "labels"), [("fake", {1}), ("real", {0}), ("all", {0, 1})])
def test_alignment_is_done_to_the_labels_it_names(to, labels, pools, manifest, tmp_path):
    """Reals of 4:2:0 become 4:4:4 too where both labels are asked for: chroma is matched, whatever it was."""
    alignment = Alignment(jpeg_quality=80, chroma_subsampling="4:4:4", to=to)
    rows = align(manifest, pools, alignment, tmp_path)
    assert set(rows["label"]) == labels and len(rows) == 24 * len(labels)
    assert set(rows["jpeg_quality"]) == {80} and set(rows["chroma_subsampling"]) == {"4:4:4"}
    assert len(list(tmp_path.glob("*.jpg"))) == len(rows)
