"""What a transfer changes while it runs: the size of a chunk and the number of streams.

Both are small closed loops. A chunk shrinks on a lossy path, where a lost one costs its whole size
again, and grows on a clean and short one, where the cost of each chunk counts. Streams are added
two at a time for as long as they bring something, and the last step is taken back when it did not:
the only rule that is right for any path is to measure. Read before: `streams`. Read next: `sender`.
"""

from dataclasses import dataclass, replace

from course.dwcp.transport.streams import CONGESTED_LOSS, STREAMS_MIN
from course.dwcp.transport.wire import CHUNK_MAX, CHUNK_MIN
from course.dwcp.units import SECOND

CHUNK_EVERY = 5 * SECOND
STREAMS_EVERY = 30 * SECOND
CLEAN_LOSS = 0.01
SHORT_RTT_MS = 100.0
STEP = 2  # streams
WORTH = 1.10  # a step has to bring 10 %


def next_chunk_size(size: int, loss: float, rtt_ms: float) -> int:
    """Bytes for the next 5 s: x 0.8 above 5 % loss, x 1.2 on a clean path below 100 ms.

    >>> next_chunk_size(64 * 1024, 0.06, 20), next_chunk_size(64 * 1024, 0.0, 20)
    (52429, 78643)
    """
    if loss > CONGESTED_LOSS:
        return max(CHUNK_MIN, round(size * 0.8))
    if loss < CLEAN_LOSS and rtt_ms < SHORT_RTT_MS:
        return min(CHUNK_MAX, round(size * 1.2))
    return size


@dataclass(frozen=True, slots=True)
class StreamCount:
    """How many streams to have; `evaluate` gives the next value. Start with `at` the plan's."""

    count: int
    low: int
    high: int
    at: int  # us, of the last evaluation
    rate_mbps: float = 0.0  # what was measured with one step fewer
    settled: bool = False  # a step did not pay; no more of them

    def evaluate(self, rate_mbps: float, loss: float, now: int) -> "StreamCount":
        """Every 30 s: a step up, a step back, or as it is. Loss above 5 % means 4 at once."""
        if loss > CONGESTED_LOSS:
            return replace(self, count=min(self.count, STREAMS_MIN), at=now, settled=True)
        if now - self.at < STREAMS_EVERY:
            return self
        paid = rate_mbps >= WORTH * self.rate_mbps and loss < CLEAN_LOSS
        if self.settled or (paid and self.count >= self.high):
            return replace(self, at=now)
        if paid:
            up = min(self.high, self.count + STEP)
            return replace(self, count=up, at=now, rate_mbps=rate_mbps)
        back = max(self.low, self.count - STEP) if self.rate_mbps else self.count
        return replace(self, count=back, at=now, settled=True)
