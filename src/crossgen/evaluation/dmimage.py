"""Scores in the shape of DMimageDetection's result tables: logits by folder, balanced accuracy at 0, ROC-AUC."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

#: Name of the row of means.
MEAN = "AVR"


def logits_by_folder(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Pool to its table: src (pool and file), label (False: real), and a column of logits a detector.

    `scores`: rows of SCORES under one condition. An image that a detector lost is empty in its column. Raises
    ValueError for scores of several conditions, or none.
    """
    conditions = sorted(set(scores["condition"]))
    if len(conditions) != 1:
        raise ValueError(f"Scores of {', '.join(conditions) or 'no condition'}: expected those of one condition.")
    seeds = scores["seed"].astype(str)
    named = scores.assign(model=scores["experiment"] + "_" + scores["train_set"] + "_seed" + seeds)
    models = list(dict.fromkeys(named["model"]))
    wide = named.pivot(index=["pool", "image_id", "label"], columns="model", values="logit")[models].reset_index()
    wide.columns.name = None
    wide = wide.rename(columns={"image_id": "src"}).assign(label=wide["label"] == 1)
    return {str(pool): rows.drop(columns="pool") for pool, rows in wide.groupby("pool")}


def summaries(folders: dict[str, pd.DataFrame], reals: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """`acc` and `auc` in percent: a row each pool of fakes against all pools of reals together, and their mean.

    `reals`: the pools of reals that count; None: all. Raises ValueError for a pool that is not one of reals, and where
    there are no reals or no fakes.
    """
    real = [name for name, rows in folders.items() if not rows["label"].any()]
    strange = sorted(set(reals or ()) - set(real))
    if strange:
        raise ValueError(f"No pools of reals: {', '.join(strange)}; expected some of {', '.join(real)}.")
    fakes = [name for name in folders if name not in real]
    if not real or not fakes:
        raise ValueError(f"Pools {', '.join(folders)}: expected reals and fakes; both are needed for each number.")
    together = pd.concat([folders[name] for name in reals or real])
    measures = {"acc": balanced_accuracy, "auc": roc_auc}
    return {
        name: _table(measure, together, {each: folders[each] for each in fakes}) for name, measure in measures.items()
    }


Logits = npt.NDArray[np.float64]


def balanced_accuracy(real: Logits, fake: Logits) -> float:
    """Mean share right of both labels at logit 0: above it is fake."""
    return float(((real <= 0).mean() + (fake > 0).mean()) / 2)


def roc_auc(real: Logits, fake: Logits) -> float:
    """The chance that a fake's logit is above a real's; ties count half (Mann and Whitney)."""
    ranks = pd.Series(np.concatenate([fake, real])).rank().to_numpy()[: len(fake)]
    return float((ranks.mean() - (len(fake) + 1) / 2) / len(real))


def _table(
    measure: Callable[[Logits, Logits], float], real: pd.DataFrame, fakes: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    models = [name for name in real if name not in ("src", "label")]
    rows = {
        name: {model: 100 * measure(_finite(real[model]), _finite(fake[model])) for model in models}
        for name, fake in fakes.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=models)
    table.loc[MEAN] = table.mean()
    return table


def _finite(logits: pd.Series) -> Logits:
    """Those of the images that were judged."""
    return logits.dropna().to_numpy(np.float64)
