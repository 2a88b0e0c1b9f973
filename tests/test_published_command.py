"""crossgen published: lists, prints, draws and writes what others have published."""

import pandas as pd
import pytest

from crossgen.__main__ import main
from crossgen.literature.reading import numbers, tables


def test_it_lists_every_table(capsys):
    assert main(["published"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in tables())


def test_it_prints_one_with_protocol_and_source(capsys):
    assert main(["published", "genimage_table2"]) == 0
    told = capsys.readouterr().out
    assert "98.8" in told
    assert "threshold     0.5" in told
    assert "arXiv 2306.08571v2; primary" in told


def test_it_writes_every_number_with_its_source(tmp_path, capsys):
    path = tmp_path / "all.csv"
    assert main(["published", "--csv", str(path)]) == 0
    written = pd.read_csv(path)
    assert len(written) == len(numbers())
    assert written["citation"].notna().all()


def test_it_draws(tmp_path, capsys):
    assert main(["published", "genimage_table2", "--plot", str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"genimage_table2.svg", "genimage_table2.png"}


def test_an_unknown_table_is_an_error(capsys):
    assert main(["published", "table9"]) == 1
    assert "Unknown published table 'table9'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["published", "--plotted"])
