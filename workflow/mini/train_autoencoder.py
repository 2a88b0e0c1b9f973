"""Trains the autoencoder on 64 px patches of train photographs; may be stopped and resumed at any time."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from autoencoder import FACTOR, LATENT, OUTER, WIDTH, Autoencoder
from deal import Deal, deal_photographs, generator
from photographs import Photograph, open_photograph, photographs
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

PATCH, BATCH, LEARNING_RATE, KL_WEIGHT = 64, 32, 6e-4, 1e-6
HELD_OUT = 8  # train photographs kept aside to watch the training; test photographs are not looked at
LARGE_SIDE = 640  # of the larger version of a photograph, in pixels
EVERY = 500  # steps between two savings


def scaled(root: Path, photograph: Photograph, factor: float) -> Image.Image:
    """A photograph down-scaled by a factor of 1.5 or more (Lanczos), sides cut to multiples of 4."""
    image = open_photograph(root, photograph)
    width, height = (4 * math.floor(side / factor / 4) for side in image.size)
    box = (0, 0, width * factor, height * factor)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=None)


def training_images(root: Path, chosen: list[Photograph], dealt: dict[str, Deal]) -> list[np.ndarray]:
    """Each photograph twice, uint8 [height, width, 3]: at the size used in the data set, and larger for more detail."""
    images = []
    for photograph in chosen:
        larger = max(1.5, min(photograph.width, photograph.height) / LARGE_SIDE)
        factors = {dealt[photograph.id].factor, larger}
        images += [np.asarray(scaled(root, photograph, factor)) for factor in sorted(factors)]
    return images


def batch(images: list[np.ndarray], step: int) -> Tensor:
    """A batch of patches, a function of the step alone: float [n, 3, 64, 64] in 0..1, half of them mirrored."""
    rng, patches = generator("autoencoder", "batch", step), []
    for _ in range(BATCH):
        image = images[rng.integers(len(images))]
        y, x = (rng.integers(side - PATCH + 1) for side in image.shape[:2])
        patch = image[y : y + PATCH, x : x + PATCH]
        patches.append(patch[:, ::-1] if rng.random() < 0.5 else patch)
    stack = torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 255
    return stack.contiguous(memory_format=torch.channels_last)


def loss(network: Autoencoder, images: Tensor) -> Tensor:
    """L1 + 10 MSE of the reconstruction, + a little KL divergence to the unit normal."""
    mean, log_variance = network.moments(images)
    latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    output = network.decode(latents)
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
    return functional.l1_loss(output, images) + 10 * functional.mse_loss(output, images) + KL_WEIGHT * divergence


@torch.inference_mode()
def reconstruct(network: Autoencoder, image: np.ndarray) -> np.ndarray:
    """One image there and back, uint8 [height, width, 3], in float32."""
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    output = network.decode(network.encode(pixels)).clamp(0, 1)[0].permute(1, 2, 0)
    return (output * 255).round().byte().numpy()


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 images, in dB."""
    return 10 * math.log10(255**2 / max(np.mean((first.astype(float) - second) ** 2), 1e-9))


def watch(network: Autoencoder, held_out: list[np.ndarray]) -> float:
    """Mean PSNR on the held-out photographs."""
    return float(np.mean([psnr(image, reconstruct(network, image)) for image in held_out]))


def save(network: Autoencoder, path: Path, facts: dict) -> None:
    """Writes the weights in half precision, their architecture and training as metadata."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata)
    temporary.replace(path)


def facts(steps: int, photographs_used: int, seconds: float, held_out_psnr: float) -> dict:
    """What the weights' metadata say."""
    return {
        "architecture": "crossgen mini KL autoencoder (workflow/mini/autoencoder.py)",
        "factor": FACTOR, "latent_channels": LATENT, "width": WIDTH, "outer_width": OUTER,
        "steps": steps, "batch": BATCH, "patch": PATCH, "learning_rate": LEARNING_RATE, "kl_weight": KL_WEIGHT,
        "loss": "L1 + 10 MSE + KL", "photographs": photographs_used, "split": "train",
        "one_core_seconds": round(seconds), "held_out_train_psnr": round(held_out_psnr, 2),
        "licence": "Apache-2.0 (the photographs it learned from: ATTRIBUTION.md)",
    }  # fmt: skip


@dataclass
class Training:
    """A training under way: what is saved, so that it may be stopped and resumed."""

    network: Autoencoder
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0  # of processor time, over all runs

    def resume(self, state: Path) -> None:
        """Goes on from a saved state."""
        saved = torch.load(state, weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds = saved["step"], saved["seconds"]

    def save(self, state: Path) -> None:
        """Writes the state."""
        saved = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
        torch.save(saved | {"step": self.step, "seconds": self.seconds}, state)

    def advance(self, images: list[np.ndarray], steps: int) -> float:
        """One step of Adam in bfloat16: warm-up over 200 steps, cosine to zero at `steps`; returns the loss."""
        torch.manual_seed(self.step)
        for group in self.optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * self.step / steps))
            group["lr"] = LEARNING_RATE * min(1, (self.step + 1) / 200) * cosine
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(self.network, batch(images, self.step))
        self.optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return value.item()


def start(state: Path) -> Training:
    """A training from the saved state, or from the beginning."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Autoencoder().to(memory_format=torch.channels_last)
    training = Training(network, torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99)))
    if state.exists():
        training.resume(state)
    return training


def train(root: Path, state: Path, output: Path, steps: int) -> None:
    """Trains up to `steps`, saving state and weights every 500; resumes from the state if there is one."""
    listed = photographs(root)
    dealt = deal_photographs(listed)
    chosen = [photograph for photograph in listed if dealt[photograph.id].split == "train"]
    order = [chosen[index] for index in generator("autoencoder", "held out").permutation(len(chosen))]
    images = training_images(root, order[HELD_OUT:], dealt)
    held_out = [np.asarray(scaled(root, photograph, dealt[photograph.id].factor)) for photograph in order[:HELD_OUT]]
    training = start(state)
    begin = time.process_time() - training.seconds
    while training.step < steps:
        value = training.advance(images, steps)
        if training.step % EVERY == 0 or training.step == steps:
            training.seconds, quality = time.process_time() - begin, watch(training.network, held_out)
            print(f"step {training.step}: loss {value:.4f}, held-out PSNR {quality:.2f} dB, {training.seconds:.0f} s")
            training.save(state)
            save(training.network, output, facts(training.step, len(order) - HELD_OUT, training.seconds, quality))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="folder of the unpacked packages")
    parser.add_argument("--state", type=Path, required=True, help="where training may resume from")
    parser.add_argument("--output", type=Path, required=True, help="weights, safetensors")
    parser.add_argument("--steps", type=int, default=8000)
    arguments = parser.parse_args()
    train(arguments.packages, arguments.state, arguments.output, arguments.steps)


if __name__ == "__main__":
    main()
