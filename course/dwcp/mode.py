"""Which mode is a path in: datacenter, internet or hybrid?

The mode is a property of a pair of nodes. It decides how the other components behave: streams
and congestion control (AMST), compression (HDE), consensus (ACP), placement (ITP).

Rules: RTT below 10 ms and capacity of 1 Gbps or more is datacenter; RTT above 50 ms or less than
1 Gbps is internet; the rest is hybrid. A detector that followed every sample would flap at the
border, so three brakes are applied: hysteresis of 20 %, a dwell of 60 s, and agreement of 80 % of
the window. Loss has a vote too: a site hardly loses a packet, so 0.1 % is no datacenter, and above
1 % a path is treated as internet whatever its round trip. A person may force a mode.
Read next: `encoding`.
"""

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean

from course.dwcp.units import SECOND


class Mode(StrEnum):
    """The mode of a path; a string, so that it reads well in tables and YAML."""

    DATACENTER = "datacenter"
    INTERNET = "internet"
    HYBRID = "hybrid"


DATACENTER_RTT_MS = 10.0
INTERNET_RTT_MS = 50.0
CAPACITY_MBPS_MIN = 1_000.0
DATACENTER_LOSS, INTERNET_LOSS = 0.001, 0.01
MEASURED_SHARE_MIN = 0.9
"""A gigabit port delivers about 0.94 Gbps of payload, so a measured rate counts from 0.9 Gbps."""


def classify(
    rtt_ms: float, capacity_mbps: float, measured: bool = False, loss: float = 0.0
) -> Mode:
    """The mode of one path from its round-trip time (ms), capacity (Mbps) and loss (fraction).

    `capacity_mbps` is the nominal rate of the narrowest link, or an achieved rate if `measured`.

    >>> classify(0.8, 1_000).value, classify(20, 1_000).value, classify(0.8, 100).value
    ('datacenter', 'hybrid', 'internet')
    """
    if rtt_ms < 0 or capacity_mbps <= 0 or not 0 <= loss <= 1:
        raise ValueError(
            f"a path has rtt_ms >= 0, capacity_mbps > 0 and loss 0 to 1, not rtt_ms={rtt_ms}, "
            f"capacity_mbps={capacity_mbps}, loss={loss}"
        )
    needed = CAPACITY_MBPS_MIN * (MEASURED_SHARE_MIN if measured else 1.0)
    if rtt_ms > INTERNET_RTT_MS or capacity_mbps < needed or loss > INTERNET_LOSS:
        return Mode.INTERNET
    near = rtt_ms < DATACENTER_RTT_MS and loss < DATACENTER_LOSS
    return Mode.DATACENTER if near else Mode.HYBRID


@dataclass(frozen=True, slots=True)
class Detector:
    """A value: what is known about one path. `sample` and `evaluate` return the next value."""

    mode: Mode = Mode.HYBRID
    since: int = 0  # us, when the present mode was entered
    window: tuple[tuple[float, float, float], ...] = ()  # (rtt_ms, capacity_mbps, loss), old first
    changes: int = 0
    forced: bool = False  # by a person; nothing is detected until it is released

    window_size: int = 10
    hysteresis: float = 0.20
    dwell: int = 60 * SECOND
    agreement: float = 0.80

    def sample(self, rtt_ms: float, capacity_mbps: float, loss: float = 0.0) -> "Detector":
        """Add one measurement; only the last `window_size` are kept."""
        window = deque(self.window, maxlen=self.window_size)
        window.append((rtt_ms, capacity_mbps, loss))
        return replace(self, window=tuple(window))

    def evaluate(self, now: int) -> "Detector":
        """Decide, at most once every 10 s or so: stay, or change the mode at `now` (us)."""
        too_early = len(self.window) < self.window_size or now - self.since < self.dwell
        if too_early or self.forced:
            return self
        candidate = self._with_hysteresis(*self._mean())
        votes = sum(self._with_hysteresis(*s) == candidate for s in self.window)
        if candidate == self.mode or votes < self.agreement * len(self.window):
            return self
        return replace(self, mode=candidate, since=now, changes=self.changes + 1)

    def force(self, mode: Mode | None, now: int) -> "Detector":
        """A person sets the mode at `now` (us); None releases it to detection again."""
        if mode is None:
            return replace(self, forced=False)
        changed = mode != self.mode
        since, changes = (now, self.changes + 1) if changed else (self.since, self.changes)
        return replace(self, mode=mode, since=since, changes=changes, forced=True)

    def _mean(self) -> tuple[float, float, float]:
        # The published rule also drops samples beyond three standard deviations. Among ten
        # samples none can lie farther than sqrt(10 - 1) = 3, so that rule never fires; a spike
        # is outvoted by `agreement` instead.
        rtts, capacities, losses = zip(*self.window, strict=True)
        return fmean(rtts), fmean(capacities), fmean(losses)

    def _with_hysteresis(self, rtt_ms: float, capacity_mbps: float, loss: float) -> Mode:
        """A mode is entered at its border but left only 20 % beyond it: 12 ms, or 40 ms."""
        if self.mode is Mode.DATACENTER and rtt_ms < DATACENTER_RTT_MS * (1 + self.hysteresis):
            rtt_ms = min(rtt_ms, DATACENTER_RTT_MS - 1e-9)
        if self.mode is Mode.INTERNET and rtt_ms > INTERNET_RTT_MS * (1 - self.hysteresis):
            rtt_ms = max(rtt_ms, INTERNET_RTT_MS + 1e-9)
        return classify(rtt_ms, capacity_mbps, loss=loss)


def demo() -> None:
    """A path whose RTT climbs from 8 to 14 ms and back: it changes once, not at every wobble."""
    path = Detector(mode=Mode.DATACENTER)
    for second, rtt_ms in enumerate([8, 9, 11, 9, 11, 10, 11, 9, 11, 10] + [14] * 70):
        path = path.sample(rtt_ms, 1_000).evaluate(second * SECOND)
        if second % 20 == 9:
            print(f"{second:3d} s  rtt {rtt_ms:2d} ms  {path.mode.value}, {path.changes} changes")


if __name__ == "__main__":
    demo()
