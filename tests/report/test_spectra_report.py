"""Table, figures and section of spectra, from images measured for the purpose; intervals against a direct formula."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crossgen.config import TestSet as Pair
from crossgen.config.spectra import Spectra
from crossgen.report.figures import plan
from crossgen.report.page import render
from crossgen.report.spectra import spectra
from crossgen.report.tables import TABLES
from crossgen.spectra.choosing import Chosen
from crossgen.spectra.comparing import difference, mean, phase
from crossgen.spectra.measuring import analyse
from toys import photograph, synthetic

NAMES = ("average", "radial", "blocks", "combs", "autocorrelation")


def measured(folder, pool: str, label: int, drawn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of a pool of drawn images."""
    from collections import Counter

    from PIL import Image

    rows = []
    for number, pixels in enumerate(drawn):
        name = f"{pool}{number}.png"
        Image.fromarray(pixels).save(folder / name)
        rows.append({"image_id": name, "path": name, "group": f"{pool}{number // 2}", "stratum": "drawn"})
    averages, images = analyse(Chosen(rows, Counter()), folder, Spectra(side=80))
    keys = {"pool": pool, "label": label}
    return pd.DataFrame([keys | row for row in averages]), pd.DataFrame([keys | row for row in images])


@pytest.fixture(scope="module")
def told(tiny, tmp_path_factory):
    """`tiny` with spectra of photographs, of a pool with a checkerboard, and of one that has no image."""
    folder = tmp_path_factory.mktemp("drawn")
    parts = [
        measured(folder, "real", 0, [photograph(seed, 96, 90) for seed in range(10)]),
        measured(folder, "adm", 1, [synthetic(seed, 96, 2) for seed in range(10)]),
        measured(folder, "sd14", 1, []),
    ]
    pairs = tuple(Pair(name=name, fake=name, real="real") for name in ("adm", "sd14"))
    averages, images = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 1))
    return replace(tiny, spectra=averages, spectral=images, test_sets=pairs)


def test_the_table_has_a_row_a_pool_and_a_reason_for_each_gap(told):
    table = spectra(told)
    shown, full = table.frame.set_index("Pool"), table.full.set_index("pool")
    assert list(shown.index) == ["real", "adm", "sd14"] and shown["Images"].tolist() == ["10", "10", "0"]
    assert full.loc["adm", "high_ratio_low"] > 1 and full.loc["adm", "saved"] == 0
    assert shown.loc["sd14", "High frequencies / reals"] == "– (2)" and shown.loc["sd14", "Block edges (%)"] == "– (2)"
    assert table.notes == ("(1) no test set pairs the pool with reals", "(2) no image large enough")
    assert "squares of 80 pixels (residual: median_5), with 95 % intervals" in table.caption
    assert json.loads(full.loc["adm", "peaks"])


def test_without_spectra_there_is_an_empty_table_no_figure_and_no_section(tiny):
    assert spectra(tiny).frame.empty and "does not ask" in spectra(tiny).caption
    assert not [name for name in plan(tiny) if name.startswith("spectra_")]
    assert 'id="spectra"' not in render(tiny, {}, {"summary": TABLES["summary"](tiny)}, {})


def test_the_page_has_a_section_with_every_figure(told, tmp_path):
    from crossgen.report.style import save

    drawn = {name: draw for name, draw in plan(told).items() if name.startswith("spectra_")}
    assert set(drawn) == {f"spectra_{name}" for name in NAMES}
    figures = {name: save(draw(), tmp_path / name)[0] for name, draw in drawn.items()}
    again = {name: save(draw(), tmp_path / f"again_{name}")[0] for name, draw in drawn.items()}
    assert all(figures[name].read_bytes() == again[name].read_bytes() for name in figures)
    page = render(told, figures, {name: TABLES[name](told) for name in ("summary", "spectra")}, {})
    assert '<h2 id="spectra"><span class="count">7</span> Spectra</h2>' in page
    assert all(f'id="figure-spectra_{name}"' in page for name in NAMES) and "Every pool in numbers" in page


def test_the_difference_of_independent_images_is_welchs_with_pooled_degrees():
    random = np.random.default_rng(0)
    first, second = random.normal(1, 2, (40, 1)), random.normal(0, 1, (30, 1))
    fakes = pd.DataFrame({"group": [f"f{n}" for n in range(40)], "stratum": "s"})
    reals = pd.DataFrame({"group": [f"r{n}" for n in range(30)], "stratum": "s"})
    (found,) = difference(fakes, reals, (first, second), 0.95)
    half = stats.t.ppf(0.975, 68) * np.sqrt(first.var(ddof=1) / 40 + second.var(ddof=1) / 30)
    assert found.value == pytest.approx(float(first.mean() - second.mean()))
    assert found.high - found.value == pytest.approx(float(half)) == found.value - found.low


def test_images_of_one_group_are_one_witness():
    random = np.random.default_rng(1)
    values = np.repeat(random.normal(size=(20, 1)), 5, axis=0)
    rows = pd.DataFrame({"group": np.repeat([f"g{n}" for n in range(20)], 5), "stratum": "s"})
    (found,) = mean(rows, values, 0.95)
    half = stats.t.ppf(0.975, 19) * values[::5].std(ddof=1) / np.sqrt(20)
    assert found.high - found.value == pytest.approx(float(half))
    assert np.isnan(mean(rows[:5], values[:5], 0.95)[0].low) and np.isnan(mean(rows[:0], values[:0], 0.95)[0].value)


def test_a_phase_is_told_only_where_both_axes_have_one():
    random = np.random.default_rng(2)
    noise = random.normal(0, 0.02, (2, 60, 8))
    rows = pd.DataFrame({"group": [f"g{n}" for n in range(60)], "stratum": "s"})
    rows["block_rows"], rows["block_columns"] = list(noise[0]), list(noise[1] + 0.1 * (np.arange(8) == 5))
    assert phase(rows, 0.95) == (None, None)
    rows["block_rows"] = list(noise[0] + 0.1 * (np.arange(8) == 3))
    assert phase(rows, 0.95) == (5, 3)
