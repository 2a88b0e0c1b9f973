"""Say what a run would do and cost, before it begins."""

import argparse
import json
import sys
from pathlib import Path

EXAMPLE = """crossgen plan --configfile config/genimage.yaml --profile slurm
  crossgen plan matrix --cores 2 --json
  crossgen plan --configfile config/genimage.yaml --profile slurm --measured results/genimage_sample

--json prints one object (plan_version 1). Seconds and bytes are estimates, null is unknown:
  store, report, executor, cores, jobs_at_once, gpus_here     what was planned for; cores is null on a cluster
  rules      [{rule, jobs, why {reason: jobs}, cpu_seconds, gpu_seconds, wall_seconds, bytes, whole, from}]
  measured   [{rule, of, jobs, cpu_factor, wall_factor, low, high, alike, from}]: seconds of earlier jobs over the
             table's, of all and of the least and most of single jobs (processor); alike: of the same network
  reasons    {reason: jobs}, each job under the first reason of its own
  images     {pool: {train, val, test, all, megapixels, bytes, from}}: megapixels and bytes of one image
  matrix     {detectors, experiments, train_sets, test_sets, conditions, numbers}
  cells      {pixels, logits, validation}, each {all, there, to_compute}
  download   {bytes, items [{what, bytes, source}]}
  cost       {cpu_hours, gpu_hours, wall_hours, bytes, at_least}
  jobs       [{rule, wildcards, reasons, threads, mem_mb, runtime, gpu, local, group, output, cpu_seconds,
              gpu_seconds, wall_seconds, bytes, whole, from}]
  notes, warnings
from: measured here (benchmark files of earlier jobs), measured (--measured), measured on other networks, table
(crossgen/plan/costs.csv), GPU on paper; whole: no part of it is unknown; runtime in minutes as asked of a cluster."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--configfile", nargs="+", type=Path, default=[], help="config of the run (default: config/mini.yaml)"
    )
    parser.add_argument("--profile", help="profile of Snakemake, such as slurm")
    parser.add_argument("--cores", help="cores to use (default: all; with --profile, what the profile says)")
    parser.add_argument(
        "--measured",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER_OR_CARD",
        help="folders of finished reports, or their card.json: what their jobs took prices this run's, too",
    )
    parser.add_argument("--json", action="store_true", help="print everything, each job too, as one JSON object")
    parser.add_argument(
        "snakemake", nargs="*", metavar="target", help="targets (default: all); after --, options for Snakemake too"
    )


def run(options: argparse.Namespace) -> None:
    """Ask Snakemake, count, estimate, print. Nothing is run, locked or fetched.

    Raises ValueError with the message of a run for a config that is none.
    """
    from crossgen import runs
    from crossgen.config.loading import read
    from crossgen.plan.account import account
    from crossgen.plan.asked import ask, standing_in_the_way
    from crossgen.plan.earlier import earlier
    from crossgen.plan.printing import text

    if not Path("Snakefile").is_file():
        raise ValueError(f"there is no Snakefile in {Path.cwd()}: run it in the root of the repository.")
    for file in options.configfile:
        read(file)  # Snakemake answers a missing or broken one with a traceback
    warnings = standing_in_the_way(runs.STATE, list(map(str, options.configfile)))
    told = account(ask(command(options)), warnings, [earlier(path) for path in options.measured])
    for warning in told["warnings"]:
        print(warning, file=sys.stderr)
    print(json.dumps(told, indent=1) if options.json else text(told))


def command(options: argparse.Namespace) -> list[str]:
    """Options of Snakemake, as `crossgen resume` gives them."""
    files = ["--configfile", *map(str, options.configfile)] if options.configfile else []
    profile = ["--profile", options.profile] if options.profile else []
    chosen = options.cores or ("" if profile or "--profile" in options.snakemake else "all")
    cores = ["--cores", chosen] if chosen else []
    return [*files, *profile, *cores, "--rerun-incomplete", *options.snakemake]
