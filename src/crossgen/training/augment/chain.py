"""The steps by their names, and chains of them."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from crossgen.config import Augmentation
from crossgen.training.augment import colour, degrade, geometry, policies
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step
from crossgen.training.sampling import Keys

#: Step name -> parameters -> step.
AUGMENTATIONS: dict[str, Callable[..., Step]] = {
    "flip": geometry.flip,
    "vertical_flip": geometry.vertical_flip,
    "rot90": geometry.rot90,
    "rotate": geometry.rotate,
    "translate": geometry.translate,
    "random_crop": geometry.random_crop,
    "random_resized_crop": geometry.random_resized_crop,
    "short_side": geometry.short_side,
    "shrink": geometry.shrink,
    "blur": degrade.blur,
    "jpeg": degrade.random_jpeg,
    "jitter": colour.jitter,
    "greyscale": colour.greyscale,
    "cutout": degrade.cutout,
    "noise": degrade.noise,
    "randaugment": policies.randaugment,
    "augmix": policies.augmix,
}


def augment(image: Image, key: int, steps: Sequence[Augmentation], seed: int, epoch: int) -> Image:
    """The chain in order, on one image uint8 [H, W, 3] with its key (`crossgen.training.sampling.keys`).

    The image is not changed; what comes back may be the image itself, or a view of it. Raises Unusable (see
    `crossgen.training.augment`) and ValueError (a policy of timm that is none).
    """
    return _run(_made(tuple(steps)), image, int(key), seed, epoch)


def augment_batch(
    crops: Image | Sequence[Image], keys: Keys, steps: Sequence[Augmentation], seed: int, epoch: int
) -> Image:
    """`augment` for each image and its key: a new array uint8 [n, height, width, 3].

    `crops` is uint8 [n, H, W, 3] or n images of any size. Raises ValueError if they do not end in one size.
    """
    made = _made(tuple(steps))
    results = [_run(made, image, key, seed, epoch) for image, key in zip(crops, keys.tolist(), strict=True)]
    sizes = {image.shape for image in results}
    if len(sizes) > 1:
        refuse_unequal([(shape[1], shape[0]) for shape in sorted(sizes)], steps)
    return np.stack(results) if results else np.array(crops, np.uint8)


def refuse_unequal(sizes: Sequence[tuple[int, int]], steps: Sequence[Augmentation]) -> None:
    """Raise ValueError: images of a batch ended in these sizes (width, height)."""
    told = ", ".join(f"{width} x {height}" for width, height in sizes[:3]) + (", ..." if len(sizes) > 3 else "")
    names = ", ".join(step.step for step in steps) or "none"
    raise ValueError(
        f"Augmentation left images of a batch in several sizes ({told}; steps: {names}): expected one. End the"
        " recipe's `augment` with {step: random_crop, size: ...}, or with random_resized_crop of probability 1."
    )


@lru_cache(maxsize=64)
def _made(steps: tuple[Augmentation, ...]) -> tuple[Step, ...]:
    return tuple(AUGMENTATIONS[step.step](step) for step in steps)


def _run(steps: tuple[Step, ...], image: Image, key: int, seed: int, epoch: int) -> Image:
    for place, step in enumerate(steps):
        image = step(image, Draw(seed, epoch, place, key))
    return image
