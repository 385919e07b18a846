"""Bytes from a hostile candidate: a plain value, or WireError, and never much memory or time."""

from __future__ import annotations

import contextlib
import random
import struct
import subprocess
import sys
import textwrap
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autograder.wire import Handle, WireError, pack, unpack

LENGTH = struct.Struct(">I")
ROWS = pd.RangeIndex(3)


def many(tag: bytes, *values: Any) -> bytes:
    """A message of that tag with any content."""
    return tag + LENGTH.pack(len(values)) + b"".join(pack(value) for value in values)


HANDMADE = {
    "nothing": b"",
    "an unknown tag": b"?",
    "a pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94",
    "a text beyond the end": b"s" + LENGTH.pack(2**32 - 1) + b"x",
    "a list beyond the end": b"l" + LENGTH.pack(2**32 - 1),
    "lists in lists": b"l\0\0\0\1" * 100_000 + b"N",
    "a dict of one key and no value": many(b"d", 1),
    "a dict with a list for a key": many(b"d", [], 1),
    "a set of lists": many(b"S", []),
    "bytes after the end": pack(1) + b"N",
    "a text that is no UTF-8": b"s" + LENGTH.pack(2) + b"\xff\xff",
    "a huge int": b"i" + LENGTH.pack(9_000) + b"\x7f" * 9_000,
    "a range of texts": many(b"r", "a", "b", "c"),
    "a range without a step": many(b"r", 0, 1, 0),
    "the date 0-0-0": many(b"1", 0, 0, 0),
    "a time in a zone beyond the world": many(b"2", 0, 0, 0, 0, 0, 10**18),
    "a duration of 10**100 days": many(b"4", 10**100, 0, 0),
    "a handle that is neither": b"H" + LENGTH.pack(1) + pack("module") + pack("x"),
    "a handle named by a number": b"H" + LENGTH.pack(1) + pack("object") + pack(1),
    "an array of objects by address": many(b"A", "|O", (1,), b"\0" * 8),
    "an array of nothing": many(b"A", "|V0", (5,), b""),
    "an array without a size": many(b"A", "|S0", (10**7,), b""),
    "an array larger than its bytes": many(b"A", "<f8", (10**6,), b"\0" * 8),
    "an array of a negative size": many(b"A", "<f8", (-1, -1), b"\0" * 8),
    "an array of 33 dimensions": many(b"A", "<f8", (1,) * 33, b"\0" * 8),
    "an array of a huge empty shape": many(b"A", "<f8", (0, *[32_000_000] * 4), b""),
    "an array of a made-up unit": many(b"A", "<M8[zz]", (1,), b"\0" * 8),
    "an object array larger than its items": many(b"O", (10**6,), [1]),
    "a pandas value of no kind": many(b"p", "eval", "1"),
    "a pandas value of nothing": many(b"p"),
    "a timestamp without a time": many(b"p", "Timestamp"),
    "a timestamp without a zone": many(b"p", "Timestamp", 1),
    "a timestamp in no zone": many(b"p", "Timestamp", 1, "No/Where"),
    "a timestamp in a file": many(b"p", "Timestamp", 1, "dateutil//etc/passwd"),
    "a duration of pandas without a length": many(b"p", "Timedelta"),
    "a range index without a name": many(b"p", "RangeIndex", range(3)),
    "an index without items": many(b"p", "Index", "object"),
    "an index named by a list": many(b"p", "Index", "object", [1], []),
    "a series named by a dict": many(b"p", "Series", ROWS, "numpy", np.zeros(3), {}),
    "a series that is longer than its index": many(b"p", "Series", ROWS, "numpy", np.zeros(4), "n"),
    "a frame of a number": many(b"p", "DataFrame", ROWS, pd.RangeIndex(1), 5),
    "a frame with half a column": many(b"p", "DataFrame", ROWS, pd.RangeIndex(1), [("numpy",)]),
    "a column of a zone that is not there": many(
        b"p", "Index", "datetime64[ns, No/Where]", [1], "n"
    ),
}


