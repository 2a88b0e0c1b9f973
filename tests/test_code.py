"""Code digests: what a command needs, nothing more, without importing it."""

import subprocess
import sys

import pytest

from crossgen import code
from crossgen.report import page
from toys import ROOT


def test_a_command_depends_on_what_it_imports():
    plot = code.closure("crossgen.commands.plot")
    assert "crossgen.report.figures" in plot and "crossgen.records" in plot
    assert not any(name.startswith(("crossgen.training", "crossgen.detectors", "crossgen.config")) for name in plot)
    assert "crossgen.report.figures" not in code.closure("crossgen.commands.compute_metrics")


def clear() -> None:
    for function in vars(code).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@pytest.mark.parametrize(
    "written",
    [
        "import crossgen.b",
        "from crossgen import b",
        "if 1:\n    pass\nelse:\n    import crossgen.b",
        "try:\n    pass\nexcept ValueError:\n    import crossgen.b",
        "try:\n    pass\nfinally:\n    import crossgen.b",
        "for x in ():\n    pass\nelse:\n    from crossgen import b",
        "match 1:\n    case 1:\n        import crossgen.b",
        "class A:\n    async def f(self):\n        with open('x'):\n            from crossgen.b import y",
    ],
)
def test_imports_are_found_wherever_they_stand(written, tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text(written + "\n")
    (tmp_path / "b.py").write_text("y = 1\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    clear()
    assert code.closure("crossgen.a") == {"crossgen.a", "crossgen.b"}
    clear()


def test_comments_and_docstrings_do_not_count(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("'''Old.'''\nVERSION = 3\nx = 1  # one\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    clear()
    before = code.digest("crossgen.a")
    assert code.version("crossgen.a") == 3
    (tmp_path / "a.py").write_text("'''New words.'''\nVERSION = 3\n\nx = 1\n")
    clear()
    assert code.digest("crossgen.a") == before
    (tmp_path / "a.py").write_text("x = 2\n")
    clear()
    assert code.digest("crossgen.a") != before
    with pytest.raises(ValueError, match="no VERSION"):
        code.version("crossgen.a")
    clear()


def test_data_files_beside_an_imported_module_count(tmp_path, monkeypatch):
    (tmp_path / "page.py").write_text("x = 1\n")
    (tmp_path / "other.py").write_text("y = 1\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def digests() -> tuple[str, str]:
        clear()
        return code.digest("crossgen.page"), code.digest("crossgen.other")

    before, other = digests()
    (tmp_path / "page.html.j2").write_text("<p>")
    (tmp_path / "pages.css").write_text("p {}")  # another module's name
    with_template = digests()
    assert with_template[0] != before and with_template[1] == other
    (tmp_path / "page.html.j2").write_text("<b>")
    assert digests()[0] != with_template[0]
    clear()


def test_the_page_is_made_of_its_template_styles_and_scripts():
    names = {path.name for path in code.data_files("crossgen.report.page")}
    assert names == {page.TEMPLATE, *page.STYLES, *page.SCRIPTS}
    assert "crossgen.report.page" in code.closure("crossgen.commands.report")
    assert "crossgen.report.page" not in code.closure("crossgen.commands.plot")


def test_the_table_side_and_the_snakefile_import_no_torch():
    """Parsing the workflow and asking for help must stay fast."""
    script = (
        "import sys; sys.argv=['x']; from crossgen import code; from crossgen.config import derive, loading;"
        "from crossgen.__main__ import main;\n"
        "try: main(['compute-metrics', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'timm', 'sklearn', 'matplotlib'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT / "src", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
