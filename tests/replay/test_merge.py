"""Labs side by side: compared on what is the same, everything else named and left out."""

import json

import pandas as pd
import pytest
from small_run import Lab, change_cell

from crossgen import records
from crossgen.__main__ import main


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("first"))
    lab.make()
    return lab


@pytest.fixture
def other(tmp_path):
    """Makes another lab's run, which differs in what is asked for."""

    def make(**changes) -> Lab:
        lab = Lab(tmp_path / "other", **{"salt": 1, **changes})
        lab.make()
        return lab

    return make


class Outcome:
    def __init__(self, folder, said):
        self.folder, self.said = folder, said
        self.told = json.loads((folder / "merged.json").read_text())
        self.metrics = pd.read_parquet(folder / "metrics.parquet")
        self.differences = pd.read_parquet(folder / "differences.parquet")
        self.page = (folder / "index.html").read_text()

    @property
    def sets(self):
        return set(self.metrics["test_generator"]) & {"adm", "biggan", "sd14"}


@pytest.fixture
def merge(first, tmp_path, capsys):
    def run(lab, *more):
        words = [str(first.report), str(lab.report), "--names", "a", "b", "--output", str(tmp_path / "both"), *more]
        assert main(["merge", *words]) == 0, capsys.readouterr().err
        return Outcome(tmp_path / "both", capsys.readouterr().out)

    return run


def test_labs_that_tested_the_same_are_compared_on_everything(first, other, merge):
    lab = other()
    found = merge(lab)
    assert found.told["apart"] == [] and found.sets == {"adm", "biggan"}
    assert set(found.metrics["experiment"]) == {"a:raw", "b:raw"}
    assert found.told["labs"]["b"]["experiments"] == {"raw": "b:raw"}
    for name, one in (("a", first), ("b", lab)):
        own = pd.read_parquet(one.report / "metrics.parquet").assign(experiment=f"{name}:raw")
        both = found.metrics[found.metrics["experiment"] == f"{name}:raw"].reset_index(drop=True)
        pd.testing.assert_frame_equal(both, own)
    paired = found.differences.set_index(["train_set", "test_generator", "condition", "metric"])
    cells = found.metrics.set_index(["experiment", "train_set", "test_generator", "condition", "metric"])["value"]
    key = ("adm", "biggan", "harmed", "roc_auc")
    assert paired.loc[key, "value"] == pytest.approx(cells[("a:raw", *key)] - cells[("b:raw", *key)])
    assert paired.loc[key, "low"] < paired.loc[key, "value"] < paired.loc[key, "high"]
    block = found.page.split("<h3>clean, ROC-AUC</h3>")[1].split("</table>")[0]
    assert "<td>a:raw</td>" in block and "<td>b:raw</td>" in block
    assert "a:raw − b:raw" in found.page and "<script" not in found.page
    assert (found.folder / "tables" / "scores.md").is_file() and (found.folder / "tables" / "differences.csv").is_file()


def test_a_generator_that_one_lab_has_learned_under_another_name_is_no_other_generator(other, merge):
    """The first lab's file is of an older crossgen, which went by names; `biggan` of the second learned both."""
    found = merge(other(seen_by={"adm": ["adm", "biggan"], "biggan": ["biggan"]}))
    assert found.told["apart"] == []
    rows = found.metrics.query("condition == 'clean' and metric == 'roc_auc'")
    cells = rows.set_index(["experiment", "train_set", "test_generator"])["value"]
    for lab in ("a:raw", "b:raw"):  # in one table a name means one thing
        assert cells[lab, "mean", "own"] == cells[lab, "adm", "adm"]
        assert cells[lab, "mean", "mean_off_diagonal"] == cells[lab, "adm", "biggan"]
        assert pd.isna(cells[lab, "biggan", "mean_off_diagonal"])


def test_experiments_with_names_of_their_own_keep_them(other, merge):
    found = merge(other(experiments=("mine",)))
    assert set(found.metrics["experiment"]) == {"raw", "mine"}


def more_bytes(rows):
    return [row | ({"blake3": "e" * 64} if row["image_id"] == "adm/03.png" else {}) for row in rows]


@pytest.mark.parametrize(
    "change, expected",
    [
        (more_bytes, "1 images with other bytes in a and b (adm/03.png)"),
        (lambda rows: [row for row in rows if row["image_id"] != "adm/03.png"], "1 images only in a (adm/03.png)"),
        (lambda rows: [*rows, rows[3] | {"image_id": "adm/99.png"}], "1 images only in b (adm/99.png)"),
        (lambda rows: [row | {"group": row["image_id"]} for row in rows], "12 images in another group in a and b"),
        (lambda rows: [row | {"stratum": "one"} for row in rows], "images in another stratum in a and b"),
        (
            lambda rows: [
                row | {"quarantine": "truncated" if row["image_id"] == "adm/03.png" else None} for row in rows
            ],
            "1 images quarantined otherwise in a and b (adm/03.png)",
        ),
    ],
)
def test_a_test_set_of_other_images_is_named_and_left_out(other, merge, change, expected):
    found = merge(other(changed={"adm": change}))
    assert found.sets == {"biggan"}
    (apart,) = [item for item in found.told["apart"] if item["what"] == "test set"]
    assert apart["name"] == "adm" and expected in apart["how"] and apart["so"] == "left out"
    assert expected in found.said and expected.split(" (")[0] in found.page


