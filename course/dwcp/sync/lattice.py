"""What all replicated values have in common: a merge that may happen in any order, any often.

A CRDT (Shapiro et al. 2011) is a value with an order and a `merge` that gives the least value above
two others. Merge is then commutative, associative and idempotent, and values only grow; so copies
that have merged the same changes are equal, whatever the network did.

Every change is answered with a **delta** (Almeida, Shoker and Baquero 2018): a small value of the
same type, holding only what is new. Merge it into your copy; send it to others, who do the same.

    tags = tags.merge(tags.add("gold", at))         # `at`: the clock of this change, used once

All are Values: nothing here changes in place. What a register or field may hold is plain data,
because it must look the same on every node: None, bool, int of 64 bits, finite float, text, tuples
and dictionaries with text keys, nested at most 8 deep.
Read next: `clocks`, `registers`.
"""

import json
from collections.abc import Callable
from typing import Any, Self

from course.dwcp.sync.clocks import Clock

Stable = Callable[[Clock], bool]
"""Whether every node has the change made at a clock, so that its tombstone may be forgotten."""

DEPTH_MAX = 8
ELEMENT_MAX = 1_024  # characters in an element of a set


class Crdt:
    """Base of all replicated values. `type()` with no arguments is the empty one, below all."""

    __slots__ = ()

    def merge(self, other: Self) -> Self:
        """The least value above both. ValueError if the types differ."""
        raise NotImplementedError

    def read(self) -> Any:
        """What it means, as plain data for people and programs."""
        raise NotImplementedError

    def plain(self) -> Any:
        """All of it as JSON would have it, the same for equal values: hashed, and measured."""
        raise NotImplementedError

    def objection(self) -> str | None:
        """Why this is no proper value of its type; None: it is. For values from a peer."""
        raise NotImplementedError

    def newest(self) -> Clock:
        """The latest clock in it."""
        return Clock()

    def tombstones(self) -> int:
        """How many removed things it must remember."""
        return 0

    def collected(self, stable: Stable) -> Self:
        """Without the tombstones whose clock is `stable`: every node has those."""
        return self


def must_match(mine: Crdt, theirs: object) -> None:
    """Merging two types would give something that is neither."""
    if type(mine) is not type(theirs):
        raise ValueError(
            f"a {type(mine).__name__} cannot be merged with a {type(theirs).__name__}; "
            "a key has one type everywhere"
        )


def canonical(plain: Any) -> bytes:
    """The bytes that stand for plain data: equal data, equal bytes, on every node."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def plain_objection(value: object, depth: int = DEPTH_MAX) -> str | None:
    """Why `value` is not plain data; None: it is."""
    if value is None or type(value) in (bool, str):
        return None
    if type(value) is int:
        return None if -(1 << 63) <= value < 1 << 63 else "a whole number has at most 64 bits"
    if type(value) is float:
        return None if value - value == 0.0 else "a number is finite"
    if depth == 0:
        return f"data is nested at most {DEPTH_MAX} deep"
    if type(value) is tuple:
        return first(plain_objection(item, depth - 1) for item in value)
    if type(value) is dict:
        if any(type(key) is not str for key in value):
            return "a dictionary has text keys"
        return first(plain_objection(item, depth - 1) for item in value.values())
    return f"a {type(value).__name__} is not plain data; a list is written as a tuple"


def element_objection(element: object) -> str | None:
    """Why this is no element of a set; None: it is."""
    if type(element) is str and len(element) <= ELEMENT_MAX:
        return None
    return f"an element is text of at most {ELEMENT_MAX} characters"


def refuse(reason: str | None) -> None:
    """Raise ValueError if there is a reason to."""
    if reason:
        raise ValueError(reason)


def first(objections: Any) -> str | None:
    """The first of some objections that is one."""
    return next((objection for objection in objections if objection), None)


def tags_objection(tags: object, what: str) -> str | None:
    """Why the keys of `tags` are not clocks; None: they are."""
    if type(tags) is not dict or any(type(tag) is not Clock for tag in tags):
        return f"{what} are kept by clock"
    return first(tag.objection() for tag in tags)


def as_list(clock: Clock) -> list[Any]:
    """A clock, as JSON would have it."""
    return [clock.wall, clock.counter, clock.node]
