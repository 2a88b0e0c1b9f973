"""Code digests: what a command needs, nothing more, without importing it."""

import subprocess
import sys

import pytest

from crossgen import code
from toys import ROOT


def test_a_command_depends_on_what_it_imports():
    plot = code.closure("crossgen.commands.plot")
    assert "crossgen.report.figures" in plot and "crossgen.records" in plot
    assert not any(name.startswith(("crossgen.training", "crossgen.detectors", "crossgen.config")) for name in plot)
    assert "crossgen.report.figures" not in code.closure("crossgen.commands.compute_metrics")


def test_comments_and_docstrings_do_not_count(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("'''Old.'''\nVERSION = 3\nx = 1  # one\n")
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    clear = lambda: [f.cache_clear() for f in (code.digest, code.closure, code.version, code._tree)]  # noqa: E731
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
