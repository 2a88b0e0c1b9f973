"""Run or continue a whole config."""

import argparse
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from crossgen import ended, runs, slurm_jobs

EXAMPLE = """crossgen resume --configfile config/mini.yaml --cores 2
  crossgen resume --profile slurm --configfile config/genimage.yaml"""
TRIES = 3  # new starts of a run whose jobs were only told to stop, or killed


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--configfile", nargs="+", type=Path, default=[], help="config of the run (default: config/mini.yaml)"
    )
    parser.add_argument(
        "--profile", help="how to run it, such as slurm: Snakemake's profile (default: on this machine)"
    )
    parser.add_argument("--cores", help="cores to use (default: all; with --profile, what the profile says)")
    parser.add_argument(
        "snakemake",
        nargs="*",
        metavar="-- ...",
        help="targets and options for Snakemake, such as -- matrix --keep-going",
    )


def run(options: argparse.Namespace) -> None:
    """Go on after a killed run, or begin one, and show how far it is. Raises ValueError if it fails."""
    from crossgen.config.loading import read

    if not Path("Snakefile").is_file():
        raise ValueError(f"there is no Snakefile in {Path.cwd()}: run it in the root of the repository.")
    for file in options.configfile:
        read(file)  # Snakemake answers a missing or broken one with a traceback
    if not {"-n", "--dry-run", "--dryrun"} & set(options.snakemake):
        _sweep()
    code = _started(options)
    if code:
        again = shlex.join(["crossgen", *sys.argv[1:]])
        raise ValueError(f"the run stopped (exit status {code}): mend what is said above, then go on with: {again}")


def _sweep() -> None:
    """End and remove what a killed run left."""
    with runs.alone(runs.STATE) as last:
        runs.refuse_elsewhere(runs.STATE, last)
        _cancel_jobs()
        if runs.remove_lock(runs.STATE, last):
            print(f"removed the lock of a killed run ({last or 'unknown'})", flush=True)


def _cancel_jobs() -> None:
    """Those of a killed run go on without it, and would write what the next run writes."""
    try:
        jobs = slurm_jobs.left_behind(runs.STATE)
        if not jobs:
            return
        names = ", ".join(sorted({job.run for job in jobs}))
        print(f"SLURM jobs of a killed run ({names}) are left: {slurm_jobs.listed(jobs)}.", flush=True)
        print("They are cancelled; a training writes its checkpoint first.", flush=True)
        slurm_jobs.cancel(jobs)
        print("All of them are gone.", flush=True)
    except slurm_jobs.Silent as error:
        raise ValueError(
            f"SLURM does not answer ({error}). Jobs of a killed run may still be at work here, so nothing was removed "
            "or started: resume when `squeue` works."
        ) from None


def command(options: argparse.Namespace) -> list[str]:
    """Snakemake's command line."""
    files = ["--configfile", *map(str, options.configfile)] if options.configfile else []
    profile = ["--profile", options.profile] if options.profile else []
    chosen = options.cores or ("" if _has_profile(options) else "all")
    cores = ["--cores", chosen] if chosen else []
    quiet = ["--quiet", "rules", "host"]
    shown = [*quiet, *_logger(options.snakemake)]
    told = [*shown, *files, *profile, *cores, "--rerun-incomplete", *options.snakemake]
    return [sys.executable, "-m", "snakemake", *told]


def _has_profile(options: argparse.Namespace) -> bool:
    given = {word.split("=")[0] for word in options.snakemake}
    return bool(options.profile or given & {"--profile", "--workflow-profile"} or os.environ.get("SNAKEMAKE_PROFILE"))


def _started(options: argparse.Namespace) -> int:
    """Run Snakemake, again where jobs of this machine were only told to stop; its exit status.

    A profile says itself how often a job is tried.
    """
    told: list[int] = []
    for number in range(1, TRIES + 2):
        before = ended.logs(runs.STATE)
        code = _follow(command(options), told)
        stopped = code > 0 and not told and not _has_profile(options)
        if number > TRIES or not stopped or not ended.all_stopped(ended.logs(runs.STATE) - before):
            break
        print(f"-- jobs were told to stop or killed, no other failed: starting again, {number} of {TRIES}", flush=True)
    return code


def _follow(words: Sequence[str], told: list[int]) -> int:
    """Run it, all it says to stdout; interruptions are Snakemake's to handle: it ends its jobs first.

    Signals to this process are noted in `told`: who was told to stop does not start again.
    """
    with subprocess.Popen(words, stderr=subprocess.STDOUT) as process:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, partial(_note, process, told))
    return process.returncode


def _note(process: subprocess.Popen[bytes], told: list[int], number: int, _: object) -> None:
    told.append(number)
    if number == signal.SIGTERM:  # a terminal, or SLURM's warning, reaches Snakemake too
        process.terminate()


def _logger(chosen: Sequence[str]) -> list[str]:
    """Bars on a terminal where the plugin for them is installed, unless another logger is chosen."""
    plugin = importlib.util.find_spec("snakemake_logger_plugin_rich")
    wanted = plugin and sys.stdout.isatty() and not any(word.split("=")[0] == "--logger" for word in chosen)
    return ["--logger", "rich"] if wanted else []
