"""What of a run goes into a bundle, and what is taken out of its files first: paths, weights, columns nobody reads."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.detectors.identity import read_header
from crossgen.replay.run import File, Run
from crossgen.report.citation import bibtex
from crossgen.report.data import TRAINED

#: Columns of a manifest that no step of the table side reads, and that tell of the disk it was made on.
PRIVATE = ("path", "source", "folder")
#: Keys of a config that hold places on a disk, whatever they say.
PLACES = ("root", "table", "lists", "ids", "url", "server", "metadata", "checksums", "volumes", "weights")
CARD = ("card.json", "card.html", "ro-crate-metadata.json")
#: Roles of tables of training images, and the kinds of their tables.
TRAINING = {"selections": records.SELECTION, "indexes": records.CROPS}


@dataclass
class Contents:
    """Files of a bundle (place to file), those that stand for larger ones (place to the digest of the run's own)."""

    files: dict[str, Path] = field(default_factory=dict)
    stands_for: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def contents(run: Run, folder: Path, tested_only: bool) -> Contents:
    """The files of a bundle; what is made smaller is written below `folder`. Raises ValueError for a missing file."""
    found = Contents({f"{run.name}/run.json": run.folder / "run.json"})
    for file in run.files:
        path = run.path(file.place)
        if not path.is_file():
            raise ValueError(f"{path}: the file of role {file.role!r} is missing; verify the run first.")
        if tested_only and file.role in TRAINING:
            found.left_out.append(file.place)
            continue
        found.files[file.place] = path
        if slimmed := _slim(file, path, folder / file.place, tested_only):
            found.files[file.place], found.stands_for[file.place] = slimmed, file.digest
    found.files |= _beside(run)
    citation = folder / "CITATION.bib"
    citation.parent.mkdir(parents=True, exist_ok=True)
    citation.write_text(bibtex() + "\n", encoding="utf-8")
    found.files["CITATION.bib"] = citation
    return found


def shows_images(run: Run) -> bool:
    """Whether the run's config asks for small pictures of test images, which are then in the bundle, too."""
    told = json.loads(run.of_role("config")[0].read_text(encoding="utf-8"))
    return bool((told.get("breakdowns") or {}).get("gallery"))


def _beside(run: Run) -> dict[str, Path]:
    """What run.json does not tell of: Markdown and LaTeX of tables, beside the CSV, and the run's card, made of it."""
    tables = [file.place for file in run.files if file.place.endswith(".csv")]
    found = [place.removesuffix(".csv") + kind for place in tables for kind in (".md", ".tex")]
    found += [f"{run.name}/{name}" for name in CARD]
    return {place: run.path(place) for place in found if run.path(place).is_file()}


def _slim(file: File, path: Path, target: Path, tested_only: bool) -> Path | None:
    """The smaller file that stands for one of a role, or nothing."""
    make = SLIM.get(file.role)
    if make is None:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    make(path, target, tested_only)
    return target


def _manifest(path: Path, target: Path, tested_only: bool) -> None:
    table = records.read(path, records.MANIFEST)
    if tested_only:
        table = table.filter(pc.equal(table["split"], "test"))
    records.write(target, _without_places(table), records.MANIFEST)


def _selection(path: Path, target: Path, tested_only: bool) -> None:
    records.write(target, _without_places(records.read(path, records.SELECTION)), records.SELECTION)


def _index(path: Path, target: Path, tested_only: bool) -> None:
    records.write(target, _without_places(records.read(path, records.CROPS)), records.CROPS)


def _without_places(table: pa.Table) -> pa.Table:
    for name in PRIVATE:
        values = pa.array([""] * table.num_rows, pa.string())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _detector(path: Path, target: Path, tested_only: bool) -> None:
    """The header of a detector's file as a file of its own, without weights and without what no table shows."""
    told = read_header(path)
    training = {name: value for name, value in (told.get("training") or {}).items() if name in TRAINED}
    kept = {"identity": told["identity"], "recipe": without_places(told["recipe"]), "training": training}
    header = json.dumps({"__metadata__": {"crossgen": json.dumps(kept, sort_keys=True)}}).encode()
    target.write_bytes(len(header).to_bytes(8, "little") + header)


def _config(path: Path, target: Path, tested_only: bool) -> None:
    told = without_places(json.loads(path.read_text(encoding="utf-8")))
    target.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def without_places(told: Any) -> Any:  # noqa: ANN401 -- JSON
    """A config without the places on disks and in networks that it names."""
    if isinstance(told, Mapping):
        return {name: None if name in PLACES else without_places(value) for name, value in told.items()}
    if isinstance(told, list):
        return [without_places(item) for item in told]
    is_place = isinstance(told, str) and (told.startswith(("/", "~", "..")) or "\\" in told or told[1:3] == ":/")
    return None if is_place else told


SLIM: dict[str, Callable[[Path, Path, bool], None]] = {
    "manifests": _manifest,
    "selections": _selection,
    "indexes": _index,
    "detectors": _detector,
    "config": _config,
}
