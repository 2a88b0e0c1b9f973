"""What a source needs before its pools can be listed: fetched, verified, unpacked, and gone on with after a break."""

from collections.abc import Callable, Mapping
from typing import Any

from crossgen.data.fetch.archive import fetch_archive
from crossgen.data.fetch.dataverse import fetch_dataverse
from crossgen.data.fetch.huggingface import fetch_huggingface
from crossgen.data.fetch.volumes import fetch_volumes

#: Raised when what is fetched for the same source changes.
VERSION = 1

#: kind of source -> source -> facts of what is there now, verified (numbers of files and bytes), for the record.
FETCHERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "archive": fetch_archive,
    "genimage_dataverse": fetch_dataverse,
    "genimage_volumes": fetch_volumes,
    "huggingface": fetch_huggingface,
}


def fetch(source: Any) -> dict[str, Any]:  # noqa: ANN401 (one of config's source classes)
    """Fetch what a source needs, or go on with it. Raises OSError, ValueError if not everything was verified."""
    return {"kind": source.kind} | FETCHERS[source.kind](source)
