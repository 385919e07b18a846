"""The error codes of DWCP, from `errors.yaml`: one source for API, command line and manual."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """`http` and `grpc` are the statuses, `first_action` what to do first."""

    code: str
    http: int
    grpc: str
    retry: str
    first_action: str


@cache
def error_codes() -> dict[str, ErrorCode]:
    """All codes by name."""
    table = yaml.safe_load(files("course.catalogue").joinpath("errors.yaml").read_text("utf-8"))
    return {code: ErrorCode(code, **row) for code, row in table.items()}
