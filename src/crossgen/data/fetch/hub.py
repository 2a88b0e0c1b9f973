"""What the Hugging Face hub is asked, patiently, and its answers in words that say what to do.

huggingface_hub begins a file anew after a kill; where the hub sends us on to its storage, `address` tells where.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from crossgen.config import HuggingFaceSource
from crossgen.data.fetch.http import PATIENCE, wait
from crossgen.data.names import shown

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A file of the repository: bytes, and its digest as (algorithm, hexadecimal digits)."""

    path: str
    size: int
    digest: tuple[str, str]


def files(source: HuggingFaceSource) -> list[Wanted]:
    """All files of the repository at the source's commit. Raises OSError."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(endpoint=_endpoint())
    with _told(source):  # it asks again by itself
        tree = api.list_repo_tree(source.repository, recursive=True, revision=source.revision, repo_type="dataset")
        found = [each for each in tree if isinstance(each, RepoFile)]
    return [
        Wanted(each.path, each.size, ("sha256", each.lfs.sha256) if each.lfs else ("sha1", each.blob_id))
        for each in found
    ]


def download(source: HuggingFaceSource, file: Wanted, root: Path) -> None:
    """Fetch one file below `root` by huggingface_hub's own ways, from its first byte. Raises OSError."""
    from huggingface_hub import hf_hub_download

    ask = partial(
        hf_hub_download,
        source.repository,
        file.path,
        repo_type="dataset",
        revision=source.revision,
        local_dir=root,
        endpoint=_endpoint(),
    )
    _patiently(ask, source, shown(file.path))


def address(source: HuggingFaceSource, file: Wanted) -> str:
    """Where the hub sends us for a file now: a signed address, good for an hour or so. Raises OSError."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repository, file.path, repo_type="dataset", revision=source.revision, endpoint=_endpoint())
    found: list[str] = []
    _patiently(lambda: found.append(get_hf_file_metadata(url, endpoint=_endpoint()).location), source, shown(file.path))
    return found[0]


def is_elsewhere(address: str) -> bool:
    """Whether an address needs no token of the hub's: it is not the hub's own."""
    from huggingface_hub import constants

    return urlsplit(address).netloc != urlsplit(_endpoint() or constants.ENDPOINT).netloc


def _patiently(ask: Callable[[], object], source: HuggingFaceSource, what: str) -> None:
    """Ask the hub again, with pauses, for what it may yet give."""
    for attempt in range(1, PATIENCE.attempts + 1):
        try:
            with _told(source):
                ask()
            return
        except ConnectionError as error:
            if attempt == PATIENCE.attempts:
                raise
            LOG.info(f"{what}: {error}; asking again")
            wait(min(PATIENCE.longest, PATIENCE.first * 2.0 ** (attempt - 1)))


def is_right(path: Path, file: Wanted) -> bool:
    """Whether a file has the size and the digest that the hub tells."""
    if path.stat().st_size != file.size:
        return False
    algorithm, expected = file.digest
    running = hashlib.new(algorithm, usedforsecurity=False)
    if algorithm == "sha1":  # git's: of a header and the bytes
        running.update(f"blob {file.size}\0".encode())
    with open(path, "rb") as bytes_of:
        while piece := bytes_of.read(1 << 20):
            running.update(piece)
    return running.hexdigest() == expected


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def _told(source: HuggingFaceSource) -> Iterator[None]:
    """The hub's errors in words that say what to do; ConnectionError for what another attempt may mend."""
    from huggingface_hub import errors

    where = f"{source.repository}@{source.revision[:12]}"
    login = "give a token (hf auth login, or the environment variable HF_TOKEN)"
    network = cast(type[Exception], errors.HfHubHTTPError.__bases__[0])  # of its HTTP client: no connection, timeouts
    try:
        yield
    except errors.GatedRepoError as error:
        raise OSError(
            f"{where} is gated: accept its terms at https://huggingface.co/datasets/{source.repository}, then {login}."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise OSError(f"{source.repository} has no commit {source.revision}: correct source.revision.") from error
    except errors.RepositoryNotFoundError as error:
        raise OSError(
            f"No data set {source.repository} on the hub, or a private one: correct it, or {login}."
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise OSError(f"{where} is not here yet and HF_HUB_OFFLINE forbids to fetch it: unset it once.") from error
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(f"cannot reach the hub for {where}: {error.__cause__ or error}") from error
    except errors.HfHubHTTPError as error:
        kind = ConnectionError if error.response.status_code >= 500 or error.response.status_code == 429 else OSError
        raise kind(f"{where}: the hub answered {error.response.status_code}: {str(error).splitlines()[0]}") from error
    except network as error:
        raise ConnectionError(f"cannot reach the hub for {where}: {error}") from error
