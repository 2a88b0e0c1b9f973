"""One file over a bad line: it arrives whole and right, or the message says what is wrong; what came is never lost."""

import hashlib
import random
import threading

import pytest

from crossgen.data.fetch import http, transfer
from crossgen.data.fetch.http import Patience, Remote
from crossgen.data.fetch.transfer import fetch_file, partial_of
from loopback import Loopback

DATA = random.Random(0).randbytes(700_001)  # noqa: S311
SIZE = len(DATA)
MD5 = ("md5", hashlib.md5(DATA, usedforsecurity=False).hexdigest())


class Count:
    def __init__(self, most: int | None = None) -> None:
        self.done, self.most = 0, most

    def advance(self, count: int = 1) -> None:
        self.done += count
        if self.most is not None and self.done >= self.most:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", Patience(attempts=4, first=0.01, longest=0.02, connect=2, read=0.4))
    monkeypatch.setattr(http, "CHUNK", 1 << 14)


@pytest.fixture
def server():
    with Loopback({"a": DATA}) as server:
        yield server


def fetched(server, tmp_path, size=SIZE, digest=MD5, **more):
    target = tmp_path / "into" / "a"
    fetch_file(f"{server.url}/files/a", target, size=size, digest=digest, **more)
    assert sorted(path.name for path in target.parent.iterdir()) == ["a"]
    return target.read_bytes()


@pytest.mark.parametrize("size", [len(DATA), None])
@pytest.mark.parametrize("digest", [MD5, ("sha256", hashlib.sha256(DATA).hexdigest().upper()), None])
def test_a_file_arrives(server, tmp_path, size, digest):
    count = Count()
    assert fetched(server, tmp_path, size, digest, meter=count) == DATA
    assert count.done == len(DATA) == server.sent()


def test_a_right_file_is_left_and_a_wrong_one_replaced(server, tmp_path):
    fetched(server, tmp_path)
    server.forget()
    assert fetched(server, tmp_path) == DATA and server.asked() == 0
    (tmp_path / "into" / "a").write_bytes(DATA[:-1] + b"x")
    assert fetched(server, tmp_path) == DATA and server.asked() == 1


@pytest.mark.parametrize("size", [len(DATA), None])
@pytest.mark.parametrize("have", [0, 1, 65_536, len(DATA) - 1, len(DATA)])
def test_it_goes_on_from_what_is_there(server, tmp_path, have, size):
    target = tmp_path / "into" / "a"
    target.parent.mkdir()
    partial_of(target).write_bytes(DATA[:have])
    count = Count()
    assert fetched(server, tmp_path, size, meter=count) == DATA
    assert server.sent() == len(DATA) - have and count.done == len(DATA)


@pytest.mark.parametrize("size", [len(DATA), None])
@pytest.mark.parametrize("there", [DATA + b"x", b"y" * 1000, DATA[:-1] + b"z"])
def test_a_wrong_partial_file_is_fetched_anew(server, tmp_path, there, size):
    target = tmp_path / "into" / "a"
    target.parent.mkdir()
    partial_of(target).write_bytes(there)
    assert fetched(server, tmp_path, size) == DATA


@pytest.mark.parametrize("size", [len(DATA), None])
@pytest.mark.parametrize("kind", ["truncate", "stall", "corrupt", "status", "whole", "page"])
@pytest.mark.parametrize("times", [1, 2])
def test_bad_replies_are_asked_for_again(server, tmp_path, kind, times, size):
    server.spoil("a", kind, times=times, seconds=0.6 if kind == "stall" else 0)
    assert fetched(server, tmp_path, size) == DATA
    if kind == "truncate":
        assert server.sent() == len(DATA)  # nothing came twice


def test_a_server_that_ignores_ranges_starts_from_zero(server, tmp_path):
    server.spoil("a", "truncate")
    server.spoil("a", "whole", times=-1)
    count = Count()
    assert fetched(server, tmp_path, meter=count) == DATA
    assert count.done == len(DATA) and server.sent() > len(DATA)


def test_a_page_of_a_portal_does_not_cost_what_came(server, tmp_path):
    server.spoil("a", "truncate")
    server.spoil("a", "page", times=-1)
    with pytest.raises(OSError, match="a web page instead of the file"):
        fetched(server, tmp_path)
    assert partial_of(tmp_path / "into" / "a").stat().st_size == len(DATA) // 2


def test_every_new_byte_makes_the_patience_new(server, tmp_path):
    server.spoil("a", "truncate", times=12, at=0.3)
    assert fetched(server, tmp_path) == DATA and server.asked() == 13


def test_what_is_always_wrong_is_named_and_not_kept(server, tmp_path):
    server.spoil("a", "corrupt", times=-1, at=0)
    with pytest.raises(ValueError, match=rf"into/a from http.*: md5 [0-9a-f]{{32}} instead of {MD5[1]}, 3 times"):
        fetched(server, tmp_path)
    assert server.asked() == 3 and not list((tmp_path / "into").iterdir())


