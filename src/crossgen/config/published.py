"""What papers found of two ways to train, which a run of both can agree with or contradict."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from crossgen.config.comparisons import Comparison
from crossgen.config.steps import Model, Text
from crossgen.config.values import GridName, Name


class PublishedFinding(Model):
    """One finding of a paper: which of two experiments is better, and on what."""

    experiment: GridName = Field(description="The experiment that stands for what the paper compares ...")
    baseline: GridName = Field(
        description="... with this one. A comparison of the two under every condition is listed."
    )
    says: Literal["higher", "lower"] = Field(
        description="What the paper found balanced accuracy of the experiment to be, beside the baseline's."
    )
    mean: Literal["own", "others", "unseen"] = Field(
        default="others", description="Which mean over the train sets: own generator, other, or unseen generators."
    )
    condition: Name | None = Field(default=None, description="Under this condition; null: the plain one.")
    source: Text = Field(description="The paper, its table or section, and what was done otherwise there.")


def faults(
    found: Sequence[PublishedFinding], comparisons: Sequence[Comparison], conditions: Sequence[str]
) -> Iterator[str]:
    """What is wrong with them, each a message with its remedy."""
    compared = {(item.experiment, item.baseline) for item in comparisons if not item.apart}
    places = [(item.experiment, item.baseline, item.mean, item.condition) for item in found]
    for index, item in enumerate(found):
        where = f"published_findings[{index}]"
        if (item.experiment, item.baseline) not in compared:
            wanted = f"{{experiment: {item.experiment}, baseline: {item.baseline}}}"
            yield f"Nothing compared for {where}: comparisons does not list {wanted}; add it"
        if item.condition is not None and item.condition not in conditions:
            yield f"Unknown condition {item.condition!r} in {where}: expected one of {', '.join(conditions)}"
        if places[index] in places[:index]:
            yield f"Doubled {where}: an earlier one is of the same numbers; name both sources in one"
