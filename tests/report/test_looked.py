"""Detectors that were looked into: the table, and the section of the page."""

import json
from dataclasses import replace

import pytest
from PIL import Image
from synthetic_report import CONDITIONS, draw

from crossgen.report.looked import WIDTH, read_looked, shown
from crossgen.report.page import render
from crossgen.report.printing import markdown
from crossgen.report.style import canvas, save
from crossgen.report.tables import TABLES

NUMBERS = {
    "detector": "raw/adm/seed0", "images": 120, "maps": {"method": "grad_cam", "images": 4},
    "neighbours": {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.25},
    "drift": [
        {"label": label, "quality": quality, "images": 60, "measure": measure, "value": 0.2 * (1 + label),
         "low": 0.1, "high": 0.5, "verdicts_changed": 0.05}
        for label in (0, 1) for quality in (95, 30) for measure in ("distance", "cosine")
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looking")
    (folder / "numbers.json").write_text(json.dumps(NUMBERS))
    for name in ("plane", "drift"):
        save(canvas(2, 1), folder / name)
    Image.new("RGB", (2 * WIDTH, 300), (9, 90, 200)).save(folder / "maps.png")
    return replace(draw(("adm", "sd14"), CONDITIONS[:1]), looked=read_looked([folder / "numbers.json"]))


def test_a_detector_has_a_row(data):
    (row,) = TABLES["looking"](data).frame.to_dict("records")
    assert row["Neighbours tell the pool"] == "50.0 [40.0, 60.0]"
    assert row["Images"] == "120"
    assert (row["Chance"], row["Maps"]) == ("25.0", "grad-cam")
    assert row["reals at 95"] == "0.20 [0.10, 0.50]; 5"
    assert list(row)[-4:] == ["reals at 95", "reals at 30", "fakes at 95", "fakes at 30"]
    assert len(TABLES["looking"](data).full) == 8


def test_the_page_shows_maps_no_wider_than_it_is(data):
    address = shown(data)["raw/adm/seed0"]["maps"]
    assert address.startswith("data:image/jpeg;base64,")
    assert len(address) < 20_000
    tables = {name: build(data) for name, build in TABLES.items()}
    page = render(data, {}, tables, {})
    assert '<h2 id="looking">' in page
    assert 'alt="Maps of raw/adm/seed0"' in page


def test_where_nothing_was_asked_there_is_no_section():
    bare = draw(("adm", "sd14"), CONDITIONS[:1])
    tables = {name: build(bare) for name, build in TABLES.items()}
    assert '<h2 id="looking">' not in render(bare, {}, tables, {})
    assert "None." in markdown(tables["looking"])