@pytest.mark.parametrize("case", HANDMADE)
def test_a_message_that_nobody_would_write_is_a_wire_error(case: str) -> None:
    with pytest.raises(WireError):
        unpack(HANDMADE[case])


@pytest.mark.parametrize(
    "body",
    [
        many(b"p", "Series", pd.RangeIndex(10**3), "numpy", np.array(5), "n"),
        many(b"p", "DataFrame", pd.RangeIndex(10**3), ROWS, [("numpy", np.array(5))] * 3),
        many(b"p", "DataFrame", pd.RangeIndex(10**3), pd.RangeIndex(10**3), []),
    ],
)
def test_a_frame_is_never_larger_than_its_message(body: bytes) -> None:
    """One number under an index of any length; a frame of many columns and no content."""
    with pytest.raises(WireError):
        unpack(body)


SAMPLES = [
    {"a": [1, 2.0, (3,)], "b": {1, 2}, "c": range(3)},
    np.zeros((2, 3)),
    np.array(["a", "b"]),
    np.array([1, "a"], dtype=object),
    np.datetime64("2024-01-01"),
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    pd.Timestamp("2024-01-01", tz="UTC"),
    pd.date_range("2024", periods=3, tz="Europe/Berlin"),
    pd.Series(["a", "b"], dtype="category"),
    pd.MultiIndex.from_tuples([(1, 2)]),
    pd.Series([1, None], dtype="Int64"),
    ("value", [1], [(0, [2])]),
]


@pytest.mark.parametrize("seed", range(4))
def test_damage_of_any_kind_is_a_wire_error_or_a_value(seed: int) -> None:
    chance, tags = random.Random(seed), b"NTFifcsbBltdSZr1234HAaOp\0\1\2"
    samples = [pack(sample) for sample in SAMPLES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2_000):
            message = bytearray(chance.choice(samples))
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(message))
                if chance.random() < 0.3:
                    del message[place]
                    message = message or bytearray(b"N")
                else:
                    message[place] = chance.choice([chance.randrange(256), chance.choice(tags)])
            with contextlib.suppress(WireError):
                unpack(bytes(message))


def test_only_the_types_of_the_list_are_ever_built() -> None:
    handle = unpack(pack(Handle(7, "object", "x" * 1_000)))
    assert type(handle) is Handle and len(handle.name) == 200
    assert unpack(many(b"A", "|b1", (2,), b"\x02\x00")).tolist() == [True, False]


@pytest.mark.parametrize(
    "make",
    [
        "b'l' + L(1_999_999) + (b'l' + L(0)) * 1_999_999",
        "b's' + L(31_000_000) + b'x' * 31_000_000",
        "pack(('p',))[:0] + b'p' + L(5) + pack('Series') + pack(pd.RangeIndex(2 * 10**8))"
        " + pack('numpy') + pack(np.array(5)) + pack('n')",
    ],
    ids=["empty lists", "one text", "one number in many rows"],
)
def test_no_message_costs_more_than_half_a_gigabyte(make: str) -> None:
    program = f"""
        import resource, struct
        import numpy as np, pandas as pd
        from autograder.wire import WireError, pack, unpack
        L = struct.Struct(">I").pack
        data = {make}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try: unpack(data)
        except WireError: pass
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)],
                          capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    assert int(done.stdout) < 500_000


def test_colliding_keys_are_read_in_reasonable_time() -> None:
    """Ints with one hash make a dict quadratic: 3 MB are minutes."""
    keys = [number * (2**61 - 1) for number in range(1, 15_000)]
    body = many(b"d", *(item for key in keys for item in (key, 0)))
    start = time.monotonic()
    unpack(body)
    assert time.monotonic() - start < 20  # an examiner that is late is ended, not waited for
