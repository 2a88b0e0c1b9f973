"""Tables of facts and scores drawn at random, in the shape of a small run."""

import numpy as np
import pandas as pd

from crossgen import records
from crossgen.config import Statistics, TestSet
from crossgen.evaluation.metrics import compute_metrics

GENERATORS = ("adm", "biggan", "sd14")
TEST_SETS = (
    *(TestSet(name=name, fake=name, real="photographs") for name in GENERATORS),
    TestSet(name="photographs_png", real="photographs_png"),
)
STATISTICS = Statistics(replicates=200)


def make_facts(fakes=12, reals=16):
    pools = dict.fromkeys(GENERATORS, (1, fakes)) | {"photographs": (0, reals), "photographs_png": (0, 6)}
    return pd.DataFrame(
        {
            "image_id": f"{pool}/{i}.png", "group": f"{pool}-{i // 2}", "stratum": f"package{i % 4 // 2}",
            "pool": pool, "split": "test", "label": label, "quarantine": None,
        }
        for pool, (label, count) in pools.items()
        for i in range(count)
    )  # fmt: skip


def make_scores(facts, experiments=("raw",), seed=0, conditions=("clean",), train_sets=GENERATORS):
    rng = np.random.default_rng(seed)
    parts = []
    for experiment in experiments:
        for train_set in train_sets:
            for condition in conditions:
                part = facts[["pool", "image_id", "label"]].copy()
                part["logit"] = (rng.normal(size=len(part)) + part["label"] - 0.5).astype(np.float32)
                keys = {"experiment": experiment, "train_set": train_set, "seed": 0, "condition": condition}
                parts.append(part.assign(**keys))
    return pd.concat(parts, ignore_index=True)


def metrics_of(scores, facts, test_sets=TEST_SETS):
    return compute_metrics(scores, facts, test_sets, {name: name for name in GENERATORS}, STATISTICS)


def pick(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    assert len(table) == 1, (keys, len(table))
    return table.iloc[0]


def checked(table, schema):
    return records.check(records.from_rows(table.to_dict("records"), schema), schema, "test")
