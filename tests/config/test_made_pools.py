"""Pools whose images are made: what a config may not say of them."""

import pytest

from crossgen.config.loading import ConfigError, load
from toys import toy_config

FOLDER = {"name": "holder", "label": "real", "source": {"kind": "folder", "root": "photos"}}


def made(root="fakes", of="photographs", **told):
    source = {"kind": "reconstructed", "root": root, "of": of, "by": {"kind": "crossgen", "weights": "w.safetensors"}}
    return {"name": "again", "label": "fake", "source": source} | told


def drawn(root="drawn", **told):
    return {"name": "drawn", "label": "real", "source": {"kind": "procedural", "root": root, "n": 20}} | told


def generated(root="generated", label="fake", test_only=True, **told):
    source = {"kind": "generated", "root": root, "pipeline": "model", "test_per_class": 2} | told
    return {"name": "tiny", "label": label, "test_only": test_only, "source": source}


@pytest.fixture
def loaded(tmp_path, write_config):
    """Pools -> the toy's config with these besides."""

    def configured(*pools):
        base = toy_config(tmp_path)
        base["pools"] += pools
        return load([write_config(base, "made.yaml")])

    return configured


def test_a_pool_of_reals_may_be_reconstructed_beside_a_folder(loaded):
    assert [pool.source.made for pool in loaded(FOLDER, made()).pools[-2:]] == [False, True]


def test_a_pool_of_drawings_may_be_reconstructed(loaded):
    pools = loaded(drawn(), made(of="drawn")).pools[-2:]
    assert [pool.source.made for pool in pools] == [True, True]
    assert pools[0].source.size == (256, 256) and pools[0].source.families is None


def test_a_pool_for_training_alone_is_no_test_set(tmp_path, write_config):
    base = toy_config(tmp_path)
    base["pools"].append(generated(test_per_class=0, train_per_class=2, test_only=False))
    base["test_sets"].append({"name": "tiny", "fake": "tiny", "real": "photographs"})
    with pytest.raises(ConfigError, match=r"Pool 'tiny' has no test image .*source\.test_per_class is 0"):
        load([write_config(base, "made.yaml")])


def test_pools_of_one_pipeline_are_of_one_generator(tmp_path, write_config):
    """Trained on under one name, the other's test set is its own."""
    base = toy_config(tmp_path)
    base["pools"] += [
        generated(test_only=False, train_per_class=2),
        generated(root="again", steps=4) | {"name": "again", "test_only": False},
    ]
    base["train_sets"] = [{"name": "learned", "fake": ["tiny"], "real": ["photographs"]}]
    base["test_sets"].append({"name": "again", "fake": "again", "real": "photographs"})
    told = load([write_config(base, "made.yaml")])
    assert "learned" in next(item for item in told.test_sets if item.name == "again").seen_by


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ([made(label="real")], "Wrong label 'real'"),
        ([made(of="nobody")], "Unknown pool 'nobody' in .*source.of"),
        ([made(), made(name="twice", root="other", of="again")], "Wrong pool 'again' in .*source.of"),
        ([made(test_only=True)], r"Wrong splits \['train', 'val'\] in .*expected \[test\]"),
        ([made(root="photos"), FOLDER], "Doubled root 'photos'"),
        ([FOLDER, made(root="./photos")], "Doubled root './photos'"),
        ([made(), made(name="twice")], "Doubled root 'fakes' in .*'twice'"),
        ([made(root="photos/fakes"), FOLDER], "Overlapping root 'photos/fakes'"),
        ([drawn(label="fake")], "Wrong label 'fake' of .*'drawn': procedural images are reals"),
        ([drawn(), made(root="./drawn")], "Doubled root './drawn'"),
        ([drawn(root="photos/drawn"), FOLDER], "Overlapping root 'photos/drawn'"),
        ([FOLDER, made(root=".")], "Overlapping root '.'"),
        ([generated(label="real")], "Wrong label 'real' of .*'tiny': generated images are fakes"),
        ([generated(train_per_class=3)], "Wrong train_per_class 3 in .*test_only"),
        ([generated(prompts={"like": "nobody"})], "Unknown pool 'nobody' in .*source.prompts.like"),
        ([generated(prompts={"like": "tiny"})], "Unknown pool 'tiny' in .*source.prompts.like"),
        ([generated(root="photos/made"), FOLDER], "Overlapping root 'photos/made'"),
        ([generated(), drawn(root="generated")], "Doubled root 'generated'"),
        (
            [
                generated(prompts={"like": "photographs"}),
                generated(root="g", prompts={"like": "tiny"}) | {"name": "second"},
            ],
            "Wrong pool 'tiny' in .*its classes are those of 'photographs'; name that",
        ),
    ],
)
def test_what_would_mix_pools_or_splits_is_refused(loaded, pools, message):
    with pytest.raises(ConfigError, match=message):
        loaded(*pools)
