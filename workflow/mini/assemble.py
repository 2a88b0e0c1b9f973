"""Writes the mini data set: images, tables, texts and the contact sheet, out of photographs and network outputs."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from cut import Source, bicubic, read_source, write_images
from deal import generator
from document import LICENSE, attribution, network_rows, photograph_rows, readme, write_table
from networks import NETWORKS
from own import OWN
from PIL import Image, ImageDraw

ROWS, WINDOW, TITLE = 10, 112, 14


def window(source: Source, pool: str, key: str, corner: tuple[int, int]) -> np.ndarray:
    """The same window of a photograph, of a network's output for it, or of its plain interpolation."""
    x, y = corner
    if pool in NETWORKS:
        offsets = json.loads((source.outputs / pool / "offsets.json").read_text())[key]
        image = np.asarray(Image.open(source.outputs / pool / f"{key}.png"))
        x, y = x - offsets[0], y - offsets[1]
    else:
        image = bicubic(source.scaled(key), 4) if pool == "bicubic" else source.scaled(key)
    return image[y : y + WINDOW, x : x + WINDOW]


def corner(source: Source, key: str) -> tuple[int, int]:
    """Upper left corner of the centre of what the style network saw: inside every network's output."""
    offsets = json.loads((source.outputs / "style" / "offsets.json").read_text())[key]
    width, height = Image.open(source.outputs / "style" / f"{key}.png").size
    return offsets[0] + (width - WINDOW) // 2, offsets[1] + (height - WINDOW) // 2


def contact_sheet(source: Source) -> Image.Image:
    """One row of windows a photograph: itself, all networks, bicubic x4; test photographs chosen at random."""
    keys = sorted(source.crops("fake", "test"))
    chosen = [keys[index] for index in generator("contact sheet").permutation(len(keys))[:ROWS]]
    columns = ("photograph", *NETWORKS, "bicubic")
    sheet = Image.new("RGB", (len(columns) * (WINDOW + 2), TITLE + ROWS * (WINDOW + 2)), "white")
    for column, pool in enumerate(columns):
        ImageDraw.Draw(sheet).text((column * (WINDOW + 2), 1), pool, fill="black")
        for row, key in enumerate(chosen):
            tile = Image.fromarray(window(source, pool, key, corner(source, key)))
            sheet.paste(tile, (column * (WINDOW + 2), TITLE + row * (WINDOW + 2)))
    return sheet


def assemble(source: Source, weights: Path, output: Path) -> None:
    """Writes everything into `output`, whose old images are removed first; `weights` is the folder of our own."""
    shutil.rmtree(output / "images", ignore_errors=True)
    for pool in OWN:
        shutil.copyfile(weights / f"{pool}.safetensors", output / f"{pool}.safetensors")
    rows = write_images(source, output)
    networks = network_rows(source.packages, weights)
    write_table(output / "images.csv", rows)
    write_table(output / "photographs.csv", photograph_rows(source))
    write_table(output / "networks.csv", networks)
    (output / "ATTRIBUTION.md").write_text(attribution(source, networks), encoding="utf-8")
    (output / "README.md").write_text(readme(source, rows, networks, weights), encoding="utf-8")
    (output / "LICENSE").write_text(LICENSE, encoding="utf-8")
    contact_sheet(source).save(output / "contact_sheet.jpg", quality=84)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--outputs", type=Path, required=True, help="network outputs, a folder a pool")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the weights that we trained")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    assemble(read_source(arguments.packages, arguments.outputs), arguments.weights, arguments.output)


if __name__ == "__main__":
    main()
