"""Which images of a published data set are wanted: splits, a number of each class, a seeded share.

What is drawn hangs on what an image is called, not on where its copy lies: two copies of GenImage give the same images.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from crossgen.config import Members
from crossgen.data.splits import fraction, order


def wanted(rows: Sequence[dict[str, Any]], members: Members, label: str) -> list[dict[str, Any]]:
    """The rows (path, split, folder, class_index) that `members` wants, in their order.

    Raises ValueError if `per_class` is asked for and an image's class is unknown.
    """
    keys = [f"{row['folder']}/{row['split']}/{label}/{row['path'].rpartition('/')[2]}" for row in rows]
    chosen = [
        (key, row)
        for key, row in zip(keys, rows, strict=True)
        if row["split"] in members.splits and (members.fraction == 1 or fraction(members.seed, key) < members.fraction)
    ]
    if members.per_class is None:
        return [row for _, row in chosen]
    classes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for key, row in chosen:
        if row["class_index"] is None:
            raise ValueError(
                f"members.per_class: the class of {row['path']} is unknown: name genimage_metadata.csv or a list of"
                " ImageNet's val classes in source.metadata."
            )
        classes[row["split"], row["class_index"]].append(key)
    first = {
        key
        for own in classes.values()
        for key in sorted(own, key=lambda key: order(members.seed, key))[: members.per_class]
    }
    return [row for key, row in chosen if key in first]
