"""The comparison of several labs as tables, one page and one JSON file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

import crossgen
from crossgen import records
from crossgen.files import write_text
from crossgen.replay.merge import Merged
from crossgen.report import tables
from crossgen.report.data import MEAN, SHOWN_METRICS, ReportData
from crossgen.report.printing import Gaps, Table, write
from crossgen.templates import template

FOLDER = Path(__file__).parent
TEMPLATE = "merged_page.html.j2"
APART = {"what": "What", "name": "Name", "how": "How the labs differ", "so": "So"}
TITLES = {
    "scores": "Everybody's detectors",
    "controls": "Controls",
    "differences": "Paired differences",
    "apart": "What is not compared",
}


def write_all(merged: Merged, folder: Path) -> list[Path]:
    """Write tables (Parquet, CSV, Markdown, LaTeX), `merged.json` and `index.html` below `folder`."""
    built = build(merged)
    for name, frame, schema in (
        ("metrics", merged.metrics, records.METRICS),
        ("differences", merged.differences, records.DIFFERENCES),
    ):
        records.write(folder / f"{name}.parquet", pa.Table.from_pandas(frame, preserve_index=False), schema)
    paths = [path for name, table in built.items() for path in write(table, folder / "tables" / name)]
    write_text(folder / "merged.json", json.dumps(told(merged), indent=1, sort_keys=True) + "\n")
    write_text(folder / "index.html", page(merged, built))
    return [*paths, folder / "merged.json", folder / "index.html"]


def build(merged: Merged) -> dict[str, Table]:
    """The tables by name, in the order of the page."""
    data = _data(merged)
    found = {"scores": side_by_side(data), "differences": differences(data), "apart": apart(merged)}
    if data.controls:
        found["controls"] = tables.controls(data)
    return {name: found[name] for name in TITLES if name in found}


def _data(merged: Merged) -> ReportData:
    """What the report's own tables are made of, of several labs."""
    nothing = pd.DataFrame()
    sets, conditions = merged.shared.test_sets, merged.shared.conditions
    pairs = tuple(item.name for item in sets if item.pair)
    trains = dict.fromkeys(merged.metrics["train_set"])
    return ReportData(
        metrics=merged.metrics,
        differences=merged.differences,
        biases=nothing,
        probes=nothing,
        facts=nothing,
        selections=nothing,
        experiments=tuple(merged.names.values()),
        train_sets=tuple(name for name in trains if name != MEAN),
        generators=pairs,
        controls=tuple(item.name for item in sets if not item.pair),
        conditions=conditions,
        matrix_conditions=tuple(condition.name for condition in conditions),
        comparisons=merged.pairs,
        seeds=tuple(sorted({int(seed) for seed in merged.metrics["seed"]})),
        level=merged.statistics.level,
        unseen=tuple(item.name for item in sets if item.pair and item.unseen),
        test_sets=sets,
    )


def side_by_side(data: ReportData) -> Table:
    """The report's matrix, with everybody's rows of one condition and metric together."""
    told = tables.matrix(data)
    names = ["Condition", "Metric", "Experiment", "Trained on"]
    frame = told.frame[[*names, *(name for name in told.frame.columns if name not in names)]]
    return replace(told, frame=frame, blocks=2)


def differences(data: ReportData) -> Table:
    """Paired differences of experiments of two labs: a row a train set of both, a column a test set."""
    gaps = Gaps()
    columns = (*data.seen, *data.unseen, *data.means)
    rows = [
        {"First − second": f"{pair[0]} − {pair[1]}", "Condition": condition.name, "Metric": data.title(metric)}
        | {"Trained on": train_set}
        | {data.title(c): gaps.points(data.difference(pair, train_set, c, condition.name, metric)) for c in columns}
        for pair in data.comparisons
        for condition in data.conditions
        for metric in SHOWN_METRICS
        for train_set in (*(t for t in data.train_sets_of(pair[0]) if t in data.train_sets_of(pair[1])), MEAN)
    ]
    caption = (
        "First minus second in percentage points, on the images that both judged and with the same weights: an interval"
        f" that holds 0 does not separate them. {tables.intervals(data).split(', ', 1)[1].capitalize()}"
    )
    return Table(caption, pd.DataFrame(rows), data.differences, gaps.notes, blocks=3)


def apart(merged: Merged) -> Table:
    """What the labs do not share, and what became of it."""
    rows = [{title: getattr(item, name) for name, title in APART.items()} for item in merged.shared.apart]
    frame = pd.DataFrame(rows, columns=list(APART.values()))
    caption = "What the labs do not share is named and left out; nothing is averaged over it."
    return Table(caption, frame, frame)


def told(merged: Merged) -> dict[str, Any]:
    """Who was compared on what, for programs."""
    return {
        "merged_version": 1,
        "crossgen": crossgen.__version__,
        "labs": {
            lab.name: {
                "report": lab.opened.run.told["report"],
                "experiments": {name: new for (of, name), new in merged.names.items() if of == lab.name},
                "detectors": lab.told.detectors,
            }
            for lab in merged.labs
        },
        "test_sets": {item.name: _digests(merged, item.fake, item.real) for item in merged.shared.test_sets},
        "conditions": [condition.name for condition in merged.shared.conditions],
        "statistics": merged.statistics.model_dump(mode="json"),
        "apart": [{name: getattr(item, name) for name in APART} for item in merged.shared.apart],
    }


def _digests(merged: Merged, *pools: str | None) -> dict[str, str]:
    """Digest of the tested images of each pool's shard (that of the first lab; they may be cut otherwise in others)."""
    images = merged.labs[0].told.images
    return {name: digest for name, digest in images.items() if name.rsplit("/", 1)[0] in pools}


def page(merged: Merged, built: dict[str, Table]) -> str:
    """One self-contained page: no scripts, no network. Every text is escaped."""
    return template(FOLDER / TEMPLATE).render(
        labs=[(lab.name, lab.opened.run.told["report"], len(lab.told.detectors)) for lab in merged.labs],
        test_sets=[item.name for item in merged.shared.test_sets],
        conditions=[item.name for item in merged.shared.conditions],
        titles=TITLES,
        tables=built,
        version=crossgen.__version__,
    )
