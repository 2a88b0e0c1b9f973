"""Who is trained on, validated on and tested on: by hash of the group, so that nothing is torn apart."""

from collections.abc import Iterable, Sequence

from blake3 import blake3


def order(seed: int, name: str) -> str:
    """The place of a name in the random order that `seed` stands for: names sort by it, whoever else is there."""
    return blake3(f"{seed}:{name}".encode()).hexdigest()


def fraction(seed: int, name: str) -> float:
    """A number in [0, 1), uniform over names, the same for one name in every pool."""
    return int.from_bytes(blake3(f"{seed}/{name}".encode()).digest(length=6), "big") / 2**48


def carve(groups: Iterable[str], seed: int, share: float) -> set[str]:
    """The `share` of the groups (at least one) that become val: the first ones in the order of `seed`."""
    ordered = sorted(set(groups), key=lambda group: order(seed, group))
    return set(ordered[: max(1, round(share * len(ordered)))]) if ordered else set()


def assign(
    groups: Sequence[str], stated: Sequence[str | None], seed: int, val_share: float, test_share: float
) -> list[str]:
    """Split of each image: as its source states, `test_share` of the groups where it states none, val carved of train.

    The test carve looks at one group at a time, so that a photograph that stands behind images of several pools falls
    on the same side in all. A source that states a `val` keeps it: nothing more is carved. Raises ValueError for a
    group whose images a source puts on both sides.
    """
    splits = [
        split or ("test" if fraction(seed, group) < test_share else "train")
        for group, split in zip(groups, stated, strict=True)
    ]
    if "val" not in splits:
        train = [group for group, split in zip(groups, splits, strict=True) if split == "train"]
        val = carve(train, seed, val_share)
        splits = [
            "val" if split == "train" and group in val else split for group, split in zip(groups, splits, strict=True)
        ]
    _refuse_torn(groups, splits)
    return splits


def _refuse_torn(groups: Sequence[str], splits: Sequence[str]) -> None:
    side: dict[str, str] = {}
    for group, split in zip(groups, splits, strict=True):
        if side.setdefault(group, split) != split:
            raise ValueError(f"Group {group!r} has images in {side[group]} and in {split}: a group lies in one split.")
