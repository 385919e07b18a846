"""How one stream is: its states, when it changes between them, and when it is tried again.

    idle      -> active      connected, and the first ack came
    active    -> degraded    rate under 50 % of the median for 5 s, or loss above 5 % for 5 s
    degraded  -> active      rate above 70 % of the median again for 5 s, and no such loss
    any       -> failed      write error, no progress for 30 s, keep-alive lost
    failed    -> replaced    a new connection takes the slot: after 0.5 s, then 1, 2, 4 ... 30 s

A degraded stream is not given up. It takes chunks when no active one has room, so that it can show
that it is well again. The median of two streams lies between them; then "half the median" is a
third of the better one.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from course.dwcp.transport.congestion import CongestionControl
from course.dwcp.transport.flights import Flights
from course.dwcp.transport.pacing import Pacer
from course.dwcp.units import MS, SECOND


class State(StrEnum):
    """Of one connection."""

    IDLE = "idle"
    ACTIVE = "active"
    DEGRADED = "degraded"
    FAILED = "failed"
    REPLACED = "replaced"


MOVES = {
    State.IDLE: (State.ACTIVE, State.FAILED),
    State.ACTIVE: (State.DEGRADED, State.FAILED),
    State.DEGRADED: (State.ACTIVE, State.FAILED),
    State.FAILED: (State.REPLACED,),
    State.REPLACED: (),
}
"""Every move that there is; all others are broken invariants."""

SLOW, WELL = 0.5, 0.7  # of the median rate
LOSSY = 0.05
PATIENCE = 5 * SECOND
RATE_SHARE = 0.2  # of a new sample in the estimate
RETRY_FIRST, RETRY_MAX = 500 * MS, 30 * SECOND


@dataclass(slots=True)
class Stream:
    """One connection of a transfer, as the sender sees it."""

    slot: int
    control: CongestionControl
    opened_at: int
    state: State = State.IDLE
    connected: bool = False
    flights: Flights = field(default_factory=Flights)
    pacer: Pacer = field(default_factory=Pacer)
    unwritten: int = 0  # chunks that the host has not written yet
    rate_mbps: float = 0.0  # estimate, by acknowledged bytes
    rtt: int = 0  # us, smoothed
    loss: float = 0.0  # of the last second, or what the kernel reports
    progress_at: int = 0  # us, last ack of a chunk of this stream
    sent_bytes: int = 0
    resent: int = 0  # chunks
    unwell_since: int | None = None
    well_since: int | None = None
    retry: int = RETRY_FIRST
    retry_at: int | None = None
    retiring: bool = False  # takes no more chunks; closed when what it has is acked
    counted: tuple[int, int, int] = (0, 0, 0)  # delivered, sent and lost at the last tick
    heard: bool = False  # the host reports loss and RTT; then ours are not used

    @property
    def usable(self) -> bool:
        """May it take chunks?"""
        return self.state in (State.ACTIVE, State.DEGRADED) and not self.retiring

    def move(self, state: State) -> None:
        """Into another state."""
        assert state in MOVES[self.state], f"stream {self.slot}: {self.state} -> {state}"
        self.state = state

    def learn_rtt(self, rtt: int) -> None:
        """Smoothed as in RFC 6298: an eighth of each new sample."""
        if not self.heard:
            self.rtt = rtt if not self.rtt else (7 * self.rtt + rtt) // 8

    def hear(self, rtt: int, loss: float) -> None:
        """The host knows better: TCP repairs losses before this layer can see them."""
        self.heard, self.rtt, self.loss = True, rtt, loss

    def tick(self, elapsed: int) -> None:
        """Once a second: rate and loss since the last time. Nothing under way is no sample."""
        delivered, sent, lost = self.counted
        flights = self.flights
        new_sent, new_lost = flights.sent_pieces - sent, flights.lost_pieces - lost
        sample = (flights.delivered - delivered) * 8 / elapsed
        if sample or flights.in_flight:
            first = not self.rate_mbps
            mixed = RATE_SHARE * sample + (1 - RATE_SHARE) * self.rate_mbps
            self.rate_mbps = sample if first else mixed
        if not self.heard:
            self.loss = new_lost / new_sent if new_sent else 0.0
        self.counted = (flights.delivered, flights.sent_pieces, flights.lost_pieces)

    def judge(self, median_mbps: float, now: int) -> State | None:
        """The state to move to, once it has been that way for 5 s; None: stay."""
        slow, well = self.rate_mbps < SLOW * median_mbps, self.rate_mbps > WELL * median_mbps
        lossy = self.loss > LOSSY
        self.unwell_since = _since(self.unwell_since, slow or lossy, now)
        self.well_since = _since(self.well_since, well and not lossy, now)
        if self.state is State.ACTIVE and _lasts(self.unwell_since, now):
            return State.DEGRADED
        if self.state is State.DEGRADED and _lasts(self.well_since, now):
            return State.ACTIVE
        return None

    def back_off(self, now: int) -> None:
        """When to try the slot again; twice as long the next time."""
        self.retry_at = now + self.retry
        self.retry = min(2 * self.retry, RETRY_MAX)


def median_rate(streams: list[Stream]) -> float:
    """Mbps, of the active streams that have been measured; 0 if there is none."""
    rates = [s.rate_mbps for s in streams if s.state is State.ACTIVE and s.rate_mbps]
    return median(rates) if rates else 0.0


def imbalance(rates_mbps: list[float]) -> float:
    """(max - min) / mean of the streams' rates; above 0.20 somebody should look.

    >>> imbalance([10, 10, 7])
    0.3333333333333333
    """
    total = sum(rates_mbps)
    return (max(rates_mbps) - min(rates_mbps)) * len(rates_mbps) / total if total else 0.0


def _since(since: int | None, holds: bool, now: int) -> int | None:
    if not holds:
        return None
    return now if since is None else since


def _lasts(since: int | None, now: int) -> bool:
    return since is not None and now - since >= PATIENCE
