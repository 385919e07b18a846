"""A store as one remote-write request, the way to put exact samples into a real Prometheus.

Unlike OpenMetrics text it carries stale markers. The body is a protocol buffers message (a list of
series, each with labels and samples), wrapped in Snappy's block format. The message is written by
hand, it has five fields; Snappy is used without compressing, as one literal after another, which
every decoder reads. Series come in the order of their first sample, since a new Prometheus takes
nothing that is an hour older than the first sample it sees.
"""

import struct
from collections.abc import Iterable

from course.telemetry.labels import Labels
from course.telemetry.series import Series, Store

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_LITERAL_MAX = 1 << 16


def request(store: Store) -> bytes:
    """The body of a request that writes every sample of the store."""
    series = sorted(store.select(), key=lambda one: int(one.arrays()[0][0]))
    return snappy(b"".join(_field(1, _series(one)) for one in series))


def _series(series: Series) -> bytes:
    samples = (_sample(at, value) for at, value in series.samples())
    return b"".join([*_labels(series.labels), *(_field(2, sample) for sample in samples)])


def _labels(labels: Labels) -> Iterable[bytes]:
    for name, value in labels:
        yield _field(1, _field(1, name.encode()) + _field(2, value.encode()))


def _sample(at: int, value: float) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at % (1 << 64))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes: its number and wire type 2, its length, its content."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first; the high bit says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def snappy(content: bytes) -> bytes:
    """Snappy's block format: the length, then literals of at most 64 KiB."""
    pieces = (content[i : i + _LITERAL_MAX] for i in range(0, len(content), _LITERAL_MAX))
    literals = (b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)
    return varint(len(content)) + b"".join(literals)
