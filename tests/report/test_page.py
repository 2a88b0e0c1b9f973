import re

import pytest

from crossgen.report.figures import plan, save
from crossgen.report.page import render
from crossgen.report.tables import TABLES

DRAWN = ("matrix_clean_balanced_accuracy", "degradation_roc_auc", "biases_q96", "probes_q96", "controls")


@pytest.fixture(scope="module")
def page(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    figures = {name: save(plan(tiny)[name](), folder / name)[0] for name in DRAWN}
    tables = {name: build(tiny) for name, build in TABLES.items()}
    return render(tiny, figures, tables, {"All metrics": "metrics.parquet"})


def test_page_is_self_contained(page):
    assert "http" not in page
    assert "<script" not in page
    targets = re.findall(r'(?:href|src)="([^"#][^"]*)"', page)
    assert {target for target in targets if not target.startswith("data:image/png;base64,")} == {"metrics.parquet"}


def test_page_shows_every_figure_once_with_ids_of_its_own(page):
    assert page.count("<svg ") == len(DRAWN)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_page_answers_and_explains(page, tiny):
    for words in ("What was run", "Summary", "Data and quarantine", "How to read it", "seed variation unknown"):
        assert words in page
    own = TABLES["summary"](tiny).frame.Own[0]
    assert own in page
    assert "1: truncated" in page


def test_page_escapes_text(tiny):
    odd = {"summary": TABLES["summary"](tiny)}
    assert "&lt;b&gt;" in render(tiny, {}, odd, {"<b>": "x.csv"})


@pytest.mark.parametrize("address", ["https://example.org/x", "/etc/passwd", "//example.org/x", "file:x"])
def test_page_refuses_links_that_leave_the_report(tiny, address):
    with pytest.raises(ValueError, match="relative"):
        render(tiny, {}, {"summary": TABLES["summary"](tiny)}, {"x": address})
