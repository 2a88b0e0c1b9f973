"""One optimisation step: the batch altered, cut into parts, its gradients summed, the weights moved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from crossgen.config import Recipe
from crossgen.detectors.detector import Detector
from crossgen.training.batches import Loaded
from crossgen.training.losses import Weights, loss_of
from crossgen.training.mixing import Alteration, reseed
from crossgen.training.pairing import whole_pairs
from crossgen.training.processes import Together
from crossgen.training.sampling import balanced_parts
from crossgen.training.setting import Setting
from crossgen.training.stay_positive import PositiveHead


class Trainee(nn.Module):
    """A detector as training calls it: from normalised images to logits."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, height, width] to logits float32 [n]."""
        return self.detector.judge(images)


@dataclass
class Stepper:
    """Takes steps. `accumulate` is the number of parts a batch is cut into; it grows where memory is short."""

    recipe: Recipe
    setting: Setting
    detector: Detector
    optimiser: Optimizer
    fabric: Fabric
    together: Together
    frozen: tuple[nn.Module, ...] = ()
    log: Callable[[str], None] = print
    positive: PositiveHead | None = None
    accumulate: int = field(init=False)

    def __post_init__(self) -> None:
        self.accumulate = self.recipe.accumulate
        trainee: nn.Module = Trainee(self.detector)
        if self.recipe.compile:
            trainee = torch.compile(trainee)  # type: ignore[assignment]
        self._module, self._stepping = self.fabric.setup(trainee, self.optimiser)
        self._loss, self._alter = loss_of(self.recipe), Alteration(self.recipe)

    def begin(self) -> None:
        """Into training mode, all but the frozen layers."""
        self.detector.train()
        for part in self.frozen:
            part.eval()

    def step(self, loaded: Loaded, weights: Weights) -> Tensor | None:
        """The mean loss of this process's images; None, and no step, where a process has none that could be read.

        Raises ValueError where the memory does not do, see `Setting.out_of_memory`.
        """
        count = len(loaded.rows) - (len(loaded.rows) % 2 if self.recipe.mixing else 0)
        total, empty = self.together.sums(count, count == 0)
        if empty:
            return None
        if self.positive is not None and not self.positive.fits:
            self._see(loaded, self.positive)
        loss = self._gradients(loaded, weights, self.together.count / total)
        with naming(self.recipe):
            if self.recipe.optimiser.clip_norm:
                limit = self.recipe.optimiser.clip_norm
                self.fabric.clip_gradients(self._module, self._stepping, max_norm=limit, error_if_nonfinite=False)
            self._stepping.step()
        if self.positive is not None:
            self.positive.clamp()
        return loss

    def _see(self, loaded: Loaded, positive: PositiveHead) -> None:
        """Whether the second stage fits this network, by the first batch of this process; no number moves."""
        images = self.detector.normalise(loaded.crops.to(self.fabric.device, non_blocking=True))
        with naming(self.recipe):
            positive.see(self.detector, images.tensor_split(self.accumulate), self.together)
        self.begin()

    def _gradients(self, loaded: Loaded, weights: Weights, share: float) -> Tensor:
        if self.setting.out_of_memory == "stop" or self.together.count > 1:
            with naming(self.recipe):
                return self._attempt(loaded, weights, share)
        while True:
            before = [buffer.clone() for buffer in self.detector.buffers()]
            try:
                return self._attempt(loaded, weights, share)
            except RuntimeError as error:
                if not is_out_of_memory(error) or 2 * self.accumulate > len(loaded.rows):
                    raise (too_large(self.recipe) if is_out_of_memory(error) else error) from error
            self._halve(before)  # not while the error is handled: it holds what the failed step held

    def _halve(self, before: list[Tensor]) -> None:
        for buffer, value in zip(self.detector.buffers(), before, strict=True):
            buffer.copy_(value)
        self._stepping.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.accumulate *= 2
        self.log(f"out of memory: batches are now cut into {self.accumulate} parts, one after another")

    def _attempt(self, loaded: Loaded, weights: Weights, share: float) -> Tensor:
        """Forward and backward of all parts, with the same draws however often it is tried.

        `share`: what an image weighs in the mean that the processes' gradients are averaged to.
        """
        reseed(self.setting.seed, loaded.batch.step, self.together.rank)
        images = self.detector.normalise(loaded.crops.to(self.fabric.device, non_blocking=True))
        images, targets, labels = self._alter(images, loaded.labels.cpu())
        self._stepping.zero_grad(set_to_none=True)
        parts, losses = self._parts(labels), []
        for place, part in enumerate(parts):
            with self.fabric.no_backward_sync(self._module, enabled=place + 1 < len(parts)):
                cut = images if len(parts) == 1 else images[_of_copies(part, len(labels), len(images))]
                told = targets[part].to(self.fabric.device, non_blocking=True)
                loss = self._loss(self._module(cut), told, weights) * (len(part) * share)
                self.fabric.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _parts(self, labels: Tensor) -> list[Tensor]:
        """Places of the images of each part; labels keep their shares in it, pairs stay whole."""
        if self.accumulate == 1:
            return [torch.arange(len(labels))]
        if self.recipe.pairing == "name":
            return [torch.from_numpy(part) for part in whole_pairs(len(labels), self.accumulate) if len(part)]
        return [torch.from_numpy(part) for part in balanced_parts(labels.numpy(), self.accumulate) if len(part)]


def _of_copies(part: Tensor, count: int, copies: int) -> Tensor:
    """Places of `part` of `count` images in each of their copies, `copies` in all."""
    return (torch.arange(0, copies, count)[:, None] + part).flatten()


#: How libraries that do not raise torch's own error say that they got no memory.
NO_MEMORY = ("DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the CPU's allocator, has no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in NO_MEMORY)


def too_large(recipe: Recipe) -> ValueError:
    """What to tell when a batch does not fit."""
    return ValueError(
        f"Out of memory with batch_size {recipe.batch_size} and accumulate {recipe.accumulate} in recipe"
        f" {recipe.name!r}: raise accumulate (parts that a batch is cut into), lower batch_size, or set"
        " `out_of_memory: halve` in the config (one process only)."
    )


@contextmanager
def naming(recipe: Recipe) -> Iterator[None]:
    """Tell of memory that does not do in the recipe's words."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise too_large(recipe) from error
        raise
