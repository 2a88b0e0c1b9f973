"""How far things are, in words."""

import io

import pytest

from crossgen import progress
from crossgen.progress import Meter, track


class Clock:
    """A time that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    return clock


def test_a_log_gets_a_line_every_ten_seconds_with_rate_and_time_left(clock):
    stream = io.StringIO()
    with Meter("align_jpeg", 5000, stream=stream) as meter:
        for _ in range(30):
            clock.now += 1
            meter.advance(40)
    assert stream.getvalue().splitlines() == [
        "align_jpeg: 400 of 5,000 images, 40/s, 1:55 left",
        "align_jpeg: 800 of 5,000 images, 40/s, 1:45 left",
        "align_jpeg: 1,200 of 5,000 images, 40/s, 1:35 left",
    ]


def test_without_a_total_there_is_no_time_left_to_tell(clock):
    stream = io.StringIO()
    with Meter("download: photos", None, "files", stream) as meter:
        clock.now += 10
        meter.advance(120_000)
    assert stream.getvalue() == "download: photos: 120,000 files so far, 12,000/s\n"


def test_what_was_done_before_counts_for_the_share_and_not_for_the_rate(clock):
    stream = io.StringIO()
    with Meter("train_detector", 5000, stream=stream, done=4000) as meter:
        clock.now += 10
        meter.note = "loss 0.2500, validation AUC 0.910"
        meter.advance(200)
    assert stream.getvalue() == (
        "train_detector: 4,200 of 5,000 images, 20/s, 0:40 left, loss 0.2500, validation AUC 0.910\n"
    )


def test_what_is_quick_says_nothing_and_items_pass(capsys):
    assert list(track(range(3), "quick", 3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with Meter("render", 4, stream=stream) as meter:
        meter.note = "loss 0.25"
        meter.advance(4)
    assert "loss 0.25" in stream.getvalue()
    assert "render" in stream.getvalue() and "4/4" in stream.getvalue() and "images" in stream.getvalue()
