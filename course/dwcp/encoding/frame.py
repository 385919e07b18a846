"""What HDE puts on the wire: a header of 28 bytes and a payload. Integers are big endian.

    version 1 | type 1 | algorithm 1 | mode 1 | original size 4 | encoded size 4
    dictionary id 4 | first page 8 | count 4 | payload ...

Every field is checked when a frame is read: bytes from a network are input, not truth.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from course.dwcp.mode import Mode
from course.dwcp.units import PAGE_SIZE

VERSION = 3
HEADER = struct.Struct(">BBBBIIIQI")
MODES = tuple(Mode)  # their number on the wire is their place here
SIZE_MAX = 64 * 1024 * 1024  # bytes; no honest frame comes near


class FrameType(IntEnum):
    """What the payload is."""

    RAW = 0
    ZERO_RANGE = 1
    REFERENCE = 2
    DELTA = 3
    GROUP = 4
    ROUND_END = 5
    DEVICE_STATE = 6


class Algorithm(IntEnum):
    """How the payload is compressed."""

    NONE = 0
    LZ4 = 1
    ZSTD = 2
    ZSTD_MAX = 3


class IntegrityError(Exception):
    """What arrived is not what was sent. The receiver asks again; it never guesses."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `original_size` and the payload are bytes; `count` is pages."""

    type: FrameType
    first_page: int
    count: int
    payload: bytes = b""
    original_size: int = 0
    algorithm: Algorithm = Algorithm.NONE
    dictionary_id: int = 0
    mode: int = 0  # of the path, for whoever looks at the wire; decoding does not depend on it

    def __len__(self) -> int:
        """Bytes on the wire, header included."""
        return HEADER.size + len(self.payload)

    def to_bytes(self) -> bytes:
        """The frame as it travels."""
        return (
            HEADER.pack(
                VERSION, self.type, self.algorithm, self.mode, self.original_size,
                len(self.payload), self.dictionary_id, self.first_page, self.count,
            )
            + self.payload
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes) -> "Frame":
        """Read one whole frame; raises IntegrityError that says which field is wrong."""
        if len(data) < HEADER.size:
            raise IntegrityError(f"a frame has at least {HEADER.size} bytes, this one {len(data)}")
        version, kind, algorithm, mode, original, encoded, dictionary, first, count = HEADER.unpack(
            data[: HEADER.size]
        )
        if mode >= len(MODES):
            raise IntegrityError(f"mode {mode} is not one of {', '.join(MODES)}")
        if version != VERSION:
            raise IntegrityError(f"frame version {version}; this end speaks version {VERSION}")
        if encoded != len(data) - HEADER.size or max(encoded, original) > SIZE_MAX:
            raise IntegrityError(
                f"the header says {encoded} payload bytes, the frame has {len(data) - HEADER.size}"
            )
        try:
            return cls(
                FrameType(kind), first, count, data[HEADER.size :], original,
                Algorithm(algorithm), dictionary, mode,
            )  # fmt: skip
        except ValueError as error:
            raise IntegrityError(f"unknown frame field: {error}") from None


@dataclass(slots=True)
class Stats:
    """What one encoder has done so far; pages unless the name says otherwise."""

    pages: int = 0
    zero: int = 0
    references: int = 0
    deltas: int = 0
    grouped: int = 0
    group_plain_bytes: int = 0  # what went into the compressor
    group_wire_bytes: int = 0  # what came out of it
    wire_bytes: int = 0  # all frames with their headers
    by_type: dict[str, int] = field(default_factory=dict)  # wire bytes by frame type

    @property
    def compression_ratio(self) -> float:
        """Fraction of bytes that the compressor removed, after deduplication."""
        return 1 - self.group_wire_bytes / self.group_plain_bytes if self.group_plain_bytes else 0.0

    @property
    def dedup_hit_rate(self) -> float:
        """Fraction of pages that the receiver held already. Zero pages are counted apart."""
        return self.references / self.pages if self.pages else 0.0

    @property
    def reduction(self) -> float:
        """Fraction of the memory that did not have to be sent, all levels together."""
        return 1 - self.wire_bytes / (self.pages * PAGE_SIZE) if self.pages else 0.0


def wire_reduction(dedup_hit_rate: float, compression_ratio: float) -> float:
    """1 - (1 - d)(1 - c): savings do not add up, what is left over multiplies.

    >>> round(wire_reduction(0.30, 0.60), 2)
    0.72
    """
    for value in (dedup_hit_rate, compression_ratio):
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a fraction; give a number between 0 and 1")
    return 1 - (1 - dedup_hit_rate) * (1 - compression_ratio)
