"""What others have published: tables of GenImage, UnbiasedGenImage, Aligned Datasets and of detectors beside them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from crossgen.literature.reading import PublishedTable

EXAMPLE = """crossgen published                                        list the tables
crossgen published genimage_table2                        print one, with its protocol and sources
crossgen published --plot figures/                        draw them all
crossgen published unbiased_raw --csv raw.csv             write its numbers, a row each"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="names of tables; none: all of them")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw each as a heat map (SVG and PNG) here")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write their numbers here, a row each, with sources")


def run(options: argparse.Namespace) -> None:
    """List, print, draw or write the published tables."""
    from crossgen.literature.reading import table, tables

    chosen = [table(name) for name in options.tables] or list(tables().values())
    if options.csv:
        _write(chosen, options.csv)
    if options.plot:
        _draw(chosen, options.plot)
    if not (options.csv or options.plot):
        print("\n\n".join(_told(each) for each in chosen) if options.tables else _listed(chosen))


def _listed(chosen: Sequence["PublishedTable"]) -> str:
    width = max(len(each.entry.name) for each in chosen)
    lines = [f"{each.entry.name:{width}}  {each.entry.title}" for each in chosen]
    return "\n".join(
        [*lines, "", "One of them: crossgen published TABLE. All as pictures: crossgen published --plot FOLDER"]
    )


def _told(each: "PublishedTable") -> str:
    """Title, numbers as printed, the protocol, and where the numbers were read."""
    protocol = [f"{name.replace('_', ' '):13} {said.says}" for name, said in each.entry.protocol.items()]
    sources = [f"{source.citation} ({source.at}; {source.trust.replace('_', ' ')})" for source in each.sources]
    panels = [part for name, panel in each.panels().items() for part in (name, _grid(panel)) if part]
    return "\n".join([each.entry.title, "", *panels, "", *protocol, "", *(f"Source: {source}" for source in sources)])


def _grid(panel: "pd.DataFrame") -> str:
    from tabulate import tabulate

    text = panel.map(lambda value: f"{value:g}", na_action="ignore").astype(object).fillna("–")
    return str(tabulate(text, headers="keys", tablefmt="simple", stralign="right", disable_numparse=True))


def _draw(chosen: Sequence["PublishedTable"], folder: Path) -> None:
    from crossgen.report.literature import heat_map
    from crossgen.report.style import save

    folder.mkdir(parents=True, exist_ok=True)
    for each in chosen:
        for path in save(heat_map(each), folder / each.entry.name):
            print(f"Written: {path}")


def _write(chosen: Sequence["PublishedTable"], path: Path) -> None:
    import pandas as pd

    from crossgen.files import write_text
    from crossgen.literature.catalogue import sources

    parts = [each.numbers.drop(columns=["file", "table"]).assign(table=each.entry.name) for each in chosen]
    frame = pd.concat(parts, ignore_index=True)
    for name in ("citation", "at"):
        frame[name] = frame["source"].map(lambda key, name=name: getattr(sources()[key], name))
    frame.insert(0, "table", frame.pop("table"))
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    print(f"Written: {path}")
