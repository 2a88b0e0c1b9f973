"""What the log and a detector's file say of how it was trained."""

import timm
import torch

from crossgen import __version__
from crossgen.code import commit
from crossgen.config import Recipe
from crossgen.detectors.detector import Detector
from crossgen.training.batches import Data
from crossgen.training.plan import Plan
from crossgen.training.processes import Launch, Mode

LABELS = ((0, "real"), (1, "fake"))

Facts = dict[str, str | int | float | None]


def facts(detector: Detector, recipe: Recipe, mode: Mode, launch: Launch) -> Facts:
    """Device, precision, sizes and versions of one training."""
    network = detector.network
    return {
        "device": device_name(launch.device),
        "processes": launch.processes,
        "precision": mode,
        "channels_last": int(detector.layout == torch.channels_last),
        "threads": torch.get_num_threads(),
        "architecture": str(recipe.options.get("model", recipe.architecture)),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trainable": sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        "crossgen": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "timm": timm.__version__,
    }


def lines(told: Facts, plan: Plan, data: Data, workers: int) -> list[str]:
    """The same for the log, with the batches and the images."""
    counts = [
        f"{split} " + ", ".join(f"{data.part(split, label)['image_id'].nunique()} {word}" for label, word in LABELS)
        for split in ("train", "val")
    ]
    recipe = plan.recipe
    return [
        " ".join(f"{name}={told[name]}" for name in ("device", "processes", "precision", "channels_last", "threads"))
        + f" workers={workers}",
        f"network {told['architecture']}: {told['trainable']:,} of {told['parameters']:,} parameters are trained",
        f"images: {'; '.join(counts)}",
        f"batch={recipe.batch_size} accumulate={recipe.accumulate} steps={plan.steps} steps_per_epoch={plan.per_epoch}",
        f"crossgen {told['crossgen']} commit {told['commit'] or 'unknown (no checkout)'}, torch {told['torch']},"
        f" timm {told['timm']}",
    ]


def device_name(device: torch.device) -> str:
    """The GPU's name, or `cpu`."""
    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else device.type
