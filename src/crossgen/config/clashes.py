"""Keys of a recipe that do not go together: what the type of one key cannot refuse."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossgen.config.recipes import Recipe

#: Steps that have a batch version on the device, bit-equal to that of one image (`crossgen.training.augment.resident`,
#: which imports torch and is not imported here).
ON_DEVICE = ("cutout", "flip", "greyscale", "random_crop", "rot90", "translate", "vertical_flip")


def clashes(recipe: "Recipe") -> Iterator[str]:
    """Every fault of a recipe whose keys are right one by one, as what was expected instead."""
    for part in (_length, _reading, _batches, _pairs, _rates, _stages):
        yield from part(recipe)


def _length(recipe: "Recipe") -> Iterator[str]:
    if (recipe.steps is None) == (recipe.epochs is None):
        yield "one of `steps` and `epochs` (the other null)"


def _reading(recipe: "Recipe") -> Iterator[str]:
    if recipe.reading != "files" and recipe.packed_frame.kind == "whole":
        yield "a training_frame of kind crop, resize or short_side: whole images cannot be stored as crops"
    if recipe.reading == "files":
        if recipe.fakes == "simulated":
            yield "reading: crops (or resident) with fakes: simulated, which are made from stored crops"
        if recipe.training_frame is not None:
            yield "no training_frame with reading: files, where no crop is stored: say `augment` (random_crop, ...)"
        if recipe.crops_per_image > 1:
            yield "crops_per_image: 1 with reading: files, where no crop is stored: say `augment` (random_crop, ...)"
    if recipe.reading == "resident":
        steps = [*recipe.augment, *(recipe.splits.augment if recipe.splits else ())]
        strange = list(dict.fromkeys(step.step for step in steps if step.step not in ON_DEVICE))
        if strange:
            yield f"reading: crops with the steps {', '.join(strange)}: resident crops know {', '.join(ON_DEVICE)} only"


def _batches(recipe: "Recipe") -> Iterator[str]:
    if recipe.mixing is not None:
        if recipe.splits is not None:
            yield "`mixing` or `splits`: mixed images have no undisturbed copy that the splits could be held to"
        if recipe.mixing.mixup == recipe.mixing.cutmix == 0:
            yield "an alpha above 0 of mixup or cutmix in `mixing` (or mixing: null)"
    if 2 * recipe.accumulate > recipe.batch_size:
        yield f"accumulate of at most {recipe.batch_size // 2}, so that each part of a batch has both labels"
    if recipe.balance_pools and recipe.balance != "batches":
        yield "balance: batches with balance_pools: other batches take images as they come"


def _pairs(recipe: "Recipe") -> Iterator[str]:
    if recipe.pairing == "none":
        if recipe.synchronised:
            yield "pairing: name with synchronised: true, which is said of the halves of pairs"
        return
    if recipe.balance != "batches":
        yield f"balance: batches with pairing: name (found {recipe.balance}): pairs hold as many reals as fakes"
    if recipe.balance_pools:
        yield "balance_pools: false with pairing: name: pairs are drawn, not the images of a pool"
    if recipe.mixing is not None:
        yield "mixing: null with pairing: name: a mixed image has parts of two pairs, so no half is its own"
    if recipe.fakes == "simulated":
        yield "fakes: given with pairing: name: simulated fakes are in no manifest that tells their reals"
    if recipe.synchronised and recipe.erasing is not None and recipe.splits is not None:
        yield "`erasing` or `splits` with synchronised: true: timm erases copies of splits in an order of its own"


def _rates(recipe: "Recipe") -> Iterator[str]:
    told, lr = recipe.schedule, recipe.optimiser.lr
    for name in ("warmup_lr", "floor", "stop_below"):
        value = getattr(told, name, None)
        if value is not None and value > lr:
            yield f"schedule.{name} ({value:g}) of at most optimiser.lr ({lr:g})"
    if getattr(told, "warmup", 0) + getattr(told, "cooldown", 0) >= 1:
        yield "schedule.warmup and schedule.cooldown of less than 1 together"
    made = recipe.optimiser
    if made.kind == "sgd" and made.nesterov and (made.momentum == 0 or made.dampening > 0):
        yield "optimiser.momentum above 0 and dampening 0 with nesterov"


def _stages(recipe: "Recipe") -> Iterator[str]:
    if recipe.stay_positive is not None and recipe.freeze is not None:
        yield "`freeze` or `stay_positive`, which freezes all but the last layer"
