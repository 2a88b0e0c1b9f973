"""A run as Snakemake tells its loggers of it, told to people."""

import logging
import os

import pytest

from crossgen.account import handler
from crossgen.account.handler import EVERY, SELDOM, Setting, attach


class Heard(logging.Handler):
    """Snakemake's own handler of a terminal, as far as filters go."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "DefaultStreamHandler"
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(str(record.msg))


class Run:
    """Speaks as Snakemake does."""

    now = 100.0

    def __init__(self, folder, **setting) -> None:
        self.folder, self.heard = folder, Heard()
        self.logger = logging.Logger("snakemake", logging.INFO)
        self.logger.addHandler(self.heard)
        self.account = attach(self.logger, Setting(now=lambda: self.now, **setting))

    def say(self, event: str | None, message: str | None = None, level: int = logging.INFO, **told) -> None:
        self.logger.log(level, message, extra=told | ({"event": event} if event else {}))

    def plan(self, **counts: int) -> None:
        self.say("run_info", "Job stats", stats=counts | {"total": sum(counts.values())})

    def begin(self, job: int, rule: str, **wildcards: str) -> None:
        (self.folder / f"{job}.log").write_text("")
        resources = {"runtime": 60, "mem_mb": 1000}
        self.say(
            "job_info", "a job", jobid=job, rule_name=rule, wildcards=wildcards, resources=resources, log=self.log(job)
        )

    def log(self, job: int) -> list[str]:
        return [str(self.folder / f"{job}.log")]

    def finish(self, job: int, seconds: float = 1.0, last: str = "") -> None:
        self.now += seconds
        (self.folder / f"{job}.log").write_text(last)
        self.say("job_finished", f"Finished jobid: {job}", job_id=job)
        self.say("progress", "1 of 4 steps", done=1, total=4)

    def fail(self, job: int, rule: str, words: str = "no such table\n\n---- exit status 3\n", **more) -> None:
        (self.folder / f"{job}.log").write_text(f"{words}---- to repeat this job by hand:\ncd x && y\n")
        told = {
            "log": self.log(job),
            "shellcmd": "logged l python -m crossgen x",
            "rule_msg": None,
            "aux": {},
            "indent": False,
        }
        self.say("job_error", "Error", logging.ERROR, jobid=job, rule_name=rule, **told | more)

    @property
    def told(self) -> list[str]:
        return [line for line in self.heard.lines if line.startswith("-- ")]


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path, quiet={"rules", "host"})
    yield run
    run.account.close()


def test_one_line_a_stage_and_none_a_job(run):
    run.plan(extract=2, metrics=1)
    for job in (1, 2):
        run.begin(job, "extract", pool=str(job))
        run.finish(job, 30, "a.parquet: 3 rows")
    run.begin(3, "metrics")
    run.finish(3, 5, "first\nmetrics.parquet: 12 numbers\n")
    run.account.succeeded()
    assert run.told == [
        "-- extract: 2 jobs done in 1:00; 2 of 3 steps, time left unknown",
        "-- metrics: 1 job done in 0:05 (metrics.parquet: 12 numbers); 3 of 3 steps, 1:05 gone",
        "-- all 3 steps done, 1:05 gone",
    ]


@pytest.fixture
def reporting(tmp_path):
    """Of a run that writes a report."""
    run = Run(tmp_path, quiet={"rules"}, page=tmp_path / "report.html")
    yield run
    run.account.close()


def test_the_report_is_named_at_the_beginning_and_at_the_end(reporting, tmp_path):
    reporting.plan(metrics=1, report=1)
    assert reporting.told == [f"-- 2 steps to do; report: {tmp_path}/report.html"]
    for job, rule in enumerate(("metrics", "report")):
        reporting.begin(job, rule)
        reporting.finish(job)
    reporting.account.succeeded()
    assert reporting.told[-1] == f"-- all 2 steps done, 0:02 gone; report: {tmp_path}/report.html"


def test_no_report_is_named_by_a_run_that_writes_none(reporting):
    reporting.plan(metrics=1)
    reporting.begin(1, "metrics")
    reporting.finish(1)
    reporting.account.succeeded()
    assert not any("report" in line for line in reporting.told)
    reporting.account.failed()
    assert not any("report" in line for line in reporting.heard.lines)


@pytest.mark.parametrize("there", [True, False])
def test_a_run_with_nothing_to_do_names_the_report_that_is_there(there, reporting, tmp_path):
    if there:
        (tmp_path / "report.html").touch()
    reporting.say(None, "Nothing to be done (all requested files are present and up to date).")
    assert reporting.told == ([f"-- report: {tmp_path}/report.html"] if there else [])


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_failed_says_that_its_report_was_not_written(there, reporting, tmp_path):
    if there:
        (tmp_path / "report.html").touch()
    reporting.plan(metrics=1, report=1)
    reporting.begin(1, "metrics")
    reporting.fail(1, "metrics")
    reporting.account.failed()
    said = "is of an earlier run" if there else "is not there yet"
    assert f"-- no report was written: {tmp_path}/report.html {said}." in reporting.told[-1]


def test_a_run_that_failed_after_its_report_says_nothing_of_it(reporting):
    reporting.plan(report=1, other=1)
    reporting.begin(1, "report")
    reporting.finish(1)
    reporting.begin(2, "other")
    reporting.fail(2, "other")
    reporting.account.failed()
    assert "report was" not in reporting.told[-1]


def test_snakemakes_lines_about_single_jobs_are_dropped_where_it_is_quiet_about_rules(run, tmp_path):
    for loud, spoken in ((run, []), (Run(tmp_path), ["Select jobs to execute...", "Finished jobid: 1"])):
        loud.plan(extract=1)
        loud.say(None, "Select jobs to execute...")
        loud.begin(1, "extract")
        loud.finish(1)
        loud.say(None, "Another run is at work in this folder")
        chatter = [line for line in loud.heard.lines if line.startswith(("Select", "Finished"))]
        assert chatter == spoken and "Another run is at work in this folder" in loud.heard.lines
        loud.account.close()


@pytest.mark.parametrize("bars", [True, False])
def test_bars_do_not_show_the_log_of_a_failed_job_too(bars, tmp_path):
    run = Run(tmp_path)
    run.logger.removeHandler(run.account)
    queue = run.heard
    queue.name = None  # as that of a plugin
    run.account = attach(run.logger, Setting(quiet={"rules"}, bars=bars))
    run.plan(train=1)
    run.begin(1, "train")
    run.fail(1, "train")
    run.say(None, "RuleException:\nCalledProcessError in file")
    assert [line for line in queue.lines if line.startswith(("Error", "Rule"))] == (
        [] if bars else ["Error", "RuleException:\nCalledProcessError in file"]
    )
    assert "a job" in queue.lines and run.told[0].startswith("-- failed: train")


def test_a_target_that_only_collects_has_no_line(tmp_path):
    run = Run(tmp_path, collects=lambda rule: rule == "all")
    run.plan(extract=3, all=1)
    for job in (1, 2):
        run.begin(job, "extract")
        run.finish(job, 10)
    run.now += EVERY
    run.begin(3, "extract")
    run.account.tick()
    run.finish(3, 10)
    run.begin(4, "all")
    run.finish(4, 0)
    assert run.told == [
        "-- extract 2 of 3 (1 at work); 2 of 4 steps, about 0:40 left",
        "-- extract: 3 jobs done in 1:30; 3 of 4 steps, nearly done",
    ]


def test_a_long_stage_says_ever_less_often_how_far_it_is(run):
    run.plan(train=2)
    run.begin(1, "train")
    said = []
    for _ in range(2 * 3600):
        run.now += 1
        before = len(run.told)
        run.account.tick()
        said += [run.now - 100] * (len(run.told) - before)
    assert said[:5] == [60, 180, 420, 900, 1800] and set(map(float.__sub__, said[5:], said[4:])) == {SELDOM}
    assert run.told[0] == "-- train 0 of 2 (1 at work); 0 of 2 steps, time left unknown"
    run.finish(1)
    run.begin(2, "train")
    run.now += EVERY
    run.account.tick()
    assert run.told[-1].startswith("-- train 1 of 2 (1 at work); 1 of 2 steps, about 1:")


def test_jobs_in_slurms_queue_are_counted(run, monkeypatch):
    monkeypatch.setattr(handler.slurm, "queue", lambda name: f"SLURM: 1 running, 2 waiting in {name}")
    run.say(None, "SLURM run ID: crossgen_5")
    run.plan(train=2)
    run.begin(1, "train")
    run.now += EVERY
    run.account.tick()
    assert run.told == ["-- train 0 of 2 (SLURM: 1 running, 2 waiting in crossgen_5); 0 of 2 steps, time left unknown"]


def test_a_failed_job_is_told_of_at_once_with_its_attempts_and_again_at_the_end(tmp_path):
    run = Run(tmp_path, tries={"train": 2}.get)
    run.plan(train=2)
    for job in (1, 2):
        run.begin(job, "train", seed=str(job))
    run.fail(1, "train")
    assert run.told[0].startswith("-- failed: train (seed=1): exit status 3 (attempt 1 of 2; it is tried again)\n")
    assert "no such table" in run.told[0] and "cd x && y" in run.told[0]
    run.begin(1, "train", seed="1")
    run.fail(1, "train")
    assert run.told[1].startswith("-- failed: train (seed=1): exit status 3 (attempt 2 of 2)\n")
    run.finish(2)
    assert run.told[2].startswith("-- train: 1 of 2 jobs done in 0:01, 1 failed; 1 of 2 steps, 0:01 gone")
    run.account.failed()
    assert run.told[3].splitlines()[:2] == [
        "-- the run ended at 1 of 2 steps, 0:01 gone; not done:",
        f"   train (seed=1): exit status 3 (attempt 2 of 2); log: {tmp_path}/1.log",
    ]


def test_a_job_that_succeeds_at_last_is_not_listed_and_one_that_was_stopped_is(tmp_path):
    run = Run(tmp_path, tries={"train": 3}.get)
    run.plan(train=2)
    run.begin(1, "train")
    run.fail(1, "train")
    run.begin(1, "train")
    run.finish(1)
    run.begin(2, "train", seed="2")
    run.account.failed()
    assert f"   train (seed=2): did not come to its end; log: {tmp_path}/2.log" in run.told[-1]
    assert "exit status" not in run.told[-1]


@pytest.mark.parametrize("keeps_going", [True, False])
def test_nothing_is_promised_to_be_tried_again_in_a_run_that_is_ending(keeps_going, tmp_path):
    run = Run(tmp_path, tries={"train": 3, "plot": 1}.get, keeps_going=lambda: keeps_going)
    run.plan(train=2, plot=1)
    run.begin(1, "train")
    run.begin(3, "plot")
    run.fail(3, "plot")
    run.fail(1, "train")
    assert ("tried again" in run.told[-1]) == keeps_going
    run.begin(2, "train")
    run.say(None, "Will exit after finishing currently running jobs (scheduler).")
    run.fail(2, "train")
    assert "(attempt 1 of 3)" in run.told[-1]


def group_fails(run: Run, *jobs: int) -> None:
    info = [{"jobid": job, "rule_name": "x", "log": run.log(job), "shellcmd": "", "output": []} for job in jobs]
    slurm = {"external_jobid": "12", "aux_logs": [str(run.folder / "12.log")]}
    run.say("group_error", "Error in group", logging.ERROR, groupid=1, job_error_info=info, **slurm)
    for job in jobs:  # Snakemake says that each of them failed, whichever did
        run.say("job_error", "Error", logging.ERROR, jobid=job, rule_name="x", log=run.log(job), indent=True)


def test_of_a_group_the_jobs_that_failed_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(handler.slurm, "asked", lambda number: "SLURM status is: 'FAILED'")
    run = Run(tmp_path, tries=lambda rule: 2)
    run.plan(extract=1, gather=1)
    for _ in range(2):
        run.begin(1, "extract")
        run.begin(2, "gather")
        (tmp_path / "1.log").write_text("a.parquet: 3 rows\n")
        (tmp_path / "2.log").write_text("bad\n\n---- exit status 3\n---- to repeat this job by hand:\nx\n")
        group_fails(run, 1, 2)
    assert [line.splitlines()[0] for line in run.told] == [
        "-- failed: gather: SLURM job 12 ended as FAILED, exit status 3 (attempt 1 of 2; it is tried again)",
        "-- failed: gather: SLURM job 12 ended as FAILED, exit status 3 (attempt 2 of 2)",
    ]
    run.account.failed()
    assert "come to its end" not in run.told[-1] and run.told[-1].count("log: ") == 1


def test_of_a_group_that_was_killed_the_job_at_work_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(handler.slurm, "asked", lambda number: "SLURM status is: 'NODE_FAIL'")
    run = Run(tmp_path, tries=lambda rule: 3)
    run.plan(extract=1, gather=1, plot=1)
    for job, rule in enumerate(("extract", "gather", "plot")):
        run.begin(job, rule)
    (tmp_path / "0.log").write_text("a.parquet: 3 rows\n")
    os.utime(tmp_path / "0.log", (1e9, 1e9))
    (tmp_path / "1.log").write_text("half\n")
    (tmp_path / "12.log").write_text("slurmstepd: error: the node is gone\n")
    group_fails(run, 0, 1, 2)
    assert len(run.told) == 1 and "the node is gone" in run.told[0] and "half" in run.told[0]
    assert run.told[0].startswith(
        "-- failed: gather: SLURM job 12 ended as NODE_FAIL (its node failed) (attempt 1 of 3"
    )
    run.begin(0, "extract")
    run.begin(1, "gather")
    (tmp_path / "0.log").write_text("bad\n\n---- exit status 3\n---- to repeat this job by hand:\nx\n")
    group_fails(run, 0, 1)
    assert run.told[1].startswith("-- failed: extract: ") and "(attempt 2 of 3" in run.told[1]


def test_of_a_group_that_never_began_the_whole_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(handler.slurm, "asked", lambda number: "SLURM status is: 'TIMEOUT'")
    run = Run(tmp_path, tries={"extract": 2, "gather": 2}.get)
    run.plan(extract=1, gather=1)
    run.begin(1, "gather")
    run.begin(2, "extract", pool="a")
    group_fails(run, 1, 2)
    assert run.told[0].startswith(
        "-- failed: a group of extract (pool=a), gather: SLURM job 12 ended as TIMEOUT (its time limit is up) "
        "(attempt 1 of 2; it is tried again)\n---- the end of "
    )


def test_where_snakemake_is_told_to_be_silent_so_is_the_account(tmp_path):
    run = Run(tmp_path, quiet={"progress"})
    run.plan(train=2)
    run.begin(1, "train")
    run.now += EVERY
    run.account.tick()
    run.account.succeeded()
    assert not run.told
    run.fail(1, "train")
    assert len(run.told) == 1


def test_a_record_of_another_form_breaks_nothing(run):
    for event in ("run_info", "job_info", "job_finished", "job_error", "group_error", "unheard_of"):
        run.say(event, "what is this")
    run.say(None, None)
    run.plan(extract=1)
    run.begin(1, "extract")
    run.finish(1)
    assert len(run.told) == 1
