"""Ensembles: the scores of several detectors as those of one, by the mean of their logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records

#: What members must agree on, image by image.
KEY = ["pool", "condition", "image_id"]
#: Whose scores they are.
NAMES = ["experiment", "train_set", "seed"]


@dataclass(frozen=True)
class Averaged:
    """Scores of the ensemble (columns of SCORES but for the names), and how many members' scores found no partner."""

    scores: pa.Table
    lost: int


def average(members: Sequence[pa.Table]) -> Averaged:
    """Mean logit of every (pool, condition, image) that all `members` (tables of SCORES) scored.

    The mean is taken in float64 and in the order of the members; the order of the images is that of the first.
    Raises ValueError: one member only, a member of several detectors or of none, the same detector twice, labels that
    differ, a logit that is NaN or infinite, no image in common.
    """
    names = [_name(table) for table in members]
    if len(members) < 2:
        raise ValueError(f"An ensemble of {len(members)} detector(s): expected at least two score files.")
    for first, second in combinations(range(len(names)), 2):
        if names[first] == names[second]:
            raise ValueError(f"The scores of {_said(names[first])} are given twice: an ensemble counts them once.")
    rows = pa.concat_tables([table.select([*KEY, "label", "logit"]) for table in members])
    _refuse_broken(rows)
    grouped = rows.group_by(KEY, use_threads=False).aggregate(  # in order: the same bits again
        [("logit", "mean"), ("label", "min"), ("label", "max"), ([], "count_all")]
    )
    _refuse_labels(grouped)
    whole = grouped.filter(pc.equal(grouped["count_all"], len(members)))
    if not whole.num_rows:
        raise ValueError(f"No image was scored by all of {', '.join(map(_said, names))}: an ensemble of nothing.")
    columns = {**{name: whole[name] for name in KEY}, "label": whole["label_min"], "logit": whole["logit_mean"]}
    return Averaged(pa.table(columns), grouped.num_rows - whole.num_rows)


def _name(table: pa.Table) -> tuple[object, ...]:
    """(experiment, train_set, seed) of a table that holds one detector."""
    found = table.select(NAMES).group_by(NAMES).aggregate([]).to_pylist()
    if len(found) != 1:
        raise ValueError(f"A member's score file holds {len(found)} detectors: expected one (crossgen collect-scores).")
    return tuple(found[0][name] for name in NAMES)


def _said(name: Sequence[object]) -> str:
    return f"{name[0]}/{name[1]}/seed{name[2]}"


def _refuse_broken(rows: pa.Table) -> None:
    broken = rows.filter(pc.invert(pc.is_finite(rows["logit"])))
    if broken.num_rows:
        first = broken["image_id"][0].as_py()
        raise ValueError(
            f"Image {first!r} has a logit that is NaN or infinite among the members ({broken.num_rows} such rows):"
            " a detector is broken, train it again."
        )


def _refuse_labels(grouped: pa.Table) -> None:
    differing = grouped.filter(pc.not_equal(grouped["label_min"], grouped["label_max"]))
    if differing.num_rows:
        first = differing["image_id"][0].as_py()
        raise ValueError(
            f"Image {first!r} has two labels among the members ({differing.num_rows} such rows): score them again."
        )


def named(scores: pa.Table, experiment: str, train_set: str, seed: int) -> pa.Table:
    """The scores with the ensemble's names: the columns of SCORES."""
    told = {"experiment": experiment, "train_set": train_set, "seed": seed}
    for name, value in told.items():
        kind = records.SCORES.columns[name]
        scores = scores.append_column(name, pa.array([value] * scores.num_rows, kind))
    return scores.select(list(records.SCORES.columns))
