"""Follows a run by what Snakemake tells its loggers, and tells it to people: a line a stage, and every failed job.

What it says goes through Snakemake's own logger: so it stands in Snakemake's log file too, a plugin that draws bars
(`--logger rich`) prints it above them, and `--quiet all` silences it.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crossgen.account import failures, slurm
from crossgen.account.failures import Failure, Job
from crossgen.account.stages import Stage, Stages, measured

EVERY, SELDOM = (
    60.0,
    900.0,
)  # seconds between two lines of how far the run is, as long as no job ends: 1, 2, 4 ... 15 min
TICK = 5.0
REPORT = "report"  # the rule that writes the page
REMARK = 160  # characters of what a stage of one job says of itself
#: What Snakemake says of single jobs and in other words than this account: dropped where a run is quiet about rules.
_CHATTER = re.compile(
    r"Select jobs to execute|Execute \d+ jobs|Job \S+ has been submitted"
    r"|RuleException:\nCalledProcessError in file"
)


@dataclass(frozen=True)
class Setting:
    """What the workflow knows.

    `page`: the report that its rule `report` writes; `quiet`: what Snakemake is asked not to tell, in lower case;
    `benchmarks`: folders of earlier runs' benchmark files; `tries`: rule → how often a job may be tried; `collects`:
    rule → whether it only collects what others make; `shows_logs`: Snakemake itself shows the log of a failed job;
    `bars`: its one plugin draws bars; `keeps_going`: it begins further jobs when one has failed for good.
    """

    page: Path | None = None
    quiet: Collection[str] = ()
    benchmarks: Sequence[Path] = ()
    tries: Callable[[str], int] = lambda _: 1
    collects: Callable[[str], bool] = lambda _: False
    shows_logs: bool = False
    bars: bool = False
    keeps_going: Callable[[], bool] = lambda: True
    now: Callable[[], float] = field(default=time.monotonic)


def attach(logger: logging.Logger, setting: Setting) -> "Account":
    """Let an account follow the run that tells `logger` what it does.

    Where the run is quiet about rules, nobody else tells of single jobs.
    """
    account = Account(logger, setting)
    for handler in logger.handlers if "rules" in setting.quiet else ():
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(_no_chatter)
        elif handler.name is None and setting.bars:
            handler.addFilter(_no_errors)
    logger.addHandler(account)
    return account


def _no_chatter(record: logging.LogRecord) -> bool:
    """Whether a record is more than one of Snakemake's lines about a single job."""
    return _event(record) not in ("job_finished", "progress") and not _CHATTER.match(str(record.msg))


def _no_errors(record: logging.LogRecord) -> bool:
    """Whether a record tells of anything but a failed job, whose log the bars would show from its first line on."""
    return _event(record) not in ("job_error", "group_error") and not _CHATTER.match(str(record.msg))


def _event(record: logging.LogRecord) -> str:
    return str(getattr(record, "event", None) or "")


