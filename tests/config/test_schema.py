"""The schema file is in step with the classes, describes every key, and accepts the repository's configs."""

import json

import jsonschema
import pytest
import yaml

from crossgen.config.loading import read
from crossgen.config.schema import schema_text
from toys import ROOT

PATH = ROOT / "workflow" / "schemas" / "config.schema.json"
SCHEMA = json.loads(PATH.read_text())


def test_the_file_is_in_step():
    assert PATH.read_text() == schema_text(), (
        "run: python -m crossgen.config.schema workflow/schemas/config.schema.json"
    )


def test_every_key_is_described():
    for name, node in {"Config": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, told in node.get("properties", {}).items():
            assert told.get("description") or "const" in told, f"{name}.{key}"


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda path: path.stem)
def test_configs_fit(path):
    if "recipes" in path.parts:  # a recipe has no key `extends`: it is resolved when the file is read
        jsonschema.validate(read(path), {"$ref": "#/$defs/Recipe", "$defs": SCHEMA["$defs"]})
    else:
        jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMA)


def test_the_schema_refuses_what_the_classes_refuse():
    content = yaml.safe_load((ROOT / "config" / "mini.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"datta": 1}, SCHEMA)
