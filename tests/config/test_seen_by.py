"""Which train sets have learned the generator of a test set: found by generators, never by names."""

import pytest

from crossgen.config.loading import ConfigError, load
from toys import ROOT, toy_config

WEIGHTS = {"kind": "crossgen", "weights": "kl.safetensors"}


def made(name, weights=WEIGHTS, splits=("train", "val"), **told):
    source = {"kind": "reconstructed", "root": name, "of": "photographs", "by": weights, "splits": splits}
    return {"name": name, "label": "fake", "source": source} | told


def trained(name, *fakes):
    return {"name": name, "fake": list(fakes), "real": ["photographs"]}


def judged(name, **told):
    return {"name": name, "fake": name, "real": "photographs"} | told


@pytest.fixture
def seen_by(tmp_path, write_config):
    """Pools, train sets and test sets beside the toy's -> test set to the train sets that have seen it."""

    def found(pools=(), train_sets=(), test_sets=()):
        config = toy_config(tmp_path)
        config["pools"] += pools
        config["train_sets"] = list(train_sets)
        config["test_sets"] = [*(item for item in config["test_sets"] if item["name"] not in
                                 [each["name"] for each in test_sets]), *test_sets]  # fmt: skip
        return {item.name: item.seen_by for item in load([write_config(config, "seen.yaml")]).test_sets}

    return found


def test_each_train_set_has_seen_the_test_set_of_its_name(seen_by):
    assert seen_by() == {"checker": ("checker",), "stripes": ("stripes",)}
    config = load([ROOT / "config" / "mini.yaml"])
    assert {item.name: item.seen_by for item in config.test_sets} == {
        item.name: (item.name,) if item.pair and not item.unseen else () for item in config.test_sets
    }
    assert sum(item.unseen for item in config.test_sets) == 2


def test_pairs_have_seen_the_test_set_of_their_autoencoder():
    config = load([ROOT / "config" / "ablations" / "aligned.yaml"])
    seen = [item.name for item in config.test_sets if item.is_seen_by("pairs")]
    assert seen == ["autoencoder"]


def test_a_union_has_seen_every_generator_of_its_pools(seen_by):
    told = seen_by(
        pools=[made("again", generator="checker"), made("else_")],
        train_sets=[trained("both", "checker", "stripes"), trained("pairs", "again"), trained("third", "else_")],
    )
    assert told == {"checker": ("checker", "both", "pairs"), "stripes": ("stripes", "both")}


def test_reconstructions_of_one_network_are_of_one_generator_without_being_told(seen_by):
    other = {"kind": "crossgen", "weights": "vq.safetensors"}
    pools = [made("learned"), made("tried", splits=["test"], test_only=True),
             made("apart", other, ["test"], test_only=True)]  # fmt: skip
    told = seen_by(pools, [trained("pairs", "learned")], [judged("tried"), judged("apart")])
    assert (told["tried"], told["apart"]) == (("pairs",), ())


def test_a_config_may_say_more(seen_by):
    told = seen_by(
        train_sets=[trained("both", "checker", "stripes")], test_sets=[judged("stripes", seen_by=["checker"])]
    )
    assert told == {"checker": ("checker", "both"), "stripes": ("stripes", "both", "checker")}
    with pytest.raises(ConfigError, match=r"Unknown train set 'chess' in test_sets\[1\] 'stripes', seen_by: expected"):
        seen_by(test_sets=[judged("stripes", seen_by=["chess"])])


def test_reconstructions_of_training_photographs_are_no_test_images(seen_by):
    message = r"Pool 'again' has no test image for test_sets\[2\] 'again': its source.splits are train, val; add test"
    with pytest.raises(ConfigError, match=message):
        seen_by(pools=[made("again")], test_sets=[judged("again")])
    assert seen_by(pools=[made("again", splits=["train", "test"])], test_sets=[judged("again")])["again"] == ("again",)