class Account(logging.Handler):
    """Nothing that goes wrong here may stop a run: it says less then."""

    def __init__(self, logger: logging.Logger, setting: Setting) -> None:
        super().__init__()
        self._logger, self._setting = logger, setting
        self.stages = Stages(self._earlier, setting.now)
        self._jobs: dict[int, Job] = {}
        self._tried: dict[int, int] = {}
        self._failed: dict[int, tuple[Job, str]] = {}
        self._slurm_run = ""
        self._stopping = False
        self._ticks: threading.Thread | None = None
        self._over = threading.Event()
        self._told, self._pause = setting.now(), EVERY
        self._takes = {
            "run_info": self._planned,
            "job_info": self._begun,
            "job_finished": self._finished,
            "job_error": self._errored,
            "group_error": self._group_errored,
            "": self._remarked,
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Take what Snakemake says."""
        take = self._takes.get(_event(record))
        if take and not getattr(record, "of_account", False):
            with suppress(Exception):
                take(record)

    def close(self) -> None:
        """Snakemake ends."""
        self._over.set()
        super().close()

    def tick(self) -> None:
        """Now and then: how far the run is, if nothing was said for a while and jobs are at work."""
        if self._setting.now() - self._told < self._pause or not self.stages.running:
            return
        jobs = slurm.queue(self._slurm_run) if self._slurm_run else ""  # takes its time: no lock is held meanwhile
        with self._alone():
            self._pause = min(2 * self._pause, SELDOM)
            self._steps(f"{self.stages.at_work()} ({jobs or f'{len(self.stages.running)} at work'})")

    def succeeded(self) -> None:
        """The run has come to its end."""
        self._over.set()
        with self._alone():
            if "progress" not in self._setting.quiet:
                report = f"; report: {self._setting.page}" if self._reports() else ""
                self._say(f"-- all {self.stages.total} steps done, {self.stages.gone()}{report}")

    def failed(self) -> None:
        """The run has failed, or was stopped: what is not done, and what to do."""
        self._over.set()
        with self._alone():
            stopped = [self._jobs[number] for number in self.stages.running if number in self._jobs]
            steps = f"{self.stages.done} of {self.stages.total} steps, {self.stages.gone()}"
            self._say(failures.summary(self._failed, stopped, steps, self._unreported()), logging.ERROR)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No record is taken meanwhile, and nothing goes wrong."""
        self.acquire()
        try:
            with suppress(Exception):
                yield
        finally:
            self.release()

    def _planned(self, record: logging.LogRecord) -> None:
        counts = dict(record.stats)  # type: ignore[attr-defined]
        counts.pop("total", None)
        self.stages.plan(counts)
        self._told = self._setting.now()
        if self._reports() and "progress" not in self._setting.quiet:
            self._say(f"-- {self.stages.total} steps to do; report: {self._setting.page}")
        if self._ticks is None and "progress" not in self._setting.quiet:
            self._ticks = threading.Thread(target=self._keep_ticking, name="crossgen-account", daemon=True)
            self._ticks.start()

    def _reports(self) -> bool:
        """Whether this run writes the report."""
        return self._setting.page is not None and REPORT in self.stages.stages

    def _unreported(self) -> str:
        """What to know of the report of a run that failed; nothing where it was to write none, or has written it."""
        page = self._setting.page
        if page is None or not self._reports() or self.stages.stages[REPORT].done:
            return ""
        return f"{page} is of an earlier run" if page.is_file() else f"{page} is not there yet"

    def _keep_ticking(self) -> None:
        while not self._over.wait(TICK):
            self.tick()

    def _begun(self, record: logging.LogRecord) -> None:
        told = record.__dict__
        job = Job(told["rule_name"], dict(told["wildcards"]), tuple(told["log"] or ()), _resources(told["resources"]))
        self._jobs[told["jobid"]] = job
        self.stages.begin(told["jobid"], job.rule)

    def _finished(self, record: logging.LogRecord) -> None:
        number = record.job_id  # type: ignore[attr-defined]
        self._failed.pop(number, None)
        stage = self.stages.finish(number)
        self._pause = EVERY
        if stage and stage.over and not self._setting.collects(stage.rule):
            self._steps(self.stages.ended(stage) + self._remark(stage, number))

    def _earlier(self, rule: str) -> float | None:
        """Seconds that a job of a rule took in earlier runs."""
        return 0.0 if self._setting.collects(rule) else measured(self._setting.benchmarks, rule)

    def _remark(self, stage: Stage, number: int) -> str:
        """What the only job of a stage says of itself at the end of its log."""
        job = self._jobs.get(number)
        lines = failures.of_job(job).lines if job and stage.total == 1 else ()
        return f" ({lines[-1][:REMARK]})" if lines else ""

    def _errored(self, record: logging.LogRecord) -> None:
        told = record.__dict__
        if told.get("indent"):
            return  # of a group, which was told of as a whole
        job = self._jobs.get(told["jobid"]) or Job(told["rule_name"], logs=tuple(told["log"] or ()))
        logs = [log for log in told["log"] or () if log not in job.logs]
        number = (told.get("aux") or {}).get("external_jobid")
        self._fails(told["jobid"], Failure(job, logs, told["shellcmd"] or "", str(told["rule_msg"] or ""), number))

    def _group_errored(self, record: logging.LogRecord) -> None:
        """A group fails as a whole: told of are those of its jobs that say so in their logs, else the one at work."""
        told = record.__dict__
        sent = told.get("external_jobid")
        known = [str(log) for log in told["aux_logs"] or ()], slurm.asked(sent) if sent else "", sent
        found = {info["jobid"]: self._of_group(info, *known) for info in told["job_error_info"]}
        guilty = [number for number, failure in found.items() if failures.of_job(failure.job).status]
        latest = max(found, key=lambda number: failures.written(found[number].job))
        if not guilty and not failures.written(found[latest].job):
            jobs = sorted(str(failure.job) for failure in found.values())
            found[latest] = replace(found[latest], job=Job(f"a group of {', '.join(jobs)}"), shell="")
        for number in guilty or [latest]:
            self._fails(number, found[number])
        for number in found.keys() & self.stages.running.keys():
            self._tried[number] = self._tried.get(number, 0) + 1
            self.stages.fail(number, again=True)

    def _of_group(self, info: dict[str, Any], logs: list[str], message: str, sent: str | None) -> Failure:
        """A job of a group that failed; what the group was given is more than what the job asks for."""
        job = self._jobs.get(info["jobid"]) or Job(info["rule_name"], logs=tuple(info["log"] or ()))
        return Failure(replace(job, resources={}), logs, info["shellcmd"] or "", message, sent)

    def _fails(self, number: int, failure: Failure) -> None:
        self._tried[number] = self._tried.get(number, 0) + 1
        job = self._jobs.get(number, failure.job)
        tried, tries = self._tried[number], self._setting.tries(job.rule)
        again = tried < tries and not self._stopping
        self._stopping = self._stopping or not (again or self._setting.keeps_going())
        stage = self.stages.fail(number, again)
        outlook = "; it is tried again" if again else ""
        attempt = f" (attempt {tried} of {tries}{outlook})" if tries > 1 else ""
        self._failed[number] = failure.job, failures.reason(failure) + attempt
        self._say(failures.told(failure, attempt, not self._setting.shows_logs), logging.ERROR)
        if stage and stage.over and stage.done:
            self._steps(self.stages.ended(stage))

    def _remarked(self, record: logging.LogRecord) -> None:
        """What Snakemake says in words alone."""
        message = str(record.msg)
        if message.startswith("SLURM run ID: "):
            self._slurm_run = message.removeprefix("SLURM run ID: ").strip()
        page = self._setting.page
        if message.startswith("Nothing to be done") and page is not None and page.is_file():
            self._say(f"-- report: {page}")
        self._stopping = self._stopping or message.startswith(("Will exit after finishing", "Terminating processes"))

    def _steps(self, line: str) -> None:
        self._told = self._setting.now()
        if "progress" not in self._setting.quiet:
            self._say(f"-- {line}; {self.stages.so_far()}")

    def _say(self, text: str, level: int = logging.INFO) -> None:
        self._logger.log(level, text, extra={"of_account": True})


def _resources(told: object) -> dict[str, object]:
    """A job's resources as a mapping."""
    items = getattr(told, "items", None)
    return dict(items()) if items else {}
