"""Look into a detector: maps of what it looks at, its features in a plane, their drift under JPEG."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen look-into --detector results/mini/detectors/raw/style/seed0/detector.safetensors \\
    --pools '{"photographs": {"root": "data/mini", "manifest": "results/mini/manifest/photographs.parquet"},
              "style": {"root": "data/mini", "manifest": "results/mini/manifest/style.parquet"}}' \\
    --output results/looking"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--detector", required=True, type=Path, help="detector file")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--images", type=int, default=100, help="test images a pool, for features (default: 100)")
    parser.add_argument("--maps", type=int, default=2, help="images a pool that get a map (default: 2; 0: none)")
    parser.add_argument(
        "--method", choices=("auto", "grad_cam", "occlusion"), default="auto", help="of the maps (default: auto)"
    )
    parser.add_argument("--pictures", action="store_true", help="show each picture beside its map")
    parser.add_argument("--plane", choices=("pca", "tsne"), default="tsne", help="layout (default: tsne)")
    parser.add_argument(
        "--qualities", type=int, nargs="+", default=[95, 75, 50, 30], help="of JPEG, for the drift (95 75 50 30)"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws images, layout and intervals (default: 0)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write into")


def run(options: argparse.Namespace) -> None:
    """Write tables (Parquet), maps (npz), numbers (JSON) and figures (SVG, PNG)."""
    from crossgen.config import Recipe
    from crossgen.detectors.detector import load
    from crossgen.detectors.identity import read_header
    from crossgen.looking.chosen import choose
    from crossgen.looking.looked import Plan, look
    from crossgen.training import devices
    from crossgen.training.loop import set_up

    devices.take(1)
    set_up(options.seed)
    header = read_header(options.detector)
    recipe = Recipe.model_validate_json(json.dumps(header["recipe"]))
    plan = Plan(options.maps, options.method, options.plane, options.seed, options.pictures)
    chosen = choose(json.loads(options.pools), recipe.frame, options.qualities, options.images, options.seed)
    name = "{experiment}/{train_set}/seed{seed}".format_map(header["identity"])
    for line in look(load(options.detector), (name, recipe.architecture), chosen, plan, options.output):
        print(line)
