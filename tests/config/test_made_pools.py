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
    ],
)
def test_what_would_mix_pools_or_splits_is_refused(loaded, pools, message):
    with pytest.raises(ConfigError, match=message):
        loaded(*pools)
