"""One SLURM for the tests of this folder; without its programs they are skipped, with the reason."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from one_node_slurm import Cluster, lacking


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running SLURM. CROSSGEN_PROGRAMS=require: it must be there (as in .ci/run)."""
    missing = lacking()
    if missing and os.environ.get("CROSSGEN_PROGRAMS") != "require":
        pytest.skip(f"no SLURM here ({', '.join(missing)}): apt install slurmctld slurmd slurm-client")
    assert not missing, f"not installed: {missing}"
    made = Cluster(Path(tmp_path_factory.mktemp("slurm")))
    try:
        made.start()
        yield made
    finally:
        made.stop()
