"""The plan of batches: balanced, by pools, with pools that join; a function of the step alone."""

import numpy as np
import pandas as pd
import pytest
from test_loop import RECIPE

from crossgen.training.batches import Data
from crossgen.training.plan import Plan
from crossgen.training.setting import Setting

#: Pool -> label, number of images; rows follow one another in this order.
POOLS = {"photos": (0, 20), "biggan": (1, 30), "sd14": (1, 12), "adm": (1, 8)}


def data(pools: dict[str, tuple[int, int]] = POOLS) -> Data:
    rows = [
        {"image_id": f"{pool}/{image:03d}", "crop": 0, "label": label, "pool": pool, "split": "train"}
        for pool, (label, count) in pools.items()
        for image in range(count)
    ]
    return Data(None, pd.DataFrame(rows).assign(row=range(len(rows))))


def plan(told: Data | None = None, joins: dict[str, float] | None = None, **changes: object) -> Plan:
    recipe = RECIPE.model_copy(update={"batch_size": 20, "steps": 40} | changes)
    return Plan.of(told or data(), recipe, Setting(3, joins=joins or {}))


def pools_of(rows: np.ndarray) -> list[str]:
    return data().index.set_index("row")["pool"].loc[rows.tolist()].tolist()


def test_batches_are_balanced_and_the_smaller_label_starts_again():
    found = plan()
    assert (found.steps, found.per_epoch) == (40, 5)
    seen = list(found.batches())[:5]
    assert all((batch.rows[:10] < 20).all() and (batch.rows[10:] >= 20).all() for batch in seen)
    assert set(np.concatenate([batch.rows[10:] for batch in seen])) == set(range(20, 70))
    counts = np.bincount(np.concatenate([batch.rows[:10] for batch in seen]))
    assert counts.min() >= 2 and counts.max() <= 3


@pytest.mark.parametrize("changes", [{}, {"balance": "none"}, {"balance_pools": True}, {"joins": {"sd14": 0.33}}])
def test_from_any_step_on_the_batches_are_those_of_the_whole(changes):
    found = plan(**changes)
    whole = list(found.batches())
    assert [batch.step for batch in whole] == list(range(40))
    for begin in (1, 7, 14, 39):
        rest = list(found.batches(begin))
        assert [batch.epoch for batch in rest] == [batch.step // found.per_epoch for batch in rest]
        assert all((a.rows == b.rows).all() for a, b in zip(rest, whole[begin:], strict=True))


@pytest.mark.parametrize("balance", ["none", "loss"])
def test_without_balance_an_epoch_shows_every_image_once_in_one_order(balance):
    found = plan(balance=balance, batch_size=14)
    assert found.per_epoch == 5
    seen = np.concatenate([batch.rows for batch in found.batches()][:5])
    assert sorted(seen) == list(range(70))
    assert any(0 < (seen[start : start + 14] < 20).sum() < 14 for start in range(0, 70, 14))


def test_labels_weigh_the_same_by_the_loss_and_one_on_average():
    assert plan().weights(0) is None
    real, fake = plan(balance="loss").weights(0)
    assert 20 * real == pytest.approx(50 * fake) and 20 * real + 50 * fake == pytest.approx(70)
    joining = plan(balance="loss", joins={"biggan": 0.5, "adm": 0.5})
    assert joining.weights(19) == pytest.approx((32 / 40, 32 / 24)) and joining.weights(20) == (real, fake)


def test_pools_of_a_label_get_equal_shares_of_each_batch():
    for batch in plan(balance_pools=True, batch_size=12).batches():
        assert [pools_of(batch.rows).count(pool) for pool in POOLS] == [6, 2, 2, 2]
    seen = np.concatenate([batch.rows for batch in plan(balance_pools=True, batch_size=12).batches()][:9])
    assert set(range(62, 70)) <= set(seen.tolist())


def test_a_pool_joins_after_its_share_of_the_steps():
    batches = list(plan(joins={"biggan": 0.5, "sd14": 0.25}).batches())
    first = {pool: next(b.step for b in batches if pool in pools_of(b.rows)) for pool in POOLS}
    assert (first["photos"], first["adm"]) == (0, 0)
    assert 10 <= first["sd14"] <= 11 and 20 <= first["biggan"] <= 21
    assert all(pools_of(batch.rows).count("photos") == 10 for batch in batches)


@pytest.mark.parametrize(("epochs", "steps"), [(2.0, 10), (0.5, 2), (0.01, 1), (1.3, 6)])
def test_epochs_may_be_fractions(epochs, steps):
    assert plan(steps=None, epochs=epochs).steps == steps


def test_processes_share_a_batch_and_its_labels():
    found = plan()
    for batch in list(found.batches())[:3]:
        parts = [found.part(batch, rank, 2) for rank in (0, 1)]
        assert sorted(np.concatenate([part.rows for part in parts])) == sorted(batch.rows)
        assert all((part.rows < 20).sum() == 5 and part.step == batch.step for part in parts)
    assert found.part(batch, 0, 1) is batch


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joins": {"biggan": 0.1, "sd14": 0.2, "adm": 0.3}}, "no images of label 1 to begin with"),
        ({"joins": {"bigan": 0.1}}, r"pools \['bigan'\], .* expected \['adm', 'biggan', 'photos', 'sd14'\]"),
        ({"balance_pools": True, "balance": "none"}, "balance_pools with balance 'none' in recipe 'toy'"),
    ],
)
def test_what_the_images_cannot_serve_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        plan(**changes)


def test_a_label_without_training_images_is_refused():
    told = data()
    told.index.loc[told.index["label"] == 1, "split"] = "val"
    with pytest.raises(ValueError, match="No training image has label 1"):
        plan(told)
