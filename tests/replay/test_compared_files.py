"""Files held against each other: what differs is found, named and counted, and nothing else is."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crossgen import schemas
from crossgen.replay import tables, texts
from crossgen.replay.steps import is_inside, options_of, recorded


@pytest.fixture
def two(tmp_path):
    """Two files of texts, to compare."""

    def write(claimed, recomputed):
        paths = tmp_path / "claimed", tmp_path / "recomputed"
        for path, text in zip(paths, (claimed, recomputed), strict=True):
            path.write_text(text, encoding="utf-8")
        return paths

    return write


def said(compared):
    return [str(finding) for finding in compared.findings]


def parquet(tmp_path, *tables_of):
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for path, columns in zip(paths, tables_of, strict=True):
        pq.write_table(pa.table(columns), path)
    return tables.parquet(*paths)


WATCHED = {"epoch": [1, 2], "step": [1, 2], "train_set": ["a", "b"], "loss": [0.5, np.nan]} | {
    name: [0.1, 0.2] for name in ("balanced_accuracy", "roc_auc", "n_real", "n_fake")
}


def test_rows_are_found_by_their_key_in_any_order(tmp_path):
    turned = {name: values[::-1] for name, values in WATCHED.items()}
    found = parquet(tmp_path, turned, WATCHED)
    assert not found.findings and found.numbers == 2 * 6
    changed = turned | {"loss": [0.25, 0.5], "roc_auc": [0.2, 0.1 + 1e-12]}
    assert said(parquet(tmp_path, changed, WATCHED)) == ["(2, b), loss: claimed 0.25, recomputed nan"]


def test_tables_without_a_kind_are_compared_row_by_row(tmp_path):
    old, new = {"x": [1.0, 2.0], "y": ["a", None]}, {"x": [1.0, 2.1], "y": [None, "b"]}
    assert said(parquet(tmp_path, old, new)) == [
        "(row 1), x: claimed 2.0, recomputed 2.1",
        "(row 0), y: claimed a, recomputed (empty)",
        "(row 1), y: claimed (empty), recomputed b",
    ]
    assert said(parquet(tmp_path, {"x": [1.0]}, {"x": [1.0, 2.0]})) == [
        "(row 1): claimed no such row, recomputed a row"
    ]
    assert said(parquet(tmp_path, {"x": [1]}, {"y": [1]})) == ["columns: claimed ['x'], recomputed ['y']"]
    assert not parquet(tmp_path, {"x": pa.array([], pa.int64())}, {"x": pa.array([], pa.int64())}).findings


def test_comma_separated_values_are_numbers_where_they_can_be(two):
    head = "name,seed,value\n"
    found = tables.comma_separated(*two(head + "a,0,0.5\nb,0,1\n", head + "a,0,0.50\nb,0,0.75\n"))
    assert said(found) == ["row 2 (b, 0), value: claimed 1, recomputed 0.75"] and found.numbers == 4
    assert said(tables.comma_separated(*two(head, head + "a,0,1\n"))) == ["rows: claimed 0, recomputed 1"]
    assert said(tables.comma_separated(*two("a\n", "b\n"))) == ["header: claimed [['a']], recomputed [['b']]"]


def test_lines_of_text_must_be_the_same(two):
    found = texts.plain(*two("one 12.5\ntwo 3\n", "one 12.6\ntwo 3\n"))
    assert said(found) == ["line 1 (one 12.6): claimed 12.5, recomputed 12.6"] and found.numbers == 2
    assert said(texts.plain(*two("a\n", "a\nb\n"))) == ["lines: claimed 1, recomputed 2"]


SVG = '<g id="text_1">\n <!-- 87.5 -->\n <path d="M 1.25 2"/>\n</g>\n'


def test_drawings_differ_by_texts_and_by_coordinates(two):
    assert not texts.drawing(*two(SVG.replace("1.25", "1.2500000000001"), SVG)).findings
    found = texts.drawing(*two(SVG.replace("87.5", "99.9").replace("1.25", "7"), SVG))
    assert said(found) == [
        "line 2 after '87.5': claimed 99.9, recomputed 87.5",
        "line 3 after '87.5': claimed 7, recomputed 1.25",
    ]
    assert not texts.labels(*two(SVG.replace("1.25", "7"), SVG)).findings
    assert len(texts.labels(*two(SVG.replace("87.5", "7"), SVG)).findings) == 1


PAGE = (
    '<h2>Matrix</h2>\n<td>12.5</td>\n<svg>\n<path d="M 1"/>\n</svg>\n<script>var a = 1;</script>\n'
    '<script type="application/json" id="payload">{"a":[1,0.5,{"b":null}]}</script>\n'
)


def test_pages_differ_by_their_values_texts_and_drawings_but_not_by_their_code(two):
    assert not texts.page(*two(PAGE.replace("var a = 1", "var a = 2"), PAGE)).findings
    assert said(texts.page(*two(PAGE.replace("[1,0.5", "[1,0.75"), PAGE))) == [
        "payload.a[1]: claimed 0.75, recomputed 0.5"
    ]
    assert said(texts.page(*two(PAGE.replace("null", "3"), PAGE))) == ["payload.a[2].b: claimed 3, recomputed null"]
    assert said(texts.page(*two(PAGE.replace("12.5", "99"), PAGE))) == [
        "line 2 after 'Matrix': claimed 99, recomputed 12.5"
    ]
    drawn = two(PAGE.replace("M 1", "M 9"), PAGE)
    assert len(texts.page(*drawn).findings) == 1 and not texts.page(*drawn, drawn=False).findings


def test_pictures_differ_by_their_pixels(tmp_path):
    pixels = np.zeros((4, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "same.png", compress_level=1)
    pixels[2, 3] = 9
    Image.fromarray(pixels).save(tmp_path / "b.png")
    Image.fromarray(pixels[:3]).save(tmp_path / "c.png")
    assert not texts.picture(tmp_path / "same.png", tmp_path / "a.png").findings
    (found,) = said(texts.picture(tmp_path / "b.png", tmp_path / "a.png"))
    assert found.startswith("1 pixels, the first at column 3, row 2: claimed [9, 9, 9, 255]")
    assert said(texts.picture(tmp_path / "c.png", tmp_path / "a.png")) == ["size: claimed 5 x 3, recomputed 5 x 4"]


def test_a_report_records_the_steps_before_it_with_what_they_share():
    given = ["--metrics", "m.parquet", "--manifests", "a", "b", "--config", "{}", "--page", "p.html"]
    own = {"compute-metrics": {"--scores": "role:scores", "--manifests": ["a"], "--tests": "{}"}}
    steps = recorded(given, own, {"scores": ["s", "t"], "metrics": "m.parquet"})
    assert [step.command for step in steps] == ["compute-metrics", "report"]
    told = options_of(steps[0].words)
    assert told == {"--metrics": ["m.parquet"], "--manifests": ["a"], "--scores": ["s", "t"], "--tests": ["{}"]}
    assert options_of(steps[1].words).keys() == {"--metrics", "--manifests", "--page"}


@pytest.mark.parametrize(
    "path, inside",
    [("results/a", True), ("a/../b", True), ("../a", False), ("a/../../b", False), ("/a", False), ("a\\b", False)],
)
def test_places_stay_inside(path, inside):
    assert is_inside(path) == inside


def test_a_key_without_a_text_is_a_row_of_its_own(tmp_path):
    """Means over seeds have no baseline where they are of one experiment."""
    texts = {name: ["a", "a"] for name in schemas.SEED_MEANS.columns if schemas.SEED_MEANS.columns[name] == pa.string()}
    numbers = {name: [1.0, 2.0] for name in schemas.SEED_MEANS.columns if name not in texts}
    claimed = {**texts, **numbers, "baseline": [None, "b"]}
    compared = parquet(tmp_path, claimed, {**claimed, "value": [1.0, 2.5]})
    (finding,) = said(compared)
    assert "a, b, a" in finding and "value" in finding and compared.numbers > 2
    assert not said(parquet(tmp_path, claimed, claimed))
    assert "(a, (empty), a" in said(parquet(tmp_path, claimed, {**claimed, "value": [9.0, 2.0]}))[0]
