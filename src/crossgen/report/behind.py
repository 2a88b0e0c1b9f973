"""What stands behind the cells of the matrix, packed for the page: curves, worst classes, the images most misjudged.

Shares are whole thousandths. A picture that many cells show is there once.
"""

import base64
from collections.abc import Iterator, Mapping
from math import isnan
from typing import Any

import pandas as pd

from crossgen.report.breakdowns import file_text
from crossgen.report.data import ReportData

#: Cells that a page holds the curves of: about 1.5 kB each. Of more, those of the plain condition alone, then none.
MOST = 2000
CELL = ("experiment", "condition", "train_set", "test_generator")

Json = dict[str, Any]


def behind(data: ReportData) -> Json:
    """`cells`: experiment to condition to train set to test set to what is known of it; `pictures`: addresses.

    `left_out`: the conditions that have curves, but not on this page, for its size.
    """
    conditions, left_out = _conditions(data)
    cells: Json = {}
    curves = data.curves[data.curves["condition"].isin(conditions)]
    errors = data.misjudged[data.misjudged["condition"].isin(conditions)]
    for key, rows in curves.groupby(list(CELL), sort=False):
        _cell(cells, tuple(map(str, key)))["seeds"] = [_curves(each) for _, each in rows.groupby("seed", sort=True)]
    pictures: dict[bytes, int] = {}
    for key, rows in errors.groupby(list(CELL), sort=False):
        told = rows.sort_values("rank").to_dict("records")
        cell = _cell(cells, tuple(map(str, key)))
        cell["classes"] = [_class(row) for row in told if row["kind"] == "class"]
        cell["images"] = [_image(row, pictures) for row in told if row["kind"] == "image"]
    addresses = [f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}" for picture in pictures]
    return {"cells": cells, "pictures": addresses, "left_out": left_out}


def _conditions(data: ReportData) -> tuple[list[str], list[str]]:
    held = list(dict.fromkeys(data.curves["condition"]))
    cells = len(data.curves[[*CELL, "seed"]].drop_duplicates())
    if cells <= MOST:
        return held, []
    plain = [name for name in held if name == data.plain]
    shown = (
        plain
        if len(data.curves[data.curves["condition"].isin(plain)][[*CELL, "seed"]].drop_duplicates()) <= MOST
        else []
    )
    return shown, [name for name in held if name not in shown]


def _cell(cells: Json, key: tuple[str, ...]) -> Json:
    for name in key:
        cells = cells.setdefault(name, {})
    return cells


def _curves(rows: pd.DataFrame) -> Json:
    """`roc`: [false, true]; `calibration`: [mean P(fake), share of fakes, images]; `scores`: the edges' ends, then
    the shares of reals and of fakes, bin by bin."""
    of = {str(name): part.sort_values("position") for name, part in rows.groupby("curve")}
    bins = of["scores_real"]
    ends = [round(float(bins["x"].iloc[0]), 3), round(float(bins["upper"].iloc[-1]), 3)]
    calibration = of["calibration"]
    return {
        "roc": [_thousandths(of["roc"][name]) for name in ("x", "y")],
        "calibration": [*(_thousandths(calibration[name]) for name in ("x", "y")), [int(n) for n in calibration["n"]]],
        "scores": [ends, *(_thousandths(of[name]["y"]) for name in ("scores_real", "scores_fake"))],
    }


def _thousandths(shares: "pd.Series[float]") -> list[int]:
    return [round(1000 * share) for share in shares]


def _class(row: Mapping[Any, Any]) -> list[Any]:
    """`[name, label, wrong, n, low, high]`, limits in tenths of a percent."""
    limits = [None if isnan(row[name]) else round(1000 * row[name]) for name in ("low", "high")]
    return [row["name"], int(row["label"]), int(row["wrong"]), int(row["n"]), *limits]


def _image(row: Mapping[Any, Any], pictures: dict[bytes, int]) -> list[Any]:
    """`[image_id, label, about, picture or -1]`."""
    held = row["thumbnail"]
    place = pictures.setdefault(held, len(pictures)) if isinstance(held, bytes) else -1
    about = ", ".join(_about(row))
    return [row["name"], int(row["label"]), about, place]


def _about(row: Mapping[Any, Any]) -> Iterator[str]:
    if isinstance(row["class_name"], str):
        yield row["class_name"]
    yield file_text(row)
    yield f"{-row['value']:.1f} standard deviations wrong"
