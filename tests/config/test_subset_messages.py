"""Wrong values of a subset's keys: one line a fault, with the key and what is expected."""

import pytest
import yaml

from crossgen.config.loading import ConfigError, load
from toys import toy_config


def loaded(tmp_path, vary=None, **keys):
    experiment = {"name": "e", "subset": "a", "recipe": "tiny", "vary": vary or {}}
    content = toy_config(tmp_path, subsets=[{"name": "a", **keys}], experiments=[experiment], comparisons=[])
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
    return load([tmp_path / "c.yaml"]).subsets


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"classes": []}, "Wrong value [] of 'classes' in 'a': expected at least 1 item(s)"),
        ({"classes": {"n": 0}}, "Wrong value 0 of 'n' in 'a': expected greater than or equal to 1"),
        ({"classes": [-1]}, "Wrong value -1 of 'classes[0]' in 'a': expected greater than or equal to 0"),
        ({"classes": {"n": 1, "sed": 1}}, "Unknown key 'sed' in 'a': did you mean 'seed'? expected one of n, seed"),
        ({"fraction": 0}, "Wrong value 0 of 'fraction' in 'a': expected greater than 0"),
        ({"balance_classes": "test"}, "expected True, False, 'train' or 'val'"),
        ({"real": {"lists": []}}, "Wrong value [] of 'lists' in 'a': expected at least 1 item(s)"),
        ({"fake": {"lists": {"test": ["x"]}}}, "Unknown key 'test' in 'a': expected one of train, val"),
        (
            {"real": {"jpeg_quality": 101}},
            "Wrong value 101 of 'jpeg_quality' in 'a': expected less than or equal to 100",
        ),
        ({"real": {"width": [500, 400]}}, "Wrong value [500, 400] of 'width' in 'a': expected the lower end first"),
        ({"reals_from": "some"}, "Wrong value \"some\" of 'reals_from' in 'a': expected 'own' or 'all'"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path, keys, message):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, **keys)
    (line,) = str(refused.value).splitlines()
    assert message in line and "subsets[0]." in line


def test_what_may_be_written_in_two_ways(tmp_path):
    for value in (["n02807133", 3, "jay"], {"n": 4, "seed": 1}):
        (subset,) = loaded(tmp_path, classes=value)
        assert (
            subset.classes == tuple(value)
            if isinstance(value, list)
            else (subset.classes.n, subset.classes.seed) == (4, 1)
        )
    (subset,) = loaded(tmp_path, real={"jpeg_quality": 96, "lists": {"val": ["x.txt"]}}, fake={"lists": ["y.txt"]})
    assert (subset.real.jpeg_quality, subset.real.lists.val, subset.fake.lists) == (96, ("x.txt",), ("y.txt",))


def test_a_key_inside_an_absent_mapping_can_be_varied(tmp_path):
    names = {item.name: item.classes for item in loaded(tmp_path, {"subset.classes.n": [1, 2]})}
    assert {name: value.n for name, value in names.items() if value} == {"a+n=1": 1, "a+n=2": 2}
    with pytest.raises(
        ConfigError, match=r"Cannot vary 'subset.classes.n' of subset 'a': classes is \[1\], no mapping"
    ):
        loaded(tmp_path, {"subset.classes.n": [1, 2]}, classes=[1])
