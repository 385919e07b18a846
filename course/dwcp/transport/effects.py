"""What the two ends of a transfer ask of their host. A list of these is carried out in order.

The host owns the connections. It numbers them by slot, 0 to 15, as DATA_PORTS does, and never
reports anything of a connection that it was told to close.
"""

from dataclasses import dataclass

from course.dwcp.machine import Tell
from course.dwcp.transport.wire import Ack, Chunk


@dataclass(frozen=True, slots=True)
class Open:
    """Connect this slot; answer with `connected` or `failed`."""

    slot: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close this slot's connection; what was written before should still go out if it can."""

    slot: int
    reason: str


@dataclass(frozen=True, slots=True)
class Transmit:
    """Write a chunk; answer with `written` when the connection can take another."""

    slot: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Reply:
    """Write an ack."""

    slot: int
    ack: Ack


@dataclass(frozen=True, slots=True)
class Deliver:
    """Bytes in order for the application; answer with `consume` when it has taken them."""

    payload: bytes


TransferEffect = Open | Close | Transmit | Reply | Deliver | Tell
