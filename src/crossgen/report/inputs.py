"""Reading what a report is made of, from the files that the steps before it wrote."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from crossgen import records
from crossgen.config import Shown
from crossgen.report.data import CHOSEN, FACTS, TOLD_OF, ReportData
from crossgen.report.looked import read_looked


def read(options: argparse.Namespace) -> ReportData:
    """Everything that tables, figures and page show."""
    audited = json.loads(options.audited)
    frames = {
        "metrics": records.read(options.metrics, records.METRICS).to_pandas(),
        "differences": records.read(options.differences, records.DIFFERENCES).to_pandas(),
        "biases": records.read(options.biases, records.BIASES).to_pandas(),
        "probes": records.read(options.probes, records.PROBES).to_pandas(),
        "duplicates": records.read(options.duplicates, records.DUPLICATES).to_pandas(),
        "seed_means": records.read(options.seed_means, records.SEED_MEANS).to_pandas(),
        "facts": records.read_all(options.manifests, records.MANIFEST, FACTS).to_pandas(),
        "losses": _losses(options.losses),
        "waterfall": _together(options.waterfalls, records.WATERFALL),
        "histories": _told(options.histories, records.HISTORY),
        "watched": _told(options.watched, records.WATCHED),
        "breakdowns": records.read(options.breakdowns, records.BREAKDOWNS).to_pandas(),
        "correlations": records.read(options.correlations, records.CORRELATIONS).to_pandas(),
        "disagreements": records.read(options.disagreements, records.DISAGREEMENTS).to_pandas(),
        "hardest": records.read(options.hardest, records.HARDEST).to_pandas(),
        "contents": _together([options.contents] if options.contents else [], records.CONTENTS),
        "thresholds": records.read(options.thresholds, records.THRESHOLDS).to_pandas(),
        "operating_points": records.read(options.operating_points, records.OPERATING_POINTS).to_pandas(),
        "reliability": records.read(options.reliability, records.RELIABILITY).to_pandas(),
        "looked": read_looked(options.looked),
        "spectra": _together(options.spectra, records.SPECTRA),
        "spectral": _together(options.spectral, records.SPECTRAL),
        "selections": pd.concat([_stages(*row) for row in audited], ignore_index=True),
    }
    return ReportData.from_config(Shown.model_validate_json(options.shown), frames)


def behind(data: ReportData, options: argparse.Namespace) -> ReportData:
    """The same with what stands behind the cells, which the page alone shows."""
    return replace(
        data,
        curves=_together([options.curves] if options.curves else [], records.CURVES),
        misjudged=_together([options.misjudged] if options.misjudged else [], records.MISJUDGED),
    )


def _losses(paths: Sequence[Path]) -> pd.DataFrame:
    """All losses; two scoring jobs tell of the same pictures."""
    return _together(paths, records.LOSSES).drop_duplicates(ignore_index=True)


def _together(paths: Sequence[Path], schema: records.Schema) -> pd.DataFrame:
    """Tables of one kind as one, also if there is none."""
    tables = [records.read(path, schema).to_pandas() for path in paths]
    both: pd.DataFrame = pd.concat([records.from_rows([], schema).to_pandas(), *tables], ignore_index=True)
    return both


def _told(paths: Sequence[Path], schema: records.Schema) -> pd.DataFrame:
    """The same, of tables that name their detector in columns beside the declared ones."""
    told = _together(paths, schema).reindex(columns=[*TOLD_OF, *schema.columns])
    return told.astype({"seed": "int64"})  # joined to no rows without it, it is not a whole number any more


def _stages(subset: str, train_set: str, selection: str, index: str) -> pd.DataFrame:
    """What was selected, and what became of it: one row an image, not one a crop."""
    chosen = records.read(selection, records.SELECTION, CHOSEN).to_pandas()
    crops = records.read(index, records.CROPS, (*CHOSEN, "crop")).to_pandas()
    parts: Sequence[pd.DataFrame] = [
        chosen.assign(stage="after_selection"),
        crops[crops["crop"] == 0].assign(stage="after_alignment"),
    ]
    return pd.concat(parts).assign(subset=subset, train_set=train_set)
