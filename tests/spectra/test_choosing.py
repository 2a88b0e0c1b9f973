"""Which images are chosen: by hash, alike for every pool, crops on the grid, whatever the order of files."""

from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from crossgen import records
from crossgen.config.spectra import Spectra
from crossgen.spectra.choosing import choose, fair
from crossgen.spectra.residuals import corner
from toys import described, draw_pools, write_tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pools")
    draw_pools(root, n=20)
    write_tables(root)
    for name, label in (("photographs", "real"), ("checker", "fake")):
        records.write(root / f"{name}.parquet", described(root, name, label), records.MANIFEST)
    table = records.read(root / "checker.parquet", records.MANIFEST)
    records.write(root / "reversed.parquet", table.take(list(range(len(table)))[::-1]), records.MANIFEST)
    records.write(root / "few.parquet", table.filter(pc.equal(table["split"], "test")).slice(0, 3), records.MANIFEST)
    return root


def ids(folder: Path, name: str, *others: str, **changes) -> list[object]:
    options = Spectra(side=112, **changes)
    told = choose(folder / f"{name}.parquet", [folder / f"{other}.parquet" for other in others], options)
    return [row["image_id"] for row in told.rows]


def test_the_choice_does_not_depend_on_the_order_of_files(folder):
    assert ids(folder, "checker", images=7) == ids(folder, "reversed", images=7)
    assert ids(folder, "checker", images=7) != ids(folder, "checker", images=7, seed=1)
    assert ids(folder, "checker", images=7) == ids(folder, "checker", images=12)[:7]
    assert len(set(ids(folder, "checker"))) == 20


def test_every_pool_gives_as_many_and_a_tiny_one_holds_up_no_other(folder):
    paths = [folder / f"{name}.parquet" for name in ("photographs", "checker", "few")]
    large = choose(paths[0], [], Spectra(side=128))
    assert large.rows == [] and large.left_out == Counter({"under_side": 20})
    assert all(fair(path, paths[:2], Spectra(side=112, fewest=5, images=15)) == 15 for path in paths[:2])
    assert fair(paths[1], paths, Spectra(side=112, fewest=3)) == 3
    assert fair(paths[1], paths, Spectra(side=112, fewest=4)) == 20
    assert len(ids(folder, "few", "checker", fewest=4)) == 3


def test_splits_are_those_asked_for_and_the_quarantined_are_counted(folder, tmp_path):
    assert all("/test/" in name for name in ids(folder, "checker"))
    assert any("/train/" in name for name in ids(folder, "checker", splits=("train",)))
    table = records.read(folder / "checker.parquet", records.MANIFEST)
    spoiled = pc.if_else(pc.equal(table["image_id"], ids(folder, "checker")[0]), "truncated", None)
    table = table.set_column(table.column_names.index("quarantine"), "quarantine", spoiled)
    records.write(tmp_path / "m.parquet", table, records.MANIFEST)
    told = choose(tmp_path / "m.parquet", [], Spectra(side=112))
    assert +told.left_out == Counter({"truncated": 1}) and len(told.rows) == 19


def test_crops_lie_on_the_grid_inside_the_image():
    centre = Spectra(side=96)
    assert corner("a", (96, 111), centre) == (0, 0) and corner("a", (160, 131), centre) == (32, 16)
    found = {corner(f"{n}", (200, 170), Spectra(side=96, crop="random")) for n in range(300)}
    assert {place[0] for place in found} == set(range(0, 105, 16)) and {place[1] for place in found} == {
        0,
        16,
        32,
        48,
        64,
    }
    with pytest.raises(ValueError, match="a: 100 x 90 pixels hold no square of 96"):
        corner("a", (90, 100), centre)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"side": 100}, "multiple of 16"),
        ({"side": 64}, "greater than or equal to 80"),
        ({"residual": "median_7"}, "'median_5', 'median_3'"),
        ({"images": 1}, "greater than or equal to 2"),
        ({"splits": ()}, "at least 1"),
        ({"window": "hann"}, "Extra inputs"),
    ],
)
def test_bad_options_are_refused(options, text):
    with pytest.raises(ValidationError, match=text):
        Spectra.model_validate(options)
