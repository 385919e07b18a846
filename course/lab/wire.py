"""A modelled path, packet by packet: controllers against a bottleneck, in virtual time.

One queue of finite size, drained at a fixed rate; a fixed propagation delay; a seeded draw for each
packet, before the queue, whether it is lost. All streams share it. The state is computed and not
stepped: a packet leaves when those before it have left, so each packet costs one event.

Simplified, on purpose: acks are never lost and never bunched; a loss is noticed when the ack would
have come; what is lost is not sent again, it only counts. `course.lab.links` has the coarse
formula for the same question; the benchmark of the transport holds both against real connections.

    race(Bottleneck(100, 100 * MS, loss=0.005), [Cubic() for _ in range(4)], 20 * SECOND, seed=1)
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from course.dwcp.transport.bbr2 import Bbr2
from course.dwcp.transport.congestion import SEGMENT_SIZE, CongestionControl
from course.dwcp.transport.cubic import Cubic
from course.dwcp.transport.flights import Flights
from course.dwcp.transport.pacing import Pacer
from course.dwcp.units import MS, SECOND

PACKET_SIZE = SEGMENT_SIZE + 40  # with IP and TCP headers: what the link carries


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """`rate_mbps` of the link, `rtt` us without queue, `queue` bytes (0: one BDP), `loss` 0..1."""

    rate_mbps: float
    rtt: int
    loss: float = 0.0
    queue: int = 0

    @property
    def bdp(self) -> int:
        """Bytes that the path holds without a queue."""
        return round(self.rate_mbps * self.rtt / 8)


@dataclass(frozen=True, slots=True)
class Point:
    """One stream in one interval that ends at `time`, us. Windows and queue are bytes."""

    time: int
    stream: int
    rate_mbps: float
    window: int
    in_flight: int
    queue: int
    rtt: int
    state: str


@dataclass(frozen=True, slots=True)
class Race:
    """What came of it. `rates_mbps` are payload by stream, over the whole time."""

    rates_mbps: tuple[float, ...]
    loss: float
    queue_peak: int
    points: tuple[Point, ...]

    @property
    def rate_mbps(self) -> float:
        """All streams together."""
        return sum(self.rates_mbps)


class _Stream:
    """A bulk sender: it always has another packet."""

    def __init__(self, control: CongestionControl) -> None:
        self.control, self.flights, self.pacer = control, Flights(), Pacer()
        self.next_packet, self.rtt, self.counted = 0, 0, 0
        self.alarm = -1


class _Link:
    """The queue. `free_at` is when the last packet in it will have left, us."""

    def __init__(self, path: Bottleneck, dice: Random) -> None:
        self.path, self.free_at, self.peak, self._dice = path, 0.0, 0, dice
        self.limit = path.queue or path.bdp

    def queue(self, now: int) -> int:
        """Bytes that wait at `now`."""
        return round(max(0.0, self.free_at - now) * self.path.rate_mbps / 8)

    def carry(self, now: int) -> tuple[bool, int]:
        """(arrives, when the sender knows) of one packet that is sent at `now`."""
        waiting = self.queue(now)
        lost = self._dice.random() < self.path.loss
        if lost or waiting + PACKET_SIZE > self.limit + PACKET_SIZE:
            return False, round(max(self.free_at, now)) + self.path.rtt
        self.free_at = max(self.free_at, now) + PACKET_SIZE * 8 / self.path.rate_mbps
        self.peak = max(self.peak, waiting)
        return True, round(self.free_at) + self.path.rtt


def race(
    path: Bottleneck,
    controls: Sequence[CongestionControl],
    duration: int,
    seed: int | str,
    every: int = 100 * MS,
) -> Race:
    """Run streams of bulk data, one for each controller, through `path` for `duration` us.

    `every` us a Point is kept for each stream. Streams start 1 ms apart, in order.
    """
    link = _Link(path, Random(f"wire {seed}"))
    streams = [_Stream(control) for control in controls]
    events: list[tuple[int, int, str, int, int]] = []  # (time, number, kind, stream, packet)
    number = 0
    points: list[Point] = []

    def at(time: int, kind: str, stream: int, packet: int = 0) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (time, number, kind, stream, packet))

    def send(index: int, now: int) -> None:
        """As many packets as window and pacer allow."""
        stream = streams[index]
        flights, control = stream.flights, stream.control
        while flights.in_flight + SEGMENT_SIZE <= control.window():
            if not stream.pacer.ready(now):
                if stream.alarm <= now:
                    stream.alarm = stream.pacer.next_at
                    at(stream.alarm, "send", index)
                return
            packet, stream.next_packet = stream.next_packet, stream.next_packet + 1
            flights.sent(packet, SEGMENT_SIZE, now)
            stream.pacer.sent(SEGMENT_SIZE, control.pacing_rate_mbps(), now)
            control.on_sent(now, SEGMENT_SIZE, flights.in_flight)
            arrives, known_at = link.carry(now)
            at(known_at, "ack" if arrives else "loss", index, packet)

    def keep(now: int) -> None:
        for index, stream in enumerate(streams):
            rate = (stream.flights.delivered - stream.counted) * 8 / every
            stream.counted = stream.flights.delivered
            points.append(
                Point(
                    now, index, rate, stream.control.window(), stream.flights.in_flight,
                    link.queue(now), stream.rtt, getattr(stream.control, "state", ""),
                )
            )  # fmt: skip

    for index in range(len(streams)):
        at(index * MS, "send", index)
    for time in range(every, duration + 1, every):
        at(time, "keep", 0)
    while events and events[0][0] <= duration:
        now, _, kind, index, packet = heapq.heappop(events)
        stream = streams[index]
        if kind == "keep":
            keep(now)
            continue
        if kind == "ack":
            sample = stream.flights.acked(packet, now)
            stream.rtt = sample.rtt
            stream.control.on_ack(sample)
        elif kind == "loss":
            stream.control.on_loss(stream.flights.lose(packet, now))
        send(index, now)
    sent = sum(stream.flights.sent_pieces for stream in streams)
    lost = sum(stream.flights.lost_pieces for stream in streams)
    rates = tuple(stream.flights.delivered * 8 / duration for stream in streams)
    return Race(rates, lost / max(1, sent), link.peak, tuple(points))


def demo() -> None:
    """The two controllers on a clean and on a lossy path of 20 Mbps and 100 ms."""
    for loss in (0.0, 0.005):
        path = Bottleneck(20, 100 * MS, loss)
        for control in (Cubic(), Bbr2(Random(1))):
            went = race(path, [control], 20 * SECOND, seed=1)
            print(f"{loss:5.1%} loss  {control.name:5}  {went.rate_mbps:4.1f} Mbps")


if __name__ == "__main__":
    demo()
