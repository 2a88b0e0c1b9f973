"""How a fact is spread over the reals and over the fakes: counts of values, or of bins with quantiles."""

import numpy as np
import pandas as pd

from crossgen.data.tree import as_text

#: A number with no more distinct values is counted value by value; so many of a category are named.
VALUES = 12
BINS = 24
QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
LABELS = {"real": 0, "fake": 1}

Json = dict[str, object]


def distribution(values: pd.Series, labels: pd.Series, number: bool) -> Json:
    """Counts of reals and fakes along one shared axis.

    `kind` values: `values`, and per label the count of each; `other` beyond them. `kind` histogram: `edges` of bins,
    per label the count in each, the number `missing`, and QUANTILES of the known ones.
    """
    if not number or values.nunique() <= VALUES:
        return _counted(_written(values) if number else as_text(values), labels)
    known = values.astype(float)
    edges = np.linspace(known.min(), known.max(), BINS + 1)
    told: Json = {"kind": "histogram", "edges": [float(edge) for edge in edges]}
    missing, quantiles = {}, {}
    for name, label in LABELS.items():
        own = known[labels == label]
        told[name] = np.histogram(own.dropna(), edges)[0].tolist()
        missing[name] = int(own.isna().sum())
        quantiles[name] = {key: float(own.quantile(at)) for key, at in QUANTILES.items()} if own.notna().any() else None
    return told | {"missing": missing, "quantiles": quantiles}


def _counted(texts: pd.Series, labels: pd.Series) -> Json:
    counts = pd.crosstab(texts, labels).reindex(columns=list(LABELS.values()), fill_value=0)
    shares = (counts / counts.sum().clip(lower=1)).sum(axis=1)  # a value of a few fakes counts as one of many reals
    order = sorted(counts.index, key=lambda each: (-shares[each], each))
    named, rest = order[:VALUES], order[VALUES:]
    numeric = all(_is_number(each) for each in named)
    named = sorted(named, key=lambda each: (each == "missing", float(each) if numeric and each != "missing" else 0.0))
    told: Json = {"kind": "values", "values": named}
    for name, label in LABELS.items():
        told[name] = counts.loc[named, label].astype(int).tolist()
    return told | {"other": {name: int(counts.loc[rest, label].sum()) for name, label in LABELS.items()}}


def _written(values: pd.Series) -> pd.Series:
    """Numbers as one writes them: 96, not 96.0."""
    texts = ["missing" if pd.isna(value) else f"{float(value):.12g}" for value in values]
    return pd.Series(texts, index=values.index, dtype=object)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "missing"
    return True
