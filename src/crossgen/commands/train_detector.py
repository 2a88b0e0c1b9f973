"""Train one detector."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossgen.config import Recipe
    from crossgen.training.batches import Data
    from crossgen.training.given import Images
    from crossgen.training.loop import Trained
    from crossgen.training.setting import Setting

EXAMPLE = """crossgen train-detector --crops crops.npy --index index.parquet \\
    --recipe "$(yq -o=json config/recipes/mini.yaml)" --experiment raw --train-set biggan --generator biggan --seed 0 \\
    --output detector.safetensors --history history.parquet --watched-output watched.parquet --losses losses.parquet \\
    --events events"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--recipe", required=True, help="the recipe, as JSON of the config's item")
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--train-set", required=True, help="name of the train set")
    parser.add_argument("--generator", help="the generator it learns from, where it is a single one")
    parser.add_argument("--seed", required=True, type=int, help="training seed")
    _images(parser.add_argument_group("images: stored crops, or files for a recipe with `reading: files`"))
    _others(parser.add_argument_group("what it has of other detectors and train sets"))
    _machine(parser.add_argument_group("how it runs: changes no number, but for the device's rounding"))
    _outputs(parser.add_argument_group("what is written"))


Group = argparse._ArgumentGroup


def _images(group: Group) -> None:
    group.add_argument("--crops", type=Path, nargs="+", help="arrays of pack-crops")
    group.add_argument("--index", type=Path, help="their index (crossgen gather-crops)")
    group.add_argument("--selection", type=Path, help="selection of files (crossgen filter-subset)")
    group.add_argument(
        "--aligned", type=Path, nargs="*", help="folders named <pool>/<shard> of align-jpeg or align-drawn"
    )
    group.add_argument("--folders", help="JSON: pool to the folder that the paths of its files are relative to")
    group.add_argument("--crop", default="null", help="the subset's crop of files, as JSON of its key (default: null)")


def _others(group: Group) -> None:
    group.add_argument("--start", type=Path, help="detector or published weights to begin with")
    group.add_argument(
        "--start-head", choices=("keep", "fresh"), default="keep", help="last layer: its own, or new (default: keep)"
    )
    group.add_argument(
        "--weights", type=Path, help="record of fetch-weights: they are in the caches, and no network is asked for them"
    )
    group.add_argument("--curriculum", default="null", help="JSON of the experiment's key: when pools of fakes join")
    group.add_argument("--measured", help="JSON: pool to the history of a detector trained on it alone")
    group.add_argument(
        "--watched", help="JSON: train set to {crops, index} or {selection, aligned}, whose val images are scored"
    )
    group.add_argument("--watch-every", type=int, help="epochs between two such scores; for the eye only")


def _machine(group: Group) -> None:
    group.add_argument("--threads", type=int, default=1, help="processor cores (default: 1)")
    group.add_argument(
        "--gpus", type=int, default=1, help="processes that share each batch, one a GPU; started by torchrun if over 1"
    )
    group.add_argument(
        "--nodes", type=int, default=1, help="nodes of the SLURM job to share these GPUs among, by srun (default: 1)"
    )
    group.add_argument("--checkpoint-seconds", type=int, default=600, help="a kill loses so much (default: 600)")
    group.add_argument(
        "--out-of-memory", choices=("stop", "halve"), default="stop", help="a batch too large (default: stop)"
    )


def _outputs(group: Group) -> None:
    group.add_argument("--output", required=True, type=Path, help="detector to write (safetensors)")
    group.add_argument("--history", required=True, type=Path, help="what each epoch came to (Parquet)")
    group.add_argument("--watched-output", type=Path, help="scores of --watched (Parquet), perhaps without a row")
    group.add_argument("--losses", type=Path, help="images lost in training (Parquet), perhaps without a row")
    group.add_argument("--lost-for", default="", help="name of this training in the table of losses")
    group.add_argument("--events", type=Path, help="folder of TensorBoard's event file")


