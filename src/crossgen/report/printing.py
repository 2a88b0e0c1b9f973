"""Numbers as text, and tables as CSV, Markdown and LaTeX."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from crossgen.files import write_text
from crossgen.report.estimates import Estimate

GAP = "–"
#: Characters that LaTeX reads as commands; tabulate escapes cells, captions are ours to escape.
ESCAPES = str.maketrans({**{c: f"\\{c}" for c in "&%$#_{}"}, "~": r"\textasciitilde{}", "^": r"\^{}"})


@dataclass(frozen=True)
class Table:
    """A table twice: `frame` is text to print, `full` the same numbers at full precision, one a row, for CSV.

    The first `blocks` columns of `frame` cut it into parts that are printed apart. `notes` explain its gaps.
    """

    caption: str
    frame: pd.DataFrame
    full: pd.DataFrame
    notes: tuple[str, ...] = ()
    blocks: int = 0

    def parts(self) -> list[tuple[str, pd.DataFrame]]:
        """(heading, rows) of each block, without the columns that name it."""
        if not self.blocks or self.frame.empty:
            return [("", self.frame)]
        names = list(self.frame.columns[: self.blocks])
        groups = self.frame.groupby(names, sort=False)
        return [(", ".join(map(str, key)), rows.drop(columns=names)) for key, rows in groups]


class Gaps:
    """Prints undefined cells as a dash with the number of the note that gives the reason."""

    def __init__(self) -> None:
        self._reasons: dict[str, int] = {}

    def mark(self, reason: str) -> str:
        """The dash for one reason; the same reason has the same number everywhere in the table."""
        return f"{GAP} ({self._reasons.setdefault(reason, len(self._reasons) + 1)})"

    @property
    def notes(self) -> tuple[str, ...]:
        """Each reason with its number."""
        return tuple(f"({number}) {reason}" for reason, number in self._reasons.items())

    def percent(self, estimate: Estimate) -> str:
        """`87.5 [80.1, 92.3]`, over several seeds `87.5 ± 1.2 [80.1, 92.3]`."""
        return percent(estimate) if estimate.defined else self.mark(estimate.reason)

    def points(self, estimate: Estimate) -> str:
        """`+12.5 [3.1, 21.9]`, over several seeds `+12.5 ± 1.2 [3.1, 21.9]`, in percentage points."""
        return points(estimate) if estimate.defined else self.mark(estimate.reason)


def percent(estimate: Estimate) -> str:
    """`87.5 [80.1, 92.3]`, a bare value where there is no interval, a dash where there is none.

    Over several seeds the mean and their standard deviation: `87.5 ± 1.2 [80.1, 92.3]`.
    """
    return _with_interval(estimate, "{:.1f}")


def points(estimate: Estimate) -> str:
    """`+12.5 [3.1, 21.9]`: the difference of two percentages, as `percent`."""
    return _with_interval(estimate, "{:+.1f}")


def _with_interval(estimate: Estimate, form: str) -> str:
    if not estimate.defined:
        return GAP
    value = " ".join([minus(form.format(100 * estimate.value)), *deviation(estimate)])
    if not estimate.has_interval:
        return value
    return f"{value} [{minus(f'{100 * estimate.low:.1f}')}, {minus(f'{100 * estimate.high:.1f}')}]"


def deviation(estimate: Estimate) -> list[str]:
    """`± 1.2`, the standard deviation over seeds; nothing where there is one seed."""
    return [f"± {100 * estimate.sd:.1f}"] if estimate.has_sd else []


def minus(number: str) -> str:
    """A true minus sign, and none before a zero."""
    return number.lstrip("+-") if float(number) == 0 else number.replace("-", "−")


def write(table: Table, stem: Path) -> tuple[Path, Path, Path]:
    """Write `<stem>.csv`, `.md` and `.tex`."""
    texts = {".csv": table.full.to_csv(index=False), ".md": markdown(table), ".tex": latex(table)}
    paths = [stem.with_name(stem.name + suffix) for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_text(path, text)
    return paths[0], paths[1], paths[2]


def markdown(table: Table) -> str:
    """Caption, a pipe table per block, notes."""
    pieces = [table.caption]
    for heading, frame in table.parts():
        safe = frame.astype(str).map(lambda cell: cell.replace("|", "\\|"))
        body = tabulate(safe, headers="keys", tablefmt="pipe", showindex=False, disable_numparse=True)
        pieces += [f"**{heading}**", body] if heading else [body]
    return "\n\n".join([*pieces, *table.notes]) + "\n"


def latex(table: Table) -> str:
    """A booktabs `table` per block; needs the packages booktabs and graphicx (too wide tables are shrunk)."""
    floats = [_float(table, heading, frame) for heading, frame in table.parts()]
    return "% needs \\usepackage{booktabs,graphicx}\n" + "\n".join(floats)


def _float(table: Table, heading: str, frame: pd.DataFrame) -> str:
    body = tabulate(frame, headers="keys", tablefmt="latex_booktabs", showindex=False, disable_numparse=True)
    caption = escape(" ".join([table.caption, f"Here: {heading}." if heading else "", *table.notes]).strip())
    lines = [
        "\\begin{table}[htbp]",
        "\\centering",
        f"\\caption{{{caption}}}",
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        f"{body}}}",
        "\\end{table}\n",
    ]
    return "\n".join(lines).replace("−", "$-$").replace("≥", "$\\ge$").replace("≤", "$\\le$")


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return text.translate(ESCAPES)
