"""What is asked for: classes, sentences, balance, and seeds that nothing else moves."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crossgen import records
from crossgen.config import GeneratedSource, Prompts
from crossgen.config.generation import TEMPLATES
from crossgen.data.made_files import seed_of
from crossgen.data.prompts import classes_of, items, named, share
from toys import described, draw_pools, write_tables


def source(**told: Any) -> GeneratedSource:
    return GeneratedSource.model_validate_json(
        json.dumps({"kind": "generated", "root": "made", "pipeline": "p"} | told)
    )


def asked(**told: Any) -> list[str]:
    made = source(test_per_class=1, prompts=told)
    return [item.prompt for item in items(made, classes_of(made.prompts))]


def test_imagenet_is_asked_for_as_genimage_does() -> None:
    prompts = asked()
    assert len(prompts) == 1000 and prompts[0] == "photo of tench" and prompts[433] == "photo of bathing cap"
    assert asked(synonyms="all")[433] == "photo of bathing cap, swimming cap"


def test_each_class_has_as_many_and_each_image_a_seed_of_its_own() -> None:
    told = source(train_per_class=5, test_per_class=3)
    found = items(told, classes_of(told.prompts))
    assert set(Counter((item.of.index, item.split) for item in found).values()) == {5, 3}
    assert len({item.seed for item in found}) == len({item.path for item in found}) == 8000
    assert all(0 <= item.seed < 2**63 for item in found)
    assert found[0].path == "train/n01440764/000000.png"
    assert found[0].seed == seed_of("generate/0/n01440764/train/0")


def test_an_images_seed_goes_by_nothing_beside_it() -> None:
    few = source(test_per_class=2, prompts={"classes": ["n01440764", "my dog"]})
    many = source(train_per_class=1, test_per_class=7, prompts={"classes": ["cat", "my dog", "n01440764"]}, steps=3)
    seeds = {item.path: (item.seed, item.prompt) for item in items(many, classes_of(many.prompts))}
    assert all(seeds[item.path] == (item.seed, item.prompt) for item in items(few, classes_of(few.prompts)))
    other = source(test_per_class=2, prompts={"classes": ["n01440764", "my dog"]}, seed=1)
    again = {item.seed for item in items(other, classes_of(other.prompts))}
    assert not again & {item.seed for item in items(few, classes_of(few.prompts))}


def test_shards_are_the_whole() -> None:
    told = source(train_per_class=2, test_per_class=1, prompts={"classes": ["a", "b", "c", "d"]})
    classes = classes_of(told.prompts)
    parts = [item for place in range(5) for item in share(told, classes, place, 5)]
    assert sorted(parts, key=lambda item: item.path) == sorted(items(told, classes), key=lambda item: item.path)
    with pytest.raises(ValueError, match="No shard 5 of 5"):
        share(told, classes, 5, 5)


def test_templates_take_turns_and_only_they_and_the_class_vary() -> None:
    told = source(test_per_class=4, prompts={"classes": ["cat", "dog"], "template": ["a {name}", "one {name}."]})
    found = [item.prompt for item in items(told, classes_of(told.prompts))]
    assert found == ["a cat", "one cat.", "a cat", "one cat.", "a dog", "one dog.", "a dog", "one dog."]


def test_names_of_another_language_come_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    table.write_text("class,name\nn01440764,丁鱥\n1,金鱼\nmy dog,我的狗\n", encoding="utf-8")
    told = {"language": "zh", "names": str(table), "classes": ["n01440764", "n01443537", "my dog"]}
    assert asked(**told) == ["丁鱥的照片", "金鱼的照片", "我的狗的照片"]
    classes = classes_of(Prompts.model_validate_json(json.dumps(told)))
    assert [each.name for each in classes][:2] == ["tench, Tinca tinca", "goldfish, Carassius auratus"]
    with pytest.raises(ValueError, match=r"names\.csv .*does not tell what the class 'n01484850' is called"):
        asked(**(told | {"classes": ["n01484850"]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class;name\na;b\n", "expected the columns class and name"),
        ("class,name\na,b\na,c\n", "line 3: expected a class, once"),
        ("class,name\na,\n", "line 2"),
    ],
)
def test_a_table_of_names_that_says_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "names.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        named(tmp_path / "names.csv")


def test_every_language_has_its_sentence() -> None:
    for language, template in TEMPLATES.items():
        told = {"classes": ["X"], "language": language}
        assert asked(**told) == [template.format(name="X")]


def test_classes_of_another_pool(tmp_path: Path) -> None:
    draw_pools(tmp_path, n=4)
    write_tables(tmp_path)
    table = described(tmp_path, "photographs", "real").to_pandas()
    table["class_name"] = ["pond", "tench, Tinca tinca", None, "pond"] * 2
    table["class_synset"] = [None, "n01440764", None, None] * 2
    table["class_index"] = [None, 0, None, None] * 2
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    plain = [{key: None if value != value else value for key, value in row.items()} for row in rows]
    records.write(tmp_path / "m.parquet", records.from_rows(plain, records.MANIFEST), records.MANIFEST)
    found = classes_of(Prompts(like="photographs"), tmp_path / "m.parquet")
    assert [(each.index, each.synset, each.word) for each in found] == [(0, "n01440764", "tench"), (None, None, "pond")]
    nameless = [row | {"class_name": None} for row in plain]
    records.write(tmp_path / "m.parquet", records.from_rows(nameless, records.MANIFEST), records.MANIFEST)
    with pytest.raises(ValueError, match=r"'photographs' .* have no class_name"):
        classes_of(Prompts(like="photographs"), tmp_path / "m.parquet")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"template": ["photo"]}, "at least 6 characters"),
        ({"template": ["photo of {label}"]}, "{name} once"),
        ({"template": ["{name} and {name}"]}, "{name} once"),
        ({"classes": ["cat", "cat"]}, "each once; 'cat' is written 2 times"),
        ({"language": "zh"}, "names: a table of the classes' names in language 'zh'"),
        ({"classes": ["cat"], "like": "photographs"}, "either classes or like"),
    ],
)
def test_prompts_that_cannot_be_meant_are_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(test_per_class=1, prompts=told)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "train_per_class or test_per_class of at least 1"),
        ({"test_per_class": 1, "call": {"generator": 3}}, "no 'generator' in call"),
        ({"test_per_class": 1, "load": {"revision": "main"}}, "no 'revision' in load"),
        ({"test_per_class": 1, "revision": "main"}, "revision"),
    ],
)
def test_sources_that_cannot_be_meant_are_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(**told)


def test_an_id_that_is_not_imagenets_is_named() -> None:
    with pytest.raises(ValueError, match="No class 'n99999999' in ImageNet-1k"):
        classes_of(Prompts(classes=("n99999999",)))
