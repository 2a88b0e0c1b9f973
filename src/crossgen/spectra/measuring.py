"""One pool's images measured, in order and by a few threads: averages, and a few numbers of each image."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossgen.config.spectra import Spectra
from crossgen.data.images import Unusable, decode
from crossgen.data.parallel import ordered
from crossgen.data.reading import read_file
from crossgen.spectra.autocorrelation import autocorrelation, peaks, repetition
from crossgen.spectra.averages import Averages, Rings, decibels, power_of
from crossgen.spectra.blocks import BLOCK, block_map, excesses
from crossgen.spectra.choosing import Chosen
from crossgen.spectra.comb import QUALITIES, Comb, comb, histograms
from crossgen.spectra.residuals import RESIDUALS, corner, luma

#: Raised when numbers change: pictures are decoded again then.
VERSION = 1
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What is kept of one image until it is added: its residual, that one's power, its blocks and its comb."""

    residual: NDArray[np.float32]
    power: Numbers
    blocks: Numbers
    comb: Comb


def measure(row: dict[str, Any], root: Path, options: Spectra) -> Measured | str:
    """One image of a manifest; the reason why not, if it cannot be decoded or is smaller than its header said."""
    try:
        pixels = decode(read_file(root / row["path"]))
    except Unusable as error:
        return error.reason
    if min(pixels.shape[:2]) < options.side:
        return "under_side"
    top, left = corner(row["image_id"], (pixels.shape[0], pixels.shape[1]), options)
    return measure_square(luma(pixels[top : top + options.side, left : left + options.side]), options)


def measure_square(grey: NDArray[np.float32], options: Spectra) -> Measured:
    """The same of grey values [side, side] that begin at a block of the file's own grid."""
    residual = RESIDUALS[options.residual](grey)
    return Measured(residual, power_of(residual), block_map(grey), comb(histograms(grey - 128)))


def analyse(chosen: Chosen, root: Path, options: Spectra, threads: int = 1) -> tuple[list[dict[str, object]], ...]:
    """Rows of the tables `spectra` and `spectral` of one pool. No number depends on `threads`.

    Pictures are held a few at a time; of each a few hundred bytes stay. An image that cannot be decoded is left out
    and counted; no other takes its place.
    """
    averages, blocks, teeth = Averages(options.side), np.zeros((BLOCK, BLOCK)), np.zeros(len(QUALITIES))
    rings, left_out, images = Rings(options.side), Counter(chosen.left_out), []
    found = ordered(partial(measure, root=root, options=options), chosen.rows, threads)
    for row, one in zip(chosen.rows, found, strict=True):
        if isinstance(one, str):
            left_out[one] += 1
            continue
        averages.add(one.residual, one.power)
        blocks += one.blocks
        teeth += one.comb.scores
        images.append(_of_image(row, one, rings))
    told: dict[str, Numbers] = {"blocks": blocks / max(1, averages.n), "comb": teeth[None] / max(1, averages.n)}
    if not averages.n:
        told = {"blocks": np.zeros((0, BLOCK)), "comb": np.zeros((0, len(QUALITIES)))}
    else:
        told |= _averaged(averages)
    facts = {"n": averages.n, "left_out": _json(left_out), "options": options_json(options)}
    return [_average(kind, values) | facts for kind, values in told.items()], images


def options_json(options: Spectra) -> str:
    """How it was measured, for the report."""
    return json.dumps(options.model_dump(mode="json", include={"side", "crop", "residual", "splits"}), sort_keys=True)


def _json(left_out: Counter[str]) -> str:
    return json.dumps({reason: n for reason, n in sorted(left_out.items()) if n})


def _averaged(averages: Averages) -> dict[str, Numbers]:
    halves = averages.halves()
    mean = (halves[0] * ((averages.n + 1) // 2) + halves[1] * (averages.n // 2)) / averages.n
    found = peaks(*halves) if averages.n > 1 else []
    return {
        "mean_then_fft": averages.mean_then_fft(),
        "log_then_mean": averages.log_then_mean(),
        "autocorrelation": autocorrelation(mean),
        "repetition": repetition(mean),
        "peaks": np.array(found, np.float64).reshape(len(found), 3),
    }


def _average(kind: str, values: Numbers) -> dict[str, object]:
    height, width = values.shape
    return {"kind": kind, "height": height, "width": width, "values": values.astype(np.float32).ravel().tolist()}


def _of_image(row: dict[str, Any], one: Measured, rings: Rings) -> dict[str, object]:
    rows, columns = excesses(one.blocks)
    return {
        "image_id": row["image_id"],
        "group": row["group"],
        "stratum": row["stratum"],
        "radial": decibels(rings.bands(one.power)).astype(np.float32).tolist(),
        "high": float(decibels(np.array(rings.high(one.power)))),
        "block_rows": rows.astype(np.float32).tolist(),
        "block_columns": columns.astype(np.float32).tolist(),
        "quality": one.comb.quality,
        "comb": one.comb.clear,
        "first_quality": one.comb.first,
        "first_comb": one.comb.first_clear,
    }
