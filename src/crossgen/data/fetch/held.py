"""One fetch at a time below a root; others are told, not mixed in."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossgen.data.members import STATE

LOG = logging.getLogger(__name__)


@contextmanager
def held(root: Path, name: str = "lock") -> Iterator[Path]:
    """Hold a name in the root's folder of records, made if need be, until the end (or a kill).

    Raises OSError if another process holds it.
    """
    state = root / STATE
    state.mkdir(parents=True, exist_ok=True)
    with open(state / name, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"{root}: another process fetches there: let it finish.") from error
        except OSError:
            LOG.debug(f"{state}: no locks here")
        yield state
