"""Published numbers, ours, and what lies between them, as three heat maps."""

import pandas as pd
from matplotlib.figure import Figure

from crossgen.literature.reading import panels, table
from crossgen.report.beside_table import cells
from crossgen.report.data import ReportData
from crossgen.report.literature import Panel, points, shares, stacked

#: Column to what it is called.
SIDES = {"published": "published", "value": "here"}


def figure(data: ReportData, name: str) -> Figure:
    """One comparison with a published table: published, here, here less published (grey italics: in our interval).

    Raises StopIteration for a name that the config does not have.
    """
    item = next(each for each in data.compared if each.name == name)
    entry, found = table(item.table).entry, cells(data, item)
    signed = bool(found["is_difference"].all())
    moved = points(pd.concat([found[name].fillna(0) for name in (*(SIDES if signed else ()), "difference")]))
    colours = moved if signed else shares("balanced accuracy (%)")
    drawn = []
    for kind, told in SIDES.items():
        drawn += [Panel(told, part, _all(part, signed), colours) for part in panels(entry, found, kind).values()]
    within = panels(entry, found.assign(within=found["within"].eq(True)), "within")
    drawn += [
        Panel("here − published", part, _all(part, True), moved, within[key])
        for key, part in panels(entry, found, "difference").items()
    ]
    marks = ["hatched: not here" if found["value"].isna().any() else "", "grey italics: in our interval"]
    differ = ", ".join(aspect.replace("_", " ") for aspect in item.differs) or "nothing"
    words = f"{item.experiment} beside it. Differs in: {differ}. Intervals: {round(100 * data.level)} %."
    return stacked((entry.title, words), drawn, [mark for mark in marks if mark])


def _all(part: pd.DataFrame, signed: bool) -> pd.DataFrame:
    return pd.DataFrame(signed, index=part.index, columns=part.columns)
