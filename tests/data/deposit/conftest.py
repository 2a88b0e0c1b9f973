"""A server that holds the toy deposit, and little patience."""

import pytest

from crossgen.data.fetch import http
from crossgen.data.fetch.http import Patience
from loopback import Loopback
from toy_deposit import HELD


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(http, "PATIENCE", Patience(attempts=4, first=0.01, longest=0.02, connect=2, read=1))


@pytest.fixture
def server():
    with Loopback(dict(HELD)) as server:
        yield server
