"""Ablations: who stands on the same axes, and where."""

from crossgen.config import Ensemble, Experiment
from crossgen.config.axes import ablations
from crossgen.config.loading import load
from toys import toy_config

VARIED = {"name": "raw", "subset": "raw", "recipe": "tiny", "vary": {"subset.images_per_class": [16, 4]}}


def standing(name, **at):
    return Experiment(name=name, subset="raw", recipe="tiny", at=at)


def test_vary_says_where_its_points_stand(tmp_path, write_config):
    given = {"name": "whole", "subset": "raw", "recipe": "tiny", "at": {"images_per_class": 100}}
    config = load([write_config(toy_config(tmp_path, experiments=[given, VARIED], comparisons=[]))])
    (found,) = ablations(config.experiments)
    assert (found.name, found.axes) == ("images_per_class", ("images_per_class",))
    assert found.points == {"whole": (100,), "raw+images_per_class=16": (16,), "raw+images_per_class=4": (4,)}
    assert found.is_number(0) and found.places(0) == [4, 16, 100]


def test_values_without_a_plain_form_stand_at_their_labels(tmp_path, write_config):
    varied = VARIED | {"vary": {"recipe.augment": {"none": [], "flips": [{"step": "flip"}]}}}
    config = load([write_config(toy_config(tmp_path, experiments=[varied], comparisons=[]))])
    (found,) = ablations(config.experiments)
    assert found.points == {"raw+augment=none": ("none",), "raw+augment=flips": ("flips",)}
    assert not found.is_number(0) and found.places(0) == ["none", "flips"]


def test_each_set_of_axes_is_an_ablation_of_its_own_and_one_point_is_none():
    told = [standing("a", x=1, y="p"), standing("b", y="q", x=1), standing("c", x=2), standing("d"), standing("e", z=1)]
    told += [Ensemble(name="f", experiments=("a", "b"), at={"x": 3})]
    both, single = ablations(told)
    assert (both.name, both.points) == ("x_by_y", {"a": (1, "p"), "b": (1, "q")})
    assert single.points == {"c": (2,), "f": (3,)}


def test_axes_are_in_the_order_of_vary_whatever_became_of_at(tmp_path, write_config):
    varied = VARIED | {
        "vary": {"subset.images_per_class": [16, 4], "recipe.augment": {"none": [], "two": [{"step": "flip"}]}}
    }
    config = load([write_config(toy_config(tmp_path, experiments=[varied], comparisons=[]))])
    turned = [item.model_copy(update={"at": dict(sorted(item.at.items()))}) for item in config.experiments]
    assert list(turned[0].at) == ["augment", "images_per_class"]
    (found,) = ablations(turned)
    assert found.axes == ("images_per_class", "augment") and found == ablations(config.experiments)[0]
    assert [found.name for found in ablations([standing("a", y=1, x=2), standing("b", x=2, y=2)])] == ["x_by_y"]


def test_two_at_one_place_are_told_apart_by_their_names():
    (found,) = ablations([standing("a+lr=1", lr=1), standing("b+lr=1", lr=1)])
    assert (found.axes, found.points) == (("lr", "experiment"), {"a+lr=1": (1, "a"), "b+lr=1": (1, "b")})


def test_switches_are_words():
    (found,) = ablations([standing("a", aligned=True), standing("b", aligned=False)])
    assert not found.is_number(0) and found.places(0) == [True, False]
