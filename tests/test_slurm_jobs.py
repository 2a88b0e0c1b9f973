"""SLURM's jobs, by programs that play squeue and scancel: whose are cancelled, and what is said if that fails."""

import os
import pwd

import pytest

from crossgen import runs, slurm_jobs
from crossgen.__main__ import main
from crossgen.commands import resume

RUN = "crossgen_6d0b3f9e-8f43-4c14-9c2a-2b8a2a1f5a11"
OTHER = "crossgen_11111111-8f43-4c14-9c2a-2b8a2a1f5a11"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which a run was sent to SLURM; commands run in it."""
    logs = tmp_path / "here" / ".snakemake" / "log"
    logs.mkdir(parents=True)
    (logs / "2026-01-01T000000.000000.snakemake.log").write_text(f"host: a\nSLURM run ID: {RUN}\nJob 3 has been\n")
    (logs / "2026-01-02T000000.000000.snakemake.log").write_text("a run on this machine\n")
    (tmp_path / "here" / "Snakefile").touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def lock(folder):
    """What a killed Snakemake left."""
    lock = folder / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir()
    lock.touch()
    return lock


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Programs that play SLURM: squeue prints the file `jobs`, scancel notes its words and takes the jobs off it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "jobs").touch()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm_jobs, "PAUSE", 0.01)

    def play(squeue='cat "$(dirname "$0")/jobs"', scancel='>"$(dirname "$0")/jobs"'):
        for name, does in (("squeue", squeue), ("scancel", scancel)):
            program = programs / name
            program.write_text(f'#!/bin/sh\necho "$@" >>"$(dirname "$0")/{name}.asked"\n{does}\n')
            program.chmod(0o755)
        return programs

    return play


def job(number, run, folder, state="RUNNING"):
    return "\t".join([str(number), state, run, str(folder), "rule_train_detector_wildcards_raw/adm/0"]) + "\n"


def test_the_jobs_of_this_folders_runs_are_left_behind_and_no_others(folder, slurm, tmp_path):
    programs = slurm()
    copied = tmp_path / "copied"
    copied.mkdir()
    lines = [job(1, RUN, folder), job(2, OTHER, folder), job(3, RUN, copied), job(4, RUN, "/gone", "PENDING")]
    (programs / "jobs").write_text("CLUSTER: a\n" + "".join(lines))
    assert [job.number for job in slurm_jobs.left_behind(folder / ".snakemake")] == ["1", "4"]
    asked = (programs / "squeue.asked").read_text()
    assert f"--user={pwd.getpwuid(os.getuid()).pw_name}" in asked


def test_a_folder_that_never_used_slurm_asks_it_nothing(folder, slurm):
    programs = slurm()
    for log in (folder / ".snakemake" / "log").glob("2026-01-01*"):
        log.unlink()
    assert slurm_jobs.left_behind(folder / ".snakemake") == []
    assert not (programs / "squeue.asked").exists()


def test_where_there_is_no_slurm_nothing_is_asked(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm_jobs.left_behind(folder / ".snakemake") == [] and slurm_jobs.is_at_work("7") is None


def test_cancelled_jobs_are_waited_for_through_a_busy_moment(folder, slurm):
    programs = slurm(
        squeue='cd "$(dirname "$0")"; cat jobs; test -e asked && >jobs; touch asked; test $(wc -l <squeue.asked) != 3',
        scancel="exit 1",  # one that ends just now is no error
    )
    (programs / "jobs").write_text(job(1, RUN, folder, "COMPLETING"))
    slurm_jobs.cancel(slurm_jobs.left_behind(folder / ".snakemake"))
    assert (programs / "jobs").read_text() == "" and len((programs / "squeue.asked").read_text().splitlines()) == 4
    assert f"--name={RUN}" in (programs / "scancel.asked").read_text()


def test_jobs_that_stay_are_named(folder, lock, slurm, monkeypatch, capsys):
    monkeypatch.setattr(slurm_jobs, "PATIENCE", 0.1)
    programs = slurm(scancel="exit 1")
    (programs / "jobs").write_text("".join(job(number, RUN, folder) for number in range(10)))
    assert main(["resume"]) == 1
    said = capsys.readouterr()
    assert f"SLURM jobs of a killed run ({RUN}) are left: 0 (running, rule_train_detector_wildcards_raw/" in said.out
    assert "are still there 0 s after they were cancelled, and may write: 0 (running, rule_train" in said.err
    assert "and 2 more" in said.err and "Resume when `squeue` shows none of them" in said.err
    assert lock.exists()


def test_a_cluster_that_does_not_answer_leaves_all_as_it_is(folder, lock, slurm, capsys):
    slurm(squeue="echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert main(["resume"]) == 1
    said = capsys.readouterr().err
    assert "SLURM does not answer (squeue: slurm_load_jobs error: Unable to contact slurm controller)" in said
    assert "nothing was removed or started: resume when `squeue` works" in said
    assert lock.exists()


def test_a_run_that_another_machine_may_watch_keeps_its_jobs(folder, lock, slurm, capsys):
    programs = slurm()
    (programs / "jobs").write_text(job(1, RUN, folder))
    with open(folder / ".snakemake" / runs.LOCK, "w") as file:
        runs.Holder(1, "another-login-node", "config a.yaml", "2026-01-01 00:00:00").write(file)
    assert main(["resume", "--profile", "slurm"]) == 1
    assert "see on another-login-node that it is over, then `snakemake --unlock` and resume" in capsys.readouterr().err
    assert lock.exists() and not (programs / "scancel.asked").exists()


@pytest.mark.parametrize("profile", [[], ["--profile", "slurm"]])
def test_jobs_are_cancelled_before_the_lock_goes_and_snakemake_starts(
    folder, lock, slurm, monkeypatch, capsys, profile
):
    programs = slurm(scancel='test -e .snakemake/locks/0.input.lock && >"$(dirname "$0")/jobs"')
    (programs / "jobs").write_text(job(1, RUN, folder))
    monkeypatch.setattr(resume, "_started", lambda options: int(lock.exists()))
    assert main(["resume", *profile]) == 0
    assert f"SLURM jobs of a killed run ({RUN}) are left: 1 (running, rule_" in capsys.readouterr().out


def test_who_only_looks_ends_nothing(folder, lock, slurm, monkeypatch):
    programs = slurm()
    (programs / "jobs").write_text(job(1, RUN, folder))
    monkeypatch.setattr(resume, "_started", lambda options: 0)
    assert main(["resume", "--", "--dry-run"]) == 0
    assert lock.exists() and not (programs / "squeue.asked").exists()


def test_a_cluster_that_hangs_is_no_answer(folder, slurm, monkeypatch):
    monkeypatch.setattr(slurm_jobs, "ANSWER", 0.1)
    slurm(squeue="exec sleep 5")
    with pytest.raises(slurm_jobs.Silent, match="squeue says nothing for 0 s"):
        slurm_jobs.left_behind(folder / ".snakemake")


@pytest.mark.parametrize(
    ("said", "at_work"),
    [
        ("echo RUNNING", True),
        ("echo SUSPENDED", True),
        ("echo PENDING", False),
        ("echo COMPLETING", False),
        ("true", False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
        ("echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1", None),
    ],
)
def test_whether_a_job_runs(slurm, said, at_work):
    slurm(squeue=said)
    assert slurm_jobs.is_at_work("7") is at_work
