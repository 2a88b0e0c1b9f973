"""Make a detector of published weights."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen import-detector --weights blur_jpg_prob0.5.pth --output detector.safetensors \\
    --recipe "$(yq -o=json config/recipes/cnnspot.yaml)" --experiment published --train-set progan --seed 0"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--weights", required=True, type=Path, help="file that others publish (.pth, .pt, .safetensors)"
    )
    parser.add_argument("--recipe", required=True, help="recipe whose architecture, options and frame fit it, as JSON")
    parser.add_argument("--experiment", required=True, help="name of the experiment that it stands for")
    parser.add_argument("--train-set", required=True, help="name of what it was trained on")
    parser.add_argument("--generator", help="the generator it learned from, where it is a single one")
    parser.add_argument("--seed", required=True, type=int, help="training seed that it stands for")
    parser.add_argument("--output", required=True, type=Path, help="detector to write (safetensors)")


def run(options: argparse.Namespace) -> None:
    """Read weights into the recipe's network and write them as a detector, as train-detector would."""
    from crossgen.config import Recipe
    from crossgen.detectors.detector import Detector, save, without_download
    from crossgen.detectors.published import load_into

    recipe = Recipe.model_validate_json(options.recipe)
    detector = Detector(without_download(recipe))
    load_into(detector, options.weights)
    identity = {
        "experiment": options.experiment,
        "train_set": options.train_set,
        "generator": options.generator,
        "seed": options.seed,
        "weights": options.weights.name,
    }
    save(options.output, detector.state_dict(), recipe, identity)
    parameters = sum(parameter.numel() for parameter in detector.parameters())
    print(f"{options.output}: {recipe.architecture} of {options.weights.name}, {parameters:,} parameters")
