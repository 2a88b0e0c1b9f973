"""Test sets, and which of them a train set has learned: the one rule that outlines, means and minima go by."""

from collections.abc import Sequence

from pydantic import Field

from crossgen.config.steps import Model
from crossgen.config.values import Name


class TestSet(Model):
    """A fake pool and a real pool judged together; one of them alone is a control."""

    __test__ = False  # for pytest: not a test class

    name: Name = Field(description="Name of the test set: its generator's.")
    fake: Name | None = Field(default=None, description="Pool of its fakes; null for a control of reals only.")
    real: Name | None = Field(default=None, description="Pool of its reals; null for fakes only.")
    unseen: bool = Field(
        default=False,
        description="A generator that no detector learns from, beside the matrix: with a mean of its own, left out of"
        " the others. Set for every test set of a test_only pool of fakes.",
    )
    seen_by: tuple[Name, ...] | None = Field(
        default=None,
        description="Train sets that learned its generator, beside those that the config tells by itself (a pool of"
        " their fakes has the generator of its fakes): what given weights were trained on.",
    )

    @property
    def pair(self) -> bool:
        """Whether it holds reals and fakes; else it is a control."""
        return self.fake is not None and self.real is not None

    def is_seen_by(self, train_set: str) -> bool:
        """Whether a train set has learned its generator. Where nobody derived that from a config (a command called by
        hand, a file of an older crossgen) the train set of its name has, unless it is unseen."""
        if self.seen_by is None:
            return not self.unseen and train_set == self.name
        return train_set in self.seen_by


def own_tests(test_sets: Sequence[TestSet], train_set: str) -> tuple[str, ...]:
    """Test sets of both labels that a train set has seen, also those beside the matrix."""
    return tuple(item.name for item in test_sets if item.pair and item.is_seen_by(train_set))


def other_tests(test_sets: Sequence[TestSet], train_set: str) -> tuple[str, ...]:
    """Test sets of the matrix that it has not seen."""
    return tuple(item.name for item in test_sets if item.pair and not item.unseen and not item.is_seen_by(train_set))


def counted(test_sets: Sequence[TestSet], train_sets: Sequence[str]) -> tuple[str, ...]:
    """Train sets that means over train sets run over: those with test sets of their own and with others. Where none
    has both, those with test sets of their own."""
    learned = tuple(name for name in train_sets if own_tests(test_sets, name))
    return tuple(name for name in learned if other_tests(test_sets, name)) or learned
