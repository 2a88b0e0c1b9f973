"""Synthetic breakdowns, agreement and hardest images beside a synthetic report."""

import io
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
from PIL import Image

from crossgen import records

BINS = {
    "size": [("96–111", 96, 112), ("112–127", 112, 128), ("128+", 128, np.nan)],
    "relative_size": [("0.9–<1.1", 0.9, 1.1), ("1.1–<1.4", 1.1, 1.4)],
    "quality": [("95", 95, 96), ("96", 96, 97), ("lossless", np.nan, np.nan)],
    "class": [(f"class_{number:02d}", np.nan, np.nan) for number in range(30)],
}
FEW = 12  # images of the first bin


def with_breakdowns(data):
    """The same report with all four tables."""
    models = [(e, t, s) for e in data.experiments for t in data.train_sets_of(e) for s in data.seeds_of(e)]
    return replace(
        data,
        breakdowns=_breakdowns(data, models),
        correlations=_correlations(data),
        disagreements=_disagreements(models),
        hardest=_hardest(data),
    )


def _breakdowns(data, models):
    rng = np.random.default_rng(3)
    rows = []
    for (experiment, train_set, seed), condition, by in product(models, data.matrix_conditions, BINS):
        for (position, (name, low, high)), metric in product(enumerate(BINS[by]), ("tpr", "tnr")):
            lost = metric == "tpr" and name == "95"
            n = 0 if lost else FEW if position == 0 else 400
            value = np.nan if lost else rng.uniform(0.2, 0.8)
            rows.append({
                "experiment": experiment, "train_set": train_set, "seed": seed, "test_generator": "pooled",
                "condition": condition, "by": by, "bin": name, "metric": metric, "position": position, "lower": low,
                "upper": high, "side": 112.0, "value": value, "low": value - 0.1, "high": value + 0.1, "n": n,
                "groups": n, "interval": None if lost else "wilson_cluster",
                "reason": "no fakes in this bin" if lost else None,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(records.BREAKDOWNS.columns))


def _correlations(data):
    rows = []
    for experiment, condition, metric in product(
        data.experiments, data.matrix_conditions, ("balanced_accuracy", "roc_auc")
    ):
        for seed in data.seeds_of(experiment):
            for place, (first, second) in enumerate(combinations(data.train_sets_of(experiment), 2)):
                value = np.nan if (metric, place) == ("roc_auc", 1) else np.cos(place)
                rows.append({
                    "experiment": experiment, "seed": seed, "condition": condition, "metric": metric,
                    "train_set": first, "other": second, "value": value, "low": max(-1, value - 0.4),
                    "high": min(1, value + 0.4), "columns": 8, "interval": "fisher_z",
                    "reason": "a training row is constant" if np.isnan(value) else "rests on 8 test sets only",
                })  # fmt: skip
    return pd.DataFrame(rows, columns=list(records.CORRELATIONS.columns))


def _disagreements(models):
    rows = []
    for first, second in combinations(models, 2):
        if first[2] != second[2] or (first[0] != second[0] and first[1] != second[1]):
            continue
        names = dict(zip(("experiment", "train_set", "other_experiment", "other_train_set", "seed"),
                         (*first[:2], *second[:2], first[2]), strict=True))  # fmt: skip
        for measure, value in (("differently_judged", 0.25), ("kappa", -0.5), ("spearman", np.nan)):
            known = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 500, "interval": None}
            reason = "one of them gives every image the same logit" if np.isnan(value) else None
            rows.append(names | {"condition": "clean", "measure": measure, **known, "reason": reason})
    return pd.DataFrame(rows, columns=list(records.DISAGREEMENTS.columns))


def _hardest(data):
    held = io.BytesIO()
    Image.new("RGB", (96, 64), (200, 30, 30)).save(held, "JPEG")
    rows = [
        {
            "experiment": experiment, "condition": "clean", "rank": rank, "image_id": f"photographs/<b>{rank}</b>.jpg",
            "pool": "photographs", "label": 0, "group": "x", "class_name": None, "width": 500.0, "height": 375.0,
            "format": "JPEG", "jpeg_quality": 96.0, "n": 8, "wrong": 9 - rank, "n_own": 2, "wrong_own": 1,
            "share": (9 - rank) / 8, "margin": -1.234, "thumbnail": held.getvalue() if rank < 3 else None,
        }
        for experiment in data.experiments for rank in (1, 2, 3)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(records.HARDEST.columns))
