"""Score files, manifests and answers drawn at random, in the shape of a small run."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from judged_tables import TEST_SETS, make_facts, make_scores

from crossgen import records
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.judged import Judge


def known_facts(fakes=40, reals=60, classes=("cat", "dog")):
    """Facts of test images with classes, sizes and qualities, some of them unknown."""
    facts = make_facts(fakes, reals).sort_values("image_id").reset_index(drop=True)
    rng = np.random.default_rng(1)
    real = facts["pool"] == "photographs"
    facts["class_name"] = rng.choice(np.array([*classes, None], dtype=object), len(facts)) if classes else None
    facts["width"] = np.where(real, rng.integers(50, 400, len(facts)), 128)
    facts["height"] = np.where(real, rng.integers(50, 400, len(facts)), 128)
    facts["format"] = np.where(real, "JPEG", "PNG")
    quality = np.where(real, rng.choice([70, 90, 96], len(facts)), np.nan)
    facts["jpeg_quality"] = np.where(rng.random(len(facts)) < 0.1, np.nan, quality)
    return facts.assign(path=facts["image_id"].str.split("/").str[1])


def answers_of(scores, facts, test_sets=TEST_SETS):
    places = pd.Index(facts["image_id"])
    logits = {}
    for key, rows in scores.groupby(["experiment", "train_set", "seed", "condition"], sort=False):
        vector = np.full(len(facts), np.nan, dtype=np.float32)
        vector[places.get_indexer(rows["image_id"])] = rows["logit"]
        logits[Judge(*key)] = vector
    return Answers(facts, tuple(test_sets), logits)


def drawn(**options):
    """Answers of three detectors on `known_facts`."""
    facts = known_facts(**options)
    return answers_of(make_scores(facts), facts)


def write_run(folder, facts, scores):
    """Score files, one a detector, and one manifest: their paths."""
    manifest = folder / "manifest.parquet"
    texts = dict.fromkeys(records.MANIFEST.columns)
    rows = [texts | row for row in facts.astype(object).where(facts.notna(), None).to_dict("records")]
    filled = {"source": "x", "shard": 0, "published_quality": None}
    records.write(manifest, records.from_rows([row | filled for row in rows], records.MANIFEST), records.MANIFEST)
    paths = []
    for number, (_, part) in enumerate(scores.groupby(["experiment", "train_set", "seed"], sort=False)):
        paths.append(folder / f"scores{number}.parquet")
        pq.write_table(pa.Table.from_pandas(part, preserve_index=False), paths[-1])  # unchecked: some are bad
    return paths, [manifest]
