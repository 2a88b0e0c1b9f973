"""What one training is made of, put together from data, recipe and setting."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from timm.utils import ModelEmaV3

from crossgen.config import Recipe
from crossgen.detectors.detector import Detector, prepare, without_download
from crossgen.training.batches import Data, Reader
from crossgen.training.facts import Facts, facts, lines
from crossgen.training.freezing import frozen
from crossgen.training.optimisers import optimiser_of
from crossgen.training.pairing import PairedPlan
from crossgen.training.plan import Plan
from crossgen.training.processes import Launch, Mode, Together
from crossgen.training.readers import reader_for
from crossgen.training.schedules import Schedule, schedule_of
from crossgen.training.setting import Setting
from crossgen.training.stay_positive import PositiveHead
from crossgen.training.stepping import Stepper

Log = Callable[[str], None]


@dataclass(frozen=True)
class Parts:
    """All that a training works with; `judged` is the detector, or the average of its weights."""

    plan: Plan
    detector: Detector
    average: ModelEmaV3 | None
    stepper: Stepper
    schedule: Schedule
    together: Together
    reader: Reader
    facts: Facts

    @property
    def judged(self) -> Detector:
        """What is validated and kept."""
        if self.average is None:
            return self.detector
        averaged: Detector = self.average.module
        return averaged


def set_up(seed: int) -> None:
    """Make runs repeatable: seeded weights, deterministic kernels, as many threads as OMP_NUM_THREADS says (else 1).

    On a GPU an operation that has no deterministic kernel is done all the same, with a warning.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def assemble(data: Data, recipe: Recipe, setting: Setting, log: Log, reader: Reader | None = None) -> Parts:
    """Build everything, with fresh or the told weights. Raises ValueError for what does not go together."""
    set_up(setting.seed)
    plan, launch = plan_of(data, recipe, setting), Launch.found()
    if recipe.batch_size // 2 < launch.processes:
        raise ValueError(f"batch_size {recipe.batch_size} for {launch.processes} processes: each needs both labels.")
    detector = _begun(recipe, setting, launch.device)
    mode = _mode(recipe, detector)
    fabric = launch.fabric(mode)
    together = Together(fabric)
    tell: Log = log if together.rank == 0 else lambda line: None
    positive = PositiveHead.begun(detector.network, recipe) if recipe.stay_positive else None
    still = positive.still if positive else frozen(detector.network, recipe.freeze)
    optimiser = optimiser_of(recipe, detector.network)
    average = ModelEmaV3(detector, recipe.ema.decay, use_warmup=recipe.ema.warmup) if recipe.ema else None
    stepper = Stepper(recipe, setting, detector, optimiser, fabric, together, still, tell, positive)
    told = facts(detector, recipe, mode, launch)
    if isinstance(plan, PairedPlan):
        tell(f"pairs={len(plan.pool.first)} images_without_their_other_half={len(plan.lost)}")
    for line in lines(told, plan, data, setting.workers):
        tell(line)
    reader = reader or reader_for(data, recipe, setting, launch.device)
    schedule = schedule_of(recipe, optimiser, plan)
    return Parts(plan, detector, average, stepper, schedule, together, reader, told)


def plan_of(data: Data, recipe: Recipe, setting: Setting) -> Plan:
    """Which images make up each batch: pairs, if the recipe says so. Raises ValueError as the plans do."""
    plan = Plan.of(data, recipe, setting)
    return plan if recipe.pairing == "none" else PairedPlan.from_plan(plan, data)


def _begun(recipe: Recipe, setting: Setting, device: torch.device) -> Detector:
    """The detector with the weights that training begins with."""
    start = setting.start or recipe.start
    if start is None and recipe.stay_positive is not None:
        raise ValueError(
            f"Recipe {recipe.name!r} is the second stage of a detector (stay_positive), and none is named to begin"
            " with: say start_from of the experiment, start of the recipe, or --start."
        )
    if start is None:
        return prepare(recipe, device)
    from crossgen.detectors.published import load_into

    detector = prepare(without_download(recipe), device)
    load_into(detector.network, Path(start.weights), start.head)
    return detector


def _mode(recipe: Recipe, detector: Detector) -> Mode:
    return "fp16" if recipe.precision == "fp16" else detector.precision
