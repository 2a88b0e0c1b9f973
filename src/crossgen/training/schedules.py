"""Learning rates: by the step (timm's schedules), or by the validation measure."""

import math
from collections.abc import Callable
from typing import Any, Protocol, cast

from timm.scheduler import CosineLRScheduler, StepLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from crossgen.config import Cosine, DropAndStop, Plateau, Recipe, StepDown
from crossgen.training.plan import Plan


class Schedule(Protocol):
    """Sets the optimiser's rates."""

    def stepped(self, steps: int) -> None:
        """So many steps are done."""

    def judged(self, value: float) -> bool:
        """An epoch was judged (`value`: higher is better); whether training goes on."""

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was; the rates themselves are the optimiser's to keep."""


def schedule_of(recipe: Recipe, optimiser: Optimizer, plan: Plan) -> Schedule:
    """The recipe's schedule for an optimiser whose groups have their rates set."""
    return SCHEDULES[recipe.schedule.kind](recipe, optimiser, plan)


class ByStep:
    """A timm schedule, or a constant rate; the validation measure changes nothing."""

    def __init__(self, timed: Scheduler | None) -> None:
        self.timed = timed
        self.stepped(0)

    def stepped(self, steps: int) -> None:
        """Set the rates for the step that follows."""
        if self.timed is not None:
            self.timed.step_update(steps)

    def judged(self, value: float) -> bool:
        """It always goes on."""
        return True

    def state(self) -> dict[str, Any]:
        """Nothing: the rate is a function of the step."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to do."""


def _cosine(recipe: Recipe, optimiser: Optimizer, plan: Plan) -> ByStep:
    told = cast(Cosine, recipe.schedule)
    rising, still = _share(told.warmup, plan.steps), _share(told.cooldown, plan.steps)
    lr = recipe.optimiser.lr
    start = lr / (rising + 1) if told.warmup_lr is None else told.warmup_lr
    falling = max(1, plan.steps - rising - still)
    warm = {"warmup_t": rising, "warmup_lr_init": start, "warmup_prefix": True}
    return ByStep(CosineLRScheduler(optimiser, falling, lr_min=told.floor, t_in_epochs=False, **warm))


def _step_down(recipe: Recipe, optimiser: Optimizer, plan: Plan) -> ByStep:
    told = cast(StepDown, recipe.schedule)
    rising = _share(told.warmup, plan.steps)
    warm = {"warmup_t": rising, "warmup_lr_init": recipe.optimiser.lr / (rising + 1), "warmup_prefix": False}
    every = max(1, round(told.every * plan.per_epoch))
    return ByStep(StepLRScheduler(optimiser, every, told.factor, t_in_epochs=False, **warm))


def _constant(recipe: Recipe, optimiser: Optimizer, plan: Plan) -> ByStep:
    return ByStep(None)


def _share(share: float, steps: int) -> int:
    """So many of the steps; a share above 0 is at least one."""
    return max(1, round(share * steps)) if share else 0


class OnPlateau:
    """torch's rule (timm deprecates its own, which forgets where it was): patience epochs are waited for."""

    def __init__(self, recipe: Recipe, optimiser: Optimizer, plan: Plan) -> None:
        told = cast(Plateau, recipe.schedule)
        floors = [told.floor * group.get("lr_scale", 1.0) for group in optimiser.param_groups]
        self.rule = ReduceLROnPlateau(
            optimiser, "max", told.factor, told.patience, told.min_gain, "abs", min_lr=floors, eps=0.0
        )

    def stepped(self, steps: int) -> None:
        """Steps change nothing."""

    def judged(self, value: float) -> bool:
        """Lower the rate, perhaps; it always goes on."""
        self.rule.step(value)
        return True

    def state(self) -> dict[str, Any]:
        """Best value and epochs waited for."""
        return {name: getattr(self.rule, name) for name in ("best", "num_bad_epochs", "last_epoch")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was."""
        for name, value in state.items():
            setattr(self.rule, name, value)


class DropsAndStops:
    """CNNSpot's rule (Wang et al., CVPR 2020, and the code of its followers).

    An epoch gains if its value is more than `min_gain` above the best so far; the first sets it. After `patience`
    epochs without a gain in a row the rate is multiplied by `factor` and the count starts again; before a rate below
    `stop_below` training ends. CNNSpot's own code forgets the best value at a drop (`forget_best`), its followers keep
    it. 1e-4 x 0.1 x 0.1 is a little more or less than 1e-6 in floating point: equal here.
    """

    def __init__(self, recipe: Recipe, optimiser: Optimizer, plan: Plan) -> None:
        self.told, self.optimiser = cast(DropAndStop, recipe.schedule), optimiser
        self.lr, self.best, self.waited, self.drops = recipe.optimiser.lr, -math.inf, 0, 0

    def stepped(self, steps: int) -> None:
        """Steps change nothing."""

    def judged(self, value: float) -> bool:
        """Note an epoch; lower the rate or end, if it was one too many."""
        later = self.drops > 0 and self.told.min_gain_later is not None
        gain = self.told.min_gain_later if later else self.told.min_gain
        if value > self.best + float(gain or 0):
            self.best, self.waited = value, 0
            return True
        self.waited += 1
        return self.waited < self.told.patience or self._drop()

    def _drop(self) -> bool:
        if self.lr * self.told.factor < self.told.stop_below * (1 - 1e-9):
            return False
        self.lr, self.waited, self.drops = self.lr * self.told.factor, 0, self.drops + 1
        self.best = -math.inf if self.told.forget_best else self.best
        for group in self.optimiser.param_groups:
            group["lr"] *= self.told.factor
        return True

    def state(self) -> dict[str, Any]:
        """Rate, best value, epochs without a gain, drops."""
        return {"lr": self.lr, "best": self.best, "waited": self.waited, "drops": self.drops}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was."""
        self.lr, self.best, self.waited, self.drops = (state[name] for name in ("lr", "best", "waited", "drops"))


#: Kind of schedule -> its maker.
SCHEDULES: dict[str, Callable[[Recipe, Optimizer, Plan], Schedule]] = {
    "constant": _constant,
    "cosine": _cosine,
    "drop_and_stop": DropsAndStops,
    "plateau": OnPlateau,
    "step": _step_down,
}
