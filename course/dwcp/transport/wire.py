"""What AMST puts on a connection: chunks towards the receiver, acks back. Integers are big endian.

    chunk   sequence 4 | length 4 | flags 1 | crc32c 4 | payload
    ack     transfer 16 | cumulative 4 | window 4 | state 1 | ranges 1 | crc32c 4
            | (first 4, end 4) a range | if it ended: bytes 8, SHA-256 32

A chunk is numbered once a transfer and keeps its number whichever stream carries it. The checksum
covers the fields before it and the payload. TCP's own sum of 16 bits lets about one damaged
segment in 65,536 pass (Stone and Partridge 2000); CRC-32C is the one of RFC 3720.

Every field is checked before anything is allocated or kept. Left out: encryption, which is TLS's
matter. Read next: `reorder`.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

import google_crc32c

from course.dwcp.units import KIB

CHUNK_HEADER = struct.Struct(">IIBI")
ACK_HEADER = struct.Struct(">16sIIBBI")
RANGE = struct.Struct(">II")
RESULT = struct.Struct(">Q32s")  # bytes and SHA-256 of the whole transfer

CHUNK_MIN, CHUNK_DEFAULT, CHUNK_MAX = 16 * KIB, 64 * KIB, 512 * KIB
SEQUENCE_MAX = 2**32 - 1
RANGES_MAX = 32
VERSION = 3

HELLO, END, CANCEL, AGAIN = 1, 2, 4, 8
"""Flags: a stream's first chunk, the transfer's last, a farewell, and one sent before."""
_KNOWN = HELLO | END | CANCEL | AGAIN


class WireError(Exception):
    """Bytes from a peer that are no chunk or no ack; says which field is wrong."""


class Outcome(IntEnum):
    """How the receiver sees the transfer; every ack says it."""

    OPEN = 0
    COMPLETE = 1
    DAMAGED = 2
    CANCELLED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Result:
    """What either end made of the whole transfer: bytes, and their SHA-256."""

    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the transfer. A HELLO carries the stream's slot in `sequence`."""

    sequence: int
    payload: bytes
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """All below `cumulative` is here, and so is each range [first, end). `window` is bytes.

    The window counts from the first byte that is not covered by `cumulative`.
    """

    transfer: bytes
    cumulative: int
    window: int
    ranges: tuple[tuple[int, int], ...] = ()
    outcome: Outcome = Outcome.OPEN
    result: Result | None = None


def hello(transfer: bytes, slot: int) -> Chunk:
    """The first chunk on every connection: which transfer it belongs to, and as which stream."""
    if len(transfer) != 16:
        raise ValueError(f"a transfer's id is 16 bytes, not {len(transfer)}")
    return Chunk(slot, bytes([VERSION]) + transfer, HELLO)


def read_hello(chunk: Chunk) -> tuple[bytes, int]:
    """The transfer's id and the slot; raises WireError."""
    if chunk.flags != HELLO or len(chunk.payload) != 17:
        raise WireError("a connection starts with a hello of 17 bytes")
    if chunk.payload[0] != VERSION:
        raise WireError(f"version {chunk.payload[0]}; this end speaks version {VERSION}")
    return chunk.payload[1:], chunk.sequence


def end(sequence: int, result: Result) -> Chunk:
    """The transfer's last chunk: the size and hash of all that came before."""
    return Chunk(sequence, RESULT.pack(result.size, result.digest), END)


def read_end(chunk: Chunk) -> Result:
    """What the sender says that it sent. The length was checked with the header."""
    return Result(*RESULT.unpack(chunk.payload))


def header(chunk: Chunk) -> bytes:
    """The 13 bytes that go before the payload."""
    if not 0 <= chunk.sequence <= SEQUENCE_MAX or len(chunk.payload) > CHUNK_MAX:
        raise ValueError(f"no chunk: sequence {chunk.sequence}, {len(chunk.payload)} bytes")
    fields = CHUNK_HEADER.pack(chunk.sequence, len(chunk.payload), chunk.flags, 0)[:9]
    return fields + _sum(fields, chunk.payload).to_bytes(4, "big")


def encode_chunk(chunk: Chunk) -> bytes:
    """Header and payload in one piece; a host that can write two pieces at once saves the copy."""
    return header(chunk) + chunk.payload


