"""The texts and tables beside the images: README, ATTRIBUTION, LICENSE, photographs.csv, networks.csv."""

from __future__ import annotations

import csv
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from cut import Source
from deal import QUALITIES, validation_groups
from diffusion import STEPS, STRENGTH
from networks import NETWORKS, weight_files
from own import OWN, load, psnr, reconstruct
from photographs import SMALL_CLASSES, versions
from safetensors import safe_open

HERE = Path(__file__).parent
SIZES = (112, 128, 160)
LICENSE = """\
Terms of the mini data set

Each image is under the licence of the photograph it was made from: see ATTRIBUTION.md (and photographs.csv) for author,
licence and origin of every photograph. Images made from CC-BY-SA photographs are adaptations under the same licence;
all were down-scaled and cropped, and the fakes were altered by a neural network. No author endorses this use.

The networks were run, not copied; their licences are in networks.csv. The weights in autoencoder.safetensors,
vq.safetensors and diffusion.safetensors, the tables and the texts of this folder are under the licence of crossgen,
Apache-2.0.
"""


def write_table(path: Path, rows: Sequence[dict]) -> None:
    """A CSV file: UTF-8, LF."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)


def photograph_rows(source: Source) -> list[dict]:
    """photographs.csv: every photograph with its side, split and size after down-scaling."""
    rows = []
    for key, item in source.listed.items():
        deal = source.dealt[key]
        rows.append(
            {
                "id": key, "package": item.package, "version": item.version, "path": item.path, "author": item.author,
                "licence": item.licence, "class": item.class_name, "side": deal.side, "split": deal.split,
                "width": item.width, "height": item.height, "downscale": f"{deal.factor:.4f}",
                "scaled_width": deal.width, "scaled_height": deal.height, "source": item.source,
            }
        )  # fmt: skip
    return rows


def count_parameters(files: Sequence[Path]) -> str:
    """Parameters of a network, counted from its weights; empty where the file does not tell."""
    first = files[0]
    if first.suffix == ".safetensors":
        with safe_open(first, "pt") as weights:
            names = weights.keys()
            return str(sum(int(np.prod(weights.get_slice(name).get_shape())) for name in names))
    if first.suffix == ".pth":
        import torch

        return str(sum(tensor.numel() for tensor in torch.load(first, map_location="cpu", weights_only=True).values()))
    if first.suffix == ".param":  # key 6 of a layer is the number of its weights, stored as float16 or float32
        fields = first.read_text().split()
        return str(sum(int(field[2:]) for field in fields if field.startswith("6=")))
    return ""


def network_rows(packages: Path, weights: Path) -> list[dict]:
    """networks.csv: one row a weight file; `weights` is the folder of our own."""
    rows = []
    for network in NETWORKS.values():
        files = weight_files(network, packages, weights)
        for name, file in zip(network.files, files, strict=True):
            rows.append(
                {
                    "pool": network.pool, "network": network.name, "package": network.package or "crossgen",
                    "version": versions().get(network.package, ""), "weight_file": name,
                    "weight_sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "licence": network.licence,
                    "parameters": count_parameters(files), "crop_size": network.size, "factor": network.factor,
                }
            )  # fmt: skip
    return rows


def parts(rows: Sequence[dict], pool: str) -> list[tuple[dict, str]]:
    """Rows of a pool with their part: train, val (carved) or test."""
    chosen = [row for row in rows if row["pool"] == pool]
    carved = validation_groups(row["group"] for row in chosen if row["split"] == "train") if chosen else set()
    return [(row, "val" if row["split"] == "train" and row["group"] in carved else row["split"]) for row in chosen]


def counts_table(rows: Sequence[dict]) -> str:
    """Images a pool and part."""
    lines = []
    for pool in ("photographs", *NETWORKS, "photographs_png", "bicubic"):
        dealt = parts(rows, pool)
        counted = Counter(part for _, part in dealt)
        label = "fake" if pool in NETWORKS else "real"
        size = f"{NETWORKS[pool].size} x {NETWORKS[pool].size}" if pool in NETWORKS else "varies"
        groups = len({row["group"] for row, _ in dealt})
        lines.append([f"`{pool}`", label, size, *(counted[part] for part in ("train", "val", "test")), groups])
    return markdown(["pool", "label", "pixels", "train", "val", "test", "photographs"], lines)


def matched_table(rows: Sequence[dict]) -> str:
    """Reals that match the fakes of each size in quality and size."""
    lines = []
    for size in SIZES:
        counted = Counter(
            part
            for row, part in parts(rows, "photographs")
            if row["jpeg_quality"] == 96 and all(size <= row[side] <= 1.25 * size for side in ("crop_w", "crop_h"))
        )
        lines.append([size, *(counted[part] for part in ("train", "val", "test"))])
    return markdown(["S", "train", "val", "test"], lines)


def attribution(source: Source, networks: Sequence[dict]) -> str:
    """ATTRIBUTION.md: every photograph and every network."""
    header = ["photograph", "author", "licence", "package and version", "path in the package", "origin"]
    lines = [
        [item.id, item.author, item.licence, f"{item.package} {item.version}", f"`{item.path}`", item.source]
        for item in source.listed.values()
    ]
    columns = ["pool", "network", "package", "version", "weight_file", "licence", "weight_sha256"]
    return (
        "# Attribution\n\nAll photographs were down-scaled and cropped; the fakes were altered by a neural network.\n\n"
        "Authors and licences of GCompris photographs are those of the README beside each picture inside the\n"
        "package's resource files (its Debian copyright file still names pictures of an older release).\n\n"
        "## Photographs\n\n"
        + markdown(header, lines)
        + "\n\n## Networks\n\n"
        + markdown(columns, [[row[name] for name in columns] for row in networks])
        + "\n"
    )


def test_psnr(source: Source, pool: str, weights: Path) -> list[float]:
    """PSNR of one of our own networks on every test photograph, in dB."""
    network = load(pool, weights)
    images = ((key, source.scaled(key)) for key, deal in source.dealt.items() if deal.split == "test")
    return [psnr(image, reconstruct(network, image, key)) for key, image in images]


def trained_table(source: Source, weights: Path) -> str:
    """How our own networks were trained, by the metadata of their weights, and how well they do on test photographs."""
    lines = []
    for pool in OWN:
        file = weights / f"{pool}.safetensors"
        with safe_open(file, "pt") as opened:
            facts = opened.metadata()
        quality, minutes = test_psnr(source, pool, file), round(int(facts["one_core_seconds"]) / 60)
        rate = f"{np.mean(quality):.1f}", f"{min(quality):.1f}"
        lines.append([f"`{pool}`", facts["loss"], facts["photographs"], facts["steps"], minutes, *rate])
    return markdown(["pool", "loss", "train photographs", "steps", "minutes", "PSNR, mean", "PSNR, lowest"], lines)


def readme(source: Source, rows: Sequence[dict], networks: Sequence[dict], weights: Path) -> str:
    """README.md, its numbers taken from the data."""
    columns = ["pool", "network", "package", "version", "licence", "parameters"]
    unique = {row["pool"]: [row[name] for name in columns] for row in networks}
    counted = Counter(row["jpeg_quality"] for row in rows if row["pool"] == "photographs")
    text = (HERE / "README.template.md").read_text(encoding="utf-8")
    return text.format(
        n_images=len(rows), counts=counts_table(rows), matched=matched_table(rows),
        qualities=", ".join(f"{quality}: {counted[quality]}" for quality in QUALITIES),
        networks=markdown(columns, unique.values()), trained=trained_table(source, weights),
        n_test=sum(deal.split == "test" for deal in source.dealt.values()), strength=STRENGTH, ddim_steps=STEPS,
        noise=round(127.5 * math.tan(math.pi / 2 * STRENGTH)), n_photographs=len({row["group"] for row in rows}),
        small=sum(item.class_name in SMALL_CLASSES for item in source.listed.values()),
    )  # fmt: skip
