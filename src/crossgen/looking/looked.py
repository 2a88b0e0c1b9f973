"""All that is told of one detector, as files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from crossgen.detectors.detector import Detector
from crossgen.files import write_text, write_whole
from crossgen.looking import figures
from crossgen.looking.chosen import Chosen
from crossgen.looking.drift import drift, separation
from crossgen.looking.embedding import Kind, plane, told_by_neighbours
from crossgen.looking.features import Features, Logits, features
from crossgen.looking.maps import Method, maps
from crossgen.report import style

#: Raised when the numbers of the same weights and pixels change.
VERSION = 1


@dataclass(frozen=True)
class Plan:
    """Images a pool that get a map, how maps are made, how features are laid out; whether pictures may be shown."""

    maps: int
    method: Method
    plane: Kind
    seed: int
    pictures: bool


def look(detector: Detector, named: tuple[str, str], chosen: Chosen, plan: Plan, folder: Path) -> Iterator[str]:
    """Write everything into `folder`, and say what; `named`: the detector and its architecture.

    Files: maps.npz (maps [n, h, w], image_id), plane.parquet (a row an image), drift.parquet (a row a label, quality
    and measure), numbers.json, and figures. Raises ValueError as the parts do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clean, logits = features(detector, chosen.clean)
    told: dict[str, Any] = {"detector": named[0], "version": VERSION, "images": len(chosen.label)}
    told |= _laid_out(clean, logits, chosen, plan, folder)
    told["drift"] = _drifted(detector, clean, logits, chosen, plan, folder, named[0])
    if plan.maps:
        told["maps"] = _mapped(detector, named, logits, chosen, plan, folder)
    write_text(folder / "numbers.json", json.dumps(told, indent=1, sort_keys=True) + "\n")
    yield f"{folder}: {len(chosen.label)} images of {len(set(chosen.pool))} pools, {clean.shape[1]} features each"
    near = told["neighbours"]
    limits = f"[{near['low']:.1%}, {near['high']:.1%}]; chance {near['chance']:.1%}"
    yield f"neighbours tell the pool of {near['value']:.1%} {limits}"
    if plan.maps:
        yield f"maps by {told['maps']['method']} of {told['maps']['images']} images"


def _laid_out(clean: Features, logits: Logits, chosen: Chosen, plan: Plan, folder: Path) -> dict[str, Any]:
    wide = clean.astype(np.float64)
    points, near = plane(wide, plan.plane, plan.seed), told_by_neighbours(wide, chosen.pool, chosen.group)
    columns = {"image_id": chosen.image_id, "pool": chosen.pool, "label": chosen.label, "logit": logits}
    table = pa.table({**columns, "x": points[:, 0], "y": points[:, 1]})
    write_whole(folder / "plane.parquet", lambda path: pq.write_table(table, path, compression="zstd"))
    said = (
        f"{plan.plane}; neighbours of other photographs tell the pool of {near.value:.0%}"
        f" [{near.low:.0%}, {near.high:.0%}] of the images, chance {near.chance:.0%}"
    )
    drawn = figures.draw_plane(points, chosen.pool, chosen.label, "Images as the detector lays them out", said)
    style.save(drawn, folder / "plane")
    return {"plane": plan.plane, "neighbours": near._asdict()}


def _drifted(
    detector: Detector, clean: Features, logits: Logits, chosen: Chosen, plan: Plan, folder: Path, name: str
) -> list[dict[str, Any]]:
    apart, rows = separation(clean, chosen.label), []
    for quality in (each for each in chosen.crops if each):
        moved, after = features(detector, chosen.crops[quality])
        for label in (0, 1):
            mine = chosen.label == label
            found = drift(clean[mine], moved[mine], apart, chosen.group[mine], plan.seed)
            turned = float(((logits[mine] > 0) != (after[mine] > 0)).mean())
            facts = {"label": label, "quality": quality, "images": int(mine.sum()), "verdicts_changed": turned}
            rows += [facts | each._asdict() for each in found]
    write_whole(
        folder / "drift.parquet", lambda path: pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")
    )
    style.save(figures.draw_drift(rows, "How far JPEG moves the features", f"{name}; 95 % intervals"), folder / "drift")
    return rows


def _mapped(
    detector: Detector, named: tuple[str, str], logits: Logits, chosen: Chosen, plan: Plan, folder: Path
) -> dict[str, Any]:
    """Of each pool the images that are judged most wrongly, then most rightly, in turn."""
    rows = [row for pool in dict.fromkeys(chosen.pool) for row in _extremes(pool, logits, chosen, plan.maps)]
    crops = chosen.clean[rows]
    # one by one: memory of occlusion and gradients does not grow with the number of images
    made = [maps(detector, torch.from_numpy(crops[at : at + 1]), named[1], plan.method) for at in range(len(rows))]
    found, method = np.concatenate([each for each, _ in made]), made[0][1]
    ids = chosen.image_id[rows].astype(str)
    write_whole(folder / "maps.npz", lambda path: _packed(path, found, ids))
    right = (logits[rows] > 0) == (chosen.label[rows] == 1)
    captions = [
        f"{chosen.pool[row]}: {'right' if right[at] else 'wrong'} ({logits[row]:+.1f})" for at, row in enumerate(rows)
    ]
    shown = crops if plan.pictures else None
    said = f"{named[0]}, {method}: orange speaks for fake, purple for real; each map by its own greatest value"
    style.save(figures.draw_maps(captions, found, shown, "Where the detector looks", said), folder / "maps")
    return {"method": method, "images": len(rows)}


def _packed(path: Path, found: np.ndarray[Any, Any], ids: np.ndarray[Any, Any]) -> None:
    with path.open("wb") as file:  # by its name, numpy would write another
        np.savez_compressed(file, maps=found, image_id=ids)


def _extremes(pool: str, logits: Logits, chosen: Chosen, n: int) -> list[int]:
    rows = np.flatnonzero(chosen.pool == pool)
    towards_right = np.where(chosen.label[rows] == 1, logits[rows], -logits[rows])
    order = rows[np.argsort(towards_right, kind="stable")].tolist()
    wrong, right = order[: (n + 1) // 2], order[len(order) - n // 2 :] if n // 2 else []
    return list(dict.fromkeys([*wrong, *right]))
