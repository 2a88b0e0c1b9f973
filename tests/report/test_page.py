import base64
import gzip
import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from plotly.offline import get_plotlyjs
from synthetic_report import printed

import crossgen
from crossgen.config import PublishedFinding
from crossgen.report import page as page_module
from crossgen.report.changes import change, control_excess
from crossgen.report.citation import bibtex
from crossgen.report.data import MEAN, OWN
from crossgen.report.estimates import Estimate
from crossgen.report.facts import left_out
from crossgen.report.meaning import findings
from crossgen.report.page import ASKED, TITLES, WORDS, overview, packed, render
from crossgen.report.payload import Cells, columns, embedded, payload, tenths
from crossgen.report.printing import Table, percent, points
from crossgen.report.short import in_short
from crossgen.report.tables import TABLES
from toys import ROOT

DRAWN = (
    "learning_raw",
    "matrix_clean_balanced_accuracy",
    "degradation_roc_auc",
    "biases_q96",
    "probes_q96",
    "controls",
)


@pytest.fixture(scope="module")
def page(tiny, write_page):
    return write_page(tiny, DRAWN).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(mini):
    return payload(mini)


def bare(page):
    """Without plotly.js."""
    return page.replace(packed(get_plotlyjs()), "")


def embedded_in(page):
    return json.loads(re.search(r'id="payload">(.*?)</script>', page, re.S)[1])


def test_page_is_self_contained(page):
    ours = bare(page).replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "://" not in ours and "@import" not in ours and len(page) < 3_500_000
    targets = re.findall(r'(?:href|src)="([^"#][^"]*)"', ours)
    assert {target for target in targets if not target.startswith("data:image/png;base64,")} == {"m.parquet"}
    assert "default-src 'none'" in ours


def test_plotly_is_inside_whole_and_the_same_each_time(page):
    held = re.search(r'<script type="application/gzip" id="plotly">([A-Za-z0-9+/=]+)</script>', page)[1]
    assert gzip.decompress(base64.b64decode(held)).decode() == get_plotlyjs()
    assert held == packed(get_plotlyjs()) and len(held) < 0.45 * len(get_plotlyjs())


def test_every_section_has_its_number_and_a_link(page):
    assert len(TITLES) == len(WORDS) == 13
    always = {key: title for key, title in TITLES.items() if key not in ASKED}
    for number, (key, title) in enumerate(always.items(), 1):
        assert f'<h2 id="{key}"><span class="count">{number}</span> {title}</h2>' in page
        assert f'<a href="#{key}"' in page


def test_page_shows_every_figure_once_with_ids_of_its_own(page):
    ours = bare(page)
    assert ours.count("<svg ") == len(DRAWN)
    ids = re.findall(r'\sid="([^"]+)"', ours)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', ours)) <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", ours)) <= set(ids)


def test_the_card_is_named_where_there_is_one(tiny, write_page, page):
    assert 'href="card.html"' not in page
    known = replace(tiny, files={"scores": ("scores/raw/adm/seed0.parquet",)})
    assert write_page(known).read_text(encoding="utf-8").count('<a href="card.html">the card of this run</a>') == 1
    assert "the card of this run" not in overview(known, {name: build(known) for name, build in TABLES.items()})


def test_figures_of_a_large_run_are_links_to_their_files(tiny, write_page, monkeypatch):
    monkeypatch.setattr(page_module, "MOST_DRAWN", 1)
    large = write_page(tiny, DRAWN).read_text(encoding="utf-8")
    assert "<svg " not in bare(large)
    assert {f"figures/{name}.svg" for name in DRAWN} <= set(re.findall(r'<a href="([^"]+)"', large))


def test_the_script_finds_every_element_it_asks_for(page):
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    asked = set(re.findall(r'(?:byId|draw|key|tabled|wide|offer|ticks)\("([^"]+)"', bare(page)))
    assert len(asked) > 20 and asked <= ids


def test_every_cell_of_the_script_prints_as_the_tables_do(mini, told):
    names = columns(mini)
    count = 0
    for view in told["views"]:
        pair = tuple(view["name"].split(" − "))
        for metric, (place, row), (at, column), condition in product(
            view["metrics"], enumerate(view["rows"]), enumerate(names), mini.conditions
        ):
            key = (row, column, condition.name, metric)
            estimate = mini.difference(pair, *key) if view["signed"] else mini.cell(view["name"], *key)
            cell = told["cells"][view["name"]][metric]["conditions"][condition.name][place * len(names) + at]
            form = points if view["signed"] else percent
            if not estimate.defined:
                assert cell == 0 or (cell[0] is None and told["about"][cell[3]][3] == estimate.reason)
                continue
            assert printed(cell, view["signed"]) == form(estimate)
            assert tuple(told["about"][cell[3]][:2]) == (estimate.n_real, estimate.n_fake)
            assert not view["signed"] or (cell[4:] == [1]) == estimate.separated
            count += 1
    assert count > 3000


