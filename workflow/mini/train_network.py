"""Trains one of our own networks on 64 px patches of train photographs; may be stopped and resumed at any time."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from deal import Deal, deal_photographs, generator
from own import OWN, psnr, reconstruct
from photographs import Photograph, photographs, scaled
from safetensors.torch import save_file
from torch import Tensor, nn

PATCH, BATCH = 64, 32
HELD_OUT = 8  # train photographs kept aside to watch the training; test photographs are not looked at
LARGE_SIDE = 640  # of the larger version of a photograph, in pixels
EVERY = 1000  # steps between two savings


@dataclass(frozen=True)
class Task:
    """What to train, for how many steps, and where the state and the weights go."""

    pool: str
    steps: int
    state: Path
    output: Path


def training_images(root: Path, chosen: list[Photograph], dealt: dict[str, Deal]) -> list[np.ndarray]:
    """Each photograph twice, uint8 [height, width, 3]: at the size used in the data set, and larger for more detail."""
    images = []
    for photograph in chosen:
        larger = max(1.5, min(photograph.width, photograph.height) / LARGE_SIDE)
        factors = {dealt[photograph.id].factor, larger}
        images += [np.asarray(scaled(root, photograph, factor)) for factor in sorted(factors)]
    return images


def held_out(pool: str, root: Path) -> tuple[list[Photograph], list[Photograph], dict[str, Deal]]:
    """Train photographs to learn from, those kept aside, and what all were dealt."""
    listed = photographs(root)
    dealt = deal_photographs(listed)
    chosen = [photograph for photograph in listed if dealt[photograph.id].split == "train"]
    order = [chosen[index] for index in generator(pool, "held out").permutation(len(chosen))]
    return order[HELD_OUT:], order[:HELD_OUT], dealt


def batch(pool: str, images: list[np.ndarray], step: int) -> Tensor:
    """A batch of patches, a function of pool and step alone: float [n, 3, 64, 64] in 0..1, half of them mirrored."""
    rng, patches = generator(pool, "batch", step), []
    for _ in range(BATCH):
        image = images[rng.integers(len(images))]
        y, x = (rng.integers(side - PATCH + 1) for side in image.shape[:2])
        patch = image[y : y + PATCH, x : x + PATCH]
        patches.append(patch[:, ::-1] if rng.random() < 0.5 else patch)
    stack = torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 255
    return stack.contiguous(memory_format=torch.channels_last)


def watch(network: nn.Module, images: dict[str, np.ndarray]) -> float:
    """Mean PSNR on the held-out photographs, by id."""
    network.eval()
    quality = [psnr(image, reconstruct(network, image, key)) for key, image in images.items()]
    network.train()
    return float(np.mean(quality))


def save(network: nn.Module, path: Path, facts: dict) -> None:
    """Writes the weights in half precision, their architecture and training as metadata."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata)
    temporary.replace(path)


@dataclass
class Training:
    """A training under way: what is saved, so that it may be stopped and resumed."""

    task: Task
    network: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0  # of processor time, over all runs

    def resume(self) -> None:
        """Goes on from the saved state."""
        saved = torch.load(self.task.state, weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds = saved["step"], saved["seconds"]

    def save(self, learned_from: int, quality: float) -> None:
        """Writes the state, and the weights with what their metadata say."""
        saved = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
        torch.save(saved | {"step": self.step, "seconds": self.seconds}, self.task.state)
        facts = {
            **self.network.facts,
            "steps": self.step, "batch": BATCH, "patch": PATCH, "learning_rate": self.network.learning_rate,
            "photographs": learned_from, "split": "train",
            "one_core_seconds": round(self.seconds), "held_out_train_psnr": round(quality, 2),
            "licence": "Apache-2.0 (the photographs it learned from: ATTRIBUTION.md)",
        }  # fmt: skip
        save(self.network, self.task.output, facts)

    def advance(self, images: list[np.ndarray]) -> float:
        """One step of Adam in bfloat16: warm-up over 200 steps, cosine to zero at the last; returns the loss."""
        torch.manual_seed(self.step)
        for group in self.optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.task.steps))
            group["lr"] = self.network.learning_rate * min(1, (self.step + 1) / 200) * cosine
        with torch.autocast("cpu", torch.bfloat16):
            value = self.network.loss(batch(self.task.pool, images, self.step))
        self.optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return value.item()


def start(task: Task) -> Training:
    """A training from the saved state, or from the beginning."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = OWN[task.pool]().to(memory_format=torch.channels_last)
    training = Training(task, network, torch.optim.Adam(network.parameters(), betas=(0.9, 0.99)))
    if task.state.exists():
        training.resume()
    return training


def train(task: Task, root: Path) -> None:
    """Trains up to the last step, saving state and weights now and then; resumes from the state if there is one."""
    chosen, aside, dealt = held_out(task.pool, root)
    images = training_images(root, chosen, dealt)
    watched = {item.id: np.asarray(scaled(root, item, dealt[item.id].factor)) for item in aside}
    training = start(task)
    begin = time.process_time() - training.seconds
    while training.step < task.steps:
        value = training.advance(images)
        if training.step % EVERY == 0 or training.step == task.steps:
            training.seconds, quality = time.process_time() - begin, watch(training.network, watched)
            print(
                f"step {training.step}: loss {value:.4f}, held-out PSNR {quality:.2f} dB, {training.seconds:.0f} s",
                flush=True,
            )
            training.save(len(chosen), quality)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True, choices=list(OWN))
    parser.add_argument("--packages", type=Path, required=True, help="folder of the unpacked packages")
    parser.add_argument("--state", type=Path, required=True, help="where training may resume from")
    parser.add_argument("--output", type=Path, required=True, help="weights, safetensors")
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    task = Task(arguments.pool, arguments.steps, arguments.state, arguments.output)
    train(task, arguments.packages)


if __name__ == "__main__":
    main()