def test_what_never_comes_keeps_what_came(server, tmp_path):
    server.spoil("a", "truncate", at=0.5)
    server.spoil("a", "status", times=-1, status=502)
    with pytest.raises(OSError, match=r"cannot fetch http.*/files/a: status 502 .*4 attempts without a new byte"):
        fetched(server, tmp_path)
    assert partial_of(tmp_path / "into" / "a").read_bytes() == DATA[: len(DATA) // 2]


def test_what_is_not_there_is_asked_for_once(server, tmp_path):
    with pytest.raises(OSError, match="status 404"):
        fetch_file(f"{server.url}/files/b?token=secret", tmp_path / "b", size=None, digest=None)
    assert server.asked() == 0 and not (tmp_path / "b").exists()


def test_another_size_is_refused(server, tmp_path):
    with pytest.raises(OSError, match=f"the server's file has {len(DATA)} bytes instead of 12"):
        fetched(server, tmp_path, size=12)


def test_retry_after_is_kept(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(http, "wait", lambda seconds, *_: pauses.append(seconds))
    server.spoil("a", "status", status=429, headers={"Retry-After": "17"})
    server.spoil("a", "status", status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    server.spoil("a", "status", status=503, headers={"Retry-After": "99999999"})
    assert fetched(server, tmp_path) == DATA
    assert pauses[0] == 17 and pauses[1] < 1 and pauses[2] == http.PATIENCE.longest_told


def test_a_stop_keeps_what_came(server, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fetched(server, tmp_path, meter=Count(300_000))
    kept = partial_of(tmp_path / "into" / "a").read_bytes()
    assert len(kept) >= 300_000 and DATA.startswith(kept)
    server.forget()
    assert fetched(server, tmp_path) == DATA and server.sent() == len(DATA) - len(kept)


def test_a_file_that_changed_at_the_server_is_not_mixed(server, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fetched(server, tmp_path, meter=Count(300_000))
    server.files["a"], server.etag = DATA[::-1], "v2"
    assert fetched(server, tmp_path, digest=None) == DATA[::-1]


def test_signed_addresses_that_expire_are_resolved_again(tmp_path):
    with Loopback({"a": DATA}, uses=1) as server:
        server.spoil("a", "truncate", times=5, at=0.2)
        asked = []

        def resolve() -> str:
            asked.append(http.session().get(f"{server.url}/api/access/datafile/1000", allow_redirects=False))
            return asked[-1].headers["Location"]

        fetch_file(resolve, tmp_path / "a", size=len(DATA), digest=MD5)
    assert (tmp_path / "a").read_bytes() == DATA and len(asked) >= 6


def test_a_signature_is_never_printed(tmp_path):
    with Loopback({"a": DATA}) as server, pytest.raises(OSError, match="cannot fetch a: the signed address") as raised:
        fetch_file(lambda: f"{server.url}/signed/a?token=secret", tmp_path / "a", size=None, digest=None)
    assert "secret" not in str(raised.value)


def test_nobody_at_the_address(tmp_path):
    with Loopback({}) as gone:
        pass
    with pytest.raises(OSError, match="cannot fetch http://127.0.0.1:.*4 attempts") as raised:
        fetch_file(f"{gone.url}/files/a?token=secret", tmp_path / "a", size=None, digest=None)
    assert "secret" not in str(raised.value)


def test_two_processes_do_not_write_one_file(server, tmp_path):
    target = tmp_path / "a"
    with transfer.Partial(target, None, None, None), pytest.raises(OSError, match="written by another process"):
        fetch_file(f"{server.url}/files/a", target, size=None, digest=None)


class Whole(Remote):
    def read(self, start, stop):
        data = bytearray()
        self.stream(start, stop, data.extend)
        return bytes(data)


def test_spans(server):
    remote = Whole(f"{server.url}/files/a")
    assert remote.read(5, 5) == b"" and remote.read(0, 3) == DATA[:3] and remote.read(9, 600_000) == DATA[9:600_000]
    server.spoil("a", "truncate", times=2)
    assert remote.read(100, 500_000) == DATA[100:500_000]
    server.spoil("a", "whole", times=-1)
    assert remote.read(0, 100) == DATA[:100]
    with pytest.raises(OSError, match="ignores ranges"):
        remote.read(50, 100)


def test_connections_are_kept(server):
    remote = Whole(f"{server.url}/files/a")
    for start in range(0, 600_000, 100_000):
        remote.read(start, start + 50_000)
    assert len({request.connection for request in server.requests}) == 1


def test_threads_share_an_address_that_expires(tmp_path):
    with Loopback({"a": DATA}, uses=8) as server:
        ask = f"{server.url}/api/access/datafile/1000"
        remote = Whole(lambda: http.session().get(ask, allow_redirects=False).headers["Location"])
        found: dict[int, bytes] = {}
        work = lambda at: found.update({at: remote.read(at, at + 1000)})  # noqa: E731
        threads = [threading.Thread(target=work, args=(at,)) for at in range(0, 40_000, 1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert b"".join(found[at] for at in sorted(found)) == DATA[:40_000]
