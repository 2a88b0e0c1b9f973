"""`crossgen <command>`: the steps of the workflow, each of which also runs by hand."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from crossgen import __version__
from crossgen.metering import metered
from crossgen.training.interrupt import STATUS, Interrupted

#: In the order of the flow. A command's module bears its name, with underscores.
COMMANDS = {
    "plan": "say what a run would do and cost, before it begins",
    "resume": "run or continue a whole config",
    "fetch": "fetch and verify what a source needs before its pools can be listed",
    "download": "list a pool's images and verify their files",
    "extract-metadata": "read the header facts of a shard's images",
    "gather-manifest": "join a pool's shards and refuse too many unusable images",
    "draw-shaders": "draw procedural images, which need no photograph",
    "reconstruct": "make aligned fakes of a pool's reals by an autoencoder",
    "fetch-pipeline": "fetch a text-to-image pipeline from the hub",
    "generate": "make fakes by a text-to-image pipeline",
    "cross-check": "compare manifests of GenImage with the published table of its images",
    "verify-images": "decode every image of a manifest, or a sample, and compare digests",
    "audit": "audit folders of reals and fakes: what do their files alone tell?",
    "audit-biases": "measure what header facts alone tell of real and fake",
    "analyse-spectra": "average the spectra, block edges and autocorrelation of a pool's images",
    "filter-subset": "choose the images that one detector learns from",
    "align-jpeg": "re-encode a shard's training images, once, to files",
    "align-drawn": "re-encode a selection's images of a shard, as strongly as reals drawn for each",
    "pack-crops": "cut the crops of a shard of a train set into one array",
    "gather-crops": "join the shards of a train set's crops and refuse too many losses",
    "index-files": "index the files that a train set is read from, where no crops are stored",
    "fetch-weights": "fetch the pretrained weights that a network begins with",
    "train-detector": "train one detector",
    "import-detector": "make a detector of published weights",
    "draw-operations": "draw the square and JPEG quality of each test image for a step `operations`",
    "render-conditions": "put a shard's test images through the missing conditions",
    "score-images": "compute the missing logits of some detectors",
    "collect-scores": "assemble one detector's scores",
    "average-scores": "score an ensemble: the mean logit of several detectors",
    "compute-metrics": "metrics with intervals, and paired differences",
    "break-down": "rates by class, quality and size; agreement of detectors; the hardest images",
    "choose-thresholds": "thresholds and temperatures by validation images, and what they come to",
    "look-into": "look into a detector: maps, features in a plane, drift under JPEG",
    "tabulate": "write the tables",
    "plot": "draw figures",
    "report": "write the report page and run.json",
    "describe-run": "write a run's card: code, data, weights, seeds, machines, what its jobs took",
    "summary": "print the summary of a finished run",
    "verify": "recompute every number of a finished run from its scores, and compare",
    "export": "pack a finished run into one small bundle",
    "export-dmimage": "write scores in the shape of DMimageDetection's result tables",
    "lay-out": "lay images out as folders 0_real and 1_fake that other training code reads",
    "merge": "compare the detectors of several labs' runs on what they share",
    "published": "list, print or draw the tables that others have published",
    "prune": "delete cells that no run refers to",
}


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like any other: status 1. `audit` gives 2 a meaning of its own."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Faults of the user's input are one message on stderr and exit status 1.

    A command may return an exit status of its own (`audit`: 2); one that was told to stop and goes on when it is
    started again, 75.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _Parser(
        prog="crossgen",
        description="An unbiased cross-generator benchmark for detectors of AI-generated images.",
        epilog="example: crossgen download --help; the whole workflow: snakemake --cores 2",
    )
    parser.add_argument("--version", action="version", version=f"crossgen {__version__}")
    choices = parser.add_subparsers(dest="command", required=True, metavar="command")
    chosen = next((word for word in given if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        inner = choices.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        inner.formatter_class = argparse.RawDescriptionHelpFormatter
        if name == chosen:  # the others are not imported: help stays fast
            module = importlib.import_module(f"crossgen.commands.{name.replace('-', '_')}")
            inner.epilog = f"example:\n  {module.EXAMPLE}"
            module.configure(inner)
            inner.set_defaults(run=module.run, given=given)
    options = parser.parse_args(given)
    try:
        with metered():
            status = options.run(options)
    except Interrupted as error:
        print(f"crossgen {options.command}: {error}", file=sys.stderr)
        return STATUS
    except (ValueError, OSError) as error:
        print(f"crossgen {options.command}: {error}", file=sys.stderr)
        return 1
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main())