def run(options: argparse.Namespace) -> int | None:
    """Train, going on from the checkpoint of a job that was stopped, and write what came out.

    Of several processes only the first writes.
    """
    from crossgen.training import devices, launch

    wanted = launch.Processes(max(1, options.nodes, options.gpus), options.nodes, options.threads)
    if launch.processes() == 1:
        devices.take(wanted.each)
        if wanted.count > 1:
            return launch.again(wanted, options.given)
    if options.weights:
        from crossgen.detectors import pretrained

        pretrained.find(options.weights)
    from crossgen.config import Recipe
    from crossgen.training import place
    from crossgen.training.loop import train

    recipe, images = Recipe.model_validate_json(options.recipe), _given(options)
    data, first = images.read(), launch.is_first()
    unfinished = place.working(options.output, _identity(options, recipe, images), first)
    with launch.ending_together(), unfinished as folder:
        trained = train(data, recipe, _setting(options, recipe, folder, first), lambda line: print(line, flush=True))
        if first:
            _write(options, recipe, data, trained)
    return None


def _given(options: argparse.Namespace) -> "Images":
    from pydantic import TypeAdapter

    from crossgen.config import Crop
    from crossgen.training.given import Images, parsed

    crop = TypeAdapter(Crop | None).validate_json(options.crop)
    return Images.of(vars(options), parsed(options.folders), crop)


def _setting(options: argparse.Namespace, recipe: "Recipe", folder: Path, first: bool) -> "Setting":
    import torch

    from crossgen.config import Start
    from crossgen.training import given, launch
    from crossgen.training.setting import Setting

    own, shares = _given(options), given.shares(recipe, launch.cores(options.threads), torch.cuda.is_available())
    os.environ["OMP_NUM_THREADS"] = str(shares.threads)  # the training reads it; Snakemake has set it to all cores
    watched = {name: given.Images.of(told, own.roots, own.crop) for name, told in given.parsed(options.watched).items()}
    return Setting(
        seed=options.seed,
        folder=folder,
        checkpoint_minutes=options.checkpoint_seconds / 60,
        workers=shares.workers,
        out_of_memory=options.out_of_memory,
        start=Start(weights=str(options.start), head=options.start_head) if options.start else recipe.start,
        joins=_joins(options),
        events=options.events if first else None,
        watched={name: images.read() for name, images in watched.items()},
        watch_every=options.watch_every,
    )


def _joins(options: argparse.Namespace) -> dict[str, float]:
    from pydantic import TypeAdapter

    from crossgen.config import Curriculum
    from crossgen.training import given

    measured = {pool: Path(path) for pool, path in given.parsed(options.measured).items()}
    return given.order(TypeAdapter(Curriculum | None).validate_json(options.curriculum), measured)


def _identity(options: argparse.Namespace, recipe: "Recipe", images: "Images") -> list[object]:
    """All that the weights depend on: a checkpoint of another training is not taken up."""
    from crossgen.data.unfinished import digest_of
    from crossgen.training import augment, launch, loop

    start = options.start or (recipe.start and Path(recipe.start.weights))
    read = [*images.tables(), *([start] if start else [])]
    told = [recipe.model_dump(mode="json"), options.seed, options.start_head, _joins(options)]
    eyed = [options.watched, options.watch_every]  # they move no weight, but their scores are in the checkpoint
    return [*told, *eyed, launch.processes(), loop.VERSION, augment.VERSION, *map(digest_of, read)]


def _write(options: argparse.Namespace, recipe: "Recipe", data: "Data", trained: "Trained") -> None:
    """Tables first, the detector last: while it is not there, the checkpoint is."""
    from crossgen import records
    from crossgen.detectors.detector import save
    from crossgen.training import given, history

    detector = (options.experiment, options.train_set, options.seed)
    history.write(options.history, given.named(trained.history, *detector))
    if options.watched_output:
        history.write_watched(options.watched_output, given.named(trained.watched, *detector))
    if options.losses:
        records.write(options.losses, given.losses(data, trained.lost, options.lost_for), records.LOSSES)
    keys = ("experiment", "train_set", "seed")
    identity = dict(zip(keys, detector, strict=True)) | {"generator": options.generator or None}
    kept = trained.history[trained.history["kept"].astype(bool)].iloc[-1]
    # no times and rates: two runs of one training write the same bytes; they stand in the history
    came = {"kept_epoch": int(kept["epoch"]), "steps": int(trained.history["step"].iloc[-1])}
    save(options.output, trained.state, recipe, identity, {**trained.facts, **came})
    lost = f", {len(trained.lost)} images lost" if trained.lost else ""
    print(f"{options.output}: epoch {kept['epoch']:.0f} kept, val_loss {kept['val_loss']:.4f}{lost}")
