"""What is asked to stand beside published tables; `protocols` finds what differs."""

from typing import Literal

from pydantic import Field

from crossgen.config.steps import Model, Text
from crossgen.config.values import GridName, Name
from crossgen.literature import catalogue

Aspect = Literal["detector", "training_set", "frame", "alignment", "threshold", "test_images"]


class PublishedComparison(Model):
    """A published table beside an experiment's own numbers. Refused where the protocols differ, unless said."""

    table: Text = Field(description="Name of a published table: `crossgen published` lists them.")
    experiment: GridName = Field(description="The experiment whose numbers stand beside it.")
    baseline: GridName | None = Field(
        default=None, description="For a table of differences: the experiment subtracted; comparisons has the pair."
    )
    detector: Name | None = Field(
        default=None, description="Which of the table's detectors the recipe is; null: the only one it has."
    )
    condition: Name | None = Field(
        default=None, description="Condition that stands for the table's clean images; null: the plain one."
    )
    despite: tuple[Aspect, ...] = Field(
        default=(),
        description="What may differ from the published protocol: written beside the numbers. Everything else must be"
        " the same, or the config is refused.",
    )
    differs: dict[Aspect, tuple[str, str]] = Field(
        default={}, description="What differs: (published, here). Found by crossgen; what is written is replaced."
    )

    @property
    def name(self) -> str:
        """What its figure is called."""
        return "_".join(filter(None, (self.table, self.experiment, self.detector, self.condition)))


def chosen(item: PublishedComparison) -> str:
    """The table's detector that the recipe stands for; "" where it has several and none is named."""
    known = catalogue.detectors(item.table)
    return item.detector or (known[0] if len(known) == 1 else "")
