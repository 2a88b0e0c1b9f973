"""Reading what a report is made of, from the files that the steps before it wrote."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossgen import records
from crossgen.config import Shown
from crossgen.report.data import ReportData


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every command of the report has."""
    parser.add_argument("--shown", required=True, help="JSON of the config's test sets, conditions, experiments ...")
    parser.add_argument("--metrics", required=True, type=Path, help="metrics (crossgen compute-metrics)")
    parser.add_argument("--differences", required=True, type=Path, help="paired differences")
    parser.add_argument("--biases", required=True, type=Path, help="attributes of the audit (crossgen audit-biases)")
    parser.add_argument("--probes", required=True, type=Path, help="probes of the audit")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of all pools")
    parser.add_argument("--audited", required=True, help="JSON list of [subset, train set, selection, index of crops]")


def read(options: argparse.Namespace) -> ReportData:
    """Everything that tables, figures and page show."""
    audited = json.loads(options.audited)
    frames = {
        "metrics": records.read(options.metrics, records.METRICS).to_pandas(),
        "differences": records.read(options.differences, records.DIFFERENCES).to_pandas(),
        "biases": records.read(options.biases, records.BIASES).to_pandas(),
        "probes": records.read(options.probes, records.PROBES).to_pandas(),
        "facts": records.read_all(options.manifests, records.MANIFEST).to_pandas(),
        "selections": pd.concat([_stages(*row) for row in audited], ignore_index=True),
    }
    return ReportData.from_config(Shown.model_validate_json(options.shown), frames)


def _stages(subset: str, train_set: str, selection: str, index: str) -> pd.DataFrame:
    """What was selected, and what became of it: one row an image, not one a crop."""
    chosen = records.read(selection, records.SELECTION).to_pandas()
    crops = records.read(index, records.CROPS).to_pandas()
    parts: Sequence[pd.DataFrame] = [
        chosen.assign(stage="after_selection"),
        crops[crops["crop"] == 0].assign(stage="after_alignment"),
    ]
    return pd.concat(parts).assign(subset=subset, train_set=train_set)
