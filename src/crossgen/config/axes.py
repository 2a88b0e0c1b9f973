"""Ablations: experiments that stand on the same axes, whether `vary` made them or their `at` says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

#: A place on an axis: numbers are drawn to scale, words in the order of the experiments.
Place = float | int | bool | str


class Placed(Protocol):
    """An experiment or an ensemble."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def at(self) -> Mapping[str, Place]:
        """Its place on each axis."""


@dataclass(frozen=True)
class Ablation:
    """Experiments that differ in the same keys."""

    axes: tuple[str, ...]  # the first is drawn along
    points: Mapping[str, tuple[Place, ...]]  # experiment to its place on each axis

    @property
    def name(self) -> str:
        """`images_per_class`, `alignment_by_size`."""
        return "_by_".join(self.axes)

    def places(self, axis: int) -> list[Place]:
        """Different places on an axis: numbers in order, words as the experiments come."""
        found = list(dict.fromkeys(point[axis] for point in self.points.values()))
        return sorted(found) if self.is_number(axis) else found

    def is_number(self, axis: int) -> bool:
        """Whether every place on an axis is a number."""
        return all(_is_number(point[axis]) for point in self.points.values())


def ablations(placed: Sequence[Placed]) -> list[Ablation]:
    """One for every set of axes that at least two of them stand on, in the order of the first.

    Where two stand at one place, what they are called (before `+`) is one more axis.
    """
    found: dict[frozenset[str], list[Placed]] = {}
    for item in placed:
        if item.at:
            found.setdefault(frozenset(item.at), []).append(item)
    return [_ablation(items) for items in found.values() if len(items) > 1]


def _ablation(items: Sequence[Placed]) -> Ablation:
    axes = _in_order(items[0])
    points = {item.name: tuple(item.at[axis] for axis in axes) for item in items}
    if len(set(points.values())) == len(points):
        return Ablation(axes, points)
    called = {name: name.split("+")[0] for name in points}
    apart = {name: (*point, called[name]) for name, point in points.items()}
    if len(set(apart.values())) < len(points):
        apart = {name: (*point, name) for name, point in points.items()}
    return Ablation((*axes, "experiment"), apart)


def _in_order(item: Placed) -> tuple[str, ...]:
    """Axes as `vary` wrote them into the name, then others by their names: JSON on its way to a job sorts `at`."""
    held = {axis: item.name.find(f"+{axis}=") for axis in item.at}
    return tuple(sorted(held, key=lambda axis: (held[axis] < 0, held[axis], axis)))


def _is_number(place: Place) -> bool:
    return isinstance(place, int | float) and not isinstance(place, bool)
