"""Fakes that get the encoding of their own reals, and what an audit then tells the halves by."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crossgen.config import Alignment
from crossgen.data.align import concerned, reencode
from crossgen.data.audit import audit_stage
from crossgen.data.drawn import Encoding, of_pairs
from crossgen.data.jpeg import ijg_tables
from crossgen.data.manifest import facts_of
from toys import photograph, synthetic

PAIR = Alignment(jpeg_quality="pair", chroma_subsampling="pair")
QUALITIES = (75, 82, 90, 96)
CHROMAS = ("4:2:0", "4:4:4")


def selection(*reals: tuple[float | None, str | None]) -> pd.DataFrame:
    """A pair for each (quality, chroma) of a real, and one fake more."""
    rows = [{"image_id": "f/lent", "label": 1, "split": "val", "pair": None}]
    for place, (quality, chroma) in enumerate(reals):
        rows.append({"image_id": f"p/{place}", "label": 0, "jpeg_quality": quality, "chroma_subsampling": chroma})
        rows.append({"image_id": f"f/{place}", "label": 1, "pair": f"p/{place}"})
    return pd.DataFrame(rows).assign(jpeg_quality_estimate=None)


def test_a_fake_gets_its_reals_encoding_or_what_is_said_of_unknown_ones():
    rows = selection((75.0, "4:4:4"), (90.0, "grey"), (None, "4:2:2"), (None, None))
    found = of_pairs(PAIR, rows)
    assert [found(f"f/{place}") for place in range(4)] == [
        Encoding(75, "4:4:4"), Encoding(90, "4:2:0"), Encoding(96, "4:2:2"), Encoding(96, "4:2:0")
    ]  # fmt: skip
    assert found("f/lent") is None and "2 fakes by an exact quality, 0 by an estimate, 2 by `unknown`" in str(found)
    assert "1 in no pair" in str(found)
    other = of_pairs(PAIR.model_copy(update={"unknown": None}), rows)
    assert [other(f"f/{place}") for place in range(4)] == [Encoding(75, "4:4:4"), Encoding(90, "4:2:0"), None, None]
    half = Alignment(jpeg_quality=50, chroma_subsampling="pair")
    assert of_pairs(half, rows)("f/0") == Encoding(50, "4:4:4") and of_pairs(half, rows)("f/2").jpeg_quality == 50
    alone = Alignment(jpeg_quality="pair", chroma_subsampling="4:2:2")
    assert of_pairs(alone, rows)("f/0") == Encoding(75, "4:2:2")


def test_an_estimate_of_the_reals_quality_goes_before_what_is_said_of_unknown_ones():
    rows = selection((75.0, "4:4:4"), (None, "4:2:0"), (None, None), (None, "4:2:0"))
    rows.loc[rows["image_id"].isin(["p/0", "p/1", "p/3"]), "jpeg_quality_estimate"] = [74.0, 83.0, 91.0]
    found = of_pairs(PAIR, rows)
    assert [found(f"f/{place}") for place in range(4)] == [
        Encoding(75, "4:4:4"), Encoding(83, "4:2:0"), Encoding(96, "4:2:0"), Encoding(91, "4:2:0")
    ]  # fmt: skip
    assert (found.known, found.estimated, found.unknown) == (1, 2, 1)
    silent = of_pairs(PAIR.model_copy(update={"unknown": None}), rows)
    assert silent("f/1") == Encoding(83, "4:2:0") and silent("f/2") is None
    stated = of_pairs(Alignment(jpeg_quality=50, chroma_subsampling="pair"), rows)
    assert (stated.known, stated.estimated, stated.unknown) == (4, 0, 0) and stated("f/1").jpeg_quality == 50


def test_a_cameras_tables_give_the_fake_the_estimate_of_its_manifest(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    tables = [[min(255, 3 * each) for each in table] for table in ijg_tables(90)]
    Image.fromarray(photograph(1, 64, 48)).save(tmp_path / "r.jpg", qtables=tables, subsampling="4:2:0")
    Image.fromarray(synthetic(1, 64, 3)[:48]).save(tmp_path / "f.png")
    pairs = (("r.jpg", 0, None), ("f.png", 1, "p/r.jpg"))
    rows = pd.DataFrame(
        {"image_id": f"p/{name}", "path": name, "label": label, "pair": pair, "split": "train"}
        | facts_of((tmp_path / name).read_bytes())
        for name, label, pair in pairs
    )
    real = rows.iloc[0]
    assert pd.isna(real["jpeg_quality"]) and 60 < real["jpeg_quality_estimate"] < 80
    (written,) = reencode(concerned(rows, PAIR), tmp_path, of_pairs(PAIR, rows), made).itertuples()
    assert written.jpeg_quality == real["jpeg_quality_estimate"]


def test_a_share_of_the_pairs_stays_as_it_is_by_the_pair_and_the_seed():
    rows = selection(*[(90.0, "4:2:0")] * 2000)
    found = of_pairs(PAIR.model_copy(update={"probability": 0.5}), rows)
    chosen = [found(f"f/{place}") is not None for place in range(2000)]
    assert abs(np.mean(chosen) - 0.5) < 4 * np.sqrt(0.25 / 2000) and found.spared == 2000 - sum(chosen)
    again = of_pairs(PAIR.model_copy(update={"probability": 0.5}), rows.sample(frac=1, random_state=1))
    assert [again(f"f/{place}") is not None for place in range(2000)] == chosen


def test_a_selection_without_pairs_is_refused():
    with pytest.raises(ValueError, match="No fake of the selection has its real there: .* write pairing: name"):
        of_pairs(PAIR, selection((96.0, None)).assign(pair=None))


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Reals of many encodings, a fake of each, a PNG of its size: the folder and the selection."""
    root = tmp_path_factory.mktemp("halves")
    rows = []
    for place in range(60):
        size = 48 + place % 7, 40 + place % 5
        told = {"quality": QUALITIES[place % 4], "subsampling": CHROMAS[place // 4 % 2]}
        Image.fromarray(photograph(place, *size)).save(root / f"{place}.jpg", **told)
        fake = synthetic(place, max(size), 3)[: size[1], : size[0]]
        Image.fromarray(fake).save(root / f"{place}.png")
        for label, (name, pair) in enumerate(((f"{place}.jpg", None), (f"{place}.png", f"p/{place}.jpg"))):
            shared = {"image_id": f"p/{name}", "path": name, "pair": pair, "label": label, "split": "train"}
            rows.append(shared | {"group": f"g{place}", "stratum": "s"} | facts_of((root / name).read_bytes()))
    return root, pd.DataFrame(rows)


def probes(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    _, found = audit_stage(rows, "s", "after_selection", "t")
    return {str(row["group"]): (row["balanced_accuracy"], row["low"]) for row in found}


def test_the_probes_of_pairs_are_at_chance_once_fakes_have_their_reals_encoding(halves, tmp_path):
    root, rows = halves
    assert probes(rows)["header"][0] == 1.0  # a PNG beside a JPEG
    choice = of_pairs(PAIR, rows)
    written = reencode(concerned(rows, PAIR), root, choice, tmp_path)
    reals = rows[rows["label"] == 0].set_index("image_id")
    for row in written.itertuples():
        assert (row.jpeg_quality, row.chroma_subsampling, row.width) == tuple(
            reals.loc[row.pair, ["jpeg_quality", "chroma_subsampling", "width"]]
        )
    for value, low in probes(pd.concat([rows[rows["label"] == 0], written], ignore_index=True)).values():
        assert low <= 0.5 <= value + 0.2 and value <= 0.6


def test_what_is_left_as_it_is_is_copied_and_kept_on_resume(halves, tmp_path):
    root, rows = halves
    choice = of_pairs(PAIR.model_copy(update={"probability": 0.4}), rows)
    written = reencode(concerned(rows, PAIR), root, choice, tmp_path)
    source = rows.set_index("image_id")["path"]
    copied = [row for row in written.itertuples() if choice(row.image_id) is None]
    assert 0 < len(copied) < len(written)
    for row in copied:
        assert row.path.endswith(".png") and row.format == "PNG"
        assert (tmp_path / row.path).read_bytes() == (root / source[row.image_id]).read_bytes()
