"""Erasing, mixup and CutMix do what they say, drawn by (seed, step); parts keep labels."""

import random

import numpy as np
import pytest
import torch
from tiny_training import recipe

from crossgen.config import Erasing, Mixing, Splits
from crossgen.training.mixing import Alteration, reseed

#: Image k is filled with k + 1; the first six are reals.
IMAGES = torch.arange(1.0, 13.0)[:, None, None, None].expand(12, 3, 8, 8).contiguous()
LABELS = torch.tensor([0.0] * 6 + [1.0] * 6)


def altered(step=0, images=IMAGES, labels=LABELS, **changes):
    reseed(0, step)
    return Alteration(recipe(**changes))(images.clone(), labels)


def test_draws_are_a_function_of_seed_step_and_process():
    def drawn(*key):
        reseed(*key)
        return torch.rand(1).item(), random.random(), np.random.rand()  # noqa: S311

    assert drawn(0, 5) == drawn(0, 5)
    assert len({drawn(0, 5), drawn(0, 6), drawn(1, 5), drawn(0, 5, 1)}) == 4
    assert len(set(drawn(0, 5))) == 3


def test_nothing_is_altered_unasked():
    images, targets, labels = altered()
    assert torch.equal(images, IMAGES) and torch.equal(targets, LABELS) and torch.equal(labels, LABELS)


def test_mixup_mixes_images_and_targets_by_the_same_share():
    """The share that explains the grey of one image explains all greys and all targets of its batch."""
    shares, of_one_label = set(), 0
    for step in range(8):
        reseed(0, step)
        order = torch.randperm(12)
        before, truth = IMAGES[order, 0, 0, 0], LABELS[order]
        images, targets, labels = altered(step, mixing=Mixing(mixup=1.0))
        share = float((images[0, 0, 0, 0] - before[-1]) / (before[0] - before[-1]))
        assert torch.equal(labels, truth)
        assert torch.allclose(images[:, 0, 0, 0], share * before + (1 - share) * before.flip(0), atol=1e-4)
        assert torch.allclose(targets, share * truth + (1 - share) * truth.flip(0), atol=1e-4)
        assert (images.std(dim=(1, 2, 3)) < 1e-5).all()
        shares.add(round(share, 4))
        of_one_label += int((truth == truth.flip(0)).sum())
    assert len(shares) == 8 and 20 < of_one_label < 70  # a share a step; pairs are not always a real with a fake


def test_cutmix_replaces_the_share_of_the_area_that_the_target_says():
    for step in range(6):
        images, targets, _ = altered(step, mixing=Mixing(cutmix=1.0))
        assert set(images.unique().tolist()) <= set(range(1, 13))
        fakes = (images[:, 0] > 6).float().mean(dim=(1, 2))
        assert torch.allclose(fakes, targets, atol=1e-5)


def test_an_odd_batch_loses_the_last_of_its_larger_label():
    images, targets, labels = altered(0, IMAGES[:11], LABELS[:11], mixing=Mixing(mixup=1.0, probability=0.0))
    assert len(images) == len(targets) == 10
    assert sorted(labels.tolist()) == [0] * 5 + [1] * 5
    assert ((images[:, 0, 0, 0] > 6).float() == labels).all()


def test_erasing_changes_its_share_of_the_images_and_spares_the_first_copy():
    many = IMAGES[:1].expand(400, 3, 8, 8).contiguous()
    images, _, _ = altered(0, many, torch.zeros(400), erasing=Erasing(probability=0.25, mode="const"))
    changed = (images != many).flatten(1).any(1)
    assert 0.17 < changed.float().mean() < 0.33 and set(images.unique().tolist()) == {0.0, 1.0}
    told = {"erasing": Erasing(probability=1.0), "splits": Splits(n=2)}
    images, _, _ = altered(0, many, torch.zeros(200), **told)
    changed = (images != many).flatten(1).any(1)
    assert not changed[:200].any() and changed[200:].float().mean() > 0.9
    images, _, _ = altered(0, many, torch.zeros(200), **told | {"splits": Splits(n=2, spare_first=False)})
    assert (images != many).flatten(1).any(1)[:200].float().mean() > 0.9


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_layout_stays(layout):
    images, _, _ = altered(0, IMAGES.contiguous(memory_format=layout), mixing=Mixing(mixup=1.0))
    assert images.is_contiguous(memory_format=layout)
