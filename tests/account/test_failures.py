"""What is told of a failed job."""

import subprocess

import pytest

from crossgen.account import failures, slurm
from crossgen.account.failures import Failure, Job, by_hand, ending, summary, told
from toys import ROOT

TRAILER = (
    "\n---- exit status 1\n---- to repeat this job by hand:\ncd /there && PYTHONPATH=/there/src python -m crossgen x\n"
)
BY_SLURM = "SLURM-job '12' failed, SLURM status is: '{}'. Detailed failure reason unavailable."


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def failed(log, **known) -> Failure:
    return Failure(Job("train", {"seed": "0"}, (str(log),), {"runtime": 60, "mem_mb": 2000}), **known)


def test_the_end_of_the_log_and_the_command_that_it_holds(log):
    log.write_text("".join(f"line {number}\n" for number in range(30)) + TRAILER)
    lines = told(failed(log), "").splitlines()
    assert lines[:2] == ["-- failed: train (seed=0): exit status 1", f"---- the end of {log}:"]
    assert lines[2:-2] == [f"  line {number}" for number in range(10, 30)]
    assert lines[-2:] == [
        "---- to repeat this job by hand:",
        "cd /there && PYTHONPATH=/there/src python -m crossgen x",
    ]


def test_what_a_command_prints_of_itself_is_no_trailer(log):
    log.write_text(f"a test prints{TRAILER}and goes on\n")
    assert ending(str(log)).status == "" and ending(str(log)).lines[-1] == "and goes on"


def test_only_the_end_of_a_huge_log_is_read(log):
    log.write_bytes(b"\xff" * 300_000 + b"\n" + b"x" * 5000 + b"\nlast\n")
    lines = ending(str(log)).lines
    assert lines[-1] == "last" and lines[-2] == "x" * failures.WIDTH and len(lines) == 3


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("TIMEOUT", "SLURM job 12 ended as TIMEOUT (its time limit is up: runtime=60)"),
        ("OUT_OF_MEMORY", "SLURM job 12 ended as OUT_OF_MEMORY (it needed more memory than it was given: mem_mb=2000)"),
        ("NODE_FAIL", "SLURM job 12 ended as NODE_FAIL (its node failed)"),
        ("FAILED", "SLURM job 12 ended as FAILED"),
    ],
)
def test_slurm_ended_a_job_that_could_say_nothing(status, words, log, tmp_path):
    log.write_text("epoch 3\n")
    (tmp_path / "12.log").write_text("slurmstepd: error: *** CANCELLED ***\n")
    shell = f"logged {log} python -m crossgen train-detector --seed 0"
    failure = failed(log, logs=[str(tmp_path / "12.log")], shell=shell, message=BY_SLURM.format(status), number="12")
    text = told(failure, " (attempt 1 of 3; it is tried again)")
    assert text.startswith(f"-- failed: train (seed=0): {words} (attempt 1 of 3; it is tried again)\n")
    assert f"---- the end of {log}:\n  epoch 3\n---- the end of {tmp_path}/12.log:\n  slurmstepd: error" in text
    assert text.endswith(" -m crossgen train-detector --seed 0")


def test_a_job_with_words_of_its_own_needs_none_of_slurms(log, tmp_path):
    log.write_text("no such table\n" + TRAILER)
    failure = failed(log, logs=[str(tmp_path / "12.log")], message=BY_SLURM.format("FAILED"), number="12")
    text = told(failure, "")
    assert "SLURM job 12 ended as FAILED, exit status 1" in text and "12.log" not in text


def test_a_job_that_was_not_sent_or_left_nothing(log):
    message = "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition'.\n    sbatch call:\n ..."
    assert "sbatch: error: invalid partition'." in told(failed(log, message=message), "").splitlines()[0]
    text = told(failed(log), "")
    assert "no exit status: it was killed, or never began" in text and "(there is nothing in it)" in text
    assert "by hand" not in text  # nobody knows the command


def test_a_log_that_somebody_else_shows_is_not_shown(log):
    log.write_text("no such table\n" + TRAILER)
    text = told(failed(log), "", show_logs=False)
    assert "no such table" not in text and "exit status 1" in text and "to repeat this job by hand" in text


def test_of_a_job_that_was_stopped_one_line_is_told(log):
    log.write_text("Traceback\n" + TRAILER.replace("status 1\n", "status 130 (interrupted)\n"))
    assert told(failed(log), "") == f"-- stopped: train (seed=0): exit status 130 (interrupted); log: {log}"


def test_the_command_of_a_rule_runs_in_a_fresh_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = "import os, sys, crossgen; print(os.getcwd(), crossgen.__file__, sys.argv[1:])"
    words = ['{"a": "it\'s",\n "b": "$HOME\\n"}', "", "two  spaces"]
    shell = f"logged 'a log' python -c {failures.shlex.join([program, *words])}"
    command = by_hand(shell)
    assert "\n" not in command
    again = subprocess.run(["bash", "-c", command], cwd="/", capture_output=True, text=True, env={})
    assert again.stdout == f"{tmp_path} {ROOT}/src/crossgen/__init__.py {words}\n", again.stderr
    assert by_hand("touch x") == by_hand("") == ""


def test_the_end_of_a_run_lists_what_is_not_done():
    jobs = {number: (Job("train", {"seed": number}, (f"{number}.log",)), "exit status 1") for number in range(25)}
    lines = summary(jobs, [Job("render", logs=("r.log",))], "3 of 40 steps, 1:00 gone").splitlines()
    assert lines[:2] == [
        "-- the run ended at 3 of 40 steps, 1:00 gone; not done:",
        "   train (seed=0): exit status 1; log: 0.log",
    ]
    assert lines[-2] == "   and 6 more" and "start the run again: what is done is kept" in lines[-1]
    told = summary({}, [Job("render", logs=("r.log",))], "3 of 40 steps, 1:00 gone")
    assert "   render: did not come to its end; log: r.log\n" in told


def test_squeue_tells_of_jobs_or_does_not_answer(monkeypatch, tmp_path):
    squeue = tmp_path / "squeue"
    squeue.write_text(
        "#!/bin/sh\ncase $3 in --name=crossgen_1) printf 'RUNNING\\nPENDING\\nPENDING\\n';; --name=ended) ;;"
        " --jobs=7) echo TIMEOUT;; *) exit 1;; esac\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert slurm.queue("crossgen_1") == "SLURM: 1 running, 2 waiting"
    assert slurm.queue("ended") == "" and slurm.queue("other") == ""
    assert slurm.ended("7", slurm.asked("7"), {"runtime": 5}).endswith("(its time limit is up: runtime=5)")
    assert slurm.asked("8") == ""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert slurm.queue("crossgen_1") == slurm.asked("7") == ""
