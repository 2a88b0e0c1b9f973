"""Val images that a named pool lends: none of them may be an image that is trained on, nor come from one."""

import pandas as pd

from crossgen.data.leaks import is_one_of


def refuse_lent(lent: pd.DataFrame, train: pd.DataFrame, train_set: str) -> None:
    """Raise ValueError for lent rows that share a file, a real (by id or by the pair they were made from) or a group
    with training rows; each has its message."""
    told = {
        "hold the same files as": is_one_of(lent["blake3"], train["blake3"]),
        "are, or were made from,": _origin(lent).isin(set(train["image_id"]) | set(_origin(train))).to_numpy(),
        "have the group of": is_one_of(lent["group"], train["group"]),
    }
    for words, same in told.items():
        if same.any():
            first = lent.loc[same, "image_id"].min()
            raise ValueError(
                f"{int(same.sum())} images of validation pool {lent['pool'].iloc[0]!r} {words} training images of"
                f" {train_set!r} (first: {first}): they would be learnt from and judged; name another pool."
            )


def _origin(rows: pd.DataFrame) -> "pd.Series[str]":
    """The image that each was made from: the `pair` where it is known, else itself."""
    return rows["pair"].fillna(rows["image_id"]) if "pair" in rows else rows["image_id"]
