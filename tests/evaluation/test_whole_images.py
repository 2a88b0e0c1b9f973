"""Whole images: judged together where they are of one size, with the logits that each gets alone."""

import numpy as np
import pytest
import torch
from PIL import Image

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import prepare
from crossgen.evaluation import cells, render, scoring
from crossgen.training.loop import score
from toys import described, photograph

WHOLE = Frame(kind="whole", size=32, small="reflect")
SIZES = [(40, 48), (64, 40), (48, 40)]


@pytest.fixture
def fakes(pools):
    for path in sorted((pools / "checker" / "test").glob("*.png")):
        width, height = SIZES[int(path.stem) % len(SIZES)]
        Image.fromarray(photograph(int(path.stem), width, height)).save(path)
    return render.tested_images(described(pools, "checker", "fake"), pools)


def detector():
    torch.manual_seed(0)
    recipe = Recipe(
        name="whole", architecture="res50nodown", options={}, frame=WHOLE, training_frame=Frame(kind="crop", size=32),
        optimiser=Optimiser(lr=1e-3), steps=1, precision="fp32",
    )  # fmt: skip
    return prepare(recipe).eval()


def test_images_of_one_size_are_judged_together_with_the_logits_of_each_alone(fakes, tmp_path, monkeypatch):
    """Float32 on a CPU: 1e-4 of the logits' spread. The order of the cell is that of the images."""
    monkeypatch.setattr(scoring, "BATCH_PIXELS", 3 * 40 * 64)
    judged, network = [], detector()

    def judge(pictures):
        judged.append(pictures.shape)
        return score(network, pictures, np.arange(len(pictures))).astype(np.float32)

    stores = scoring.Stores(cells.Store(tmp_path / "pixels"), cells.Store(tmp_path / "logits"))
    scoring.score(
        [scoring.Task(fakes, WHOLE, (), "c" * 32, ((0, "f" * 32),))], [scoring.Judge(judge, "cpu", "fp32")], stores
    )
    together = np.asarray(stores.logits.read("f" * 32))
    alone = np.array([
        score(network, np.asarray(Image.open(path))[None], np.arange(1))[0] for path in fakes.paths
    ])  # fmt: skip
    assert np.ptp(alone) > 0 and np.abs(together - alone).max() < 1e-4 * np.ptp(alone) + 1e-5
    assert {shape[1:3] for shape in judged} == {(height, width) for width, height in SIZES}
    assert max(n for n, *_ in judged) > 1
    assert all(n * height * width <= 3 * 40 * 64 for n, height, width, _ in judged) and sum(n for n, *_ in judged) == 24
