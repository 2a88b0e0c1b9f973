"""Ensembles: their logits against a mean by hand, what they lack, what is refused."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from judged_tables import GENERATORS, TEST_SETS, make_facts, make_scores, metrics_of, pick

from crossgen import records
from crossgen.__main__ import main
from crossgen.evaluation.averages import KEY, average, named


def tables(count, lost=(), conditions=("clean", "jpeg_q65")):
    """Score tables of so many detectors of one train set; `lost`: (member, image) that it has no scores of."""
    facts, found = make_facts(), []
    for number in range(count):
        rows = make_scores(facts, (f"e{number}",), number, conditions, ("adm",))
        for member, image in lost:
            rows = rows[~((member == number) & (rows["image_id"] == image))]
        found.append(rows.sample(frac=1, random_state=number))  # files need not be in one order
    return found


def checked(frames):
    return [records.check(pa.Table.from_pandas(each, preserve_index=False), records.SCORES, "x") for each in frames]


def test_the_logit_is_the_mean_of_the_members_on_the_images_of_all():
    frames = tables(3, lost=[(1, "adm/3.png"), (2, "adm/5.png")])
    averaged = average(checked(frames))
    logits: dict[tuple[str, str, str], list[float]] = {}
    for frame in frames:
        for row in frame.itertuples():
            logits.setdefault((row.pool, row.condition, row.image_id), []).append(float(row.logit))
    expected = {key: sum(values) / 3 for key, values in logits.items() if len(values) == 3}
    rows = averaged.scores.to_pylist()
    found = {tuple(row[name] for name in KEY): row["logit"] for row in rows}
    assert found.keys() == expected.keys() and averaged.lost == len(logits) - len(expected) == 4
    assert [found[key] for key in expected] == pytest.approx(list(expected.values()), abs=1e-6)
    assert all(row["label"] == (row["pool"] in GENERATORS) for row in rows)


def test_the_command_writes_scores_under_the_name_of_the_ensemble(tmp_path, capsys):
    frames = tables(2, lost=[(0, "adm/3.png")])
    paths = [str(tmp_path / f"{number}.parquet") for number in range(2)]
    for frame, path in zip(frames, paths, strict=True):
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    out = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for path in out:
        names = ["--experiment", "both", "--train-set", "adm", "--seed", "4"]
        assert main(["average-scores", "--scores", *paths, *names, "--unproven", "--output", path]) == 0
    assert "2 detectors; 2 (image, condition) left out" in capsys.readouterr().out
    written = records.read(out[0], records.SCORES).to_pandas()
    keys = written[["experiment", "train_set", "seed"]].drop_duplicates().to_numpy().tolist()
    assert keys == [["both", "adm", 4]] and len(written) == len(frames[0])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_metrics_judge_an_ensemble_as_an_experiment():
    """Two views of one truth with independent noise: their mean knows it better than either."""
    facts = make_facts(60, 80)
    first, second = (make_scores(facts, (name,), seed) for seed, name in enumerate(("a", "b")))
    both = []
    for train_set in GENERATORS:
        mine = [each[each["train_set"] == train_set] for each in (first, second)]
        averaged = average(checked(mine))
        both.append(named(averaged.scores, "both", train_set, 0).to_pandas())
    metrics = metrics_of(pd.concat([first, second, *both], ignore_index=True), facts, TEST_SETS)
    keys = {"train_set": "mean", "test_generator": "mean", "metric": "roc_auc"}
    value = {name: pick(metrics, experiment=name, **keys)["value"] for name in ("a", "b", "both")}
    assert value["both"] > max(value["a"], value["b"])


REFUSALS = [
    (lambda one, two: [one], "An ensemble of 1 detector"),
    (lambda one, two: [one, two, one], "e0/adm/seed0 are given twice"),
    (lambda one, two: [one, two.assign(label=1)], "has two labels among the members"),
    (lambda one, two: [one, two[two["pool"] == "adm"].assign(condition="dark")], "No image was scored by all of"),
    (lambda one, two: [one, pd.concat([two, two.assign(seed=1)])], "holds 2 detectors: expected one"),
    (lambda one, two: [one, two[:0]], "holds 0 detectors"),
]


@pytest.mark.parametrize(("made", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_what_cannot_be_averaged_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        average(checked(made(*tables(2, conditions=("clean",)))))
