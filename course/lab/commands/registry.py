"""Verbs by name: how one is registered, looked up and carried out, and how it refuses."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from course.catalogue.errors import error_codes
from course.lab.cluster import World

Result = Any
VERBS: dict[str, Callable[..., Result]] = {}
KINDS: dict[str, str] = {}
"""Verb -> R reads; C changes, and can be undone; S may interrupt service; D, D2 may lose data."""
SCOPES: dict[str, str] = {}
"""Verb -> the scope that a caller of the API needs: read, operate or admin."""

TEXT_MAX, LIST_MAX, NUMBER_MAX = 2_000, 2_000, 1e15
"""Of an argument: characters, entries, size."""


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
    _check(name, function, arguments)
    return function(world, **arguments)


def _check(name: str, function: Callable[..., Result], arguments: dict[str, Any]) -> None:
    """Arguments come from people and from files: each is of the kind that the verb takes."""
    kinds = _kinds(function)
    for key, value in arguments.items():
        if not _fits(value, kinds.get(key, Any)):
            told = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
            raise CommandError(
                "INVALID_REQUEST", f"{name}: {key} is {told}; give {_words(kinds[key])}"
            )


@cache
def _kinds(function: Callable[..., Result]) -> dict[str, Any]:
    return get_type_hints(function)


def _fits(value: Any, kind: Any) -> bool:
    """Is it of that kind? A whole number may be written as a fraction; text and lists are short."""
    if kind is Any:
        return True
    if get_origin(kind) is list:
        inside = get_args(kind)[0]
        short = isinstance(value, list) and len(value) <= LIST_MAX
        return short and all(_fits(one, inside) for one in value)
    if get_args(kind):
        return any(_fits(value, one) for one in get_args(kind))
    if kind in (int, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        bounded = is_number and abs(value) < NUMBER_MAX  # false for what is not a number at all
        return bounded and (kind is float or value == int(value))
    if kind is str:
        return isinstance(value, str) and len(value) <= TEXT_MAX
    return isinstance(value, kind)


def _words(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if get_origin(kind) is list:
        return f"a list, each {_words(get_args(kind)[0])}"
    if get_args(kind):
        return " or ".join(_words(one) for one in get_args(kind) if one is not type(None))
    return names.get(kind, getattr(kind, "__name__", str(kind)))


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