def test_verdicts_do_not_hang_on_rounded_bounds():
    barely = Estimate(0.06, 0.0004, 0.1196)
    assert Cells().pack(barely, signed=True) == [60, 0, 120, 0, 1] and barely.separated
    assert Cells().pack(barely) == [60, 0, 120, 0]


def test_controls_and_audit_print_as_the_tables_do(mini, told):
    frame = TABLES["controls"](mini).frame
    for experiment in mini.experiments:
        rows = frame[frame["Experiment"] == experiment].drop(columns=["Experiment", "Trained on"])
        cells = [printed(cell) for cell in told["called"][experiment][mini.plain]]
        assert cells == rows.to_numpy().ravel().tolist()
    biases = TABLES["biases"](mini).frame
    shown = [printed(row[3]) for subset in told["audit"].values() for row in subset["tables"]["probes"]]
    assert sorted(shown) == sorted(biases["Balanced accuracy"])


@pytest.mark.parametrize("share", [0.8125, 0.12250, 0.5, 1.0, 0.0, -0.0004, -0.03125, 0.99949999])
def test_tenths_round_as_the_tables_do(share):
    assert printed([tenths(share), None, None, 0], True) == points(Estimate(share))


def test_histograms_hold_all_images(mini, told):
    for fact in told["audit"]["q96"]["sizes"].values():
        for stage in fact["stages"].values():
            for share in stage.values():
                assert sum(share["bins"]) + share["none"] == pytest.approx(100, abs=0.2)


def test_payload_of_the_page_is_that_of_the_data(page, tiny):
    assert embedded_in(page) == json.loads(json.dumps(payload(tiny)))


