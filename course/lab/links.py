"""The modelled wire: what a path between two hosts is like, and how fast a transfer goes on it.

A coarse model, held against three measurements on a real emulated path (RTT 100 ms, 0.5 % random
loss, 100 Mbps, kernel TCP): CUBIC 16.1 and 30.9 Mbps with 4 and 8 streams, the model 16.1 and
32.2; BBR 77 Mbps with one, the model 77. One single CUBIC stream measured 7.6, the model says 4.0.
"""

from dataclasses import dataclass

from course.dwcp.mode import Mode, classify
from course.dwcp.transport import loss_limited_mbps

PAYLOAD_SHARE = 0.94
"""Of a link's nominal rate; the rest is headers. So a 1 Gbps port carries 0.94 Gbps."""
BBR_SHARE = 0.82
"""Of the payload rate that one BBR stream fills on a path with loss."""
CUBIC_OVER_RENO = 2.0
"""How much better than Reno's formula a CUBIC stream does on the measured path."""


@dataclass(frozen=True, slots=True)
class Path:
    """Between two hosts, one way as the other. `loss` is a fraction.

    `stream_mbps` is the most that one connection gets, as where a provider throttles each by
    itself; None: what the path gives. `mtu` is the largest packet that gets through, bytes.
    """

    rtt_ms: float
    capacity_mbps: float
    loss: float = 0.0
    stream_mbps: float | None = None
    mtu: int = 1_500

    @property
    def mode(self) -> Mode:
        return classify(self.rtt_ms, self.capacity_mbps, loss=self.loss)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that ails the wire between two groups of hosts, from `a` to `b`.

    Empty groups mean everybody. `both_ways` is how cables break; one way is how firewalls and
    routes do. A cut drops packets silently: nobody is told, and only a timeout shows it.
    """

    a: frozenset[str] = frozenset()
    b: frozenset[str] = frozenset()
    both_ways: bool = True
    cut: bool = False
    rtt_added_ms: float = 0.0
    loss_added: float = 0.0
    capacity_share: float = 1.0
    capacity_mbps: float | None = None  # a cap for all streams together
    stream_mbps: float | None = None  # a cap for each stream
    mtu: int = 1_500  # larger packets vanish, and nobody is told

    def touches(self, sender: str, to: str) -> bool:
        """Does a packet from `sender` to `to` meet it?"""
        there = _in(sender, self.a) and _in(to, self.b)
        return there or (self.both_ways and _in(sender, self.b) and _in(to, self.a))

    def applied(self, path: Path) -> Path:
        """The path, with it. Loss adds up as independent chances do."""
        return Path(
            path.rtt_ms + self.rtt_added_ms,
            _least(path.capacity_mbps * self.capacity_share, self.capacity_mbps) or 0.0,
            round(1 - (1 - path.loss) * (1 - self.loss_added), 9),
            _least(path.stream_mbps, self.stream_mbps),
            min(path.mtu, self.mtu),
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """`size` bytes that go over the wire evenly between two moments, us."""

    start: int
    end: int
    size: float

    def bytes_between(self, since: int, until: int) -> float:
        """Those of them between two moments."""
        common = min(until, self.end) - max(since, self.start)
        return self.size * common / (self.end - self.start) if common > 0 else 0.0


def _least(a: float | None, b: float | None) -> float | None:
    """The lower of two limits; None is no limit."""
    return a if b is None else b if a is None else min(a, b)


def _in(name: str, group: frozenset[str]) -> bool:
    return not group or name in group


def rate_mbps(path: Path, streams: int, congestion_control: str, buffer_mb: float = 16.0) -> float:
    """What `streams` connections carry together, in Mbps of payload.

    `congestion_control` is cubic, bbr or bbr2. Without loss either fills the link. No more can be
    under way than the receiver's buffer holds, `buffer_mb` for each round trip.
    """
    payload = min(path.capacity_mbps * PAYLOAD_SHARE, buffer_mb * 8_000 / path.rtt_ms)
    if streams < 1:
        return 0.0
    if path.stream_mbps is not None:
        payload = min(payload, streams * path.stream_mbps)
    if path.loss <= 0:
        return payload
    if congestion_control == "cubic":
        return min(payload, streams * CUBIC_OVER_RENO * loss_limited_mbps(path.rtt_ms, path.loss))
    return payload * (1 - (1 - BBR_SHARE) ** streams)
