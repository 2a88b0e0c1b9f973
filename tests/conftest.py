"""Fixtures over the toys."""

import json
from pathlib import Path

import pytest

from toys import draw_pools, write_tables


@pytest.fixture
def pools(tmp_path: Path) -> Path:
    """A folder with drawn pools and their tables."""
    root = tmp_path / "images"
    draw_pools(root)
    write_tables(root)
    return root


@pytest.fixture
def write_config(tmp_path: Path):
    """Write a config mapping to a file and return its path."""

    def write(config: dict, name: str = "config.yaml") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    return write
