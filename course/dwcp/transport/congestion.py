"""What a congestion controller is, and what it learns from: the protocol that yours implements.

A controller decides two numbers for one stream: how many bytes may be in flight (`window`), and
how fast they may leave (`pacing_rate_mbps`; None: as fast as acks come back, which is the "ack
clock"). It is told of every sending, every ack and every loss, and it never sends. CUBIC and BBR
are written against this, and so is yours:

    class Constant:
        name = "constant"
        def on_sent(self, now, size, in_flight): ...
        def on_ack(self, ack): ...
        def on_loss(self, loss): ...
        def window(self): return 64 * 1460
        def pacing_rate_mbps(self): return 10.0

Bytes, microseconds and Mbps: 1 Mbps is one bit a microsecond, so rate x time / 8 is bytes.
Read next: `flights`, which makes the samples; `cubic`, `bbr`, `bbr2`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

SEGMENT_SIZE = 1_460  # bytes of payload in a packet of 1,500
INITIAL_WINDOW = 10 * SEGMENT_SIZE  # RFC 6928
WINDOW_MIN = 4 * SEGMENT_SIZE


@dataclass(frozen=True, slots=True)
class AckSample:
    """What one acknowledged piece says about its path.

    `rate_mbps` is what the path delivered while the piece was under way. It is a lower bound, and
    no more, when `limited`: then the sender had nothing to send.
    """

    now: int
    size: int  # bytes that this piece had
    rtt: int  # us
    rate_mbps: float
    delivered: int  # bytes of this stream, this piece included
    delivered_at_send: int  # the same when it was sent; tells rounds apart
    in_flight: int  # bytes, after this ack
    in_flight_at_send: int
    lost: int  # bytes lost while it was under way
    limited: bool


@dataclass(frozen=True, slots=True)
class LossSample:
    """A piece that will not be acknowledged. `lost` counts from its sending, itself included."""

    now: int
    size: int
    sent_at: int
    in_flight: int
    in_flight_at_send: int
    lost: int


class CongestionControl(Protocol):
    """One for each stream; see the module's text."""

    name: str

    def on_sent(self, now: int, size: int, in_flight: int) -> None: ...

    def on_ack(self, ack: AckSample) -> None: ...

    def on_loss(self, loss: LossSample) -> None: ...

    def window(self) -> int: ...

    def pacing_rate_mbps(self) -> float | None: ...


Congestion = Callable[[int], CongestionControl]
"""Gives the controller of a slot's stream: `lambda slot: Cubic()`."""


class Uncontrolled:
    """For streams whose congestion is somebody else's: the kernel's, on a TCP socket.

    It neither limits nor paces. Two pacers in a row would halve the rate.
    """

    name = "kernel"

    def on_sent(self, now: int, size: int, in_flight: int) -> None:
        """Nothing to learn."""

    def on_ack(self, ack: AckSample) -> None:
        """Nothing to learn."""

    def on_loss(self, loss: LossSample) -> None:
        """Nothing to learn."""

    def window(self) -> int:
        return 1 << 62

    def pacing_rate_mbps(self) -> float | None:
        return None
