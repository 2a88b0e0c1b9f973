"""What may stand beside a published table: runs that were made alike, and others with what differs said."""

import pytest
import yaml

from crossgen.config.loading import ConfigError, load
from toys import ROOT

TABLE2 = {"table": "genimage_table2", "experiment": "raw"}


@pytest.fixture
def loaded(tmp_path):
    def configured(*items, base="genimage", **more):
        path = tmp_path / "run.yaml"
        content = {"extends": str(ROOT / f"config/{base}.yaml"), "compare_published": list(items), **more}
        path.write_text(yaml.safe_dump(content))
        return load([path]).compare_published

    return configured


def refused(loaded, *items, **more):
    with pytest.raises(ConfigError) as error:
        loaded(*items, **more)
    return str(error.value)


def test_genimage_as_it_comes_is_comparable_with_its_table_2(loaded):
    assert loaded(TABLE2)[0].differs == {}


def test_the_heat_maps_test_images_are_not_published_and_must_be_said_to_differ(loaded):
    item = {"table": "unbiased_constrained", "experiment": "constrained", "detector": "resnet50"}
    assert "test_images: published" in refused(loaded, item)
    assert set(loaded({**item, "despite": ["test_images"]})[0].differs) == {"test_images"}


def test_a_difference_needs_a_baseline_of_genimage_as_it_comes(loaded):
    item = {"table": "unbiased_difference", "experiment": "constrained", "detector": "resnet50"}
    item |= {"despite": ["test_images"]}
    assert set(loaded({**item, "baseline": "raw"})[0].differs) == {"test_images"}
    pair = {"experiment": "constrained", "baseline": "jpeg96"}
    told = refused(loaded, {**item, "baseline": "jpeg96"}, comparisons=[pair])
    assert "baseline 'jpeg96': a selection of GenImage by subset 'jpeg96': real, images_per_class, aligned" in told
    assert "comparisons does not list {experiment: constrained, baseline: jpeg96}" in refused(
        loaded, {**item, "baseline": "jpeg96"}
    )


def test_every_aspect_that_differs_is_named_with_the_remedy(loaded):
    told = refused(loaded, {"table": "genimage_table2", "experiment": "raw"}, base="mini")
    for aspect in ("detector: published 'resnet50", "training_set: published", "frame: published", "test_images: pub"):
        assert aspect in told
    assert "alignment" not in told
    assert "`despite: [detector, training_set, frame, test_images]`" in told
    found = loaded({**TABLE2, "despite": ["detector", "training_set", "frame", "test_images"]}, base="mini")
    assert found[0].differs["training_set"][1] == "pools such as 'cyclegan' (table)"


def test_a_part_of_genimage_is_another_training_set(loaded):
    told = refused(loaded, {"table": "genimage_table2", "experiment": "raw"}, base="genimage_sample")
    assert "genimage_dataverse in part" in told


def test_alignment_is_found(loaded):
    told = refused(loaded, {**TABLE2, "experiment": "jpeg96"})
    assert "alignment: published 'none', here 'fakes_q96'" in told


def test_a_degraded_condition_in_place_of_the_clean_one_is_said(loaded):
    assert "here 'under all_q96'" in refused(loaded, {**TABLE2, "condition": "all_q96"})


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"table": "table2"}, "Unknown published table 'table2' in compare_published[0]: expected one of genimage_t"),
        (
            {"experiment": "rw"},
            "Unknown experiment 'rw' in compare_published[0]: expected one of raw, deit_s",
        ),
        ({"condition": "dark"}, "Unknown condition 'dark' in compare_published[0]"),
        ({"table": "genimage_table3"}, "genimage_table3 has resnet50, deit_s, swin_t"),
        ({"detector": "vgg"}, "Unknown detector 'vgg' in compare_published[0]: genimage_table2 has resnet50"),
        ({"despite": ["frame"]}, "Nothing differs in frame of compare_published[0]"),
    ],
)
def test_wrong_ones_are_refused(loaded, item, message):
    assert message in refused(loaded, {**TABLE2, **item})


def test_the_same_numbers_twice_are_refused(loaded):
    assert "Doubled compare_published[1]" in refused(loaded, TABLE2, TABLE2)


def test_the_table_of_sd14_is_comparable_but_for_frames(loaded):
    item = {"table": "sd14", "experiment": "raw", "detector": "resnet50"}
    assert "frame: published \"each method's own\", here 'short_side 235, 224'" in refused(loaded, item)
    assert set(loaded({**item, "despite": ["frame"]})[0].differs) == {"frame"}
    told = refused(loaded, {**item, "detector": "npr", "despite": ["frame"]})
    assert "detector: published 'npr (not in our zoo)', here 'resnet50 (timm resnet50)'" in told


def test_weights_of_aligned_datasets_stand_beside_our_own_and_what_differs_is_said():
    found = load([ROOT / "config" / "ablations" / "genimage" / "aligned.yaml"]).compare_published
    assert [item.experiment for item in found] == ["aligned_lossless", "aligned"]
    for item in found:
        assert set(item.differs) == {"training_set", "frame", "alignment", "test_images"}
        assert item.differs["training_set"][1] == "pools such as 'round_trips' (reconstructed)"
    assert found[1].differs["alignment"][1] == "fake brought to JPEG pair"


def test_aligned_pairs_of_the_mini_set_are_not_comparable_with_the_papers(loaded):
    item = {"table": "aligned_dda_genimage", "experiment": "synchronised"}
    told = refused(loaded, item, base="ablations/aligned")
    assert "detector: published 'aligned_variant_not_stated (res50nodown)', here 'small_aligned (residual" in told
    assert "test_images: published 'GenImage, its fakes brought to JPEG 96; which images is not published'" in told
