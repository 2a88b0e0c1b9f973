"""Trainings go on where they stopped, keep what they should, end when they should, and say what was lost."""

import math
import signal

import numpy as np
import pytest
import torch
from tiny_training import Losing, Signalling, data, recipe, same, trained

from crossgen.config import EarlyStopping, Ema, Erasing, Mixing, Splits, Start
from crossgen.detectors.detector import prepare, save
from crossgen.training.checkpoint import Checkpoints
from crossgen.training.interrupt import Interrupted
from crossgen.training.loop import train
from crossgen.training.setting import Setting

#: What must survive an interruption: averages, draws, rules, statistics.
KINDS = {
    "plain": {},
    "bf16": {"precision": "bf16", "ema": Ema(decay=0.9)},
    "drawn": {
        "options": {"dropout": 0.5},
        "ema": Ema(decay=0.9, warmup=True),
        "mixing": Mixing(mixup=0.4, cutmix=1.0),
        "erasing": Erasing(probability=0.5),
        "label_smoothing": 0.1,
    },
    "parts": {"accumulate": 2, "balance": "none", "optimiser": {"kind": "sgd", "lr": 0.05, "clip_norm": 0.5}},
    "splits": {"splits": Splits(n=2, augment=({"step": "flip"},)), "precision": "bf16"},
    "plateau": {
        "schedule": {"kind": "plateau", "patience": 0, "min_gain": 0.5},
        "early_stopping": EarlyStopping(patience=9),
    },
    "drops": {"schedule": {"kind": "drop_and_stop", "patience": 1, "min_gain": 0.5, "stop_below": 1e-9}},
    "fp16": {"precision": "fp16"},
}


@pytest.mark.parametrize(("kind", "step"), [*((kind, 4) for kind in KINDS), ("plain", 5), ("drawn", 0)])
def test_an_interrupted_training_gives_the_weights_of_a_whole_one(kind, step, tmp_path):
    """12 steps in epochs of 3: stopped in the midst of an epoch, after its last step, and after the first of all."""
    changes, told = KINDS[kind], data()
    watched = {"watched": {"other": data(8, 16, seed=7)}, "watch_every": 2}
    whole = trained(told, Setting(0, **watched), **changes)
    lines = []
    setting = Setting(0, folder=tmp_path, **watched)
    with pytest.raises(Interrupted) as stopped:
        train(told, recipe(**changes), setting, lines.append, Signalling(told, recipe(**changes), step))
    assert (stopped.value.step, stopped.value.code) == (step + 1, 75)
    assert len(list(tmp_path.glob("*.pt"))) == 1
    torch.manual_seed(99)
    same(whole, train(told, recipe(**changes), setting, lines.append))
    assert f"goes on after step {step + 1}, from the checkpoint in {tmp_path}" in lines
    assert len(whole.history) == 4 and list(whole.watched["epoch"]) == [1, 3]


def test_draws_and_averages_have_a_part_in_it():
    """What the cases above turn on does change the weights; else they would show nothing."""
    plain = trained().state
    for kind in ("bf16", "drawn", "parts", "splits", "fp16"):
        other = trained(**KINDS[kind]).state
        assert any(not torch.equal(plain[name], other[name]) for name in plain), kind


def test_checkpoints_are_written_by_the_clock(tmp_path):
    told = data()
    trained(told, Setting(0, folder=tmp_path, checkpoint_minutes=0.0))
    state = Checkpoints(tmp_path).newest()
    assert state["step"] == 11  # the twelfth step ends the training
    other = tmp_path / "seldom"
    other.mkdir()
    trained(told, Setting(0, folder=other))
    assert list(other.iterdir()) == []


