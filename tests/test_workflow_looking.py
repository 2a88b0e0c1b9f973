"""Detectors looked into through the workflow: a job each, a table, a section of the page; verified; nothing unasked."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from checkout import Checkout

pytestmark = pytest.mark.long
LOOKED = "raw/checker/seed0"
OPTIONS = {"detectors": [LOOKED], "images": 12, "maps": 1, "qualities": [90, 40], "plane": "pca"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("looking") / "run")
    checkout.config |= {"train_sets": [], "looking": OPTIONS, "comparisons": []}
    checkout.config["experiments"] = [{"name": "raw", "subset": "raw", "recipe": "tiny"}]
    checkout.snakemake("results/toy/run.json")
    return checkout


def report(run: Checkout) -> Path:
    return run.folder / "results" / "toy"


def test_the_detector_that_was_asked_for_has_a_row(run):
    table = pd.read_csv(report(run) / "tables" / "looking.csv")
    assert set(table["detector"]) == {LOOKED}
    assert set(zip(table["label"], table["quality"], table["measure"], strict=True)) == {
        (label, quality, measure) for label in (0, 1) for quality in (90, 40) for measure in ("distance", "cosine")
    }
    worse = table[table["measure"] == "distance"].set_index(["label", "quality"])["value"]
    assert all(worse[label, 40] > worse[label, 90] for label in (0, 1))


def test_the_page_shows_it_and_it_is_verified(run):
    page = (report(run) / "report.html").read_text()
    assert '<h2 id="looking">' in page
    assert f'alt="Maps of {LOOKED}"' in page
    roles = json.loads((report(run) / "run.json").read_text())["files"]
    assert [Path(told["path"]).name for told in roles["looked"]] == ["numbers.json"]
    said = run.output([sys.executable, "-m", "crossgen", "verify", "results/toy"])
    assert "every claim that was checked holds" in said


def test_what_is_not_asked_for_is_not_done(run):
    without = {key: value for key, value in run.config.items() if key != "looking"}
    assert "look_into" not in run.planned(config=without)
    again = run.planned(config=run.config | {"looking": OPTIONS | {"qualities": [70]}})
    assert again["look_into"] == 1
    assert "train_detector" not in again
    assert "score_images" not in again


def test_an_unknown_detector_is_refused(run):
    said = run.snakemake("-n", config=run.config | {"looking": {"detectors": ["raw/chequer/seed0"]}}, check=False)
    assert "Unknown detector 'raw/chequer/seed0' in looking.detectors: expected one of raw/checker/seed0, raw/" in said
