"""The training of one detector: steps, epochs, what is kept, and all that a checkpoint must hold."""

import io
import math
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from typing import Any

import numpy as np
from timm.utils import distribute_bn
from torch import Tensor, nn

from crossgen.progress import Meter
from crossgen.training.account import Account
from crossgen.training.assembly import Log, Parts
from crossgen.training.batches import Batch, Data, Loaded, Lost
from crossgen.training.checkpoint import Checkpoints
from crossgen.training.history import events
from crossgen.training.interrupt import Interrupted, watching
from crossgen.training.judging import Judged, Watched, judge, val_rows
from crossgen.training.selection import Patience, Selection
from crossgen.training.setting import Setting


class Engine:
    """Trains; `state` and `restore` carry it over an interruption with not a bit's difference."""

    def __init__(self, parts: Parts, data: Data, setting: Setting, log: Log) -> None:
        self.parts, self.setting, self.recipe = parts, setting, parts.plan.recipe
        self.log: Log = log if parts.together.rank == 0 else lambda line: None
        self.step, self.rows, self.watched = 0, list[dict[str, Any]](), list[dict[str, Any]]()
        self.selection, self.patience = Selection(self.recipe.select), Patience(self.recipe.early_stopping)
        self._val = val_rows(data)
        self._others = Watched(self.recipe, setting, parts.stepper.fabric.device)
        self.account = Account(data.index, parts.plan.lost)
        self._rate, self.ended = math.nan, False
        parts.stepper.begin()
        self._refuse_unjudged()

    def run(self) -> None:
        """Train to the end, from the newest checkpoint if there is one.

        Raises Interrupted, with a checkpoint written, when the process is told to stop; ValueError for a loss that is
        not a number, for memory that does not do, and for a training of which nothing can be kept.
        """
        checkpoints, first = self._found(), self.parts.together.rank == 0
        with ExitStack() as stack:
            stopped, meter = stack.enter_context(self._watching()), stack.enter_context(self._meter())
            tell = stack.enter_context(events(self.setting.events if first else None))
            tell(self.rows, self.watched)
            for loaded in stack.enter_context(_closing(self.parts.reader.train(self._batches()))):
                self._take(loaded)
                if self.parts.plan.ends_epoch(self.step):
                    self._close_epoch()
                    tell(self.rows, self.watched)
                meter.note = self._note()
                meter.advance(self.recipe.batch_size)
                if self.ended:
                    break
                self._keep(checkpoints, stopped())
        self._refuse_divergence()

    def _batches(self) -> Iterator[Batch]:
        together = self.parts.together
        for batch in self.parts.plan.batches(self.step):
            yield self.parts.plan.part(batch, together.rank, together.count)

    def _take(self, loaded: Loaded) -> None:
        parts = self.parts
        self._rate = max(group["lr"] for group in parts.stepper.optimiser.param_groups)
        loss = parts.stepper.step(loaded, parts.plan.weights(self.step))
        self.step += 1
        parts.schedule.stepped(self.step)
        if parts.average is not None:
            parts.average.update(parts.detector, self.step)
        self.account.add(loaded, loss)

    def _close_epoch(self) -> None:
        """Judge, choose and note; see whether training goes on."""
        parts, epoch = self.parts, (self.step - 1) // self.parts.plan.per_epoch
        self.account.settle()
        self.account.pause()
        self._share_statistics()
        judged, lost = judge(parts.judged, parts.reader, self._val, parts.together)
        self.account.note(lost)
        value = judged.value(self.recipe.measure)
        self.selection.judged(epoch, value, parts.judged)
        self._note_epoch(epoch, judged)
        on = [parts.schedule.judged(value), self.patience.judged(value), self.step < parts.plan.steps]
        self.ended = not all(on)
        if self._others.due(epoch, self.ended):
            rows = self._others.rows(parts.judged, parts.together)
            self.watched += [{"epoch": epoch, "step": self.step, **row} for row in rows]
        self.account.begin()
        parts.stepper.begin()

    def _note_epoch(self, epoch: int, judged: Judged) -> None:
        mine = self.account.row()
        told = self.parts.together.gather(mine)
        images, seconds = sum(row["images"] for row in told), mine["seconds"]
        row = {
            "epoch": epoch,
            "step": self.step,
            "lr": self._rate,
            "train_loss": float(np.mean([row["train_loss"] for row in told])),
            "val_loss": judged.loss,
            "val_balanced_accuracy": judged.balanced_accuracy,
            "val_roc_auc": judged.roc_auc,
            "seconds": seconds,
            "images_per_second": images / seconds if seconds else math.nan,
            "lost": sum(row["lost"] for row in told),
            "kept": 0,
        }
        self.log(" ".join(f"{name}={value:.5g}" for name, value in row.items() if name != "kept"))
        self.rows.append(row)

    def _share_statistics(self) -> None:
        """The statistics of norms become the mean of the processes', as timm has it."""
        if self.parts.together.count > 1:
            for network in self._networks():
                distribute_bn(network, self.parts.together.count, reduce=True)

    def _networks(self) -> list[nn.Module]:
        average = self.parts.average
        return [self.parts.detector, *([average.module] if average is not None else [])]

    def _note(self) -> str:
        area = f", validation AUC {self.rows[-1]['val_roc_auc']:.3f}" if self.rows else ""
        return f"loss {self.account.last:.4f}{area}"

    def state(self) -> dict[str, Any]:
        """Tensors and plain data that `restore` takes. Tensors are the live ones. All processes must ask together."""
        parts, mine = self.parts, self._own_state()
        return {
            "step": self.step,
            "accumulate": parts.stepper.accumulate,
            "network": parts.detector.state_dict(),
            "average": parts.average.module.state_dict() if parts.average is not None else None,
            "optimiser": parts.stepper.optimiser.state_dict(),
            "scaler": parts.stepper.fabric.strategy.precision.state_dict(),
            "schedule": parts.schedule.state(),
            "selection": self.selection.state(),
            "patience": self.patience.state(),
            "rows": self.rows,
            "watched": self.watched,
            "processes": parts.together.gather(mine),
        }

    def _own_state(self) -> dict[str, Any]:
        """What each process has of its own."""
        several = self.parts.together.count > 1
        buffers = [_statistics(network) for network in self._networks()] if several else []
        return {"account": self.account.state(), "buffers": buffers}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was when `state` was told. Raises ValueError for a state of another number of processes."""
        parts = self.parts
        if len(state["processes"]) != parts.together.count:
            found = f"{len(state['processes'])} processes, this training has {parts.together.count}"
            raise ValueError(f"The checkpoint was written by {found}: remove {self.setting.folder} to begin anew.")
        parts.detector.load_state_dict(state["network"])
        if parts.average is not None:
            parts.average.module.load_state_dict(state["average"])
        own = state["processes"][parts.together.rank]
        for network, buffers in zip(self._networks(), own["buffers"], strict=False):
            network.load_state_dict(buffers, strict=False)
        parts.stepper.optimiser.load_state_dict(state["optimiser"])
        parts.stepper.fabric.strategy.precision.load_state_dict(state["scaler"])
        parts.schedule.restore(state["schedule"])
        self.selection.restore(state["selection"])
        self.patience.restore(state["patience"])
        self.account.restore(own["account"])
        self.step, parts.stepper.accumulate = state["step"], state["accumulate"]
        self.rows, self.watched = list(state["rows"]), list(state["watched"])

    def _found(self) -> Checkpoints | None:
        if self.setting.folder is None:
            return None
        checkpoints = Checkpoints(self.setting.folder, self.log)
        state = checkpoints.newest()
        if len(set(self.parts.together.gather(state and state["step"]))) > 1:
            raise ValueError(f"The processes find other checkpoints in {self.setting.folder}: is it one shared folder?")
        self._written = time.monotonic()
        if state is not None:
            self.restore(state)
            self.log(f"goes on after step {self.step}, from the checkpoint in {self.setting.folder}")
        return checkpoints

    def _keep(self, checkpoints: Checkpoints | None, stopped: bool) -> None:
        """Write a checkpoint if it is time, or if any process was told to stop: then end as well."""
        if checkpoints is None:
            return
        first = self.parts.together.rank == 0
        due = first and time.monotonic() - self._written >= 60 * self.setting.checkpoint_minutes
        stop, time_is_up = self.parts.together.sums(stopped, due)
        if not stop and not time_is_up:
            return
        state = self.state()
        if first:
            checkpoints.write(self.step, state)
        self._written = time.monotonic()
        if stop:
            self.parts.together.gather(None)  # nobody ends before the checkpoint is written
            raise Interrupted(self.step)

    def _watching(self) -> AbstractContextManager[Callable[[], bool]]:
        return nullcontext(lambda: False) if self.setting.folder is None else watching()

    def _meter(self) -> Meter:
        total, done = (steps * self.recipe.batch_size for steps in (self.parts.plan.steps, self.step))
        shown = sys.stderr if self.parts.together.rank == 0 else io.StringIO()
        return Meter("train_detector", total, "images", shown, done)

    @property
    def lost(self) -> list[Lost]:
        """Images that could not be read, of all processes, each once."""
        found = {lost.image_id: lost for part in self.parts.together.gather(self.account.lost) for lost in part}
        return [found[name] for name in sorted(found)]

    def _refuse_unjudged(self) -> None:
        chosen = self.recipe.select == "best_val" or self.recipe.early_stopping is not None
        if not len(self._val) and (chosen or self.recipe.schedule.kind in ("plateau", "drop_and_stop")):
            raise ValueError(
                f"Recipe {self.recipe.name!r} goes by validation images, and there are none: select `last` with a"
                " schedule by steps, or give the subset validation images (val_per_class)."
            )

    def _refuse_divergence(self) -> None:
        if self.selection.weights is None or (len(self._val) and not math.isfinite(self.selection.best)):
            loss = self.rows[-1]["val_loss"] if self.rows else math.nan
            raise ValueError(
                f"Training with recipe {self.recipe.name!r} diverged (validation loss {loss}): lower optimiser.lr."
            )


def _closing(arriving: Iterator[Loaded]) -> AbstractContextManager[Iterator[Loaded]]:
    """Ends workers that are batches ahead as soon as training ends, and not when they are collected."""
    return closing(arriving) if isinstance(arriving, Generator) else nullcontext(arriving)


def _statistics(network: nn.Module) -> dict[str, Tensor]:
    """Buffers that a state dict holds."""
    kept = network.state_dict()
    return {name: kept[name].cpu() for name, _ in network.named_buffers() if name in kept}
