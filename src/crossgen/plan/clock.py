"""How long the jobs take together: started in order, as soon as what they need is there and cores are free."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timed:
    """A job: seconds on the clock, what it occupies, and the places of the jobs that it waits for."""

    seconds: float
    takes: Mapping[str, int]
    needs: frozenset[int]


def wall(jobs: Mapping[int, Timed], room: Mapping[str, int]) -> float:
    """Seconds until the last of the jobs (by place) has ended, where `room` limits what they occupy at a time.

    A job that asks for more than there is gets all there is, as Snakemake gives it.
    """
    waiting = {place: set(job.needs & jobs.keys()) for place, job in jobs.items()}
    followers: dict[int, list[int]] = {place: [] for place in jobs}
    for place, needs in waiting.items():
        for need in needs:
            followers[need].append(place)
    ready = sorted(place for place, needs in waiting.items() if not needs)
    running: list[tuple[float, int]] = []
    free, now = dict(room), 0.0
    while ready or running:
        for place in _startable(ready, jobs, free, room):
            ready.remove(place)
            _occupy(free, jobs[place], room, -1)
            heapq.heappush(running, (now + jobs[place].seconds, place))
        now, ended = heapq.heappop(running)
        _occupy(free, jobs[ended], room, 1)
        for place in followers[ended]:
            waiting[place].discard(ended)
            if not waiting[place]:
                ready = sorted([*ready, place])
    return now


def _startable(
    ready: Sequence[int], jobs: Mapping[int, Timed], free: Mapping[str, int], room: Mapping[str, int]
) -> list[int]:
    left, found = dict(free), []
    for place in ready:
        if all(left[what] >= min(n, room[what]) for what, n in jobs[place].takes.items() if what in room):
            _occupy(left, jobs[place], room, -1)
            found.append(place)
    return found


def _occupy(free: dict[str, int], job: Timed, room: Mapping[str, int], sign: int) -> None:
    for what, n in job.takes.items():
        if what in room:
            free[what] += sign * min(n, room[what])
