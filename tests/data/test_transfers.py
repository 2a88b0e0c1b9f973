"""Transfers side by side: what they tell, and how they stop."""

import io
import threading

import pytest

from crossgen.data.fetch import parallel
from crossgen.data.fetch.parallel import LIMIT, StoppedError, Tally, each, refuse


def test_files_and_bytes_with_rate_and_time_left():
    tally = Tally("parts", 500, 650_000_000_000)
    for _ in range(4):
        tally.advance(1_300_000_000)
        tally.finish()
    assert tally.line(100) == "parts: 4 of 500 files: 5,200 of 650,000 MB, 52/s, 3:26:40 left"
    tally.advance(-1_300_000_000)  # they must come again
    assert tally.line(100).startswith("parts: 4 of 500 files: 3,900 of 650,000 MB")


def test_a_bar_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    with Tally("parts", 2, 3_000_000, terminal) as tally:
        tally.advance(2_000_000)
        tally.finish()
    assert "parts: 1 of 2 files" in terminal.getvalue() and "2/3" in terminal.getvalue()


def test_every_job_is_done_once_and_threads_count_together():
    done = []
    with Tally("x", 200, 200_000_000, io.StringIO()) as tally:

        def work(job):
            for _ in range(100):
                tally.advance(10_000)
            done.append(job)
            return []

        assert each(work, range(200), 8, tally) == []
    assert sorted(done) == list(range(200)) and tally.bytes == 200_000_000


def test_faults_are_told_together_and_too_many_end_it():
    tried = []

    def work(job):
        tried.append(job)
        if job % 2:
            raise OSError(f"job {job}")
        return []

    tally = Tally("x", 5, 0, io.StringIO())
    assert sorted(each(work, range(5), 2, tally)) == ["job 1", "job 3"]
    tried.clear()
    faults = each(work, range(1000), 2, Tally("x", 5, 0, io.StringIO()))
    assert LIMIT <= len(faults) <= LIMIT + 4 and len(tried) < 40
    with pytest.raises(ValueError, match="8 faults among 1,000 files, the rest was not tried.*Run again"):
        refuse(faults[:8], "x", 1000)


def test_a_stop_stops_the_others():
    began, stopped = threading.Event(), []
    tally = Tally("x", 2, 0, io.StringIO())

    def work(job):
        if job == 0:
            began.wait(5)
            raise KeyboardInterrupt
        began.set()
        try:
            while True:
                tally.advance(0)
        except StoppedError:
            stopped.append(job)
            raise

    with pytest.raises(KeyboardInterrupt):
        each(work, range(2), 2, tally)
    assert stopped == [1]


def test_results_come_in_order():
    tally = Tally("x", 1, 0, io.StringIO())
    assert list(parallel.ahead(lambda job: bytes([job]), range(50), 3, tally)) == [bytes([job]) for job in range(50)]
