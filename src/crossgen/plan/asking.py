"""A process of its own that asks Snakemake what it would run, and writes the answer as JSON.

    python -m crossgen.plan.asking answer.json <Snakemake's options>

Snakemake decides, as in `snakemake -n` with the same options; nothing is run, locked or decided here. Its messages go
to stdout, warnings and errors alone; its exit status is this process's.
"""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from snakemake import api, cli

#: Cores of a dry run for an executor whose jobs run elsewhere: no job is scaled down to this machine.
ELSEWHERE = 2**20


class Asked(api.DAGApi):  # type: ignore[misc]
    """Snakemake's own, which remembers the workflow once its jobs are known."""

    workflow: Any = None

    def execute_workflow(self, **settings: Any) -> None:  # noqa: ANN401 (Snakemake's)
        """As Snakemake does: a dry run that is quiet ends before the jobs are gone through one by one."""
        super().execute_workflow(**settings)
        Asked.workflow = self.workflow_api._workflow


def main(words: Sequence[str]) -> int:
    """Ask, write, and return Snakemake's exit status."""
    path, *options = words
    logging.getLogger("snakemake.logging").addFilter(lambda record: record.levelno >= logging.WARNING)
    parser, arguments = cli.parse_args(["--dry-run", *options, "--quiet", "rules", "progress"])
    far = arguments.executor not in (None, "local")
    if far and arguments.cores is None:
        arguments.cores = ELSEWHERE
    api.DAGApi = Asked
    if not cli.args_to_api(arguments, parser) or Asked.workflow is None:
        return 1
    Path(path).write_text(json.dumps(_answer(Asked.workflow, arguments, far)), encoding="utf-8")
    return 0


def _answer(workflow: Any, arguments: Any, far: bool) -> dict[str, Any]:  # noqa: ANN401 (Snakemake's)
    dag = workflow.dag
    ordered = sorted(dag.jobs, key=_place)
    numbers = {job: number for number, job in enumerate(ordered)}
    wanted = set(dag.needrun_jobs(exclude_finished=False))
    return {
        "config": dict(workflow.globals["config"]),
        "places": workflow.globals["places"](),
        "executor": arguments.executor or "local",
        "cores": None if far else arguments.cores,
        "jobs_at_once": arguments.jobs,
        "gpus": _told(getattr(workflow.global_resources.get("gpu"), "value", None)),
        "jobs": [
            _job(job, dag, far) | {"runs": job in wanted, "needs": sorted(numbers[need] for need in needs)}
            for job in ordered
            for needs in [dag.job_dependencies(job)]
        ],
    }


def _place(job: Any) -> tuple[str, list[str]]:  # noqa: ANN401 (Snakemake's)
    return job.rule.name, [
        *map(str, job.output),
        *sorted(f"{key}={value}" for key, value in job.wildcards_dict.items()),
    ]


def _job(job: Any, dag: Any, far: bool) -> dict[str, Any]:  # noqa: ANN401 (Snakemake's)
    resources = {key: _told(job.resources.get(key)) for key in ("mem_mb", "runtime", "gpu")}
    return {
        "rule": job.rule.name,
        "wildcards": dict(job.wildcards_dict),
        "reasons": list(dag.reason(job).get_names()),
        "threads": _told(job.threads),
        **resources,
        "local": not far or _is_local(job),
        "group": job.group if far else None,
        "output": list(map(str, job.output)),
        "log": list(map(str, job.log)),
        "benchmark": str(job.benchmark) if job.benchmark else None,
    }


def _is_local(job: Any) -> bool:  # noqa: ANN401 (Snakemake's)
    """As `workflow.is_local`, which calls every job of a dry run local."""
    rules: Iterable[str] = job.dag.workflow._localrules
    return job.group is None and (job.rule.name in rules or bool(job.rule.norun))


def _told(value: object) -> int | None:
    """A number; None where it hangs on files that are not there yet."""
    return int(value) if isinstance(value, int | float) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
