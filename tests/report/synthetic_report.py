"""Synthetic results in the shape of a real run: every number is drawn, nothing is trained."""

from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import norm

from crossgen.config import Blur, Condition, Jpeg, Resize
from crossgen.crossed import over_seeds
from crossgen.evaluation.comparisons import FAMILY, corrected
from crossgen.records import DIFFERENCES, SEED_MEANS, WATCHED
from crossgen.report.data import ReportData

MINI = ("cyclegan", "realesrgan", "realsr", "srvgg", "waifu2x", "realcugan", "style", "autoencoder")
JPEG96 = Jpeg(step="jpeg", quality=96)
CONDITIONS = (
    Condition(name="clean"),
    Condition(name="resize_112", steps=(Resize(step="resize", size=112),), degradation="resize"),
    Condition(name="resize_64", steps=(Resize(step="resize", size=64),), degradation="resize"),
    Condition(name="jpeg_q65", steps=(Jpeg(step="jpeg", quality=65),), degradation="jpeg"),
    Condition(name="jpeg_q30", steps=(Jpeg(step="jpeg", quality=30),), degradation="jpeg"),
    Condition(name="blur_s3", steps=(Blur(step="blur", sigma=3.0),), degradation="blur"),
    Condition(name="blur_s5", steps=(Blur(step="blur", sigma=5.0),), degradation="blur"),
    Condition(name="fakes_q96", steps=(JPEG96,), to="fake"),
    Condition(name="all_q96", steps=(JPEG96,)),
)
#: Value on the diagonal and off it, by (experiment, condition): what a biased and an unbiased detector may do.
LEVELS = {("raw", "fakes_q96"): (0.52, 0.51), ("raw", "clean"): (0.99, 0.93), ("unbiased", "clean"): (0.93, 0.71)}
METRICS = ("balanced_accuracy", "roc_auc")
LOST = ("raw", "realsr", "style", "clean")  # a cell without a value


def draw(generators=MINI, conditions=CONDITIONS, seeds=(0,), experiments=("raw", "unbiased"), extra=()) -> ReportData:
    """A whole report's data; `extra` names train sets that are no generators."""
    rng = np.random.default_rng(0)
    controls = ("photographs_png", "bicubic")
    train_sets = (*generators, *extra)
    names = [condition.name for condition in conditions]
    metrics = _metrics(rng, product(experiments, seeds, names), generators, train_sets, controls)
    pairs = tuple((name, experiments[0]) for name in experiments[1:])
    facts = _facts(rng, generators)
    differences = _differences(metrics, pairs)
    return ReportData(
        metrics=metrics,
        differences=differences,
        seed_means=seed_means(metrics, differences),
        biases=_audit(rng, generators, ("jpeg_quality", "width", "bytes"), "attribute", "auc"),
        probes=_audit(rng, generators, ("header", "geometry"), "group", "balanced_accuracy"),
        facts=facts,
        selections=_selections(facts),
        experiments=experiments,
        train_sets=train_sets,
        generators=tuple(generators),
        controls=controls,
        conditions=tuple(conditions),
        matrix_conditions=tuple(name for name in ("clean", "fakes_q96") if name in names),
        comparisons=pairs,
        seeds=tuple(seeds),
        name="mini",
        histories=_histories(product(experiments, train_sets, seeds)),
        watched=_watched(product(experiments[:1], train_sets, seeds), train_sets),
    )


def _histories(trained, epochs=6):
    """Losses that fall and AUCs that rise; the last epoch but one is kept, and the first has no validation."""
    rows = []
    for number, (experiment, train_set, seed) in enumerate(trained):
        rng = np.random.default_rng(number)
        for epoch in range(epochs):
            left = 0.7 * np.exp(-epoch / 2)
            told = {"train_loss": left + 0.02, "val_loss": left + 0.1, "val_roc_auc": 1 - left / 1.6}
            rows.append(
                {
                    "experiment": experiment,
                    "trained_on": train_set,
                    "seed": seed,
                    "epoch": epoch,
                    "step": 10 * epoch + 10,
                }
                | {name: value + rng.normal(0, 0.01) for name, value in told.items()}
                | {"val_balanced_accuracy": 0.8, "lr": 1e-3, "seconds": 1.0, "images_per_second": 100.0, "lost": 0}
                | {"kept": epoch == epochs - 2}
                | ({} if epoch else {"val_loss": np.nan, "val_roc_auc": np.nan})
            )
    return pd.DataFrame(rows)