def test_without_a_folder_signals_are_not_caught():
    told, got = data(), []
    earlier = signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
    try:
        train(told, recipe(), Setting(0), lambda line: None, Signalling(told, recipe(), 2, signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGUSR1, earlier)
    assert got == [1]


def test_a_checkpoint_of_several_processes_is_not_taken_by_one(tmp_path):
    told = data()
    trained(told, Setting(0, folder=tmp_path, checkpoint_minutes=0.0))
    checkpoints = Checkpoints(tmp_path)
    state = checkpoints.newest()
    checkpoints.write(12, state | {"step": 12, "processes": 2 * state["processes"]})
    with pytest.raises(ValueError, match=r"written by 2 processes, this training has 1: remove .* to begin anew"):
        trained(told, Setting(0, folder=tmp_path))


@pytest.mark.parametrize("measure", ["loss", "balanced_accuracy", "roc_auc"])
def test_the_epoch_with_the_best_measure_is_kept(measure):
    result = trained(measure=measure, steps=30)
    history = result.history
    values = -history["val_loss"] if measure == "loss" else history[f"val_{measure}"]
    assert history["kept"].sum() == 1
    assert history["kept"].idxmax() == values.idxmax()  # of equal ones the first
    assert trained(select="last").history["kept"].tolist() == [0, 0, 0, 1]


def test_kept_weights_are_those_of_the_kept_epoch():
    told = data()
    schedule = {"schedule": {"kind": "constant"}, "measure": "roc_auc"}
    kept = trained(told, steps=30, **schedule)
    epoch = int(kept.history["kept"].idxmax())
    until = trained(told, steps=3 * (epoch + 1), select="last", **schedule)
    assert epoch < 9 and all(torch.equal(kept.state[name], until.state[name]) for name in kept.state)


def test_early_stopping_waits_so_many_epochs():
    """A gain that nothing can reach: the first epoch sets the mark, two more are waited for."""
    history = trained(early_stopping=EarlyStopping(patience=2, min_gain=100.0)).history
    assert history["epoch"].tolist() == [0, 1, 2]


def test_drop_and_stop_lowers_the_rate_and_ends():
    rule = {"kind": "drop_and_stop", "patience": 1, "min_gain": 100.0, "stop_below": 1e-3}
    history = trained(schedule=rule, steps=60, optimiser={"lr": 1e-1}).history
    assert history["lr"].tolist() == pytest.approx([0.1, 0.1, 0.01, 0.001])


def test_the_average_is_the_mean_of_the_weights_by_its_formula():
    """A constant decay d from the second step on: the average of weights w1 .. wn by hand."""
    told, decay = data(), 0.7
    weights = [trained(told, steps=step, select="last", schedule={"kind": "constant"}).state for step in range(1, 6)]
    by_hand = {name: tensor.double() for name, tensor in weights[0].items()}
    for later in weights[1:]:
        by_hand = {name: decay * value + (1 - decay) * later[name].double() for name, value in by_hand.items()}
    ema = trained(told, steps=5, select="last", schedule={"kind": "constant"}, ema=Ema(decay=decay)).state
    for name in ("network.stem.weight", "network.norm.running_mean", "network.last.bias"):
        assert torch.allclose(ema[name].double(), by_hand[name], atol=1e-6)
        assert not torch.allclose(ema[name], weights[-1][name], atol=1e-6)


def test_images_that_cannot_be_read_are_counted_once_and_the_epoch_goes_on():
    told, plain = data(), recipe(mixing=Mixing(mixup=0.4))
    broken = {0, 1, 3, 5, 49}  # the last one is a validation image
    result = train(told, plain, Setting(0), lambda line: None, Losing(told, plain, broken))
    assert [name for name, _ in result.lost] == ["i000", "i001", "i003", "i005", "i049"]
    assert result.history["lost"].tolist() == [5, 0, 0, 0]
    assert all(torch.isfinite(tensor).all() for tensor in result.state.values())


def test_a_step_without_any_image_moves_nothing():
    told = data()
    result = train(told, recipe(steps=3), Setting(0), lambda line: None, Losing(told, recipe(), set(range(48))))
    torch.manual_seed(0)
    assert math.isnan(result.history["train_loss"].iloc[0])
    fresh = prepare(recipe()).state_dict()
    assert all(torch.equal(result.state[name], fresh[name]) for name in fresh)


def test_a_loss_that_is_no_number_stops_and_names_step_and_images():
    with pytest.raises(
        ValueError, match=r"The loss of step [1-9]\d* is \S+, of 16 images: (i0\d\d, ){7}i0\d\d and 8 more\."
    ):
        trained(optimiser={"kind": "sgd", "lr": 1e30}, options={"norm": False}, steps=30)


def test_a_validation_that_is_never_a_number_is_divergence():
    with pytest.raises(ValueError, match=r"recipe 'tiny' diverged \(validation loss .*\): lower optimiser.lr"):
        trained(optimiser={"kind": "sgd", "lr": 1e30}, steps=1)


def test_without_validation_images_only_the_last_epoch_can_be_kept():
    told = data(48, 0)
    with pytest.raises(ValueError, match=r"'tiny' goes by validation images, and there are none: select `last`"):
        trained(told)
    history = trained(told, select="last").history
    assert history["val_loss"].isna().all() and history["kept"].sum() == 1


def test_the_log_says_with_what_it_is_trained(capsys):
    lines = []
    result = trained(log=lines.append, freeze="stem")
    text = "\n".join(lines)
    assert "device=cpu processes=1 precision=fp32 channels_last=1 threads=1 workers=0" in text
    assert "network tiny_training:Tiny: 461 of 629 parameters are trained" in text
    assert "images: train 24 real, 24 fake; val 12 real, 12 fake" in text
    assert "batch=16 accumulate=1 steps=12 steps_per_epoch=3" in text
    assert f"torch {torch.__version__}" in text and "commit " in text and "val_roc_auc=" in text
    assert (result.facts["trainable"], result.facts["precision"]) == (461, "fp32")


@pytest.mark.parametrize("head", ["keep", "fresh"])
def test_training_begins_with_the_weights_of_another(head, tmp_path):
    """A rate of next to nothing leaves what it began with."""
    still = {"steps": 1, "optimiser": {"lr": 1e-12}, "select": "last"}
    path = tmp_path / "detector.safetensors"
    first = trained(steps=6)
    save(path, first.state, recipe(), {"seed": 0})
    start = Start(weights=str(path), head=head)
    own = trained(start=start, **still).state
    given = trained(setting=Setting(0, start=start), **still).state
    fresh = trained(**still).state
    for name in ("network.stem.weight", "network.body.bias", "network.last.weight"):
        source = fresh if head == "fresh" and "last" in name else first.state
        assert torch.allclose(own[name], source[name], atol=1e-6) and torch.equal(own[name], given[name])
        assert not torch.allclose(first.state[name], fresh[name], atol=1e-4)


def test_the_history_has_the_rates_of_the_schedule():
    history = trained(schedule={"kind": "step", "every": 2, "factor": 0.1}).history
    assert history["lr"].tolist() == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3])
    assert history["step"].tolist() == [3, 6, 9, 12]
    assert (history["images_per_second"] > 0).all() and np.isfinite(history["train_loss"]).all()


def test_pools_join_as_the_setting_says():
    with pytest.raises(ValueError, match="joins names the pools"):
        trained(setting=Setting(0, joins={"nobody": 0.5}))
    assert len(trained(setting=Setting(0, joins={"fakes1": 0.5})).history) == 4
