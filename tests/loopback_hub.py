"""A server on this machine that answers as the Hugging Face hub does to huggingface_hub: for data sets, or a model."""

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit

REPOSITORY, REVISION = "lab/images", "a" * 40


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(  # noqa: S324 (git's)
        b"blob %d\0" % len(content) + content
    ).hexdigest()


@dataclass
class Asked:
    method: str
    path: str
    start: int = 0
    sent: int = 0
    token: str = ""


@dataclass
class Hub:
    """`files`: path -> content; those in `large` are kept in LFS, behind a redirect. `cut`: path -> times that a reply
    breaks off half way; `wrong`: path -> times that a byte is changed; `refusals`: answers instead, (status, code).
    `model`: the repository is a model's, of this name; its branch `main` is the revision."""

    files: dict[str, bytes]
    large: frozenset[str] = frozenset()
    gated_by: str | None = None
    cut: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    page: int = 1000
    slow: float = 0.0
    model: str = ""

    def __enter__(self) -> "Hub":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.storage = f"http://localhost:{self.server.server_port}"  # another host, as the real one's
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def revision(self, name: str) -> str:
        """What a name stands for: of a model the branch too."""
        return REVISION if self.model and name == "main" else name

    @property
    def place(self) -> str:
        """Where the API tells of the repository."""
        return f"models/{self.model}" if self.model else f"datasets/{REPOSITORY}"

    def sent(self, path: str = "") -> int:
        """Bytes of files sent."""
        return sum(each.sent for each in self.asked if path in each.path)

    def tree(self) -> list[dict]:
        """What the API tells of the files."""
        rows = []
        for path, content in self.files.items():
            row = {"type": "file", "path": path, "size": len(content), "oid": git_sha1(content)}
            if path in self.large:
                digest = hashlib.sha256(content).hexdigest()
                row |= {"oid": git_sha1(b"pointer"), "lfs": {"oid": digest, "size": len(content), "pointerSize": 130}}
            rows.append(row)
        folders = {path.rpartition("/")[0] for path in self.files if "/" in path}
        return rows + [{"type": "directory", "path": folder, "size": 0, "oid": "0" * 40} for folder in sorted(folders)]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            try:
                self.answer()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked = Asked(self.command, path, token=self.headers.get("Authorization", ""))
            hub.asked.append(asked)
            if hub.refusals:
                status, code = hub.refusals.pop(0)
                self.short(status, {"X-Error-Code": code} if code else {})
            elif hub.gated_by and not path.startswith("/storage/") and asked.token != f"Bearer {hub.gated_by}":
                self.short(403 if asked.token else 401, {"X-Error-Code": "GatedRepo"})
            elif found := re.match(rf"/api/{hub.place}/tree/(\w+)$", path):
                self.tree(found[1])
            elif hub.model and (found := re.match(rf"/api/models/{hub.model}/revision/(\w+)$", path)):
                self.model(hub.revision(found[1]))
            elif found := re.match(rf"/{hub.model or f'datasets/{REPOSITORY}'}/resolve/(\w+)/(.+)$", path):
                self.resolve(hub.revision(found[1]), found[2])
            elif path.startswith("/storage/"):
                self.content(path.removeprefix("/storage/"), asked, {"ETag": '"storage"'})
            else:
                self.short(404, {"X-Error-Code": "RepoNotFound"})

        def short(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def tree(self, revision: str) -> None:
            if revision != REVISION:
                self.short(404, {"X-Error-Code": "RevisionNotFound"})
                return
            start = int((re.search(r"cursor=(\d+)", self.path) or [0, 0])[1])
            rows, headers = hub.tree(), {"Content-Type": "application/json"}
            if start + hub.page < len(rows):
                path = self.path.partition("?")[0]
                headers["Link"] = f'<{hub.url}{path}?recursive=True&cursor={start + hub.page}>; rel="next"'
            self.short(200, headers, json.dumps(rows[start : start + hub.page]).encode())

        def model(self, revision: str) -> None:
            if revision != REVISION:
                self.short(404, {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = [{"rfilename": name} for name in hub.files]
            told = {"id": hub.model, "modelId": hub.model, "sha": REVISION, "siblings": siblings, "private": False}
            self.short(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

        def resolve(self, revision: str, path: str) -> None:
            if revision != REVISION or path not in hub.files:
                self.short(404, {"X-Error-Code": "EntryNotFound" if revision == REVISION else "RevisionNotFound"})
                return
            content, headers = hub.files[path], {"X-Repo-Commit": REVISION}
            if path in hub.large:
                headers |= {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"'}
                headers |= {"X-Linked-Size": str(len(content)), "Location": f"{hub.storage}/storage/{quote(path)}"}
                self.short(302, headers)
            else:
                self.content(path, hub.asked[-1], headers | {"ETag": f'"{git_sha1(content)}"'})

        def content(self, path: str, asked: Asked, headers: dict[str, str]) -> None:
            content = hub.files[path]
            found = re.match(rf"bytes=(\d+)-(?:{len(content) - 1})?$", self.headers.get("Range", ""))
            asked.start = int(found[1]) if found else 0
            self.send_response(206 if found else 200)
            for key, value in headers.items():
                self.send_header(key, value)
            if found:
                self.send_header("Content-Range", f"bytes {asked.start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - asked.start))
            self.end_headers()
            if self.command == "HEAD":
                return
            if hub.wrong.get(path, 0):
                hub.wrong[path] -= 1
                content = content[:-1] + bytes([content[-1] ^ 1])
            stop = len(content)
            if hub.cut.get(path, 0):
                hub.cut[path] -= 1
                stop, self.close_connection = (asked.start + len(content)) // 2, True
            for begin in range(asked.start, stop, 1 << 16):
                piece = content[begin : min(stop, begin + (1 << 16))]
                self.wfile.write(piece)
                asked.sent += len(piece)
                if hub.slow:
                    self.wfile.flush()
                    time.sleep(hub.slow)

    return Handler
