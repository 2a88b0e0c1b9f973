"""The detectors of a report: what each of them is, and how its training went."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from crossgen.detectors.identity import read_header
from crossgen.report.data import TRAINED, ReportData
from crossgen.report.printing import GAP, Table

Row = Mapping[Any, Any]


def headers(paths: Sequence[Path]) -> pd.DataFrame:
    """What the headers of detector files tell: the columns of TRAINED. Raises ValueError for files of another kind."""
    return pd.DataFrame([_told(read_header(path)) for path in paths], columns=list(TRAINED))


def _told(header: Row) -> dict[str, object]:
    recipe, training = header["recipe"], header.get("training") or {}
    facts = {name: training.get(name) for name in ("parameters", "device", "precision", "commit")}
    identity = {name: header["identity"].get(name) for name in ("experiment", "train_set", "seed")}
    return {**identity, "architecture": architecture(recipe), "frame": frame(recipe["frame"]), **facts}


def architecture(recipe: Row) -> str:
    """`timm resnet50, pretrained`: the builder, the network it was asked for, and whether its weights were given."""
    options = recipe.get("options") or {}
    name = " ".join([str(recipe["architecture"]), *([str(options["model"])] if "model" in options else [])])
    return f"{name}, pretrained" if options.get("pretrained") else name


def frame(told: Row) -> str:
    """`crop 96`, `short side 256, 224`: kind and pixels."""
    sizes = [told["short_side"]] if told.get("short_side") else []
    return f"{str(told['kind']).replace('_', ' ')} {', '.join(str(size) for size in (*sizes, told['size']))}"


def detectors(data: ReportData) -> Table:
    """A row a trained detector; ensembles are none."""
    full = pd.DataFrame([_row(data, row) for row in data.detectors.to_dict("records")], columns=list(COLUMNS))
    rows = [{title: form(row[name]) for name, (title, form) in PRINTED.items()} for row in full.to_dict("records")]
    caption = (
        "Every detector and its training. Validation loss and ROC-AUC (percent) are those of the epoch that was kept"
        " (the first is 0); time and rate are those of the machine that trained it."
    )
    return Table(caption, pd.DataFrame(rows, columns=[title for title, _ in PRINTED.values()]), full)


def _row(data: ReportData, row: Row) -> dict[str, object]:
    names = [data.histories[name] == row[of] for name, of in HISTORY_OF.items()]
    history = data.histories[names[0] & names[1] & names[2]].sort_values("epoch")
    return {**row, **(_went(history) if len(history) else {})}


def _went(history: pd.DataFrame) -> dict[str, object]:
    """How a training went: its length, the epoch that was kept, and its rate, each epoch by its time."""
    kept = history[history["kept"].astype(bool)]
    seconds = history["seconds"]
    best = {f"kept_{name}" if name == "epoch" else name: kept[name].iloc[-1] for name in KEPT} if len(kept) else {}
    rate = (history["images_per_second"] * seconds).sum() / seconds.sum() if seconds.sum() > 0 else float("nan")
    return {
        **best,
        "epochs": len(history),
        "steps": int(history["step"].iloc[-1]),
        "images_per_second": rate,
        "minutes": seconds.sum() / 60,
    }


def _number(form: str) -> Callable[[Any], str]:
    return lambda value: GAP if pd.isna(value) else form.format(value)


def _text(value: str | float | None) -> str:
    return GAP if pd.isna(value) else str(value)


def _percent(value: float) -> str:
    return GAP if pd.isna(value) else f"{100 * value:.1f}"


#: Names of a detector in a history (`train_set` there is another's, in what was watched) to names in TRAINED.
HISTORY_OF = {"experiment": "experiment", "trained_on": "train_set", "seed": "seed"}
KEPT = ("epoch", "val_loss", "val_balanced_accuracy", "val_roc_auc")
COLUMNS = (
    *TRAINED, "epochs", "steps", "kept_epoch", "val_loss", "val_balanced_accuracy", "val_roc_auc", "images_per_second",
    "minutes",
)  # fmt: skip
#: Column to its title and how it is printed.
PRINTED: dict[str, tuple[str, Callable[[Any], str]]] = {
    "experiment": ("Experiment", str),
    "train_set": ("Trained on", str),
    "seed": ("Seed", str),
    "architecture": ("Architecture", str),
    "parameters": ("Parameters", _number("{:,.0f}")),
    "frame": ("Frame", str),
    "steps": ("Steps", _number("{:,.0f}")),
    "kept_epoch": ("Kept epoch", _number("{:.0f}")),
    "val_loss": ("Val. loss", _number("{:.3f}")),
    "val_roc_auc": ("Val. ROC-AUC", _percent),
    "device": ("Device", _text),
    "precision": ("Precision", _text),
    "images_per_second": ("Images/s", _number("{:,.0f}")),
    "minutes": ("Minutes", _number("{:,.1f}")),
}
