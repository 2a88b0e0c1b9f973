"""Rates by bin: against the one-by-one intervals, and against counting by hand."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from broken_tables import answers_of, drawn, known_facts
from judged_tables import GENERATORS, TEST_SETS, make_scores

from crossgen import intervals, records
from crossgen.config import Breakdowns
from crossgen.evaluation.agreement import disagree
from crossgen.evaluation.bins import BY, by_class, by_quality, by_relative_size, by_size, median_side
from crossgen.evaluation.breakdowns import OFF, POOLED, break_down
from crossgen.evaluation.rates import Bins
from crossgen.intervals import Clusters

CONFIG = Breakdowns(fewest=10)


@pytest.mark.parametrize("seed", range(4))
def test_rates_of_bins_are_those_of_one_bin_at_a_time(seed):
    rng = np.random.default_rng(seed)
    codes, groups = rng.integers(0, 6, 400), rng.integers(0, 90, 400)
    codes[codes == 4] = 3  # an empty bin
    codes[:1], groups[:1] = 5, 90
    codes[1:][codes[1:] == 5] = 0  # a bin of one image
    strata = groups % 3
    hits = rng.random(400) < 0.1 + 0.15 * codes
    hits[codes == 2] = True  # a bin without variance
    bins = Bins.of(codes, groups, strata, 6)
    rates = bins.rates(hits, 0.9)
    for bin_ in (0, 1, 2, 3, 5):
        here = codes == bin_
        clusters = Clusters.of(groups[here], np.ones(here.sum()), strata[here])
        expected = intervals.rate(hits[here], np.ones(here.sum(), dtype=bool), clusters, 0.9)
        found = (rates.value[bin_], rates.low[bin_], rates.high[bin_])
        assert found == pytest.approx(expected[:3], abs=1e-12), bin_
        assert bins.images[bin_] == here.sum() and bins.groups[bin_] == len(set(groups[here]))
    assert np.isnan([rates.value[4], rates.low[4], rates.high[4]]).all() and bins.images[4] == 0


def facts_of(**columns):
    length = len(next(iter(columns.values())))
    blank = {"class_name": None, "jpeg_quality": np.nan, "format": "JPEG", "width": 100, "height": 100}
    return pd.DataFrame({name: columns.get(name, [value] * length) for name, value in blank.items()})


def names_of(found):
    return [found.names[code] for code in found.codes]


def test_qualities_lie_in_bins_that_say_where_they_begin():
    facts = facts_of(jpeg_quality=[74, 75, 84, 96, 100, np.nan, np.nan, np.nan],
                     format=["JPEG"] * 6 + ["PNG", "WEBP"])  # fmt: skip
    found = by_quality(facts, CONFIG, np.nan)
    expected = ["<75", "75–84", "75–84", "96", "97–100", "unknown", "lossless", "unknown"]
    assert names_of(found) == expected
    assert found.lower[found.names.index("75–84")] == 75 and found.upper[found.names.index("75–84")] == 85


def test_sizes_go_by_the_short_side_in_pixels_and_in_multiples_of_s():
    facts = facts_of(width=[512, 300, 2000, np.nan], height=[511, 1000, 2000, 100])
    assert names_of(by_size(facts, CONFIG, np.nan)) == ["448–511", "256–319", "1024+", "unknown"]
    assert names_of(by_relative_size(facts, CONFIG, 512.0)) == ["0.9–<1.1", "0.5–<0.7", "3–<4", "unknown"]


def test_without_classes_or_fakes_to_compare_with_there_are_no_bins():
    assert not by_class(facts_of(width=[1, 2]), CONFIG, 1.0)
    assert not by_relative_size(facts_of(width=[1, 2]), CONFIG, np.nan)
    found = by_class(facts_of(class_name=["dog", None, "cat"]), CONFIG, 1.0)
    assert names_of(found) == ["dog", "unknown", "cat"] and found.names == ("cat", "dog", "unknown")


def test_s_is_the_median_short_side():
    assert median_side(pd.DataFrame({"width": [100, 300, 500], "height": [200, 250, 50]})) == 100
    assert np.isnan(median_side(pd.DataFrame({"width": [], "height": []})))


@pytest.mark.parametrize("edges", [(1.0, 1.0), (3.0, 2.0)])
def test_edges_that_do_not_rise_are_refused(edges):
    with pytest.raises(ValueError, match="expected edges that rise, found"):
        Breakdowns(size_edges=edges)


@pytest.fixture(scope="module")
def broken():
    answers = drawn()
    sides = {("raw", name): 128.0 for name in GENERATORS}
    return answers, break_down(answers, sides, CONFIG, 0.95)


def row(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    assert len(table) == 1, (keys, len(table))
    return table.iloc[0]


def test_the_table_fits_its_schema(broken):
    records.check(pa.Table.from_pandas(broken[1], preserve_index=False), records.BREAKDOWNS, "test")
    assert set(broken[1]["by"]) == set(BY) and set(broken[1]["metric"]) == {"tpr", "tnr"}


def test_bins_are_counted_by_hand(broken):
    answers, table = broken
    facts = answers.facts
    logits = next(vector for judge, vector in answers.logits.items() if judge.train_set == "adm")
    key = {"train_set": "adm", "by": "quality", "bin": "96"}
    here = (facts["pool"] == "photographs") & (facts["jpeg_quality"] == 96)
    found = row(table, **key, metric="tnr", test_generator=POOLED)
    assert found["value"] == pytest.approx((logits[here] <= 0).mean()) and found["n"] == here.sum()
    assert found["groups"] == facts["group"][here].nunique()
    fakes = row(table, train_set="adm", by="relative_size", bin="0.9–<1.1", metric="tpr", test_generator=OFF)
    others = facts["pool"].isin(["biggan", "sd14"])
    assert fakes["value"] == pytest.approx((logits[others] > 0).mean()) and fakes["n"] == others.sum() == 80
    none = row(table, **key, metric="tpr", test_generator=POOLED)
    assert np.isnan(none["value"]) and none["reason"] == "no scored fakes in this bin" and pd.isna(none["interval"])


def test_few_images_are_told(broken):
    table = broken[1]
    few = table[(table["n"] > 0) & (table["n"] < 10)]
    assert len(few) and (few["reason"] == "fewer than 10 images: read the interval").all()
    assert (few["low"] < few["high"]).all()
    assert table[table["n"] >= 10]["reason"].isna().all()


def test_classes_are_told_of_all_together_and_of_the_own_test_set_only(broken):
    classes = broken[1][broken[1]["by"] == "class"]
    for name in GENERATORS:
        assert set(classes[classes["train_set"] == name]["test_generator"]) == {name, POOLED, OFF}
    sizes = broken[1][broken[1]["by"] == "size"]
    assert set(sizes["test_generator"]) == {item.name for item in TEST_SETS} | {POOLED, OFF}


def test_images_that_were_not_scored_are_not_counted():
    facts = known_facts()
    scores = make_scores(facts)
    lost = scores["image_id"].isin(facts["image_id"][facts["pool"] == "photographs"].iloc[:20])
    whole, part = (break_down(answers_of(told, facts), {}, CONFIG, 0.95) for told in (scores, scores[~lost]))
    counts = [table[(table.by == "size") & (table.test_generator == POOLED) & (table.metric == "tnr")]["n"].sum()
              for table in (whole, part)]  # fmt: skip
    assert counts == [180, 120]
    assert "relative_size" not in set(whole["by"])


def test_one_generator_and_no_classes():
    facts = known_facts(classes=())
    only = tuple(item for item in TEST_SETS if item.name == "adm")
    facts = facts[facts["pool"].isin(["adm", "photographs"])].reset_index(drop=True)
    table = break_down(answers_of(make_scores(facts, train_sets=("adm",)), facts, only), {}, CONFIG, 0.95)
    assert set(table["test_generator"]) == {"adm", POOLED} and set(table["by"]) == {"quality", "size"}


def test_controls_alone_are_broken_down_and_nothing_is_pooled():
    facts = known_facts()
    control = TEST_SETS[-1:]
    facts = facts[facts["pool"] == "photographs_png"].reset_index(drop=True)
    answers = answers_of(make_scores(facts, experiments=("raw", "unbiased"), train_sets=("adm",)), facts, control)
    table = break_down(answers, {}, CONFIG, 0.95)
    assert set(table["test_generator"]) == {"photographs_png"}
    assert table[table["metric"] == "tpr"]["reason"].eq("no scored fakes in this bin").all()
    assert table[table["metric"] == "tnr"].groupby(["experiment", "by"])["n"].sum().eq(6).all()
    assert disagree(answers, 0.95)["reason"].eq("no image that both have scored").all()


def test_a_pool_that_nobody_scored_is_a_gap():
    facts = known_facts()
    scores = make_scores(facts)
    table = break_down(answers_of(scores[scores["pool"] != "biggan"], facts), {}, CONFIG, 0.95)
    fakes = table[(table["test_generator"] == "biggan") & (table["metric"] == "tpr")]
    assert len(fakes) and fakes["value"].isna().all() and fakes["reason"].eq("no scored fakes in this bin").all()
