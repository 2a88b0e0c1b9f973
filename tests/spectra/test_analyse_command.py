"""`crossgen analyse-spectra` on toy pools: planted patterns, determinism, gaps, both tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crossgen import records
from crossgen.__main__ import main
from toys import described, draw_pools, write_tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pools")
    draw_pools(root, n=12)
    write_tables(root)
    for name, label in (("photographs", "real"), ("checker", "fake"), ("stripes", "fake")):
        records.write(root / f"{name}.parquet", described(root, name, label), records.MANIFEST)
    return root


def analysed(folder: Path, name: str, out: Path, threads: int = 1, **options) -> tuple[pd.DataFrame, pd.DataFrame]:
    out.mkdir(parents=True, exist_ok=True)
    others = [str(folder / f"{each}.parquet") for each in ("photographs", "checker", "stripes")]
    label = "real" if name == "photographs" else "fake"
    words = ["analyse-spectra", "--manifest", str(folder / f"{name}.parquet"), "--others", *others, "--pool", name]
    words += ["--label", label, "--root", str(folder), "--threads", str(threads)]
    words += ["--options", json.dumps({"side": 112, "fewest": 2} | options)]
    assert main([*words, "--output", str(out / "s.parquet"), "--images", str(out / "i.parquet")]) == 0
    return (
        records.read(out / "s.parquet", records.SPECTRA).to_pandas().set_index("kind"),
        records.read(out / "i.parquet", records.SPECTRAL).to_pandas(),
    )


def values(averages: pd.DataFrame, kind: str) -> np.ndarray:
    row = averages.loc[kind]
    return np.asarray(row["values"], np.float64).reshape(row["height"], row["width"])


def test_a_planted_checkerboard_and_diagonal_stripes_are_seen(folder, tmp_path):
    """`checker` adds 14 where x + y is even (period 2), `stripes` where it is a multiple of 3."""
    for name, bins in (("checker", (0, 0)), ("stripes", (56 - 37, 56 - 37))):
        averages, images = analysed(folder, name, tmp_path / name)
        assert len(images) == 12 and averages["n"].eq(12).all()
        for kind in ("mean_then_fft", "log_then_mean"):
            found = values(averages, kind)
            place = np.unravel_index(found.argmax(), found.shape)
            mirrored = tuple(-np.array(place) % 112)
            assert np.abs(np.array([place, mirrored]) - bins).sum(axis=1).min() <= 2, (name, kind, place)
    peaks = values(averages, "peaks")
    assert len(peaks) and all((right + down) % 3 == 0 for right, down, _ in peaks)


def test_numbers_do_not_depend_on_threads_or_on_the_order_of_files(folder, tmp_path):
    first = analysed(folder, "photographs", tmp_path / "one")
    again = analysed(folder, "photographs", tmp_path / "three", threads=3)
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert (tmp_path / "one" / "s.parquet").read_bytes() == (tmp_path / "three" / "s.parquet").read_bytes()


def test_a_file_that_is_gone_is_left_out_and_counted(folder, tmp_path):
    table = records.read(folder / "checker.parquet", records.MANIFEST)
    tests = [n for n, split in enumerate(table["split"].to_pylist()) if split == "test"]
    paths = table["path"].to_pylist()
    paths[tests[0]] = "gone.png"
    spoiled = table.set_column(table.column_names.index("path"), "path", [paths])
    (tmp_path / "in").mkdir()
    for name in ("photographs", "stripes"):
        (tmp_path / "in" / f"{name}.parquet").symlink_to(folder / f"{name}.parquet")
        (tmp_path / "in" / name).symlink_to(folder / name)
    (tmp_path / "in" / "checker").symlink_to(folder / "checker")
    records.write(tmp_path / "in" / "checker.parquet", spoiled, records.MANIFEST)
    averages, images = analysed(tmp_path / "in", "checker", tmp_path / "out")
    assert len(images) == 11 and set(averages["n"]) == {11}
    assert json.loads(averages["left_out"].iloc[0]) == {"missing": 1}


def test_a_pool_without_large_images_is_a_gap(folder, tmp_path):
    averages, images = analysed(folder, "checker", tmp_path, side=128)
    assert averages["n"].eq(0).all() and images.empty
    assert json.loads(averages["left_out"].iloc[0]) == {"under_side": 12}


def test_bad_options_are_one_message(folder, tmp_path, capsys):
    words = ["analyse-spectra", "--manifest", str(folder / "checker.parquet"), "--pool", "checker", "--label", "fake"]
    words += ["--root", str(folder), "--output", str(tmp_path / "s"), "--images", str(tmp_path / "i")]
    assert main([*words, "--options", '{"side": 100}']) == 1
    assert "multiple of 16" in capsys.readouterr().err and not list(tmp_path.iterdir())
