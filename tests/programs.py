"""Programs of the system that some tests compare with: skipped without them, unless CROSSGEN_PROGRAMS=require."""

import os
import shutil

import pytest


def needed(name: str) -> str:
    """Path of a program. Skips the test if it is absent; fails it where CROSSGEN_PROGRAMS is `require`."""
    path = shutil.which(name)
    if path is None:
        message = f"no {name} on this machine (Debian: apt install imagemagick 7zip zip)"
        pytest.fail(message) if os.environ.get("CROSSGEN_PROGRAMS") == "require" else pytest.skip(message)
    return path
