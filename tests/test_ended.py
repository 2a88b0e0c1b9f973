"""When a run is started again: if its jobs were told to stop or killed, and nothing else happened."""

import argparse
import sys
from pathlib import Path

import pytest

from crossgen import ended, runs
from crossgen.commands import resume

COMMAND = "RuleException:\nCalledProcessError in file \"detectors.smk\", line 4:\nCommand 'logged a.log\n{}' "
STATUS = COMMAND + "returned non-zero exit status {}.\n"
KILLED = COMMAND + "died with <Signals.{}>.\n"
END = "Exiting because a job execution failed.\nWorkflowError:\nAt least one job did not complete successfully.\n"
STOPPED = STATUS.format("x", 75) + END
MISSING = "MissingOutputException in rule train_detector in file detectors.smk, line 4:\nJob 3 completed successfully\n"
ORPHAN = "WorkflowError:\nFailed to create the environment.\n"


@pytest.mark.parametrize(
    ("log", "again"),
    [
        (STOPPED, True),
        (STATUS.format("x", 137) + STATUS.format("y", 143) + END, True),
        (KILLED.format("x", "SIGKILL: 9") + END, True),
        (KILLED.format("x", "SIGSEGV: 11") + END, False),
        (STATUS.format("x", 1) + END, False),
        ("Will exit after finishing currently running jobs (scheduler).\n" + STOPPED, False),
        ("Terminating processes on user request, this might take some time.\n" + STOPPED, False),
        (STATUS.format("x", 75) + STATUS.format("y", 1) + END, False),
        (STATUS.format("x", 75) + MISSING + END, False),
        (STATUS.format("x", 75) + 'RuleException:\nValueError in file "a.smk", line 3:\nwrong\n' + END, False),
        (STATUS.format("x", 75) + ORPHAN, False),
        (END, False),
        ("", False),
    ],
)
def test_only_jobs_that_were_stopped_call_for_another_start(tmp_path, log, again):
    (tmp_path / "one.snakemake.log").write_text("SNAKEMAKE\n")
    (tmp_path / "two.snakemake.log").write_text(log)
    assert ended.all_stopped(set(tmp_path.iterdir())) is again


#: Plays Snakemake: writes its log, counts its starts, and fails until they are enough.
PLAY = """
import os, pathlib, signal, sys, time
log, enough, does = sys.argv[1:]
folder = pathlib.Path(".snakemake/log")
folder.mkdir(parents=True, exist_ok=True)
number = len(list(folder.iterdir())) + 1
(folder / f"{number}.snakemake.log").write_text(log)
if does == "tell":
    os.kill(os.getppid(), signal.SIGUSR1)
    time.sleep(0.2)
if does == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(number < int(enough))
"""


@pytest.fixture
def play(tmp_path, monkeypatch, capfd):
    """`crossgen resume` with a play in the place of Snakemake: how it ended, its starts, and what it said."""
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").touch()
    Path("config").mkdir()

    def started(enough, log=STOPPED, does="fail", profile=None):
        words = [sys.executable, "-c", PLAY, log, str(enough), does]
        monkeypatch.setattr(resume, "command", lambda options: words)
        options = argparse.Namespace(configfile=[], cores=None, profile=profile, snakemake=[])
        try:
            resume.run(options)
            code = 0
        except ValueError:
            code = 1
        return code, len(ended.logs(runs.STATE)), capfd.readouterr().out

    return started


@pytest.fixture(autouse=True)
def signals_as_before():
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_whose_jobs_were_stopped_is_started_three_times_anew(play):
    code, starts, said = play(enough=3)
    assert (code, starts) == (0, 3)
    assert said.count("jobs were told to stop or killed, no other failed") == 2 and "again, 2 of 3" in said


def test_and_no_more(play):
    assert play(enough=9)[:2] == (1, 4)


def test_an_error_is_not_tried_again(play):
    assert play(enough=2, log=STATUS.format("x", 1) + END)[:2] == (1, 1)


def test_who_was_told_to_stop_does_not_start_again(play):
    assert play(enough=2, does="tell")[:2] == (1, 1)


def test_nor_does_a_killed_snakemake(play):
    assert play(enough=2, does="die")[:2] == (1, 1)


def test_a_profile_says_itself_how_often_a_job_is_tried(play, monkeypatch):
    assert play(enough=2, profile="slurm")[:2] == (1, 1)
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "slurm")
    assert play(enough=3)[:2] == (1, 2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["--cores", "all"]),
        (["--profile", "slurm"], ["--profile", "slurm"]),
        (["--profile", "slurm", "--cores", "4"], ["--profile", "slurm", "--cores", "4"]),
        (["--", "--profile", "slurm"], []),
        (["--", "--workflow-profile=slurm"], []),
    ],
)
def test_snakemake_is_told_the_profile_or_the_cores(given, expected):
    parser = argparse.ArgumentParser()
    resume.configure(parser)
    options = parser.parse_args(given)
    words = resume.command(options)
    assert words[words.index("host") + 1 : words.index("--rerun-incomplete")] == expected
    assert words[words.index("--rerun-incomplete") + 1 :] == options.snakemake
