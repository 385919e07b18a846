"""CUBIC (RFC 9438): the window is a cubic function of the time since the last loss.

It returns quickly to where the loss was, lingers there, and then looks for more, whatever the
round-trip time. It takes any loss for congestion, so random loss keeps it small: that is why
several CUBIC streams go faster than one. TCP's default in Linux, and AMST's inside a site.

Windows are in segments of 1,460 B inside the formulas, in bytes outside. Left out: HyStart++ (RFC
9406), which leaves slow start before the first loss. Read before: `congestion`. Read next: `bbr`.
"""

from course.dwcp.transport.congestion import (
    INITIAL_WINDOW,
    SEGMENT_SIZE,
    WINDOW_MIN,
    AckSample,
    LossSample,
)
from course.dwcp.units import SECOND

C = 0.4
BETA = 0.7
SLOW_START_UNTIL = 65_535.0  # segments: in effect until the first loss


def k_seconds(w_max: float) -> float:
    """Seconds until the curve is back at `w_max` segments (RFC 9438, 4.2)."""
    return float((w_max * (1 - BETA) / C) ** (1 / 3))


def cubic_window(t: float, w_max: float) -> float:
    """W_cubic(t), segments, t seconds after the cut. At t = 0 it is 0.7 x w_max.

    >>> round(cubic_window(0.0, 100), 6), round(cubic_window(k_seconds(100), 100), 6)
    (70.0, 100.0)
    """
    return C * (t - k_seconds(w_max)) ** 3 + w_max


def reno_window(t: float, rtt: float, w_max: float) -> float:
    """W_est(t), segments: what Reno with the same cut would have (RFC 9438, 4.3).

    Reno grows by the round trip, so `rtt` (seconds) is in it: without it the estimate is off by
    the factor 1 / rtt.
    """
    return BETA * w_max + 3 * (1 - BETA) / (1 + BETA) * t / rtt


def after_loss(window: float, previous_w_max: float) -> tuple[float, float]:
    """(new w_max, new window) in segments, with fast convergence (RFC 9438, 4.6 and 4.7).

    A stream that lost below its last maximum has a new neighbour: it aims lower than it was, at
    (1 + BETA) / 2 = 0.85 of it, so that the neighbour gets room.
    """
    w_max = window * (1 + BETA) / 2 if window < previous_w_max else window
    return w_max, max(window * BETA, WINDOW_MIN / SEGMENT_SIZE)


class Cubic:
    """One stream's controller."""

    name = "cubic"

    def __init__(self) -> None:
        self._window = INITIAL_WINDOW / SEGMENT_SIZE
        self._threshold = SLOW_START_UNTIL
        self._w_max = 0.0
        self._cut_at = -1  # us; losses of what was sent before it are the same event
        self._epoch_at: int | None = None
        self._rtt_min = 0

    def on_sent(self, now: int, size: int, in_flight: int) -> None:
        """Nothing to learn: the ack clock paces."""

    def on_ack(self, ack: AckSample) -> None:
        """Grow: by what was acked in slow start, along the larger of the two curves after it."""
        self._rtt_min = min(self._rtt_min or ack.rtt, ack.rtt)
        if ack.limited:  # a window that is not used proves nothing (RFC 9438, 5.8)
            return
        acked = ack.size / SEGMENT_SIZE
        if self._window < self._threshold:
            self._window += acked
            return
        if self._epoch_at is None:
            self._epoch_at = ack.now
        t, rtt = (ack.now - self._epoch_at) / SECOND, self._rtt_min / SECOND
        target = max(cubic_window(t + rtt, self._w_max), reno_window(t, rtt, self._w_max))
        target = min(target, 1.5 * self._window)
        self._window += max(0.0, target - self._window) * acked / self._window

    def on_loss(self, loss: LossSample) -> None:
        """Cut once for all that was lost of one window."""
        if loss.sent_at <= self._cut_at:
            return
        self._cut_at, self._epoch_at = loss.now, None
        self._w_max, self._window = after_loss(self._window, self._w_max)
        self._threshold = self._window

    def window(self) -> int:
        """Bytes."""
        return round(self._window * SEGMENT_SIZE)

    def pacing_rate_mbps(self) -> float | None:
        return None
