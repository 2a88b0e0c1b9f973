"""Published tables as pictures: every number is drawn, differences with their sign, gaps hatched."""

import pytest

from crossgen.literature.reading import table, tables
from crossgen.report.literature import heat_map


def texts(name: str) -> list[str]:
    return [text.get_text() for axes in heat_map(table(name)).axes for text in axes.texts]


def test_numbers_are_drawn_as_printed():
    drawn = texts("genimage_table2")
    assert len(drawn) == 72
    assert drawn[:3] == ["98.8", "76.4", "76.9"]


def test_differences_are_signed():
    drawn = [text for text in texts("unbiased_difference") if text != "–"]
    assert all(text[0] in "+−" for text in drawn)


def test_a_difference_among_shares_is_signed_and_has_no_colour():
    figure = heat_map(table("unbiased_jpeg"))
    axes = figure.axes[0]
    faces = {text.get_text(): patch.get_facecolor()[:3] for text, patch in zip(axes.texts, axes.patches, strict=True)}
    assert faces["+13.3"] == (1, 1, 1)
    assert faces["53.9"] != (1, 1, 1)


def test_gaps_are_hatched():
    axes = heat_map(table("unbiased_raw")).axes[0]
    assert sum(patch.get_hatch() == "////" for patch in axes.patches) == 8  # the mean row has a mean alone


@pytest.mark.parametrize("name", list(tables()))
def test_nothing_is_cut_off(name: str):
    figure = heat_map(table(name))
    box, (across, down) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= across
    assert box.y1 <= down
