"""Bytes of a file at an address, come what may: asked for again, from where they broke off, until all are here."""

import email.utils
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

LOG = logging.getLogger(__name__)

CHUNK = 1 << 18
#: What storage answers to a signed address that has expired (or a resolver's session that has).
EXPIRED = (400, 401, 403)
_RANGE = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


@dataclass
class Patience:
    """How long a fetch goes on without a single new byte; seconds."""

    attempts: int = 8
    first: float = 1.0
    longest: float = 60.0
    longest_told: float = 600.0  # of a server that says Retry-After
    connect: float = 20.0
    read: float = 60.0


PATIENCE = Patience()
Answer = TypeVar("Answer")


class ReplyError(Exception):
    """A reply that another attempt may mend; `after`: seconds the server asks to wait, None where it does not say."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class ExpiredError(ReplyError):
    """A signed address is no longer good. `has_served`: it was before, so this spends no patience."""

    def __init__(self, status: int, has_served: bool) -> None:
        super().__init__(f"the signed address has expired (status {status})", after=0)
        self.has_served = has_served


class Counter(Protocol):
    """What counts bytes as they come; `crossgen.progress.Meter` is one. It may raise, to stop the fetch."""

    def advance(self, count: int = 1) -> None:
        """So many bytes more (0: still alive; below 0: they must come again)."""


class Sink(Protocol):
    """Where bytes go: it knows which it lacks."""

    position: int  # of the next byte wanted
    stop: int | None  # one past the last byte wanted; None: to the end, wherever that is
    size: int | None  # the whole file must have; None: any
    etag: str | None  # of the reply that the first bytes came from

    def write(self, data: bytes) -> None:
        """Take the bytes at `position`."""

    def begin(self, etag: str | None) -> None:
        """What comes next is the file's first byte: forget what came before."""


class Remote:
    """A file at `url`, or at the address that a resolver gives, which is asked again when that one has expired."""

    def __init__(self, url: str | Callable[[], str], name: str | None = None) -> None:
        self._url, self._resolved, self._lock = url, None if callable(url) else url, threading.Lock()
        self._served: str | None = None
        self.name = name or ("a file" if callable(url) else shown(url))

    def pour(self, sink: Sink, counter: Counter | None = None) -> None:
        """Ask for what the sink lacks until it has it all.

        Broken connections, truncated bodies, 5xx, 408 and 429 are tried again with exponential back-off (Retry-After is
        kept); every new byte makes the patience new. Raises OSError that names the file once it is spent.
        """
        failures, best = 0, sink.position
        while True:
            try:
                return self._ask(sink)
            except (ReplyError, requests.RequestException, urllib3.exceptions.HTTPError) as fault:
                is_news = not (isinstance(fault, ExpiredError) and fault.has_served)
                failures = 1 if sink.position > best else failures + is_news
                best = max(best, sink.position)
                if failures >= PATIENCE.attempts or _hopeless(fault):
                    told = f" ({failures} attempts without a new byte)" if failures > 1 else ""
                    raise OSError(f"cannot fetch {self.name}: {_words(fault)}{told}") from fault
                pause = _pause(failures, fault)
                LOG.info(f"{self.name}: {_words(fault)}; asking again in {pause:.1f} s")
                wait(pause, counter)

    def stream(self, start: int, stop: int, take: Callable[[bytes], object], counter: Counter | None = None) -> None:
        """Hand bytes [start, stop) on as they come. Raises OSError, also where the server ignores ranges."""
        if stop > start:
            self.pour(Span(start, stop, take, counter), counter)

    def renew(self, used: str | None = None) -> None:
        """Resolve the address anew before the next request (if it is still the `used` one)."""
        with self._lock:
            if callable(self._url) and used in (None, self._resolved):
                self._resolved = None

    def _address(self) -> str:
        with self._lock:
            if self._resolved is None:
                assert callable(self._url)  # noqa: S101 (for the type checker)
                self._resolved = self._url()
            return self._resolved

    def _ask(self, sink: Sink) -> None:
        address = self._address()
        is_part = sink.position > 0 or sink.stop is not None
        headers = {"Accept-Encoding": "identity"}
        if is_part:
            headers["Range"] = f"bytes={sink.position}-{'' if sink.stop is None else sink.stop - 1}"
        if is_part and sink.etag:
            headers["If-Range"] = sink.etag
        timeout = (PATIENCE.connect, PATIENCE.read)
        with closing(session().get(address, headers=headers, stream=True, timeout=timeout)) as reply:
            if reply.status_code in EXPIRED and callable(self._url):
                self.renew(address)
                raise ExpiredError(reply.status_code, address == self._served)
            try:
                if reply.status_code != 416:
                    refuse(reply)
                    self._served = address
                    self._take(reply, sink)
                elif _size_told(reply) != sink.position:
                    sink.begin(None)
                    raise ReplyError("there are fewer bytes than were fetched before")
            except ReplyError:
                self.renew(address)
                raise

    def _take(self, reply: requests.Response, sink: Sink) -> None:
        """Hand the body to the sink; it may start at another byte than asked only if that is the file's first."""
        start, size = _extent(reply)
        if start not in (0, sink.position):
            raise ReplyError(f"asked for bytes from {sink.position}, answered from {start}")
        if None not in (size, sink.size) and size != sink.size:
            raise ReplyError(f"the server's file has {size} bytes instead of {sink.size}")
        if sink.position > 0 == start and reply.headers.get("Content-Type", "").startswith("text/html"):
            raise ReplyError("a web page instead of the file")  # what was fetched is not given up for that
        if start == 0:
            etag = reply.headers.get("ETag", "")
            sink.begin(etag if etag.startswith('"') else None)
        stop = sink.stop or size
        for data in _body(reply):
            sink.write(data if stop is None else data[: stop - sink.position])
            if sink.position == stop:
                return
        if stop is not None:
            raise ReplyError(f"the reply broke off at byte {sink.position} of {stop}")