class ChunkReader:
    """Chunks out of a byte stream, in memory of its own that never grows.

    Fill `space()` from the network, then `filled(count)` gives the chunks that are whole. Once the
    stream makes no sense `damage` says why, and nothing after that point is looked at.
    """

    def __init__(self) -> None:
        self.damage: str | None = None
        self._data = bytearray(CHUNK_HEADER.size + CHUNK_MAX)
        self._view = memoryview(self._data)
        self._have = 0

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return self._view[self._have :]

    def filled(self, count: int) -> list[Chunk]:
        """`count` bytes were written into `space()`; what came before any damage counts."""
        chunks: list[Chunk] = []
        if self.damage:
            return chunks
        self._have += count
        try:
            self._take_whole(chunks)
        except WireError as error:
            self.damage, self._have = str(error), 0
        return chunks

    def feed(self, data: bytes) -> list[Chunk]:
        """The same for bytes that are already in memory; raises WireError on damage."""
        chunks = []
        while data:
            space = self.space()
            count = min(len(space), len(data))
            space[:count] = data[:count]
            chunks += self.filled(count)
            if self.damage:
                raise WireError(self.damage)
            data = data[count:]
        return chunks

    def _take_whole(self, chunks: list[Chunk]) -> None:
        at = 0
        while self._have - at >= CHUNK_HEADER.size:
            fields = CHUNK_HEADER.unpack_from(self._data, at)
            start = at + CHUNK_HEADER.size
            stop = start + _checked_length(*fields)
            if stop > self._have:
                break
            chunks.append(_checked(bytes(self._view[at : at + 9]), fields, self._view[start:stop]))
            at = stop
        if at:
            rest = self._have - at
            self._data[:rest] = self._data[at : self._have]
            self._have = rest


def encode_ack(ack: Ack) -> bytes:
    """The ack as it travels."""
    if len(ack.ranges) > RANGES_MAX:
        raise ValueError(f"an ack names at most {RANGES_MAX} ranges, not {len(ack.ranges)}")
    count = len(ack.ranges)
    fields = (ack.transfer, ack.cumulative, ack.window, ack.outcome, count)
    start = ACK_HEADER.pack(*fields, 0)[:-4]
    body = b"".join(RANGE.pack(first, stop) for first, stop in ack.ranges)
    if ack.result:
        body += RESULT.pack(ack.result.size, ack.result.digest)
    return start + _sum(start, body).to_bytes(4, "big") + body


class AckReader:
    """Acks out of a byte stream; at most one unfinished ack (326 bytes) is kept."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Ack]:
        """The acks that are whole now; raises WireError."""
        data = self._data + data
        acks, at = [], 0
        while len(data) - at >= ACK_HEADER.size:
            fields = ACK_HEADER.unpack_from(data, at)
            start = at + ACK_HEADER.size
            stop = start + _checked_body(*fields)
            if stop > len(data):
                break
            acks.append(_checked_ack(data[at : start - 4], fields, data[start:stop]))
            at = stop
        self._data = data[at:]
        return acks


def _sum(fields: bytes, payload: bytes) -> int:
    return int(google_crc32c.extend(google_crc32c.value(fields), payload))


def _checked_length(sequence: int, length: int, flags: int, checksum: int) -> int:
    """The payload's length, if the header makes sense."""
    del sequence, checksum  # any number will do; the sum is checked when the payload is here
    if flags & ~_KNOWN or bin(flags & (HELLO | END | CANCEL)).count("1") > 1:
        raise WireError(f"a chunk with flags {flags:#04x}, which mean nothing")
    if length > CHUNK_MAX or length == 0:
        raise WireError(f"a chunk of {length:,} bytes; this end takes 1 to {CHUNK_MAX:,}")
    if flags & END and length != RESULT.size:
        raise WireError(f"the last chunk has {RESULT.size} bytes, this one {length}")
    return length


def _checked(start: bytes, fields: tuple[int, int, int, int], view: memoryview) -> Chunk:
    sequence, _, flags, checksum = fields
    payload = bytes(view)
    if _sum(start, payload) != checksum:
        raise WireError(f"chunk {sequence} is damaged: its CRC-32C does not fit")
    return Chunk(sequence, payload, flags)


def _checked_body(
    transfer: bytes, cumulative: int, window: int, outcome: int, count: int, checksum: int
) -> int:
    """Bytes after the ack's header, if the header makes sense."""
    del transfer, cumulative, window, checksum
    if count > RANGES_MAX:
        raise WireError(f"an ack with {count} ranges; {RANGES_MAX} are the most")
    if outcome > max(Outcome):
        raise WireError(f"an ack with outcome {outcome}, which means nothing")
    ended = outcome in (Outcome.COMPLETE, Outcome.DAMAGED)
    return count * RANGE.size + ended * RESULT.size


def _checked_ack(start: bytes, fields: tuple[bytes, int, int, int, int, int], body: bytes) -> Ack:
    transfer, cumulative, window, outcome, count, checksum = fields
    if _sum(start, body) != checksum:
        raise WireError("an ack is damaged: its CRC-32C does not fit")
    ranges = tuple(RANGE.iter_unpack(body[: count * RANGE.size]))
    last = cumulative
    for first, stop in ranges:
        if not last < first < stop:
            raise WireError(f"an ack whose ranges are not in order: {first} to {stop}")
        last = stop
    rest = body[count * RANGE.size :]
    result = Result(*RESULT.unpack(rest)) if rest else None
    return Ack(transfer, cumulative, window, ranges, Outcome(outcome), result)
