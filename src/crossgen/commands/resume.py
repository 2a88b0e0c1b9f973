"""Run or continue a whole config."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from crossgen import runs
from crossgen.progress import Steps

EXAMPLE = "crossgen resume --configfile config/mini.yaml --cores 2"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--configfile", nargs="+", type=Path, default=[], help="config of the run (default: config/mini.yaml)"
    )
    parser.add_argument("--cores", help="cores to use (default: all; with --profile, what the profile says)")
    parser.add_argument(
        "snakemake", nargs="*", metavar="-- ...", help="targets and options for Snakemake, such as -- --profile slurm"
    )


def run(options: argparse.Namespace) -> None:
    """Remove what a killed run left, start Snakemake, show how far it is. Raises ValueError if it fails."""
    from crossgen.config.loading import read

    if not Path("Snakefile").is_file():
        raise ValueError(f"there is no Snakefile in {Path.cwd()}: run it in the root of the repository.")
    for file in options.configfile:
        read(file)  # Snakemake answers a missing or broken one with a traceback
    with runs.alone(runs.STATE) as last:
        if runs.remove_lock(runs.STATE, last):
            print(f"removed the lock of a killed run ({last or 'unknown'})", flush=True)
    code = _follow(command(options))
    if code:
        again = shlex.join(["crossgen", *sys.argv[1:]])
        raise ValueError(f"the run stopped (exit status {code}): mend what is said above, then go on with: {again}")


def command(options: argparse.Namespace) -> list[str]:
    """Snakemake's command line."""
    files = ["--configfile", *map(str, options.configfile)] if options.configfile else []
    chosen = options.cores or ("" if "--profile" in options.snakemake else "all")
    cores = ["--cores", chosen] if chosen else []
    quiet = ["--quiet", "rules", "host"]
    return [sys.executable, "-m", "snakemake", *quiet, *files, *cores, "--rerun-incomplete", *options.snakemake]


def _follow(words: Sequence[str]) -> int:
    """Run it and pass its lines on; interruptions are Snakemake's to handle: it ends its jobs first."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to Snakemake too
        assert process.stdout is not None  # noqa: S101 (for mypy)
        with Steps() as steps:
            for line in process.stdout:
                steps.take(line.rstrip("\n"))
    return process.returncode
