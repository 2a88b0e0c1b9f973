"""A run as a Research Object Crate (RO-Crate 1.1): its files, what made them, and from what."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".safetensors": "application/octet-stream",
}


def crate(card: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata (JSON-LD) of the report's folder: every file of the run below it, with its digest; what lies in the
    store beside it as context; and the action that made them."""
    made = ROCrate(version="1.1")
    made.name = f"crossgen run {card['report']}"
    made.description = "A cross-generator benchmark of detectors of AI-generated images"
    made.root_dataset["conformsTo"] = {"@id": "https://w3id.org/ro/wfrun/process/0.1"}
    files = [_file(made, role, told) for role, told in _listed(run["files"])]
    software = _software(made, card)
    made.add_action(
        software,
        identifier="#run",
        object=[each for role, each in files if role in ("config", "manifests")],
        result=[each for role, each in files if role not in ("config", "manifests")],
        properties={"name": f"snakemake, report {card['report']}", "description": json.dumps(card["machine"])},
    )
    found: dict[str, Any] = made.metadata.generate()
    return found


def _listed(files: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    seen: set[str] = set()
    for role, told in files.items():
        for each in [told] if isinstance(told, dict) else told:
            if each["path"] not in seen:
                seen.add(each["path"])
                yield role, each


def _file(made: ROCrate, role: str, told: Mapping[str, str]) -> tuple[str, Any]:
    """A data entity below the crate's root; what lies beside it (`../store/...`) is context."""
    path = told["path"]
    properties = {
        "name": Path(path).name,
        "description": role.replace("_", " "),
        "encodingFormat": FORMATS.get(Path(path).suffix, "application/octet-stream"),
        "identifier": f"blake3:{told['blake3']}",
    }
    if path.startswith("../"):
        return role, made.add(ContextEntity(made, f"#{path[3:]}", {"@type": "CreativeWork", **properties}))
    return role, made.add_file(dest_path=path, properties=properties)


def _software(made: ROCrate, card: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of a library without types
    code = card["code"]
    about = {"@type": "SoftwareApplication", "name": "crossgen", "softwareVersion": code["crossgen"]}
    about |= {"identifier": f"commit {code['commit']}"} if code["commit"] else {}
    return made.add(ContextEntity(made, "#crossgen", about))
