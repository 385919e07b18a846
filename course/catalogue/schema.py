"""Data files against their JSON schemas, with errors that say where and why."""

import json
import sys
from functools import cache
from importlib.resources import files
from typing import Any

# Asked for by name only to check addresses, which nothing here does, and a second to import.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
from jsonschema.exceptions import best_match  # noqa: E402
from jsonschema.validators import validator_for  # noqa: E402


def check(data: Any, folder: str, name: str) -> None:
    """Hold `data`, read from `name`, against `folder`/schema.json; ValueError with the place."""
    error = best_match(_validator(folder).iter_errors(data))
    if error is not None:
        place = " / ".join(str(step) for step in error.absolute_path) or "the top"
        raise ValueError(f"{name}, at {place}: {error.message}")


@cache
def _validator(folder: str) -> Any:
    """Building one costs more than using it on a file."""
    schema = json.loads(files(folder).joinpath("schema.json").read_text("utf-8"))
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)
