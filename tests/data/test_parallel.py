"""Threads change neither the order of results nor how many are held."""

import threading
import time

import pytest

from crossgen.data.parallel import AHEAD, one_ahead, ordered


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_results_come_in_the_order_of_the_items(threads):
    def slow_at_first(item: int) -> int:
        time.sleep(0.02 if item < 3 else 0)
        return item * item

    assert list(ordered(slow_at_first, range(50), threads)) == [item * item for item in range(50)]
    assert list(ordered(slow_at_first, [], threads)) == []


def test_several_work_at_a_time():
    meeting = threading.Barrier(3, timeout=30)  # passed only if three are there at once
    assert len(list(ordered(lambda item: meeting.wait(), range(6), 3))) == 6


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_is_begun_than_is_taken_soon(threads):
    begun = []
    results = ordered(lambda item: begun.append(item), range(1000), threads)
    for _ in range(5):
        next(results)
    assert len(begun) <= 5 + AHEAD * threads
    results.close()
    assert len(begun) <= 5 + AHEAD * threads


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_ends_it(threads):
    def fails_at_five(item: int) -> int:
        if item == 5:
            raise OSError("disk")
        return item

    taken = []
    with pytest.raises(OSError, match="disk"):
        for each in ordered(fails_at_five, range(1000), threads):
            taken.append(each)
    assert taken == [0, 1, 2, 3, 4]


def test_the_next_item_is_made_while_one_is_in_use():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, each in enumerate(made):
            each.set()
            yield number

    taken = one_ahead(items())
    assert next(taken) == 0 and made[1].wait(30)
    assert not made[2].is_set()  # one, not more
    assert list(taken) == [1, 2, 3]
    assert list(one_ahead([])) == [] and list(one_ahead([None, None])) == [None, None]


def test_what_goes_wrong_ahead_is_told_in_its_turn():
    def items():
        yield 1
        raise OSError("disk")

    taken = one_ahead(items())
    assert next(taken) == 1
    with pytest.raises(OSError, match="disk"):
        next(taken)
