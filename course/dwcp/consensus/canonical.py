"""One value, one row of bytes: what a signature is over, and what a digest is of.

Two encodings of one message would be two signatures for one promise, and one encoding of two
messages would be one signature for both. So there is exactly one, and it can be read back:

    None n    False f    True t    int i12;    str s3:abc    bytes b3:...    tuple ( items )
    message < name as a str, then the fields in their order >

Lengths are in bytes, text is UTF-8. Floats, lists, dictionaries and sets have no encoding: the
first are not equal on all machines, the others have no order that all agree on.

Values come from peers, so `fits` says whether one has the types that its class declares, before
anything looks inside. Numbers are 0 to 2^63 - 1. Read next: `signatures`.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

NUMBER_MAX = 2**63 - 1
DEPTH_MAX = 24
SIZE_MAX = 64 * 1024 * 1024  # bytes that `decode` looks at


def encode(value: Any) -> bytes:
    """The bytes of `value`. ValueError if it holds anything that has no encoding.

    >>> encode(("vm-1", 7, None))
    b'(s4:vm-1i7;n)'
    """
    parts: list[bytes] = []
    _write(value, parts.append, DEPTH_MAX)
    return b"".join(parts)


def digest(value: Any) -> bytes:
    """SHA-256 of the encoding, 32 bytes."""
    return sha256(encode(value)).digest()


def decode(data: bytes, kinds: Mapping[str, type]) -> Any:
    """The value whose encoding is `data`; `kinds` are the messages that may occur, by name.

    ValueError if `data` is not exactly what `encode` would write. Types of fields are not looked
    at: that is `fits`.
    """
    if len(data) > SIZE_MAX:
        raise ValueError(f"{len(data)} bytes are more than the {SIZE_MAX} that a message may have")
    value, end = _read(data, 0, kinds, DEPTH_MAX)
    if end != len(data) or encode(value) != data:
        raise ValueError("the bytes are not the one encoding of the value they hold")
    return value


def fits(value: Any, kind: Any) -> bool:
    """Has `value` the type `kind`, all the way down? `Any` stands for any value with an encoding.

    >>> fits((1, 2), tuple[int, ...]), fits((1, "2"), tuple[int, ...]), fits(True, int)
    (True, False, False)
    """
    if kind is Any:
        return _has_encoding(value)
    check = _CHECKS.get(kind)
    if check is not None:
        return check(value)
    origin, args = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _is_row(value, args)
    if origin in (UnionType, Union):
        return any(fits(value, one) for one in args)
    cls = origin or kind
    if type(value) is not cls:
        return False
    return all(fits(getattr(value, name), hint) for name, hint in _hints(kind))


# how it is done


def _write(value: Any, put: Callable[[bytes], None], depth: int) -> None:
    kind: Any = type(value)
    if kind is int:
        if abs(value) > NUMBER_MAX:
            raise ValueError("a number beyond 2^63 - 1 has no encoding")
        put(b"i%d;" % value)
    elif kind is bytes:
        put(b"b%d:" % len(value))
        put(value)
    elif kind is str:
        text = value.encode()
        put(b"s%d:" % len(text))
        put(text)
    elif value is None or kind is bool:
        put({None: b"n", False: b"f", True: b"t"}[value])
    elif not depth:
        raise ValueError(f"a value is nested more than {DEPTH_MAX} deep")
    elif kind is tuple:
        put(b"(")
        for item in value:
            _write(item, put, depth - 1)
        put(b")")
    elif is_dataclass(value):
        put(b"<")
        _write(kind.__name__, put, depth)
        for name in _names(kind):
            _write(getattr(value, name), put, depth - 1)
        put(b">")
    else:
        raise ValueError(f"{kind.__name__} has no encoding; use int, str, bytes, bool, None, tuple")


def _read(data: bytes, at: int, kinds: Mapping[str, type], depth: int) -> tuple[Any, int]:
    tag = data[at : at + 1]
    if tag in _SINGLE:
        return _SINGLE[tag], at + 1
    if tag == b"i":
        end = data.index(b";", at, at + 24)
        return int(data[at + 1 : end]), end + 1
    if tag in (b"s", b"b"):
        colon = data.index(b":", at, at + 12)
        end = colon + 1 + max(0, int(data[at + 1 : colon]))
        raw = data[colon + 1 : end]
        return (raw.decode() if tag == b"s" else raw), end
    if tag not in (b"(", b"<") or not depth:
        raise ValueError(f"no value begins at byte {at}")
    items, at, close = [], at + 1, {b"(": b")", b"<": b">"}[tag]
    while data[at : at + 1] != close:
        item, at = _read(data, at, kinds, depth - 1)
        items.append(item)
    return (tuple(items) if tag == b"(" else _message(items, kinds)), at + 1


def _message(items: list[Any], kinds: Mapping[str, type]) -> Any:
    kind = kinds.get(items[0]) if items and type(items[0]) is str else None
    if kind is None or len(items) - 1 != len(_names(kind)):
        raise ValueError("a message with an unknown name, or not as many fields as it has")
    return kind(*items[1:])


_SINGLE: dict[bytes, Any] = {b"n": None, b"f": False, b"t": True}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Fields and their types; a `Signed[Prepare]` has a Prepare where Signed says T."""
    cls = get_origin(kind) or kind
    of = iter(get_args(kind) or (Any,))
    hints = get_type_hints(cls)
    return tuple(
        (name, next(of) if isinstance(hints[name], TypeVar) else hints[name])
        for name in _names(cls)
    )


def _is_row(value: Any, args: tuple[Any, ...]) -> bool:
    if type(value) is not tuple:
        return False
    if len(args) == 2 and args[1] is ...:
        return all(fits(item, args[0]) for item in value)
    return len(value) == len(args) and all(map(fits, value, args))


def _has_encoding(value: Any) -> bool:
    try:
        encode(value)
    except ValueError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return type(value) is str and _has_encoding(value)


_CHECKS: dict[Any, Callable[[Any], bool]] = {
    int: lambda value: type(value) is int and 0 <= value <= NUMBER_MAX,
    bool: lambda value: type(value) is bool,
    bytes: lambda value: type(value) is bytes,
    str: _is_text,
    NoneType: lambda value: value is None,
}
