"""Plain data <-> bytes: the only thing that crosses between candidate and examiner.

A value is one tag byte and what the tag says. There are no references, no class names to look up
and no code: decoding builds values of the types below and of no others, so nothing that a
student's process sends can run here. What comes in is bounded in size, depth and count.

    None bool int float complex str bytes      list tuple dict set frozenset range
    date time datetime timedelta               numpy arrays and scalars, by their raw buffers
    pandas DataFrame, Series, Index, Timestamp, Timedelta, NaT, NA
    Handle      stands for an object that stays where it is (see stubs.py)

Only exact types are written. The standard library's own subclasses of them (Counter, defaultdict,
OrderedDict, named tuples, members of a str or int Enum) are written as the plain value that they
hold; any other subclass is refused by name, so an object that is equal to everything has no way in.

Integers are big-endian. Sets are written in the order of their elements' bytes, so that equal
values have equal bytes. Imports the standard library alone: the sandbox runs it too.
Read next: candidate.py.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
import struct
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 32_000_000  # of one message
MAX_DEPTH = 100  # containers in containers
MAX_ITEMS = 2_000_000  # values in one message
MAX_INT_BYTES = 8_192  # an int of about 20,000 digits

DTYPE = re.compile(r"\|b1|[|<>][iufcSU]\d+|[<>][mM]8\[\d*[A-Za-z]+\]")  # of an array with raw items
ZONE = re.compile(r"(?!dateutil)[A-Za-z][\w+-]*(/[A-Za-z][\w+-]*)*|UTC[+-]\d\d:\d\d")
LABELLED = re.compile(  # dtypes whose items travel one by one
    r"object|str|string|category|boolean|U?Int\d+|Float\d+|"
    rf"datetime64\[\w+, (?:{ZONE.pattern})\]"
)


class WireError(Exception):
    """The bytes are not a message, or a message beyond the bounds."""


class NotPlain(TypeError):
    """A value that cannot cross; the text names its class and what would do instead."""


UNREADABLE = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, struct.error)


@dataclass(frozen=True)
class Handle:
    """A reference to an object in the candidate: `kind` is "callable" or "object"."""

    number: int
    kind: str
    name: str  # what the author called it, for messages


Keep = Callable[[Any], Handle]  # what to do with a value that is not plain
Revive = Callable[[Handle], Any]  # what stands for a handle on the side where it arrives


def refuse(value: Any) -> Handle:
    """The default: nothing but plain data."""
    raise NotPlain(f"A value of the class {_class_name(type(value))} is not plain data.")


def pack(value: Any, keep: Keep = refuse) -> bytes:
    """The bytes of a value. Raises NotPlain for what cannot cross, naming it.

    `keep` may turn an object of a class that is not plain into a Handle.
    """
    writer = _Writer(keep)
    writer.write(value, 0)
    return b"".join(writer.parts)


def unpack(data: bytes, revive: Revive = lambda handle: handle) -> Any:
    """The value of the bytes. Raises WireError for anything that `pack` would not write."""
    reader = _Reader(data, revive)
    try:
        value = reader.read(0)
    except WireError:
        raise
    except UNREADABLE as error:
        raise WireError(f"the message is damaged: {error}") from None
    if reader.at != len(data):
        raise WireError("the message goes on after its end")
    return value


def _class_name(kind: type) -> str:
    return type.__getattribute__(kind, "__qualname__")


# Plain subclasses of the standard library, and the plain value that each holds.
HOLDS: dict[type, Callable[[Any], Any]] = {Counter: dict, OrderedDict: dict, defaultdict: dict}
PLAIN = (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)


def _plain_of(value: Any) -> Any:
    """The plain value in a subclass that we know; raises NotPlain for one that we do not."""
    kind = type(value)
    if kind in HOLDS:
        return HOLDS[kind](value)
    if isinstance(value, tuple) and kind.__bases__ == (tuple,) and hasattr(kind, "_fields"):
        return tuple(tuple.__iter__(value))
    if isinstance(value, enum.Enum) and type(value._value_) in PLAIN:
        return value._value_
    base = next(plain for plain in PLAIN if isinstance(value, plain))
    raise NotPlain(
        f"A value of the class {_class_name(kind)} is a kind of {base.__name__} and not plain: "
        f"give a plain {base.__name__}."
    )


class _Writer:
    def __init__(self, keep: Keep) -> None:
        self.parts: list[bytes] = []
        self.keep, self.items, self.size = keep, 0, 0

    def put(self, tag: bytes, body: bytes = b"", sized: bool = False) -> None:
        self.size += len(body) + 5
        if self.size > MAX_BYTES:
            raise NotPlain(f"The value is larger than {MAX_BYTES // 1_000_000} MB.")
        self.parts.append(tag + (struct.pack(">I", len(body)) if sized else b"") + body)

    def write(self, value: Any, depth: int) -> None:
        self.items += 1
        if depth > MAX_DEPTH:
            raise NotPlain(f"The value holds itself, or is nested deeper than {MAX_DEPTH} levels.")
        if self.items > MAX_ITEMS:
            raise NotPlain(f"The value holds more than {MAX_ITEMS:,} items.")
        writer = WRITERS.get(type(value))
        if writer is not None:
            writer(self, value, depth)
        elif isinstance(value, PLAIN) and not _of(value, "numpy"):
            self.write(_plain_of(value), depth)
        elif not _write_foreign(self, value, depth):
            self.write_handle(self.keep(value))

    def write_handle(self, handle: Handle) -> None:
        self.put(b"H", struct.pack(">I", handle.number))
        self.write(handle.kind, 1)
        self.write(handle.name, 1)

    def many(self, tag: bytes, values: Iterable[Any], depth: int) -> None:
        values = list(values)
        self.put(tag, struct.pack(">I", len(values)))
        for value in values:
            self.write(value, depth + 1)

    def sorted_set(self, tag: bytes, values: Iterable[Any]) -> None:
        packed = sorted(pack(value) for value in values)
        self.items += len(packed)
        self.put(tag, struct.pack(">I", len(packed)))
        for body in packed:
            self.put(b"", body)


def _int_bytes(value: int) -> bytes:
    if value.bit_length() > 8 * MAX_INT_BYTES - 1:
        raise NotPlain(f"An int of more than {8 * MAX_INT_BYTES:,} bits is too large.")
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _pairs(value: dict[Any, Any]) -> Iterable[Any]:
    for key, item in value.items():
        yield key
        yield item


def _offset_us(value: dt.datetime | dt.time) -> int | None:
    """Microseconds east of UTC; a zone that has no fixed offset here counts as none."""
    offset = value.utcoffset()
    return None if offset is None else offset // dt.timedelta(microseconds=1)


def _time_fields(value: dt.datetime | dt.time) -> list[Any]:
    clock = [value.hour, value.minute, value.second, value.microsecond]
    return [*clock, value.fold, _offset_us(value)]


WRITERS: dict[type, Callable[[_Writer, Any, int], None]] = {
    type(None): lambda w, v, d: w.put(b"N"),
    bool: lambda w, v, d: w.put(b"T" if v else b"F"),
    int: lambda w, v, d: w.put(b"i", _int_bytes(v), sized=True),
    float: lambda w, v, d: w.put(b"f", struct.pack(">d", v)),
    complex: lambda w, v, d: w.put(b"c", struct.pack(">dd", v.real, v.imag)),
    str: lambda w, v, d: w.put(b"s", v.encode("utf-8", "surrogatepass"), sized=True),
    bytes: lambda w, v, d: w.put(b"b", v, sized=True),
    bytearray: lambda w, v, d: w.put(b"B", bytes(v), sized=True),
    list: lambda w, v, d: w.many(b"l", v, d),
    tuple: lambda w, v, d: w.many(b"t", v, d),
    dict: lambda w, v, d: w.many(b"d", _pairs(v), d),
    set: lambda w, v, d: w.sorted_set(b"S", v),
    frozenset: lambda w, v, d: w.sorted_set(b"Z", v),
    range: lambda w, v, d: w.many(b"r", (v.start, v.stop, v.step), d),
    dt.date: lambda w, v, d: w.many(b"1", (v.year, v.month, v.day), d),
    dt.time: lambda w, v, d: w.many(b"2", _time_fields(v), d),
    dt.datetime: lambda w, v, d: w.many(b"3", [v.year, v.month, v.day, *_time_fields(v)], d),
    dt.timedelta: lambda w, v, d: w.many(b"4", (v.days, v.seconds, v.microseconds), d),
    Handle: lambda w, v, d: w.write_handle(v),
}


class _Reader:
    def __init__(self, data: bytes, revive: Revive) -> None:
        if len(data) > MAX_BYTES:
            raise WireError(f"the message is larger than {MAX_BYTES // 1_000_000} MB")
        self.revive = revive
        self.data, self.at, self.items = memoryview(data), 0, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise WireError("the message ends too early")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def number(self) -> int:
        return int(struct.unpack(">I", self.take(4))[0])

    def sized(self) -> bytes:
        return self.take(self.number())

    def many(self, depth: int) -> list[Any]:
        count = self.number()
        if count > len(self.data) - self.at:  # each value has a byte at least
            raise WireError("the message ends too early")
        return [self.read(depth + 1) for _ in range(count)]

    def read(self, depth: int) -> Any:
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise WireError("the message is nested too deeply or holds too many items")
        tag = self.take(1)
        reader = READERS.get(tag)
        if reader is None:
            raise WireError(f"unknown tag {tag!r}")
        return reader(self, depth)


def _int(body: bytes) -> int:
    if len(body) > MAX_INT_BYTES:
        raise WireError("an int is too large")
    return int.from_bytes(body, "big", signed=True)


def _dict(flat: list[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _zone(offset_us: int | None) -> dt.timezone | None:
    return None if offset_us is None else dt.timezone(dt.timedelta(microseconds=offset_us))


def _clock(fields: list[Any]) -> dict[str, Any]:
    names = ("hour", "minute", "second", "microsecond", "fold")
    return {**dict(zip(names, fields[:5], strict=True)), "tzinfo": _zone(fields[5])}


def _handle(reader: _Reader, depth: int) -> Any:
    number, kind, name = reader.number(), reader.read(depth + 1), reader.read(depth + 1)
    if kind not in ("callable", "object") or type(name) is not str:
        raise WireError("a handle is damaged")
    return reader.revive(Handle(number, kind, name[:200]))


READERS: dict[bytes, Callable[[_Reader, int], Any]] = {
    b"N": lambda r, d: None,
    b"T": lambda r, d: True,
    b"F": lambda r, d: False,
    b"i": lambda r, d: _int(r.sized()),
    b"f": lambda r, d: struct.unpack(">d", r.take(8))[0],
    b"c": lambda r, d: complex(*struct.unpack(">dd", r.take(16))),
    b"s": lambda r, d: r.sized().decode("utf-8", "surrogatepass"),
    b"b": lambda r, d: r.sized(),
    b"B": lambda r, d: bytearray(r.sized()),
    b"l": lambda r, d: r.many(d),
    b"t": lambda r, d: tuple(r.many(d)),
    b"d": lambda r, d: _dict(r.many(d)),
    b"S": lambda r, d: set(r.many(d)),
    b"Z": lambda r, d: frozenset(r.many(d)),
    b"r": lambda r, d: range(*r.many(d)),
    b"1": lambda r, d: dt.date(*r.many(d)),
    b"2": lambda r, d: dt.time(**_clock(r.many(d))),
    b"3": lambda r, d: _datetime(r.many(d)),
    b"4": lambda r, d: _timedelta(*r.many(d)),
    b"H": _handle,
    b"A": lambda r, d: _array(*r.many(d)),
    b"a": lambda r, d: _scalar(*r.many(d)),
    b"O": lambda r, d: _objects(*r.many(d)),
    b"p": lambda r, d: _pandas(*r.many(d)),
}


def _datetime(fields: list[Any]) -> dt.datetime:
    return dt.datetime(*fields[:3], **_clock(fields[3:]))


def _timedelta(days: int, seconds: int, microseconds: int) -> dt.timedelta:
    return dt.timedelta(days, seconds, microseconds)


# NumPy and pandas. Neither is imported to write: a value of theirs means that it is there.


def _of(value: Any, library: str) -> bool:
    return type(value).__module__.partition(".")[0] == library and library in sys.modules


def _write_foreign(writer: _Writer, value: Any, depth: int) -> bool:
    """Write a value of NumPy or pandas; False if it is none."""
    if _of(value, "numpy"):
        return _write_numpy(writer, value, depth)
    if _of(value, "pandas"):
        return _write_pandas(writer, value, depth)
    return False


def _write_numpy(writer: _Writer, value: Any, depth: int) -> bool:
    np = sys.modules["numpy"]
    kind = type(value)
    if not (kind is np.ndarray or isinstance(value, np.generic)):
        return False
    code = value.dtype.str
    if kind is np.ndarray and value.dtype == object:
        writer.many(b"O", (value.shape, value.ravel().tolist()), depth)
    elif not DTYPE.fullmatch(code):
        raise NotPlain(f"An array of dtype {value.dtype} cannot be judged: use numbers or text.")
    elif kind is np.ndarray:
        writer.many(b"A", (code, value.shape, value.tobytes()), depth)
    else:
        writer.many(b"a", (code, value.tobytes()), depth)
    return True


def _dtype(code: Any) -> Any:
    import numpy as np

    if type(code) is not str or not DTYPE.fullmatch(code):
        raise WireError("an array has an unknown dtype")
    return np.dtype(code)


def _array(code: Any, shape: Any, body: Any) -> Any:
    dtype = _dtype(code)
    _check_shape(shape)
    if type(body) is not bytes or math.prod(shape) * dtype.itemsize != len(body):
        raise WireError("an array is not as large as its shape says")
    return _items(body, dtype).reshape(shape)


def _items(body: bytes, dtype: Any) -> Any:
    """The items of a buffer; a truth value made of any byte but 0 and 1 would be neither."""
    import numpy as np

    if dtype.kind == "b":
        return np.frombuffer(body, np.uint8) != 0
    return np.frombuffer(body, dtype).copy()


def _check_shape(shape: Any) -> None:
    if type(shape) is not tuple or len(shape) > 32:
        raise WireError("an array has no shape")
    if not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
        raise WireError("an array has an impossible shape")


def _scalar(code: Any, body: Any) -> Any:
    dtype = _dtype(code)
    if type(body) is not bytes or len(body) != dtype.itemsize:
        raise WireError("a NumPy number is damaged")
    return _items(body, dtype)[0]


def _objects(shape: Any, items: Any) -> Any:
    import numpy as np

    _check_shape(shape)
    if type(items) is not list or math.prod(shape) != len(items):
        raise WireError("an array is not as large as its shape says")
    flat = np.empty(len(items), dtype=object)
    flat[:] = items
    return flat.reshape(shape)


def _write_pandas(writer: _Writer, value: Any, depth: int) -> bool:
    pd = sys.modules["pandas"]
    kind = type(value)
    if value is pd.NaT or value is pd.NA:
        writer.many(b"p", ("NaT" if value is pd.NaT else "NA",), depth)
    elif kind is pd.Timestamp:
        zone = None if value.tz is None else str(value.tz)
        writer.many(b"p", ("Timestamp", value.tz_localize(None).as_unit("ns")._value, zone), depth)
    elif kind is pd.Timedelta:
        writer.many(b"p", ("Timedelta", value.as_unit("ns")._value), depth)
    elif kind is pd.DataFrame:
        columns = [_labelled(value.iloc[:, place]) for place in range(value.shape[1])]
        writer.many(b"p", ("DataFrame", value.index, value.columns, columns), depth)
    elif kind is pd.Series:
        writer.many(b"p", ("Series", value.index, *_labelled(value), value.name), depth)
    elif kind is pd.RangeIndex:
        span = range(value.start, value.stop, value.step)
        writer.many(b"p", ("RangeIndex", span, value.name), depth)
    elif kind is pd.MultiIndex:
        writer.many(b"p", ("MultiIndex", value.tolist(), list(value.names)), depth)
    elif isinstance(value, pd.Index):
        writer.many(b"p", ("Index", *_labelled(value), value.name), depth)
    else:
        return False
    return True


def _labelled(values: Any) -> tuple[str, Any]:
    """(dtype, items) of a column or index: raw where NumPy holds it, else one by one."""
    np = sys.modules["numpy"]
    if isinstance(values.dtype, np.dtype) and values.dtype != object:
        return "numpy", values.to_numpy()
    dtype = str(values.dtype)
    if not LABELLED.fullmatch(dtype):
        raise NotPlain(f"A pandas column of dtype {dtype} cannot be judged.")
    return dtype, values.tolist()


def _pandas(kind: Any, *body: Any) -> Any:
    import pandas as pd

    if kind in ("NaT", "NA"):
        return getattr(pd, kind)
    if kind == "Timestamp":
        if body[1] is not None and not ZONE.fullmatch(body[1]):
            raise WireError("a time in an unknown zone")
        return pd.Timestamp(body[0], unit="ns").tz_localize(body[1])
    if kind == "Timedelta":
        return pd.Timedelta(body[0], unit="ns")
    if kind == "RangeIndex":
        if len(body[0]) > MAX_BYTES:
            raise WireError("an index is too long")
        return pd.RangeIndex(body[0], name=body[1])
    if kind == "MultiIndex":
        return pd.MultiIndex.from_tuples(body[0], names=body[1])
    if kind == "Index":
        return pd.Index(_column(body[0], body[1]), name=body[2])
    if kind == "Series":
        index, column = _index(body[0]), _column(body[1], body[2])
        if len(index) != len(column):
            raise WireError("a series is not as long as its index")
        return pd.Series(column, index=index, name=body[3])
    if kind == "DataFrame":
        index, columns = _index(body[0]), _index(body[1])
        whole = len(columns) == len(body[2]) and all(len(c[1]) == len(index) for c in body[2])
        if not whole:
            raise WireError("a frame is not as large as its labels say")
        data = {place: _column(*column) for place, column in enumerate(body[2])}
        frame = pd.DataFrame(data, index=index, columns=range(len(columns)))
        frame.columns = columns
        return frame
    raise WireError("an unknown pandas value")


def _index(value: Any) -> Any:
    import pandas as pd

    if not isinstance(value, pd.Index):
        raise WireError("a frame has no index")
    return value


def _column(dtype: Any, items: Any) -> Any:
    import numpy as np
    import pandas as pd

    if dtype == "numpy" and type(items) is np.ndarray and items.ndim == 1:
        return items
    if type(dtype) is not str or not LABELLED.fullmatch(dtype) or type(items) is not list:
        raise WireError("a column is damaged")
    return pd.array(items, dtype=dtype) if items or dtype != "category" else pd.Categorical([])
