"""The bias audit finds biases that were planted, and none where there are none."""

import numpy as np
import pandas as pd
import pytest

from crossgen import records
from crossgen.data.attributes import ATTRIBUTES
from crossgen.data.audit import STAGES, Images, audit_stage

HEADER = [name for name, attribute in ATTRIBUTES.items() if attribute.group == "header"]


def manifest(n=200, seed=0):
    """n photographs without bias: half of them fakes, every fact drawn independently of the label."""
    rng = np.random.default_rng(seed)
    png = rng.random(n) < 0.3
    quality = np.where(png, np.nan, rng.choice([75, 90, 96], n))
    return pd.DataFrame(
        {
            "image_id": [f"pool/{i}" for i in range(n)], "label": np.arange(n) % 2,
            "group": [f"photograph{i}" for i in range(n)], "stratum": [f"package{i % 3}" for i in range(n)],
            "format": np.where(png, "PNG", "JPEG"), "mode": "RGB", "progressive": rng.random(n) < 0.2,
            "jpeg_quality": pd.array([None if np.isnan(q) else int(q) for q in quality], dtype="Int64"),
            "jpeg_tables": [None if np.isnan(q) else f"digest{int(q)}" for q in quality],
            "chroma_subsampling": [None if p else "4:2:0" for p in png],
            "width": rng.integers(120, 200, n), "height": rng.integers(120, 200, n),
            "bytes": rng.integers(20000, 60000, n),
        }
    )  # fmt: skip


