"""Data files against their JSON schemas, with errors that say where and why."""

import json
import sys
from importlib.resources import files
from typing import Any

# Asked for by name only to check addresses, which nothing here does, and a second to import.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
import jsonschema  # noqa: E402


def check(data: Any, folder: str, name: str) -> None:
    """Hold `data`, read from `name`, against `folder`/schema.json; ValueError with the place."""
    schema = json.loads(files(folder).joinpath("schema.json").read_text("utf-8"))
    try:
        jsonschema.validate(data, schema)
    except jsonschema.ValidationError as error:
        place = " / ".join(str(step) for step in error.absolute_path) or "the top"
        raise ValueError(f"{name}, at {place}: {error.message}") from None
