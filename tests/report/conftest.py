from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic_cells import curves_of, misjudged_of
from synthetic_report import CONDITIONS, draw
from visiting import launched

from crossgen.report.data import MEAN_UNSEEN, ReportData
from crossgen.report.figures import plan, save
from crossgen.report.page import render
from crossgen.report.tables import TABLES


@pytest.fixture(scope="session")
def mini() -> ReportData:
    data = draw()
    kept = data.matrix_conditions
    return replace(data, curves=curves_of(data, kept), misjudged=misjudged_of(data, kept))


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def tiny() -> ReportData:
    """Two generators and one condition."""
    return draw(generators=("adm", "sd14"), conditions=CONDITIONS[:1], experiments=("raw",))


@pytest.fixture(scope="session")
def odd() -> ReportData:
    """Two seeds, a train set of several generators, one generator that nobody trained on, no controls, no pairs."""
    data = draw(generators=("adm", "sd14", "glide"), experiments=("raw",), seeds=(0, 1), extra=("both",))
    seen = data.metrics[data.metrics["train_set"] != "glide"]
    means = seen[(seen["train_set"] == "mean") & (seen["test_generator"] == "own")].assign(test_generator=MEAN_UNSEEN)
    partly = pd.concat([seen, means], ignore_index=True)
    partly.loc[partly["condition"] == "clean", "coverage"] = 0.97
    return replace(data, metrics=partly, train_sets=("adm", "sd14", "both"), unseen=("glide",), controls=())


@pytest.fixture(scope="session")
def write_page(tmp_path_factory):
    """Write a report's page, with the figures asked for, and return its path."""

    def write(data: ReportData, drawn: tuple[str, ...] = ()) -> Path:
        folder = tmp_path_factory.mktemp("page")
        figures = {name: save(plan(data)[name](), folder / name)[0] for name in drawn}
        page = render(data, figures, {name: build(data) for name, build in TABLES.items()}, {"metrics": "m.parquet"})
        path = folder / "report.html"
        path.write_text(page, encoding="utf-8")
        return path

    return write
