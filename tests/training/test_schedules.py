"""Rates by the step against their formulas; rules by the validation measure against a count by hand."""

import math

import pytest
import torch
from tiny_training import data, recipe

from crossgen.training.plan import Plan
from crossgen.training.schedules import schedule_of
from crossgen.training.setting import Setting


def made(lr: float = 0.1, steps: int = 20, scales: tuple[float, ...] = (1.0,), **schedule: object):
    """A schedule of `steps` in epochs of 3, with its optimiser of a group a scale."""
    told = recipe(schedule=schedule, steps=steps, optimiser={"lr": lr})
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr * s, "lr_scale": s} for s in scales]
    optimiser = torch.optim.SGD(groups, lr=lr)
    for group in optimiser.param_groups:
        group["initial_lr"] = lr
    return schedule_of(told, optimiser, Plan.of(data(), told, Setting(0))), optimiser


def rates(steps: int = 20, **schedule: object) -> list[float]:
    timed, optimiser = made(steps=steps, **schedule)
    found = []
    for step in range(1, steps + 1):
        found.append(optimiser.param_groups[0]["lr"])
        assert timed.judged(0.5)
        timed.stepped(step)
    return found


def test_cosine_rises_falls_and_rests_at_its_floor():
    found = rates(kind="cosine", warmup=0.2, floor=0.01, cooldown=0.25)
    assert found[:5] == pytest.approx([0.1 * (step + 1) / 5 for step in range(5)])
    falling = [0.01 + 0.09 * (1 + math.cos(math.pi * step / 11)) / 2 for step in range(11)]
    assert found[4:15] == pytest.approx(falling)
    assert found[15:] == pytest.approx([0.01] * 5)
    assert rates(kind="cosine", warmup=0.2, warmup_lr=0.02)[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert rates(kind="cosine", warmup=0.0)[0] == 0.1


def test_steps_down_count_epochs_from_the_beginning():
    found = rates(kind="step", every=2, factor=0.5)
    assert found == pytest.approx([0.1 * 0.5 ** (step // 6) for step in range(20)])
    warm = rates(kind="step", every=0.5, factor=0.5, warmup=0.15)
    assert warm[:3] == pytest.approx([0.025, 0.05, 0.075])
    assert warm[3:] == pytest.approx([0.1 * 0.5 ** (step // 2) for step in range(3, 20)])


def test_a_constant_rate_stays():
    assert rates(kind="constant") == [0.1] * 20


@pytest.mark.parametrize("kind", ["cosine", "step", "constant", "plateau", "drop_and_stop"])
def test_layers_keep_their_share_of_the_rate(kind):
    told = {"every": 1, "factor": 0.5} if kind == "step" else {}
    told |= {"patience": 1} if kind in ("plateau", "drop_and_stop") else {}
    timed, optimiser = made(scales=(1.0, 0.25), kind=kind, **told)
    for step in range(1, 12):
        last, first = (group["lr"] for group in optimiser.param_groups)
        assert first == pytest.approx(last / 4)
        timed.stepped(step)
        timed.judged(0.5)


def test_plateau_waits_for_its_patience_and_keeps_a_floor():
    timed, optimiser = made(kind="plateau", patience=1, factor=0.1, min_gain=0.05, floor=0.005)
    found = []
    for value in [0.5, 0.54, 0.56, 0.60, 0.60, 0.62, 0.62, 0.62, 0.62]:
        assert timed.judged(value)
        found.append(optimiser.param_groups[0]["lr"])
    # gains of more than 0.05: 0.56, then 0.62; 0.60 twice is one more than waited for
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.005, 0.005])


def judged(values: list[float], lr: float = 1e-4, **rule: object) -> list[float | None]:
    """The rate after each value; None where it ends."""
    timed, optimiser = made(lr, kind="drop_and_stop", **rule)
    return [optimiser.param_groups[0]["lr"] if timed.judged(value) else None for value in values]


def test_drop_and_stop_counts_epochs_without_a_gain_in_a_row():
    values = [0.5, 0.5005, 0.5009, 0.502, 0.5, 0.5, 0.5, 0.502]
    found = judged(values, patience=3)
    assert found == pytest.approx([1e-4] * 6 + [1e-5] * 2)  # 0.502 gained over 0.5, and is the mark until the end
    assert judged([0.5, 0.5, 0.503, 0.5, 0.5, 0.5025], patience=2) == pytest.approx([1e-4] * 4 + [1e-5] * 2)


def test_the_gain_asked_for_may_grow_after_a_drop():
    values = [0.5, 0.5, 0.5, 0.5015, 0.5015]
    assert judged(values, patience=2) == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-5])
    assert judged(values, patience=2, min_gain_later=0.002) == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6])


def test_a_drop_may_forget_the_best_value():
    values = [0.6, 0.5, 0.5, 0.51, 0.512, 0.6]
    assert judged(values, patience=2) == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    forgot = judged(values, patience=2, forget_best=True)  # 0.51 sets a new mark, 0.512 and 0.6 gain
    assert forgot == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5])


@pytest.mark.parametrize("lr", [1e-4, 1e-3, 1e-5, 2e-4])
def test_a_rate_of_one_millionth_is_used_whichever_way_it_is_rounded(lr):
    """1e-4 / 10 / 10 is a little more than 1e-6 in floating point, other ways to it a little less."""
    found = judged([0.5] * 9, lr, patience=1)
    used = sorted({rate for rate in found if rate is not None})
    drops = math.floor(math.log10(lr / 1e-6) + 1e-9)
    assert used == pytest.approx([lr * 0.1**drop for drop in range(drops, -1, -1)])
    assert found[drops + 1] is None


@pytest.mark.parametrize("kind", ["plateau", "drop_and_stop"])
def test_rules_go_on_as_they_were(kind):
    values = [0.5, 0.4, 0.6, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7, 0.7]
    whole, first = made(kind=kind, patience=2)
    for value in values[:4]:
        whole.judged(value)
    other, second = made(kind=kind, patience=2)
    other.restore(whole.state())
    second.load_state_dict(first.state_dict())
    for value in values[4:]:
        assert whole.judged(value) == other.judged(value)
        assert first.param_groups[0]["lr"] == second.param_groups[0]["lr"]
    assert first.param_groups[0]["lr"] < 0.1