def _watched(trained, train_sets):
    rows = []
    for number, (experiment, trained_on, seed) in enumerate(trained):
        rng = np.random.default_rng(100 + number)
        for train_set, epoch in product([name for name in train_sets if name != trained_on], (1, 3, 5)):
            told = {
                "experiment": experiment,
                "trained_on": trained_on,
                "seed": seed,
                "epoch": epoch,
                "step": 10 * epoch,
            }
            measured = {"roc_auc": 0.5 + 0.05 * epoch + rng.normal(0, 0.05), "loss": 0.6, "balanced_accuracy": 0.6}
            rows.append(told | {"train_set": train_set, **measured, "n_real": 10, "n_fake": 10})
    return pd.DataFrame(rows, columns=["experiment", "trained_on", "seed", *WATCHED.columns])


def printed(cell, signed=False):
    """What page.core.js makes of a cell."""
    if not cell:
        return "–"
    value, low, high, _, *more = cell
    decimal = lambda n: f"{'−' if n < 0 else ''}{abs(n) / 10:.1f}"  # noqa: E731
    first = ("+" if signed and value > 0 else "") + decimal(value) + (f" ± {decimal(more[1])}" if more[1:] else "")
    return first if low is None else f"{first} [{decimal(low)}, {decimal(high)}]"


def _metrics(rng, runs, generators, train_sets, controls):
    rows = []
    for (experiment, seed, condition), metric in product(runs, METRICS):
        own, off = LEVELS.get((experiment, condition), (0.85, 0.65))
        centre = [[own if row == column else off for column in generators] for row in train_sets]
        values = np.clip(np.array(centre) + rng.normal(0, 0.07, (len(train_sets), len(generators))), 0.35, 1)
        key = {"experiment": experiment, "seed": seed, "condition": condition, "metric": metric}
        for (i, row), (j, column) in product(enumerate(train_sets), enumerate(generators)):
            if (experiment, row, column, condition) == LOST:
                values[i, j] = np.nan
            rows.append(_row(key, row, column, values[i, j]))
        rows += _aggregates(key, values, train_sets, generators)
    trained = list(dict.fromkeys((row["experiment"], row["seed"]) for row in rows))
    for (experiment, seed), row, control in product(trained, train_sets, controls):
        share = {"raw": 0.95, "unbiased": 0.2}.get(experiment, 0.3) * rng.uniform(0.7, 1)
        key = {"experiment": experiment, "seed": seed, "condition": "clean", "metric": "fpr"}
        rows.append(_row(key, row, control, share) | {"n_real": 160, "n_fake": 0})
    for (experiment, seed), control in product(trained, controls):
        key = {"experiment": experiment, "seed": seed, "condition": "clean", "metric": "fpr"}
        share = {"raw": 0.8}.get(experiment, 0.2) - 0.01 * seed
        rows.append(_row(key, "mean", control, share) | {"n_real": 160, "n_fake": 0})
    return pd.DataFrame(rows)


def _aggregates(key, values, train_sets, generators):
    off = np.array([[row != column for column in generators] for row in train_sets])
    rows = []
    for i, name in enumerate(train_sets):
        rows.append(_row(key, name, "mean", np.nanmean(values[i]), 0.06))
        rows.append(_row(key, name, "mean_off_diagonal", np.nanmean(values[i][off[i]]), 0.07))
    rows += [_row(key, "mean", name, np.nanmean(values[:, j]), 0.06) for j, name in enumerate(generators)]
    own, others = np.nanmean(values[~off]), np.nanmean(values[off])
    summary = {
        "own": own,
        "mean_off_diagonal": others,
        "mean": np.nanmean(values),
        "own_minus_off_diagonal": own - others,
    }
    return rows + [_row(key, "mean", name, value, 0.05) for name, value in summary.items()]


def _row(key, train_set, test_set, value, half=0.04):
    lost = np.isnan(value)
    is_share = test_set != "own_minus_off_diagonal"
    low, high = (np.nan, np.nan) if lost else (value - half, min(value + half, 1) if is_share else value + half)
    reason = "coverage 0.42 is below 0.9" if lost else None
    sizes = {"n_real": 144, "n_fake": 60, "coverage": 1.0, "interval": "bootstrap"}
    bounds = {"value": value, "low": low, "high": high, "reason": reason}
    return {**key, "train_set": train_set, "train_generator": train_set, "test_generator": test_set, **bounds, **sizes}


