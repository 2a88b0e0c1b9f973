"""All images below a folder."""

from pathlib import Path
from typing import Any

from crossgen.config import FolderSource


def entries(source: FolderSource, pool: str) -> list[dict[str, Any]]:
    """Path (and the split, where the config states one) of each image below the folder; case of endings is ignored.

    Raises FileNotFoundError with the remedy.
    """
    root = Path(source.root)
    if not root.is_dir():
        raise FileNotFoundError(f"Pool {pool!r}: no folder {source.root}: correct source.root in the config.")
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix.lower() in source.suffixes)
    return [{"path": path.relative_to(root).as_posix(), "split": source.split} for path in files]
