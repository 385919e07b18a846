"""How many streams a transfer opens, and why more of them can help.

A TCP connection with loss-based congestion control (CUBIC, Reno) is held back by every lost
packet, the more the longer the round trip. Several connections share the losses, so together they
go faster. BBR measures the path instead and hardly minds a few losses: one BBR stream already
fills most of a link. So a claim about streams always names the congestion controller.
"""

from math import inf, sqrt

DATA_PORTS = range(8085, 8101)
"""One port per stream slot, 16 in all. A rule that opens 8080-8090 leaves six."""

STREAMS_MIN, STREAMS_DEFAULT, STREAMS_MAX = 4, 8, 16
SEGMENT_SIZE = 1_460  # bytes of payload in a packet
CONGESTED_LOSS = 0.05


def stream_band(rtt_ms: float) -> tuple[int, int]:
    """The fewest and the most streams worth opening at a round-trip time (ms).

    >>> [stream_band(rtt) for rtt in (10, 50, 200, 300)]
    [(4, 8), (8, 12), (8, 12), (12, 16)]
    """
    if rtt_ms < 0:
        raise ValueError(f"rtt_ms is {rtt_ms}; a round trip takes 0 ms or more")
    if rtt_ms < 50:
        return 4, 8
    return (8, 12) if rtt_ms <= 200 else (12, 16)


def streams_for(rtt_ms: float, loss: float = 0.0) -> int:
    """Streams to start with: the lower end of the band and two more; 4 on a congested path.

    `loss` is a fraction, 0 to 1. From here AMST adapts by measuring, two streams at a time.
    """
    if loss > CONGESTED_LOSS:
        return STREAMS_MIN
    low, high = stream_band(rtt_ms)
    return min(low + 2, high)


def loss_limited_mbps(rtt_ms: float, loss: float) -> float:
    """What loss leaves of one loss-based stream, in Mbps: 1.22 x MSS / (RTT x sqrt(loss)).

    Mathis, Semke, Mahdavi and Ott (1997), for Reno; CUBIC does better on long paths. Without
    loss the formula sets no bound.

    >>> round(loss_limited_mbps(100, 0.005), 1)
    2.0
    """
    if loss <= 0 or rtt_ms <= 0:
        return inf
    return 1.22 * SEGMENT_SIZE * 8 / (rtt_ms / 1_000 * sqrt(loss)) / 1e6


def reorder_buffer_bytes(rate_mbps: float, rtt_ms: float) -> int:
    """What the receiver must hold while it waits for a late chunk: rate x RTT, and 30 % more."""
    return round(rate_mbps * 1e6 / 8 * rtt_ms / 1_000 * 1.3)
