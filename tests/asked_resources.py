"""What every job of a dry run asks a cluster for.

    python asked_resources.py CONFIG FOLDER          leaves FOLDER/answer.json

A process of its own: Snakemake changes folder, paths and logging of the one that it works in.
"""

import json
import subprocess
import sys
from pathlib import Path

from toys import ROOT


def asked(config: Path, folder: Path) -> list[dict]:
    """Of each job its rule, wildcards, threads, log, benchmark, and resources in the first and the second attempt."""
    words = [sys.executable, __file__, str(config), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return json.loads((folder / "answer.json").read_text())


def answer(config: str, folder: str) -> None:
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=64),
            config_settings=ConfigSettings(configfiles=[Path(config)]),
            snakefile=ROOT / "Snakefile",
            workdir=Path(folder),
        )
        dag = workflow.dag()
        dag.execute_workflow(executor="dryrun")
        jobs = list(map(told, workflow._workflow.dag.jobs))
    (Path(folder) / "answer.json").write_text(json.dumps(jobs))


def told(job) -> dict:
    facts = {"rule": job.rule.name, "wildcards": dict(job.wildcards_dict), "threads": job.threads}
    attempts = [numbers(job.rule.expand_resources(job.wildcards_dict, job.input, attempt)) for attempt in (1, 2)]
    facts |= {"log": [str(path) for path in job.log], "benchmark": job.benchmark and str(job.benchmark)}
    return facts | {"first": attempts[0], "second": attempts[1]}


def numbers(resources) -> dict:
    return {name: resources.get(name) for name in ("mem_mb", "runtime", "gpu", "_cores") if resources.get(name)}


if __name__ == "__main__":
    answer(*sys.argv[1:])
