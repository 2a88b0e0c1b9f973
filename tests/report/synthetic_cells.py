"""What stands behind synthetic cells: curves of drawn logits, made by the real code, and drawn errors."""

from itertools import product

import numpy as np
import pandas as pd

from crossgen.evaluation.answers import Answers
from crossgen.evaluation.cell_curves import cell_curves
from crossgen.evaluation.judged import Judge
from crossgen.evaluation.misjudged import CLASS, IMAGE
from crossgen.records import MISJUDGED

PICTURES = (b"\xff\xd8one\xff\xd9", b"\xff\xd8two\xff\xd9")


def curves_of(data, conditions):
    """The columns of CURVES for every cell of a report's data under some conditions."""
    tests = data.tested
    facts = pd.DataFrame(
        {"pool": np.repeat([name for test in tests for name in (test.fake, test.real)], 30)},
    ).drop_duplicates(ignore_index=True)
    facts = facts.loc[facts.index.repeat(30)].reset_index(drop=True)
    rng = np.random.default_rng(4)
    pairs = {test.fake for test in tests}
    facts = facts.assign(label=facts["pool"].isin(pairs & set(data.generators)).astype(int))
    real = pd.DataFrame({"pool": ["photographs"] * 50, "label": 0})
    facts = pd.concat([facts, real], ignore_index=True)
    known = [test.model_copy(update={"real": "photographs"}) for test in tests]
    logits = {
        Judge(experiment, train_set, seed, condition): (rng.normal(size=len(facts)) + facts["label"]).to_numpy(
            np.float32
        )
        for experiment, seed, condition in product(data.experiments, data.seeds, conditions)
        for train_set in data.train_sets_of(experiment)
    }
    return cell_curves(Answers(facts, tuple(known), logits))


def misjudged_of(data, conditions):
    """Two classes and three images of every cell; two of the images have pictures, one of which two cells share."""
    rows = []
    for experiment, condition in product(data.experiments, conditions):
        for train_set, test in product(data.train_sets_of(experiment), data.generators):
            key = dict.fromkeys(MISJUDGED.columns) | {
                "experiment": experiment, "condition": condition, "train_set": train_set, "test_generator": test,
            }  # fmt: skip
            told = {"width": 128, "height": 96, "format": "JPEG", "jpeg_quality": 90, "class_name": "cat"}
            for rank, (name, label) in enumerate((("cat", 1), ("dog", 0)), 1):
                rates = {"n": 20, "wrong": 12 - rank, "value": (12 - rank) / 20, "low": 0.2, "high": 0.7}
                rows.append(key | rates | {"kind": CLASS, "rank": rank, "name": name, "label": label})
            for rank, picture in enumerate((*PICTURES, None), 1):
                seen = {"n": 1, "wrong": 1, "value": -1.25, "pool": test, "thumbnail": picture, "label": rank % 2}
                rows.append(key | told | seen | {"kind": IMAGE, "rank": rank, "name": f"{test}/{rank}.png"})
    return pd.DataFrame(rows, columns=list(MISJUDGED.columns)).astype({"low": float, "high": float})