def crops(n=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = manifest(n, seed).assign(
        format="JPEG", jpeg_quality=96, jpeg_tables="digest96", chroma_subsampling="4:2:0", progressive=False,
        crop=0, crop_size=96, crop_x=16 * rng.integers(0, 4, n), crop_y=16 * rng.integers(0, 4, n),
    )  # fmt: skip
    return frame.assign(source_width=frame["width"], source_height=frame["height"])


def as_genimage(frame):
    """GenImage's bias: every fake a square PNG."""
    fake = frame["label"] == 1
    frame = frame.copy()
    frame.loc[fake, ["format", "jpeg_quality", "jpeg_tables", "chroma_subsampling"]] = ["PNG", pd.NA, None, None]
    frame.loc[fake, ["width", "height"]] = 128
    frame.loc[~fake, "format"] = "JPEG"
    frame.loc[~fake, "jpeg_quality"] = frame.loc[~fake, "jpeg_quality"].fillna(96)
    frame.loc[~fake, "jpeg_tables"] = frame.loc[~fake, "jpeg_tables"].fillna("digest96")
    frame.loc[~fake, "chroma_subsampling"] = "4:2:0"
    return frame


def by(rows, column):
    return {row[column]: row for row in rows}


def test_planted_format_bias_is_found_and_said_in_words():
    biases, probes = audit_stage(as_genimage(manifest()), "raw", "before_selection", "sd14")
    biases, probes = by(biases, "attribute"), by(probes, "group")
    for name in ("format", "jpeg_quality", "jpeg_tables", "chroma_subsampling", "width", "height"):
        assert biases[name]["auc"] > 0.97, name
        assert biases[name]["low"] < biases[name]["auc"]
    assert set(probes) == {"header", "header_and_geometry"}
    for row in probes.values():
        assert row["balanced_accuracy"] == 1
        assert 0.9 < row["low"] < 1
    assert "fake (100 %)" in probes["header"]["rules"]
    assert "real (100 %)" in probes["header"]["rules"]
    assert biases["mode"]["auc"] == 0.5
    assert biases["mode"]["reason"] == "constant: RGB"


def test_the_tables_pass_their_schemas():
    for frame, stage in ((manifest(), "after_selection"), (crops(), "after_alignment")):
        biases, probes = audit_stage(frame, "raw", stage, "sd14")
        records.check(records.from_rows(biases, records.BIASES), records.BIASES, "test")
        records.check(records.from_rows(probes, records.PROBES), records.PROBES, "test")
        assert {row["group"] for row in probes} == set(STAGES[stage])
        assert all((row["n_real"], row["n_fake"]) == (100, 100) for row in biases + probes)


def test_a_missing_quality_is_a_fact_of_its_own():
    frame = manifest()
    frame["jpeg_quality"] = pd.array([None if label else 96 for label in frame["label"]], dtype="Int64")
    found = Images.of(frame).probe(["jpeg_quality"])
    assert found.estimate.value == 1
    assert found.rules == "jpeg_quality is missing -> fake (100 %); jpeg_quality is present -> real (100 %)"


def test_a_range_is_said_in_words():
    frame = manifest()
    frame["width"] = np.where(frame["label"] == 1, 128, np.where(np.arange(len(frame)) % 4 == 0, 100, 300))
    found = Images.of(frame).probe(["width"])
    assert found.estimate.value == 1
    assert "width > 114 and width <= 214 -> fake (100 %)" in found.rules
    assert Images.of(frame).auc("width")[0].value == 1  # no direction, yet it tells them apart


def test_without_bias_intervals_hold_one_half():
    """Thirty unbiased tables: AUC and probe scatter about 0.5, and nearly all intervals hold it."""
    values, inside = {"auc": [], "probe": []}, []
    for seed in range(30):
        frame = manifest(160, seed)
        for name in ("jpeg_tables", "width"):
            estimate, _ = Images.of(frame).auc(name)
            values["auc"].append(estimate.value)
            inside.append(estimate.low <= 0.5 <= estimate.high)
        found = Images.of(frame).probe([*HEADER, "width", "height", "aspect"]).estimate
        values["probe"].append(found.value)
        inside.append(found.low <= 0.5 <= found.high)
    assert np.mean(values["auc"]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(values["probe"]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(inside) > 0.92


def test_shuffled_labels_take_the_bias_away():
    frame = as_genimage(manifest())
    frame["label"] = np.random.default_rng(1).permutation(frame["label"])
    found = Images.of(frame).probe(HEADER).estimate
    assert found.low < 0.5 < found.high


def test_aligned_crops_are_constant_but_for_what_is_apart():
    frame = crops()
    frame["source_width"] = np.where(frame["label"] == 1, 128, 180)
    frame["bytes"] = np.where(frame["label"] == 1, 1, 3) * frame["width"] * frame["height"]
    biases, probes = audit_stage(frame, "unbiased", "after_alignment", "sd14")
    probes = by(probes, "group")
    assert probes["detector_reads"]["balanced_accuracy"] == pytest.approx(0.5, abs=0.15)
    assert probes["geometry"]["balanced_accuracy"] == 1
    assert probes["content"]["balanced_accuracy"] == 1
    assert by(biases, "attribute")["width"]["auc"] == 1  # of the source, not of the decoded file
    assert by(biases, "attribute")["crop_x_mod_16"]["auc"] == 0.5


def test_crop_phase_is_a_bias():
    frame = crops()
    frame["crop_x"] += np.where(frame["label"] == 1, 3, 0)
    _, probes = audit_stage(frame, "unbiased", "after_alignment", "sd14")
    assert by(probes, "group")["detector_reads"]["balanced_accuracy"] == 1
    assert "crop_x_mod_16 > 1.5 -> fake (100 %)" in by(probes, "group")["detector_reads"]["rules"]


def test_all_constant_is_exactly_one_half():
    found = Images.of(crops()).probe([*HEADER, "crop_size", "crop_x_mod_16"])
    assert found.estimate.value == 0.5
    assert found.estimate.low < 0.5 < found.estimate.high
    assert found.rules is None
    assert found.reason.startswith("constant")
    estimate, reason = Images.of(crops()).auc("format")
    assert estimate.low < 0.5 == estimate.value < estimate.high
    assert reason == "constant: JPEG"


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_a_photograph_teach_the_probe_nothing(seed):
    """Ten crops of each photograph, told apart by their size: torn folds would score 1, whole groups score chance."""
    frame = manifest(40, seed)
    frame = frame.loc[np.repeat(np.arange(40), 10)].reset_index(drop=True)
    frame["crop"] = np.tile(np.arange(10), 40)
    found, single = (
        Images.of(frame).probe(["bytes_per_pixel"]).estimate,
        Images.of(manifest(40, seed)).probe(["bytes_per_pixel"]).estimate,
    )
    assert found.low < 0.5 < found.high
    assert found.value == pytest.approx(single.value, abs=0.15)
    assert found.high - found.low > 0.8 * (single.high - single.low)


def test_order_of_rows_changes_nothing():
    frame = manifest(120)
    assert audit_stage(frame, "raw", "before_selection", "adm") == audit_stage(
        frame.sample(frac=1, random_state=3), "raw", "before_selection", "adm"
    )


@pytest.mark.parametrize(
    ("labels", "reason"), [([0] * 20, "one class only: no fakes"), ([1] * 20, "one class only: no reals")]
)
def test_one_class_is_a_gap_with_a_reason(labels, reason):
    biases, probes = audit_stage(manifest(20).assign(label=labels), "raw", "before_selection", "adm")
    for row in biases:
        assert np.isnan(row["auc"])
        assert row["reason"] == reason
    for row in probes:
        assert np.isnan(row["balanced_accuracy"])
        assert row["reason"] == reason


def test_one_group_of_a_label_cannot_be_cross_fitted():
    frame = manifest(20)
    frame.loc[frame["label"] == 1, "group"] = "one"
    assert Images.of(frame).probe(HEADER).reason == "a label has one group only: nothing to cross-fit"


def test_pairs_of_real_and_fake_share_a_fold():
    frame = as_genimage(manifest(60))
    frame["group"] = [f"photograph{i // 2}" for i in range(60)]
    assert Images.of(frame).probe(HEADER).estimate.value == 1


def test_refusals():
    with pytest.raises(ValueError, match="Unknown audit stage 'after'"):
        audit_stage(manifest(), "raw", "after", "adm")
    with pytest.raises(ValueError, match=r"lacks the columns \['group'\]"):
        audit_stage(manifest().drop(columns="group"), "raw", "before_selection", "adm")
    with pytest.raises(ValueError, match="Labels"):
        audit_stage(manifest().assign(label=2), "raw", "before_selection", "adm")


def with_rare(n=200):
    """The columns that newer manifests have, all empty."""
    empty = dict.fromkeys(["bit_depth", "frames", "exif", "icc", "xmp", "software", "ai_marker"])
    return manifest(n).assign(**empty)


def test_empty_columns_change_nothing():
    assert audit_stage(with_rare(), "raw", "before_selection", "adm") == audit_stage(
        manifest(), "raw", "before_selection", "adm"
    )


@pytest.mark.parametrize(
    ("name", "fakes", "reals"),
    [
        ("exif", False, True),
        ("software", "Midjourney", None),
        ("ai_marker", "c2pa", None),
        ("bit_depth", 16, 8),
        ("frames", None, 1),
    ],
)
def test_a_rare_fact_that_varies_is_a_bias(name, fakes, reals):
    frame = with_rare()
    frame[name] = [fakes if label else reals for label in frame["label"]]
    biases, probes = audit_stage(frame, "raw", "before_selection", "adm")
    assert by(biases, "attribute")[name]["auc"] == 1 and "icc" not in by(biases, "attribute")
    assert by(probes, "group")["header"]["balanced_accuracy"] == 1
    assert name in by(probes, "group")["header"]["rules"]


def test_boosting_finds_what_three_splits_cannot_hold():
    frame = manifest(2000)
    stripes = (frame["width"] // 10) % 2  # eight stripes
    frame["label"] = stripes.to_numpy()
    tree, boosted = (Images.of(frame).probe(["width"], model=model).estimate for model in ("tree", "boosting"))
    assert boosted.value > 0.98 > tree.value


def test_boosting_learns_nothing_from_nothing():
    found = [
        Images.of(manifest(200, seed)).probe([*HEADER, "width", "height"], model="boosting").estimate
        for seed in range(6)
    ]
    assert np.mean([each.value for each in found]) == pytest.approx(0.5, abs=0.04)
    assert sum(each.low <= 0.5 <= each.high for each in found) >= 5


def test_of_facts_that_say_the_same_brief_rules_name_the_first():
    frame = as_genimage(manifest())
    rules = Images.of(frame).probe(["format", "chroma_subsampling", "progressive"], brief=True).rules
    assert rules == "format is JPEG -> real (100 %); format is PNG -> fake (100 %)"
