"""Comparisons: two sides, each an experiment and, where it matters, a train set, a condition, a seed."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from crossgen.config.steps import Model
from crossgen.config.values import GridName, Name

#: Keys of a side beside its experiment.
PLACES = ("train_set", "condition", "seed")


class Side(NamedTuple):
    """One side of a comparison; None: any, the same on both sides."""

    experiment: str
    train_set: str | None
    condition: str | None
    seed: int | None

    def __str__(self) -> str:
        """`raw`, or `raw (sd14, clean, seed 0)`."""
        seed = None if self.seed is None else f"seed {self.seed}"
        named = [name for name in (self.train_set, self.condition, seed) if name is not None]
        return f"{self.experiment} ({', '.join(named)})" if named else self.experiment


class Comparison(Model):
    """A paired difference of two sides over the same test images: value minus baseline.

    Two experiments over all train sets, conditions and seeds that both have; or, where a side names one of these, that
    one. A baseline that does not name it has the other side's.
    """

    experiment: GridName = Field(description="The experiment compared ...")
    baseline: GridName = Field(description="... with this one: value minus baseline.")
    train_set: Name | None = Field(default=None, description="Its detectors of this train set; null: every one.")
    baseline_train_set: Name | None = Field(default=None, description="Those of the baseline; null: the same.")
    condition: Name | None = Field(default=None, description="Under this condition; null: under every one.")
    baseline_condition: Name | None = Field(default=None, description="The baseline's; null: the same.")
    seed: int | None = Field(default=None, ge=0, description="Its detectors of this seed; null: every one.")
    baseline_seed: int | None = Field(default=None, ge=0, description="Those of the baseline; null: the same.")

    @model_serializer(mode="wrap")
    def _named(self, plainly: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Only what is named: a run of many experiments hands hundreds of them to its commands."""
        return {key: value for key, value in plainly(self).items() if value is not None}

    @property
    def sides(self) -> tuple[Side, Side]:
        """What is compared, and what with."""
        theirs = [getattr(self, f"baseline_{key}") for key in PLACES]
        mine = [getattr(self, key) for key in PLACES]
        same = [own if other is None else other for own, other in zip(mine, theirs, strict=True)]
        return Side(self.experiment, *mine), Side(self.baseline, *same)

    @property
    def plain(self) -> bool:
        """Whether it is of two experiments and names nothing else."""
        return all(getattr(self, key) is None for key in (*PLACES, *(f"baseline_{key}" for key in PLACES)))

    @property
    def apart(self) -> bool:
        """Whether its sides may differ in condition or seed."""
        keys = ("condition", "baseline_condition", "seed", "baseline_seed")
        return any(getattr(self, key) is not None for key in keys)


def degradations(experiments: Sequence[str], conditions: Sequence[str]) -> list[Comparison]:
    """The first of the conditions minus each other one, for every experiment."""
    return [
        Comparison(experiment=name, baseline=name, condition=conditions[0], baseline_condition=other)
        for name in experiments
        for other in conditions[1:]
    ]


def faults(comparison: Comparison, conditions: Sequence[str]) -> list[str]:
    """What is wrong with one comparison, whatever detectors there are; each ends in its remedy."""
    first, second = comparison.sides
    if first == second:
        return [f"{str(first)!r} with itself; name two experiments, or what else differs"]
    found = [
        f"baseline_{key} without {key}; name both"
        for key in PLACES
        if getattr(comparison, key) is None and getattr(comparison, f"baseline_{key}") is not None
    ]
    named = dict.fromkeys(name for name in (first.condition, second.condition) if name is not None)
    choices = ", ".join(conditions)
    return found + [
        f"unknown condition {name!r}; expected one of {choices}" for name in named if name not in conditions
    ]
