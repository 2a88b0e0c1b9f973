"""Fixtures over the toys."""

import importlib
import json
import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch is imported: two tests side by side are two threads, not four

from toys import ROOT, draw_pools, write_tables


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pools drawn once, to be copied."""
    root = tmp_path_factory.mktemp("drawn")
    draw_pools(root)
    write_tables(root)
    return root


@pytest.fixture
def pools(drawn: Path, tmp_path: Path) -> Path:
    """A folder of one's own with drawn pools and their tables."""
    return Path(shutil.copytree(drawn, tmp_path / "images"))


@pytest.fixture
def write_config(tmp_path: Path):
    """Write a config mapping to a file and return its path."""

    def write(config: dict, name: str = "config.yaml") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    return write


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch):
    """Import a module of the maker of the mini data set, by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "workflow" / "mini"))
    return importlib.import_module