def test_a_condition_of_other_steps_is_named_and_left_out(other, merge):
    found = merge(other(steps=[{"step": "jpeg", "quality": 30}]))
    assert set(found.metrics["condition"]) == {"clean"} and found.sets == {"adm", "biggan"}
    (apart,) = found.told["apart"]
    assert (apart["what"], apart["name"]) == ("condition", "harmed")
    assert "quality 60" in apart["how"] and "quality 30" in apart["how"]


def test_a_generator_more_is_named_and_left_out(other, merge):
    found = merge(other(generators=("adm", "biggan", "sd14")))
    assert found.sets == {"adm", "biggan"}
    assert found.told["apart"] == [{"what": "test set", "name": "sd14", "how": "only in b", "so": "left out"}]


def test_another_statistic_is_named_and_computed_again_for_all(other, merge):
    found = merge(other(replicates=200))
    (apart,) = found.told["apart"]
    assert apart["how"] == "replicates 100 in a, 200 in b" and apart["so"] == "computed again for all as in a"


def test_seeds_that_are_not_shared_have_no_paired_difference(other, merge):
    found = merge(other(seeds=(1,)))
    assert found.differences.empty and found.told["apart"][0]["how"] == "no train set and seed in common"


def test_images_that_one_lab_lost_are_named(other, merge):
    found = merge(other(lost=3))
    (apart,) = found.told["apart"]
    assert (apart["what"], apart["name"]) == ("coverage", "b:raw") and "% of the images at least (adm)" in apart["how"]


def test_three_labs_are_compared_pair_by_pair(first, other, tmp_path):
    paths = [str(first.report), str(other().report), str(first.report)]
    words = ["--names", "a", "b", "c", "--output", str(tmp_path / "three")]
    assert main(["merge", *paths, *words]) == 0
    found = pd.read_parquet(tmp_path / "three" / "differences.parquet")
    pairs = found[["experiment", "baseline"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["a:raw", "b:raw"], ["a:raw", "c:raw"], ["b:raw", "c:raw"]]
    same = found[(found["experiment"] == "a:raw") & (found["baseline"] == "c:raw")]
    assert same["value"].dropna().eq(0).all()


def test_labs_that_share_nothing_are_refused(first, other, tmp_path, capsys):
    lab = other(versions={"pixels": 2, "logits": 1})
    assert main(["merge", str(first.report), str(lab.report), "--names", "a", "b", "--output", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "nothing to compare" in told and "code pixels: VERSION 1 in a, 2 in b" in told


def test_bundles_and_folders_can_be_mixed_and_are_named_by_their_files(first, other, tmp_path, capsys):
    assert main(["export", str(other().report), "--tested-only", "--output", str(tmp_path / "theirs.zip")]) == 0
    words = [str(first.report), str(tmp_path / "theirs.zip"), "--output", str(tmp_path / "both")]
    assert main(["merge", *words]) == 0
    assert set(pd.read_parquet(tmp_path / "both" / "metrics.parquet")["experiment"]) == {"lab:raw", "theirs:raw"}


def test_altered_runs_are_refused_by_name(first, other, tmp_path, capsys):
    lab = other()
    change_cell(lab.report / "scores" / "raw.parquet", "logit", 0, 9.0)
    words = [str(first.report), str(lab.report), "--names", "a", "b", "--output", str(tmp_path / "both")]
    assert main(["merge", *words]) == 1
    assert "b: scores/raw.parquet is missing or altered" in capsys.readouterr().err
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], "expected at least two"),
        (["OTHER", "--names", "a"], "1 names for 2 runs"),
        (["OTHER", "--names", "a", "a"], "Lab name 'a' is there twice"),
        (["OTHER", "--names", "a", "b/c"], "Lab name 'b/c'"),
        (["OTHER"], "Lab name 'lab' is there twice"),
    ],
)
def test_names_are_asked_for_where_they_are_missing(first, tmp_path, capsys, words, expected):
    given = [str(first.report) if word == "OTHER" else word for word in words]
    assert main(["merge", str(first.report), *given, "--output", str(tmp_path / "both")]) == 1
    assert expected in capsys.readouterr().err


def test_the_schemas_hold(first, other, merge):
    found = merge(other())
    records.read(found.folder / "metrics.parquet", records.METRICS)
    records.read(found.folder / "differences.parquet", records.DIFFERENCES)
