"""Verbs by name: how one is registered, looked up and carried out, and how it refuses."""

import inspect
from collections.abc import Callable
from typing import Any

from course.catalogue.errors import error_codes
from course.lab.cluster import World

Result = Any
VERBS: dict[str, Callable[..., Result]] = {}
KINDS: dict[str, str] = {}
"""Verb -> R reads; C changes, and can be undone; S may interrupt service; D, D2 may lose data."""
SCOPES: dict[str, str] = {}
"""Verb -> the scope that a caller of the API needs: read, operate or admin."""


class CommandError(Exception):
    """A refusal in the API's form: code, message, details."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        self.code, self.message, self.details = error_codes()[code].code, message, details
        super().__init__(f"{code}: {message}. First: {error_codes()[code].first_action}.")


def verb(
    name: str, kind: str = "C", scope: str = ""
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function as a verb, "group word"; `scope` follows from the kind if not given."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        VERBS[name], KINDS[name] = function, kind
        SCOPES[name] = scope or {"R": "read", "D": "admin", "D2": "admin"}.get(kind, "operate")
        return function

    return register


def run(world: World, name: str, arguments: dict[str, Any]) -> Result:
    """Carry out a verb; raises CommandError for one that does not exist or does not fit."""
    function = lookup(name)
    try:
        inspect.signature(function).bind(world, **arguments)
    except TypeError as error:
        wanted = list(inspect.signature(function).parameters)[1:]
        raise CommandError(
            "UNKNOWN_FIELD", f"{name}: {error}; it takes {', '.join(wanted) or 'no arguments'}"
        ) from None
    return function(world, **arguments)


def lookup(name: str) -> Callable[..., Result]:
    """The function of a verb."""
    if name not in VERBS:
        group = name.split(" ")[0]
        known = [v for v in VERBS if v.startswith(f"{group} ")] or list(VERBS)
        raise CommandError("INVALID_REQUEST", f"no verb {name!r}; there are {', '.join(known)}")
    return VERBS[name]


def groups() -> list[str]:
    return list(dict.fromkeys(name.split(" ")[0] for name in VERBS))


def words(group: str) -> list[str]:
    return [name.split(" ")[1].replace("-", "_") for name in VERBS if name.startswith(f"{group} ")]
