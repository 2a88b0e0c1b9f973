"""Room on the disk, before anything is fetched or unpacked."""

import shutil
from pathlib import Path


def refuse_without_room(root: Path, needed: int, what: str) -> None:
    """Raise OSError if the disk of `root` (which need not be there yet) has fewer free bytes than are needed."""
    at = root.absolute()
    while not at.exists():
        at = at.parent
    free = shutil.disk_usage(at).free
    if needed > free:
        raise OSError(
            f"{what}: {needed:,} bytes ({needed / 1e9:,.3f} GB) more are needed below {root}, {free:,} are free: make "
            "room and run again, or name another folder (nothing was written)"
        )
