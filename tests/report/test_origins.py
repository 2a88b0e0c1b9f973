"""What stands below a table or figure as its origin is what it was made of."""

import re
from dataclasses import fields, replace

import pytest

from crossgen.config import PublishedComparison
from crossgen.config.axes import Ablation
from crossgen.provenance import roles
from crossgen.report import origins, page
from crossgen.report.data import ReportData
from crossgen.report.figures import FIGURES, plan
from crossgen.report.tables import TABLES

#: Frames of the report's data to the roles whose files they are read from; all others bear their role's name.
READ_FROM = {"facts": ("manifests",), "selections": ("selections", "indexes"), "waterfall": ("waterfalls",)}
FRAMES = [field.name for field in fields(ReportData) if field.type == "pd.DataFrame" or "DataFrame" in str(field.type)]
#: Read only where a detector has a history, or where a paper tells a difference.
SOMETIMES = {"histories", "differences", "seed_means", "indexes", "watched"}
FILES = {
    "metrics": ("metrics.parquet",),
    "differences": ("differences.parquet",),
    "probes": ("audit/probes.parquet",),
    "manifests": ("../store/manifest/a.parquet", "../store/manifest/b.parquet"),
    "scores": ("scores/raw/adm/seed0.parquet",),
    "watched": (),
}


class Traced(ReportData):
    """Notes which frames are read."""

    def __getattribute__(self, name):
        if name in FRAMES:
            vars(self).setdefault("read", set()).add(name)
        return super().__getattribute__(name)


def traced(data):
    return Traced(**{field.name: getattr(data, field.name) for field in fields(ReportData)})


def roles_read(data):
    return {role for name in vars(data).get("read", ()) for role in READ_FROM.get(name, (name,))}


def agree(declared, read):
    """All that is read is declared, but for the metrics, which also tell which detectors there are; and the reverse."""
    assert read - set(origins.CELLS) <= set(declared), (declared, read)
    assert set(declared) - SOMETIMES <= read, (declared, read)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_the_files_that_it_reads(name, mini):
    data = traced(mini)
    TABLES[name](data)
    agree(origins.TABLES[name], roles_read(data))


@pytest.fixture(scope="module")
def asked(mini):
    """With what only some configs ask for; the spectra, which are drawn of nothing else, are not among it."""
    experiments = {name: (name,) for name in mini.experiments}
    compared = PublishedComparison(table="genimage_table2", experiment=mini.experiments[0])
    return replace(mini, ablations=(Ablation(("kind",), experiments),), compared=(compared,))


@pytest.mark.parametrize("kind", sorted(set(FIGURES) - {"spectra", "contents"}))
def test_a_figure_names_the_files_that_it_reads(kind, asked):
    name = next((name for name in plan(asked) if name.split("_")[0] == kind), None)
    assert name, f"no figure of this kind is planned: {kind}"
    data = traced(asked)
    draw = plan(data)[name]
    vars(data).clear()
    vars(data).update({field.name: getattr(asked, field.name) for field in fields(ReportData)})
    draw()
    agree(origins.of_figure(name), roles_read(data))


def test_every_kind_has_its_origin_and_every_origin_a_line_on_the_card():
    assert set(origins.TABLES) == set(TABLES) and set(origins.FIGURES) == set(FIGURES)
    used = {
        role for told in (origins.TABLES, origins.FIGURES, origins.DRAWN) for names in told.values() for role in names
    }
    used |= {*origins.SAID, *origins.QUARANTINED, *origins.UNDEFINED}
    assert used <= set(roles.ROLES) | set(origins.SECTIONS)
    assert {role for _, rests_on in roles.ROLES.values() for role in rests_on} <= set(roles.ROLES) | set(
        origins.SECTIONS
    )


def test_one_file_is_a_link_to_it_and_many_one_to_the_card():
    assert origins.links(FILES, ("probes",)) == [
        ("audit/probes.parquet", "audit/probes.parquet"),
        ("card", "card.html#of-probes"),
    ]
    assert origins.links(FILES, ("manifests", "losses")) == [
        ("2 manifests", "card.html#data"),
        ("card", "card.html#data"),
    ]
    assert origins.links(FILES, ("watched",)) == []


def test_every_table_of_the_page_says_where_it_is_from(mini, write_page):
    names = ("matrix_clean_roc_auc", "controls")
    files = FILES | {role: (f"{role}.parquet",) for role in roles.ROLES if role not in FILES}
    text = write_page(replace(mini, files=files), names).read_text(encoding="utf-8")
    body = re.sub(r"<noscript>.*?</noscript>|<script.*?</script>", "", text, flags=re.DOTALL)
    said = re.findall(r'<span class="from">From (.*?)</span>', body)
    links = [address for each in said for address in re.findall(r'href="([^"]+)"', each)]
    assert all("card.html#" in each for each in said) and "differences.parquet" in links
    untold = {"run", "cite", "files"}  # the conditions and the files are the config's and the links themselves
    for section in re.findall(r"<section>.*?</section>", body, flags=re.DOTALL):
        key = re.search(r'<h2 id="(\w+)"', section)[1]
        tables, told = len(re.findall(r"<table", section)), section.count('class="from"')
        assert key in untold or told >= tables - section.count('role="grid"'), (key, tables, told)
    assert (
        page.overview(replace(mini, files=files), {n: build(mini) for n, build in TABLES.items()}).count("From <a") == 0
    )
