"""Pacing: pieces leave one by one at a rate, where bursts would fill a queue and overflow it.

The gap after a piece is its size / rate. It has to be computed as a real number and then turned
into a time unit; whole seconds first make it 0 for anything that matters. And there is one pacer a
stream: when a controller waits and then the sender waits as long again, the rate is halved.
"""

from course.dwcp.units import MS

SLACK = 1 * MS
"""How much lateness may be made good by a burst. A host's timers are no finer than that."""


def gap_us(size: int, rate_mbps: float, gain: float = 1.0) -> float:
    """Microseconds between the start of a piece of `size` bytes and the next one.

    >>> round(gap_us(64 * 1024, 100, 1.25)), round(gap_us(1_000_000, 100, 2.77))
    (4194, 28881)
    """
    if rate_mbps <= 0 or gain <= 0:
        raise ValueError(f"pacing needs a rate and a gain above 0, not {rate_mbps} and {gain}")
    return size * 8 / (gain * rate_mbps)


class Pacer:
    """When the next piece of one stream may leave. `next_at` is us."""

    def __init__(self) -> None:
        self.next_at = 0
        self._exact = 0.0  # the fractions of a microsecond add up

    def ready(self, now: int) -> bool:
        """Whether a piece may leave now."""
        return now >= self.next_at

    def sent(self, size: int, rate_mbps: float | None, now: int) -> None:
        """A piece left; without a rate the next may follow at once."""
        if rate_mbps is None:
            return
        self._exact = max(self._exact, now - SLACK) + gap_us(size, rate_mbps)
        self.next_at = round(self._exact)
