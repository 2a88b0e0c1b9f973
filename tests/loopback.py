"""A server on this machine that behaves like a Dataverse installation before its storage, on good days and on bad ones.

`/files/<name>` honours ranges. `/api/access/datafile/<id>` ignores them and redirects to `/signed/<name>?token=...`,
which honours them until the token has been used `uses` times (then 403). `rules` spoil replies.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass
class Rule:
    """What happens to replies of a file: `kind` is status, truncate, corrupt, whole, stall, page; `times` -1: ever."""

    kind: str
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    at: float = 0.5  # share of the body after which it breaks off, stalls or is changed
    seconds: float = 0.0


@dataclass
class Request:
    name: str
    start: int
    sent: int
    status: int
    ranged: bool
    connection: tuple[str, int]


class Loopback:
    """`files`: name -> bytes or the path of a file. Everything it is asked is in `requests`."""

    def __init__(self, files: dict[str, bytes | Path], uses: int = 1000) -> None:
        self.files, self.uses = files, uses
        self.rules: dict[str, list[Rule]] = {}
        self.requests: list[Request] = []
        self.resolved: Counter[str] = Counter()
        self.tokens: dict[str, int] = {}
        self.ids = {name: 1000 + number for number, name in enumerate(files)}
        self.lock, self.etag = threading.Lock(), "v1"
        self.slow = self.latency = 0.0  # seconds after each 64 KiB, and before each reply
        self.is_direct = False  # bytes at the file's own address, without ranges, as some installations serve them
        self.listing: Callable[[dict], object] = lambda listing: listing
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients are killed on purpose
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def spoil(self, name: str, kind: str, **how: object) -> None:
        self.rules.setdefault(name, []).append(Rule(kind, **how))

    def sent(self, pattern: str = "") -> int:
        """Bytes of bodies sent of the files whose name holds the pattern."""
        return sum(request.sent for request in self.requests if re.search(pattern, request.name))

    def asked(self, pattern: str = "") -> int:
        return sum(bool(re.search(pattern, request.name)) for request in self.requests)

    def forget(self) -> None:
        self.requests.clear()
        self.resolved.clear()

    def size(self, name: str) -> int:
        data = self.files[name]
        return data.stat().st_size if isinstance(data, Path) else len(data)

    def part(self, name: str, start: int, stop: int) -> bytes:
        data = self.files[name]
        if isinstance(data, bytes):
            return data[start:stop]
        with open(data, "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def rule(self, name: str) -> Rule | None:
        with self.lock:
            for rule in self.rules.get(name, []):
                if rule.times:
                    rule.times -= 1
                    return rule
        return None

    def deposit(self) -> dict:
        """The answer to `/api/datasets/:persistentId/`."""
        files = [
            {
                "label": name.rpartition("/")[2],
                **({"directoryLabel": name.rpartition("/")[0]} if "/" in name else {}),
                "dataFile": {
                    "id": self.ids[name],
                    "filename": name.rpartition("/")[2],
                    "filesize": self.size(name),
                    "md5": self.digest(name),
                    "checksum": {"type": "MD5", "value": self.digest(name)},
                },
            }
            for name in self.files
        ]
        return {"status": "OK", "data": {"id": 1, "latestVersion": {"versionState": "RELEASED", "files": files}}}

    def digest(self, name: str) -> str:
        running = md5(usedforsecurity=False)
        for start in range(0, self.size(name), 1 << 20):
            running.update(self.part(name, start, start + (1 << 20)))
        return running.hexdigest()


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            time.sleep(loopback.latency)
            try:
                if parts.path.startswith("/api/datasets/:persistentId/"):
                    self.api()
                elif parts.path.startswith("/api/access/datafile/"):
                    self.redirect(int(parts.path.rpartition("/")[2]))
                elif parts.path.startswith("/signed/"):
                    self.signed(parts.path.removeprefix("/signed/"), parse_qs(parts.query).get("token", [""])[0])
                elif parts.path.startswith("/files/"):
                    self.file(parts.path.removeprefix("/files/"))
                else:
                    self.short(404)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def short(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def api(self) -> None:
            body = json.dumps(loopback.listing(loopback.deposit())).encode()
            loopback.requests.append(Request("api", 0, len(body), 200, False, self.client_address))
            rule = loopback.rule("api")
            if rule and rule.kind == "status":
                self.short(rule.status, **rule.headers)
            else:
                self.short(200, body[: len(body) // 2] if rule else body, Content_Type="application/json")

        def redirect(self, number: int) -> None:
            name = next((name for name, own in loopback.ids.items() if own == number), None)
            if name is None:
                self.short(404)
                return
            if loopback.is_direct:
                self.file(name)
                return
            rule = loopback.rule(f"redirect {name}")
            if rule:
                self.short(rule.status, **rule.headers)
                return
            with loopback.lock:
                loopback.resolved[name] += 1
                token = f"{number}-{loopback.resolved[name]}-{time.monotonic_ns()}"
                loopback.tokens[token] = loopback.uses
            self.short(303, Location=f"{loopback.url}/signed/{name}?token={token}")

        def signed(self, name: str, token: str) -> None:
            with loopback.lock:
                left = loopback.tokens.get(token, 0)
                loopback.tokens[token] = left - 1
            if left <= 0:
                loopback.requests.append(Request(name, 0, 0, 403, False, self.client_address))
                self.short(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
                return
            self.file(name)

        def file(self, name: str) -> None:
            if name not in loopback.files:
                self.short(404)
                return
            rule = loopback.rule(name)
            if rule and rule.kind == "status":
                loopback.requests.append(Request(name, 0, 0, rule.status, False, self.client_address))
                self.short(rule.status, **rule.headers)
                return
            if rule and rule.kind == "page":  # of a portal, in chunks, with status 200
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"d\r\n<html></html>\r\n0\r\n\r\n")
                return
            size = loopback.size(name)
            found = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
            if rule and rule.kind == "whole":
                found = None
            if self.headers.get("If-Range", f'"{loopback.etag}"') != f'"{loopback.etag}"':
                found = None
            start = int(found[1]) if found else 0
            stop = min(size, int(found[2]) + 1) if found and found[2] else size
            if found and start >= size:
                self.short(416, Content_Range=f"bytes */{size}")
                return
            self.send_response(206 if found else 200)
            self.send_header("ETag", f'"{loopback.etag}"')
            self.send_header("Content-Length", str(stop - start))
            if found:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.end_headers()
            request = Request(name, start, 0, 206 if found else 200, bool(found), self.client_address)
            loopback.requests.append(request)
            self.body(request, (start, stop), rule)

        def body(self, request: Request, extent: tuple[int, int], rule: Rule | None) -> None:
            start, stop = extent
            turn = start + int((stop - start) * rule.at) if rule else stop
            for begin in range(start, stop, 1 << 16):
                end = min(begin + (1 << 16), stop)
                data = loopback.part(request.name, begin, end)
                if rule and rule.kind in ("truncate", "stall") and end > turn:
                    request.sent += turn - begin
                    self.wfile.write(data[: turn - begin])
                    self.wfile.flush()
                    time.sleep(rule.seconds)
                    self.close_connection = True
                    return
                if rule and rule.kind == "corrupt" and begin <= turn < end:
                    data = data[: turn - begin] + bytes([data[turn - begin] ^ 0x55]) + data[turn - begin + 1 :]
                request.sent += len(data)  # before the client can have it and look
                self.wfile.write(data)
                if loopback.slow:
                    self.wfile.flush()
                    time.sleep(loopback.slow)

    return Handler