def _differences(metrics, pairs):
    keys = ["train_set", "seed", "test_generator", "condition", "metric"]
    frames = []
    for experiment, baseline in pairs:
        two = [metrics[(metrics.experiment == name) & metrics.metric.isin(METRICS)] for name in (experiment, baseline)]
        both = two[0].merge(two[1][[*keys, "value"]], on=keys, suffixes=("", "_baseline"))
        value = both.value - both.value_baseline
        both = both[[*keys, "interval", "reason"]].assign(value=value, low=value - 0.06, high=value + 0.06)
        frames.append(both.assign(experiment=experiment, baseline=baseline))
    return (
        _as_tested(pd.concat(frames, ignore_index=True)) if frames else pd.DataFrame(columns=list(DIFFERENCES.columns))
    )


def seed_means(metrics, differences):
    """Of every number of several seeds, as of a cell."""
    rows = []
    for frame, more in ((metrics, ()), (differences, ("baseline", "baseline_train_set", "baseline_condition", "kind"))):
        keys = ["experiment", "train_set", "test_generator", "condition", "metric", *more]
        for key, part in frame.groupby(keys, sort=False):
            if len(part) > 1:
                found = part[["value", "low", "high"]].to_numpy()
                estimate, p_value = over_seeds(found, 0.95, (-1.0 if more else 0.0, 1.0))
                told = {"seeds": len(part), "sd": found[:, 0].std(ddof=1), "p_value": p_value, "p_holm": p_value}
                named = dict(zip(keys, key, strict=True))
                rows.append(named | estimate._asdict() | told | {"separated": p_value < 0.05, "family": 0})
    return pd.DataFrame(rows, columns=list(SEED_MEANS.columns))


def _as_tested(rows):
    """With the columns that tests of a difference have."""
    same = {f"baseline_{name}": rows[name] for name in ("train_set", "seed", "condition")}
    means = rows.test_generator.str.startswith(("mean", "own"))
    kind = np.where((rows.train_set == "mean") & means, "overall", "cell")
    kind = np.where((rows.train_set == "mean") != means, "margin", kind)
    p_value = 2 * norm.sf(np.abs(rows.value / 0.06) * norm.ppf(0.975))
    told = {"kind": kind, "test": "bootstrap_t", "p_value": p_value, "n_real": 144, "n_fake": 60}
    rows = rows.assign(**same, **told, only_first=None, only_baseline=None)
    return corrected(rows, FAMILY, 0.95)[list(DIFFERENCES.columns)]


def _audit(rng, generators, names, key, column):
    rows = []
    for stage, subset, generator, name in product(
        ("before_selection", "after_alignment"), ("raw", "q96"), generators, names
    ):
        value = 0.99 if stage == "before_selection" else 0.52 + rng.normal(0, 0.02)
        rows.append({
            "subset": subset, "stage": stage, "test_generator": generator, key: name, "group": name, column: value,
            "low": value - 0.05, "high": min(value + 0.05, 1), "n_real": 144, "n_fake": 60, "reason": None,
            "rules": "jpeg_quality <= 95.5: fake\nelse: real",
        })  # fmt: skip
    return pd.DataFrame(rows)


def _facts(rng, generators):
    def pool(name, label, n, size, quality):
        size = np.asarray(size, dtype=float)
        height = size if label else rng.permutation(size)
        return pd.DataFrame({
            "image_id": [f"{name}/{i}" for i in range(n)], "pool": name, "label": label,
            "split": rng.choice(["train", "val", "test"], n, p=[0.5, 0.1, 0.4]), "format": "PNG" if label else "JPEG",
            "width": size, "height": height, "jpeg_quality": quality, "conversion": None, "quarantine": None,
        })  # fmt: skip

    qualities = rng.choice([96, 90, 85, 75, 99], 480, p=[0.68, 0.1, 0.1, 0.07, 0.05]).astype(float)
    reals = pool("photographs", 0, 480, rng.integers(128, 200, 480), qualities)
    reals.loc[3, "quarantine"] = "truncated"
    fakes = [pool(name, 1, 140, np.full(140, (112, 128, 160)[i % 3]), np.nan) for i, name in enumerate(generators)]
    return pd.concat([reals, *fakes], ignore_index=True)


def _selections(facts):
    train = facts[facts.split == "train"]
    kept = train[(train.label == 1) | (train.jpeg_quality == 96)]
    aligned = kept.assign(format="JPEG", jpeg_quality=96.0)
    stages = [("q96", "after_selection", kept), ("q96", "after_alignment", aligned), ("raw", "after_selection", train)]
    return pd.concat([frame.assign(subset=subset, stage=stage) for subset, stage, frame in stages], ignore_index=True)
