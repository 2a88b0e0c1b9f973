"""How far a run is, and how long the rest will take."""

import pytest

from crossgen.account.stages import Stages, measured


class Clock:
    """A time that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def do(stages: Stages, clock: Clock, jobs: range, rule: str, seconds: float) -> None:
    """Jobs one after another."""
    for job in jobs:
        stages.begin(job, rule)
        clock.now += seconds
        stages.finish(job)


def test_a_rule_takes_what_its_jobs_took(clock):
    stages = Stages(now=clock)
    stages.plan({"render": 10, "score": 4})
    do(stages, clock, range(8), "render", 30)
    assert stages.so_far() == "8 of 14 steps, time left unknown"  # of most that is left nothing is known
    do(stages, clock, range(10, 11), "score", 100)
    assert stages.so_far() == "9 of 14 steps, about 6:00 left"  # 2 x 30 + 3 x 100
    do(stages, clock, range(8, 10), "render", 30)
    do(stages, clock, range(11, 14), "score", 100)
    assert stages.so_far() == "14 of 14 steps, 11:40 gone"


def test_jobs_that_go_on_at_once_take_less(clock):
    stages = Stages(now=clock)
    stages.plan({"render": 8})
    for first in (0, 2):
        for job in (first, first + 1):
            stages.begin(job, "render")
        clock.now += 60
        for job in (first, first + 1):
            stages.finish(job)
    assert stages.left() == "about 2:00 left"
    stages.begin(4, "render")
    stages.begin(5, "render")
    clock.now += 20
    assert stages.left() == "about 1:40 left"


def test_a_job_that_takes_longer_than_others_is_not_said_to_end_now(clock):
    stages = Stages({"report": 0.0}.get, clock)
    stages.plan({"train": 2, "report": 1})
    do(stages, clock, range(1), "train", 100)
    stages.begin(1, "train")
    clock.now += 300
    assert stages.left() == "about 0:10 left"
    stages.finish(1)
    assert stages.left() == "nearly done"


def test_the_last_long_job_takes_its_own_time_however_many_went_on_before(clock):
    stages = Stages({"train": 1000.0}.get, clock)
    stages.plan({"render": 4, "train": 1})
    for job in range(4):
        stages.begin(job, "render")
    clock.now += 10
    for job in range(4):
        stages.finish(job)
    stages.begin(5, "train")
    clock.now += 10
    assert stages.left() == "about 16:30 left"


def test_earlier_runs_tell_of_rules_that_have_not_run_and_others_are_named(clock):
    stages = Stages({"score": 50.0}.get, clock)
    stages.plan({"render": 5, "score": 2, "train": 1, "plot": 1})
    do(stages, clock, range(4), "render", 10)
    assert stages.left() == "about 1:50 left besides train and plot"
    assert Stages({"score": 50.0}.get, clock).left() == "time left unknown"  # nothing has begun


def test_failed_attempts_tell_nothing_of_the_time_and_failed_jobs_are_not_awaited(clock):
    stages = Stages(now=clock)
    stages.plan({"train": 2})
    stages.begin(1, "train")
    clock.now += 5
    stage = stages.fail(1, again=True)
    assert not stage.over and stages.so_far() == "0 of 2 steps, time left unknown"
    stages.begin(1, "train")
    clock.now += 5
    stages.fail(1, again=False)
    do(stages, clock, range(2, 3), "train", 60)
    assert stage.over and stages.ended(stage) == "train: 1 of 2 jobs done in 1:10, 1 failed"
    assert stages.so_far() == "1 of 2 steps, 1:10 gone"
    assert stages.finish(77) is None and stages.fail(77, again=False) is None  # a job that nobody announced


def test_a_line_names_a_few_rules_at_work(clock):
    stages = Stages(now=clock)
    stages.plan({"render": 80, "train": 6, "plot": 3, "tabulate": 3})
    do(stages, clock, range(5), "render", 1)
    for job, rule in enumerate(["render", "train", "train", "plot", "tabulate"], 10):
        stages.begin(job, rule)
    assert stages.at_work() == "render 5 of 80, train 0 of 6, plot 0 of 3, and 1 more"


def test_a_job_more_than_planned_is_counted(clock):
    stages = Stages(now=clock)
    stages.plan({"render": 1})
    do(stages, clock, range(1), "render", 1)
    stages.begin(2, "render")
    assert stages.so_far().startswith("1 of 2 steps")


def test_benchmark_files_of_earlier_runs(tmp_path):
    (tmp_path / "a" / "train" / "raw").mkdir(parents=True)
    (tmp_path / "a" / "train" / "raw" / "0.tsv").write_text("s\th:m:s\n30.5\t0:00:30\n")
    (tmp_path / "a" / "train" / "1.tsv").write_text("s\th:m:s\n10.5\t0:00:10\n")
    (tmp_path / "a" / "train" / "half.tsv").write_text("s\th:m:s\n")
    (tmp_path / "a" / "train" / "other.tsv").write_text("nothing of this kind\n3\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.tsv").write_text("s\th:m:s\n3.0\t0:00:03\n")
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "absent"]
    assert measured(folders, "train") == 20.5 and measured(folders, "report") == 3.0
    assert measured(folders, "plot") is None
