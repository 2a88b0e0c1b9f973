"""The usual ways to read and to train, that ours are measured against."""

import io
from pathlib import Path

import numpy as np
import torch
from clocks import Cost, Watch, clocked
from PIL import Image
from timm import create_model
from timm.data import create_transform
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def draw(seed: int, width: int, height: int) -> Image.Image:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(30, 225, (24, 24, 3)).astype(np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return Image.fromarray(np.clip(smooth + random.normal(0, 3, (height, width, 3)), 0, 255).astype(np.uint8))


def write_files(root: Path, n: int) -> list[Path]:
    """n files, every other a fake: first all as JPEG of 500 x 375 (what `steps` reads), then the fakes as PNG again."""
    for index in range(n):
        draw(index, 500, 375).save(root / f"{index:05d}.jpg", quality=96)
        if index % 2:
            draw(index, 512, 512).save(root / f"{index:05d}.png")
    return [root / f"{index:05d}.jpg" for index in range(n)]


class Files(Dataset):
    """The usual data set: image and label by number, over and over."""

    def __init__(self, paths: list[Path], size: int, reencode: bool = False) -> None:
        self.paths, self.reencode = paths, reencode
        self.transform = create_transform(size, is_training=True, color_jitter=None, mean=MEAN, std=STD)

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, number: int) -> tuple[Tensor, float]:
        index = number % len(self.paths)
        image = self._unbiased(self.paths[index]) if self.reencode else Image.open(self.paths[index]).convert("RGB")
        return self.transform(image), float(index % 2)

    def _unbiased(self, path: Path) -> Image.Image:
        fake = path.with_suffix(".png")
        image = Image.open(fake if fake.exists() else path).convert("RGB")
        if fake.exists():
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=96)
            image = Image.open(stream).convert("RGB")
        left, top = (image.width - 450) // 2, max(0, (image.height - 450) // 2)
        return image.crop((left, top, left + 450, min(top + 450, image.height)))


def loading(paths: list[Path], seconds: float) -> Cost:
    torch.set_num_threads(1)  # as a loader's workers do
    watch = Watch(seconds)
    loader = DataLoader(Files(paths, 224), 64, shuffle=True)
    return clocked(watch, lambda: [None for _ in watch.passes(loader, 64)])


def training(paths: list[Path], seconds: float, threads: int, reencode: bool) -> Cost:
    """The loop of a tutorial, in fp32, with as many workers as threads."""
    network = create_model("resnet18", num_classes=1).train()
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    watch = Watch(seconds)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    loader = DataLoader(Files(paths, 96, reencode), 64, shuffle=True, num_workers=threads)

    def run() -> None:
        for images, labels in watch.passes(loader, 64):
            loss = nn.functional.binary_cross_entropy_with_logits(network(images).squeeze(1), labels.float())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    return clocked(watch, run)


def synthetic(model: str, batch_size: int, seconds: float) -> float:
    """Seconds an image of timm's measure (`benchmark.py --bench train`): one random batch, bf16, channels last."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True  # as timm has it
    network = create_model(model, num_classes=1).cuda().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    images = torch.randn(batch_size, 3, 224, 224, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 2, (batch_size,), device="cuda").float()
    watch = Watch(seconds, torch.device("cuda"))

    def run() -> None:
        for _ in watch.passes(iter(int, 1), batch_size):
            with torch.autocast("cuda", torch.bfloat16):
                logits = network(images).squeeze(1)
            loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    cost = clocked(watch, run)
    torch.backends.cudnn.benchmark = False
    return cost.wall
