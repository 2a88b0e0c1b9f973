"""`crossgen break-down` as the workflow calls it: four tables from files, and refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from broken_tables import known_facts, write_run
from judged_tables import GENERATORS, TEST_SETS, make_scores, metrics_of
from PIL import Image

from crossgen import records
from crossgen.__main__ import main

TABLES = ("breakdowns", "correlations", "disagreements", "hardest")


@pytest.fixture
def given(tmp_path):
    """Options of the command over a small run whose pictures are at hand."""
    facts = known_facts()
    facts.loc[facts["pool"] == "photographs_png", "split"] = "train"  # no test images: they may not be asked for
    scores = make_scores(facts[facts["split"] == "test"], experiments=("raw", "unbiased"))
    paths, manifests = write_run(tmp_path, facts, scores)
    selection = tmp_path / "selection.parquet"
    rows = records.read(manifests[0], records.MANIFEST).to_pylist()
    sizes = [row | {"split": "train", "width": 200, "height": 300} for row in rows if row["pool"] == "adm"]
    records.write(selection, records.from_rows(sizes, records.SELECTION), records.SELECTION)
    metrics = tmp_path / "metrics.parquet"
    told = metrics_of(scores, facts, TEST_SETS[:3])
    records.write(metrics, records.from_rows(told.to_dict("records"), records.METRICS), records.METRICS)
    for name in facts["path"]:
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / name)
    tests = {
        "test_sets": [item.model_dump(mode="json") for item in TEST_SETS[:3]],
        "matrix_conditions": ["clean"],
        "breakdowns": {"hardest": 7, "gallery": True, "fewest": 5, "relative_edges": [0.5, 1.0]},
    }
    return {
        "scores": list(map(str, paths)),
        "manifests": list(map(str, manifests)),
        "metrics": [str(metrics)],
        "tests": [json.dumps(tests)],
        "learned": [json.dumps([["raw", "adm", ["adm", "photographs"], [str(selection)]]])],
        "roots": [json.dumps(dict.fromkeys((*GENERATORS, "photographs"), str(tmp_path)))],
        **{name: [str(tmp_path / "out" / f"{name}.parquet")] for name in TABLES},
    }


def run(options):
    return main(
        ["break-down", *(word for name, words in options.items() for word in (f"--{name}", *words)), "--unproven"]
    )


def read(options):
    return {name: pd.read_parquet(options[name][0]) for name in TABLES}


def test_four_tables_are_written(given, capsys):
    assert run(given) == 0
    assert f"{given['hardest'][0]}: 14 rows" in capsys.readouterr().out
    found = read(given)
    relative = found["breakdowns"][found["breakdowns"]["by"] == "relative_size"]
    assert set(zip(relative["experiment"], relative["train_set"], relative["side"], strict=True)) == {
        ("raw", "adm", 200)
    }
    assert set(relative[relative["metric"] == "tpr"]["bin"]) <= {"<0.5", "0.5–<1", "1+"}
    own = found["hardest"][(found["hardest"]["experiment"] == "raw") & (found["hardest"]["pool"] == "adm")]
    assert own["n_own"].eq(1).all() and found["hardest"]["thumbnail"].notna().all()
    assert len(found["correlations"]) == 2 * 2 * 3 and len(found["disagreements"]) == 3 * (2 * 3 + 3)


def test_pictures_can_be_taken_from_an_earlier_table(given, tmp_path):
    """Where no image is at hand, nothing else changes."""
    assert run(given) == 0
    earlier = (tmp_path / "out" / "hardest.parquet").read_bytes()
    again = given | {"hardest": [str(tmp_path / "again.parquet")], "pictures": given["hardest"], "roots": ["{}"]}
    assert run(again) == 0 and (tmp_path / "again.parquet").read_bytes() == earlier
    assert run({name: words for name, words in again.items() if name != "pictures"}) == 0
    assert pd.read_parquet(tmp_path / "again.parquet")["thumbnail"].isna().all()


def test_the_same_input_gives_the_same_bytes_in_any_order_of_files(given, tmp_path):
    def all_bytes(options):
        assert run(options) == 0
        return [(tmp_path / "out" / f"{name}.parquet").read_bytes() for name in TABLES]

    assert all_bytes(given) == all_bytes(given)
    first = read(given)
    run(given | {"scores": given["scores"][::-1]})
    again = read(given)
    for name in ("breakdowns", "hardest"):
        keys = list(getattr(records, name.upper()).key)
        one, other = (table[name].sort_values(keys).reset_index(drop=True) for table in (first, again))
        pd.testing.assert_frame_equal(one, other)


def test_without_a_gallery_no_picture_is_opened(given):
    tests = json.loads(given["tests"][0])
    tests["breakdowns"]["gallery"] = False
    assert run(given | {"tests": [json.dumps(tests)]}) == 0
    assert read(given)["hardest"]["thumbnail"].isna().all()


def test_a_score_of_no_test_image_is_one_message(given, capsys):
    table = pd.read_parquet(given["scores"][0]).replace({"image_id": {"adm/0.png": "adm/gone.png"}})
    table.to_parquet(given["scores"][0])
    assert run(given) == 1
    assert "no test image of the manifests; were they made anew? Then score again (image 'adm/gone.png'" in (
        capsys.readouterr().err
    )
