"""Train one detector."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen train-detector --crops crops.npy --index index.parquet \\
    --recipe "$(yq -o=json config/recipes/mini.yaml)" --experiment raw --train-set biggan --generator biggan --seed 0 \\
    --output detector.safetensors --history history.csv"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--crops", required=True, type=Path, nargs="+", help="arrays of pack-crops")
    parser.add_argument("--index", required=True, type=Path, help="their index (crossgen gather-crops)")
    parser.add_argument("--recipe", required=True, help="the recipe, as JSON of the config's item")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--train-set", required=True, help="name of the train set")
    parser.add_argument("--generator", help="the generator it learns from, where it is a single one")
    parser.add_argument("--seed", required=True, type=int, help="training seed")
    parser.add_argument("--output", required=True, type=Path, help="detector to write (safetensors)")
    parser.add_argument("--history", required=True, type=Path, help="losses of each epoch to write (CSV)")


def run(options: argparse.Namespace) -> None:
    """Train and write the detector with its history."""
    from crossgen import records
    from crossgen.config import Recipe
    from crossgen.data.packed import Stacked
    from crossgen.detectors.detector import save
    from crossgen.files import write_whole
    from crossgen.training.loop import Data, train
    from crossgen.training.setting import Setting

    recipe = Recipe.model_validate_json(options.recipe)
    index = records.read(options.index, records.CROPS).select(["image_id", "crop", "row", "split", "label"]).to_pandas()
    data = Data(Stacked(options.crops), index)
    trained = train(data, recipe, Setting(options.seed), lambda line: print(line, flush=True))
    identity = {
        "experiment": options.experiment,
        "train_set": options.train_set,
        "generator": options.generator or None,
    }
    write_whole(options.history, lambda path: trained.history.to_csv(path, index=False))
    save(options.output, trained.state, recipe, identity | {"seed": options.seed})
    kept = trained.history[trained.history["kept"] == 1].iloc[-1]
    print(f"{options.output}: epoch {kept['epoch']:.0f} kept, val_loss {kept['val_loss']:.4f}")