def test_nothing_in_the_data_can_end_a_script():
    text = embedded({"x": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(text) and json.loads(text) == {"x": "</script><!-- & \u2028"}


def test_hostile_texts_are_escaped(tiny):
    evil = "<img src=x onerror=alert(1)>"
    data = replace(
        tiny,
        name=evil,
        probes=tiny.probes.assign(rules=evil),
        facts=tiny.facts.assign(quarantine=evil),
        metrics=tiny.metrics.assign(reason=evil, value=np.nan),
    )
    page = render(data, {}, {"summary": TABLES["summary"](data)}, {evil: "x.csv"})
    assert "<img" not in page and "&lt;img" in page


def test_a_table_without_rows_is_its_caption(tiny):
    empty = Table("What was lost. None.", pd.DataFrame(columns=["Pool", "Why lost"]), pd.DataFrame())
    page = render(tiny, {}, {"summary": TABLES["summary"](tiny), "losses": empty}, {})
    assert "What was lost. None." in page and '<th scope="col">Why lost</th>' not in page


def test_tables_of_other_modules_are_shown_where_they_exist(tiny):
    frame = pd.DataFrame({"Pool": ["adm"], "Lost on packing": ["7 of 9"]})
    tables = {"summary": TABLES["summary"](tiny), "losses": Table("What was lost.", frame, frame)}
    assert "7 of 9" in render(tiny, {}, tables, {})


def test_unseen_generators_stand_after_the_seen_ones(odd):
    assert odd.unseen == ("glide",)
    told = payload(odd)
    assert told["unseen"] == ("glide",) and told["columns"][:3] == ("adm", "sd14", "glide")
    assert "mean_unseen" in told["columns"]
    assert any("unseen generators" in finding.about for found in findings(odd).values() for finding in found)
    assert "on unseen ones" in " ".join(text for _, text in in_short(odd))


def test_what_is_left_out_is_counted_with_its_reason(mini, odd):
    lost = left_out(mini)
    assert lost.quarantined.to_numpy().tolist() == [["photographs", "truncated", 1]]
    assert lost.names == ("photographs/3",) and lost.more == 0
    assert lost.undefined["Reason"].tolist() == ["coverage 0.42 is below 0.9"] and lost.uncovered.empty
    assert set(left_out(odd).uncovered["Coverage"]) == {"97.0 %"}


def test_the_paragraph_names_the_facts_that_a_probe_used(mini):
    probes = pd.concat([
        mini.probes.assign(group="header"),
        mini.probes[mini.probes["stage"] == "after_alignment"].assign(group="detector_reads", low=0.4),
    ])  # fmt: skip
    told = dict(in_short(replace(mini, probes=probes)))["File facts alone"]
    assert "from the file header, before selection: in 16 of 16 test sets (subset raw)" in told
    assert "from what the detector reads, after alignment: in 0 of 16 test sets (subset raw)" in told


def test_changes_are_paired_over_the_train_sets(mini):
    moved = change(mini, ("raw", OWN, "balanced_accuracy"), "fakes_q96")
    of = lambda name, condition: mini.cell("raw", name, name, condition, "balanced_accuracy").value  # noqa: E731
    each = [of(name, "fakes_q96") - of(name, "clean") for name in mini.train_sets]
    half = 2.3646 * np.std(each, ddof=1) / np.sqrt(8)  # Student's t, 7 degrees
    assert moved.value == pytest.approx(np.mean(each)) and moved.low == pytest.approx(np.mean(each) - half, abs=1e-4)
    assert not change(mini, ("raw", "mean_off_diagonal", "nothing"), "fakes_q96").defined


def test_one_generator_gives_a_change_without_interval(mini):
    alone = replace(mini, train_sets=("srvgg",), generators=("srvgg",))
    assert not change(alone, ("raw", OWN, "roc_auc"), "all_q96").has_interval
    excess = control_excess(alone, "raw", "bicubic")
    assert not excess.defined and "srvgg" in excess.reason


def test_findings_go_by_intervals(mini):
    found = {finding.about: finding for topic in findings(mini).values() for finding in topic}
    assert found["raw: fakes_q96"].mark == "below" and "falls" in found["raw: fakes_q96"].text
    assert found["unbiased: own against others"].mark == "above"
    assert found["subset q96, before selection"].mark == "above" != found["subset q96, after alignment"].mark
    off = mini.cell("raw", MEAN, "mean_off_diagonal", "clean", "balanced_accuracy")
    assert percent(off).split(" ")[0] in found["raw: other generators against chance"].text
    wide = replace(mini, metrics=mini.metrics.assign(low=-1.0, high=1.0))
    marks = {finding.mark for finding in findings(wide)["Generators they were not trained on"]}
    assert marks == {"not separated"}


@pytest.mark.parametrize(
    ("says", "moved", "separated", "mark"),
    [
        ("higher", 0.1, True, "agrees"),
        ("lower", 0.1, True, "contradicts"),
        ("lower", -0.1, True, "agrees"),
        ("higher", 0.1, False, "not separated"),
        ("higher", 0.1, None, "no interval"),
    ],
)
def test_a_published_finding_is_held_against_the_corrected_test(mini, says, moved, separated, mark):
    said = PublishedFinding(experiment="unbiased", baseline="raw", says=says, mean="own", source="A paper, Table 1")
    p_holm = {True: 0.01, False: 0.2, None: float("nan")}[separated]
    rows = mini.differences.assign(value=moved, p_holm=p_holm, separated=bool(separated), low=moved - 0.05)
    odd = replace(mini, differences=rows, seed_means=mini.seed_means.iloc[:0], published=(said,))
    (finding,) = findings(odd)["Beside what papers found"]
    assert finding.mark == mark and f"Published: {says} (A paper, Table 1). Here: " in finding.text
    assert f"{100 * moved:+.1f} points".replace("-", "−") in finding.text


def test_the_overview_is_the_page_without_charts(mini):
    tables = {name: build(mini) for name, build in TABLES.items()}
    light = overview(mini, tables)
    assert len(light) < 1_500_000  # as a data: address it stays under Chromium's 2 MB
    assert 'id="plotly"' not in light and packed(get_plotlyjs()) not in light and "<svg " not in light
    assert embedded_in(light)["behind"] == {"cells": {}, "pictures": [], "left_out": []}
    assert "<svg " not in light and embedded_in(light)["name"] == "mini"
    assert {key for key in TITLES if f'<h2 id="{key}">' in light} == set(TITLES) - set(ASKED)


def test_the_page_cites_in_the_words_of_the_citation_file():
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    bare = bibtex().replace("{", "").replace("}", "")
    for work in (told, *told["references"]):
        assert work["title"] in bare
        assert all(author.get("family-names", author.get("name")) in bare for author in work["authors"])
        assert str(work.get("doi", "")) in bare
    assert told["version"] == crossgen.__version__ and told["version"] in bare


@pytest.mark.parametrize("address", ["https://example.org/x", "/etc/passwd", "//example.org/x", "file:x"])
def test_page_refuses_links_that_leave_the_report(tiny, address):
    with pytest.raises(ValueError, match="relative"):
        render(tiny, {}, {"summary": TABLES["summary"](tiny)}, {"x": address})
