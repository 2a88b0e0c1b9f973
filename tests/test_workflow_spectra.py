"""Spectra through the workflow: a job a pool, a table, figures and a section of the page; verified; nothing unasked."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from checkout import Checkout

pytestmark = pytest.mark.long
OPTIONS = {"side": 112, "fewest": 5, "images": 20}
FIGURES = {"average", "radial", "blocks", "combs", "autocorrelation"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("spectra") / "run")
    checkout.config |= {"train_sets": [], "spectra": OPTIONS, "comparisons": []}
    checkout.config["experiments"] = [{"name": "raw", "subset": "raw", "recipe": "tiny"}]
    told = report(checkout)
    made = [told / "tables" / "spectra.csv", *(told / "figures" / f"spectra_{name}.svg" for name in sorted(FIGURES))]
    checkout.snakemake(*(str(path.relative_to(checkout.folder)) for path in made))
    return checkout


def report(run: Checkout) -> Path:
    return run.folder / "results" / "toy"


def test_every_pool_has_its_averages_and_its_row(run):
    table = pd.read_csv(report(run) / "tables" / "spectra.csv").set_index("pool")
    assert list(table.index) == ["photographs", "checker", "stripes"]
    assert table["images"].eq(20).all() and table["reals"].tolist()[1:] == ["photographs"] * 2
    assert table["saved"]["photographs"] <= 1 and table["saved"][["checker", "stripes"]].eq(0).all()
    # a checkerboard of 14 grey levels stands against noise of 6 at the highest frequency of all
    assert table["high_ratio_low"]["checker"] > 1.2
    assert {json.loads(text)[0][2] > 0.02 for text in table["peaks"][["checker", "stripes"]]} == {True}


@pytest.mark.parametrize("kind", ["spectra", "spectral"])
def test_the_report_holds_what_it_was_made_of(run, kind):
    """`crossgen verify` makes tables and figures again from the files of these roles."""
    run.snakemake("results/toy/run.json")
    roles = json.loads((report(run) / "run.json").read_text())["files"]
    assert len(roles[kind]) == 3
    page = (report(run) / "report.html").read_text()
    assert '<h2 id="spectra">' in page and all(f'id="figure-spectra_{name}"' in page for name in FIGURES)
    said = run.output([sys.executable, "-m", "crossgen", "verify", "results/toy"])
    assert "every claim that was checked holds" in said


def test_what_is_not_asked_for_is_not_done(run):
    without = {key: value for key, value in run.config.items() if key != "spectra"}
    assert "analyse_spectra" not in run.planned(config=without)
    assert run.planned("results/toy/tables/spectra.csv") == {}
    again = run.planned(config=run.config | {"spectra": OPTIONS | {"residual": "laplacian", "pools": ["checker"]}})
    assert again["analyse_spectra"] == 1 and "train_detector" not in again and "score_images" not in again


def test_an_unknown_pool_is_refused(run):
    bad = run.config | {"spectra": {"pools": ["chequer"]}}
    said = run.snakemake("-n", config=bad, check=False)
    assert "Unknown pool 'chequer' in spectra.pools: expected one of photographs, checker, stripes" in said
