"""Scores in the shape of DMimageDetection's tables."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from crossgen import records
from crossgen.evaluation.dmimage import logits_by_folder, summaries


@pytest.fixture
def scores():
    """Two detectors; two pools of reals, two of fakes; logits with ties and one image lost by the second detector."""
    random, rows = np.random.default_rng(0), []
    for experiment in ("plain", "aligned"):
        for pool, label, shift in (("coco", 0, -0.5), ("ucid", 0, 0.2), ("adm", 1, 0.4), ("ldm", 1, 1.0)):
            for n, logit in enumerate(np.round(random.normal(shift, 1, 40), 1)):
                keys = {"experiment": experiment, "train_set": "t", "seed": 3, "pool": pool, "condition": "clean"}
                rows.append(keys | {"image_id": f"{pool}/{n}.png", "label": label, "logit": logit})
    found = pd.DataFrame(rows)
    return found[(found["experiment"] != "aligned") | (found["image_id"] != "adm/7.png")]


def test_a_folder_has_a_row_an_image_and_a_column_a_detector(scores):
    folders = logits_by_folder(scores)
    assert list(folders) == ["adm", "coco", "ldm", "ucid"]
    table = folders["adm"].set_index("src")
    assert list(table) == ["label", "plain_t_seed3", "aligned_t_seed3"] and len(table) == 40
    assert table["label"].all() and not folders["coco"]["label"].any()
    assert np.isnan(table.loc["adm/7.png", "aligned_t_seed3"]) and table["plain_t_seed3"].notna().all()


@pytest.mark.parametrize("reals", [None, ["ucid"]])
def test_numbers_are_sklearns(scores, reals):
    tables = summaries(logits_by_folder(scores), reals)
    for experiment in ("plain", "aligned"):
        mine = scores[scores["experiment"] == experiment]
        column, found = f"{experiment}_t_seed3", []
        for fake in ("adm", "ldm"):
            part = mine[mine["pool"].isin([fake, *(reals or ["coco", "ucid"])])]
            found.append((
                100 * balanced_accuracy_score(part["label"], part["logit"] > 0),
                100 * roc_auc_score(part["label"], part["logit"]),
            ))  # fmt: skip
            assert (tables["acc"].loc[fake, column], tables["auc"].loc[fake, column]) == pytest.approx(found[-1])
        means = tables["acc"].loc["AVR", column], tables["auc"].loc["AVR", column]
        assert means == pytest.approx(tuple(np.mean(found, axis=0)))


def test_what_has_no_numbers_is_refused(scores):
    with pytest.raises(ValueError, match="Scores of clean, jpeg: expected those of one"):
        logits_by_folder(pd.concat([scores, scores.assign(condition="jpeg")]))
    with pytest.raises(ValueError, match="Scores of no condition"):
        logits_by_folder(scores[:0])
    folders = logits_by_folder(scores)
    with pytest.raises(ValueError, match="No pools of reals: adm; expected some of coco, ucid"):
        summaries(folders, ["adm"])
    with pytest.raises(ValueError, match="Pools coco: expected reals and fakes"):
        summaries({"coco": folders["coco"]})


def test_the_command_writes_their_files(scores, tmp_path):
    rows = records.from_rows(scores.to_dict("records"), records.SCORES)
    records.write(tmp_path / "scores.parquet", rows, records.SCORES)
    output = tmp_path / "out"
    command = [sys.executable, "-m", "crossgen", "export-dmimage", "--scores", str(tmp_path / "scores.parquet")]
    subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=True)
    told = sorted(str(path.relative_to(output)) for path in output.rglob("*.csv"))
    assert told == ["acc.csv", "adm/adm.csv", "auc.csv", "coco/coco.csv", "ldm/ldm.csv", "ucid/ucid.csv"]
    table = pd.read_csv(output / "auc.csv", index_col=0)
    expected = summaries(logits_by_folder(scores))["auc"]
    assert list(table.index) == ["adm", "ldm", "AVR"] and np.allclose(table, expected, atol=0.006)
    columns = pd.read_csv(output / "ldm" / "ldm.csv").columns.tolist()
    assert columns == ["src", "label", "plain_t_seed3", "aligned_t_seed3"]
