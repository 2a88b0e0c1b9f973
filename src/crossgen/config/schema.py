"""The JSON schema of configs, generated from the classes. `python -m crossgen.config.schema FILE` writes it."""

import json
import sys
from pathlib import Path

from crossgen.config.model import Config


def schema_text() -> str:
    """The schema, with the two keys that reading resolves: `extends`, and recipes given as paths."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "crossgen config"
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Config (relative to this file) that this one changes; then no other key is required here.",
    }
    items = schema["properties"]["recipes"]["items"]
    schema["properties"]["recipes"]["items"] = {"anyOf": [items, {"type": "string"}]}
    schema["anyOf"] = [{"required": ["extends"]}, {"required": schema.pop("required")}]
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