class Span:
    """Bytes [position, stop) of a file, handed on as they come."""

    def __init__(self, position: int, stop: int, take: Callable[[bytes], object], counter: Counter | None) -> None:
        self.position = position
        self.stop: int | None = stop
        self.size: int | None = None
        self.etag: str | None = None
        self._take, self._counter = take, counter

    def write(self, data: bytes) -> None:
        """Take the bytes at `position`."""
        self._take(data)
        self.position += len(data)
        if self._counter:
            self._counter.advance(len(data))

    def begin(self, etag: str | None) -> None:
        """Raises ReplyError: the server sends the whole file."""
        if self.position:
            raise ReplyError("the server ignores ranges")


_LOCAL = threading.local()


def session() -> requests.Session:
    """This thread's session: connections are kept, and none is shared between threads."""
    if not hasattr(_LOCAL, "session"):
        _LOCAL.session = requests.Session()
        _LOCAL.session.headers["User-Agent"] = "crossgen"
    found: requests.Session = _LOCAL.session
    return found


def refuse(reply: requests.Response) -> None:
    """Raise ReplyError for a status that may pass, requests.HTTPError for one that will not."""
    status = reply.status_code
    if status in (408, 416, 425, 429) or status >= 500:
        raise ReplyError(f"status {status} {reply.reason}", _seconds(reply.headers.get("Retry-After")))
    if status not in (200, 206):
        raise requests.HTTPError(f"status {status} {reply.reason} from {shown(reply.url)}", response=reply)


def patient(ask: Callable[[], Answer], name: str) -> Answer:
    """A small answer, asked for again as `Remote.pour` does. Raises OSError."""
    for failures in range(1, PATIENCE.attempts + 1):
        try:
            return ask()
        except (ReplyError, requests.RequestException) as fault:
            if failures == PATIENCE.attempts or _hopeless(fault):
                raise OSError(f"cannot fetch {name}: {_words(fault)}") from fault
            wait(_pause(failures, fault))
    raise AssertionError


def wait(seconds: float, counter: Counter | None = None) -> None:
    """Sleep, awake often enough to be stopped by the counter."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if counter:
            counter.advance(0)
        time.sleep(min(left, 0.5))


def shown(url: str) -> str:
    """An address for a message: without its query, which may be a signature."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _body(reply: requests.Response) -> Iterator[bytes]:
    """The bytes as they were stored: never decoded."""
    return reply.raw.stream(CHUNK, decode_content=False)


def _extent(reply: requests.Response) -> tuple[int, int | None]:
    """(first byte of the body, bytes of the whole file if told). Raises ReplyError."""
    if reply.status_code == 206:
        found = _RANGE.match(reply.headers.get("Content-Range", ""))
        if not found:
            raise ReplyError(f"a range without its place ({reply.headers.get('Content-Range')!r})")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = reply.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _size_told(reply: requests.Response) -> int | None:
    found = re.match(r"^bytes \*/(\d+)$", reply.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _pause(failures: int, fault: Exception) -> float:
    """Seconds before the next attempt: what the server says, else 1, 2, 4, ... and up to half as much again."""
    after = fault.after if isinstance(fault, ReplyError) else None
    if after is not None and (after > 0 or failures <= 1):
        return min(after, PATIENCE.longest_told)
    longest: float = min(PATIENCE.longest, PATIENCE.first * 2.0 ** (failures - 1))
    return longest * (1 + random.random() / 2)  # noqa: S311 (spreads requests; nothing depends on it)


def _seconds(told: str | None) -> float | None:
    if told is None:
        return None
    if told.strip().isdigit():
        return float(told)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None


def _hopeless(fault: Exception) -> bool:
    """Statuses such as 404, and addresses that are none: another attempt would say the same."""
    return isinstance(fault, requests.HTTPError | ValueError)


def _words(fault: Exception) -> str:
    """What happened, without addresses that may be signed."""
    if isinstance(fault, ReplyError | requests.HTTPError):
        return str(fault)
    if isinstance(fault, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return re.sub(r"\?[^\s'\")]*", "", f"{type(fault).__name__} ({fault})")[:300]
