"""All the streams of one transfer: who takes the next chunk, who carries which, who is replaced.

Part of the sender's machine, not one by itself: `sender` asks, and passes on the effects. The
group knows sequences and sizes, never the bytes. When a chunk is no longer under way anywhere,
because its stream failed or lost it, its sequence comes out of `take_freed`.

The rules for one stream are in `health`, for their number in `adapt`. Read next: `sender`.
"""

from dataclasses import dataclass
from statistics import median

from course.dwcp.machine import Tell
from course.dwcp.transport.adapt import StreamCount
from course.dwcp.transport.congestion import Congestion
from course.dwcp.transport.effects import Close, Open, TransferEffect
from course.dwcp.transport.health import RETRY_FIRST, State, Stream, median_rate
from course.dwcp.transport.plan import Plan
from course.dwcp.transport.scheduler import Scheduler, weight
from course.dwcp.units import MS, SECOND

UNWRITTEN_MAX = 1  # chunks that a host may have waiting for one connection; more wait too long


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits, us."""

    connect: int = 30 * SECOND  # for the streams together; then 2 of them have to be there
    progress: int = 30 * SECOND  # of one stream with something under way
    stream: int = 30 * SECOND  # without any usable stream


class StreamGroup:
    """The streams by slot. `replaced` counts new connections for failed ones."""

    def __init__(self, plan: Plan, congestion: Congestion, timing: Timing, now: int) -> None:
        self.plan, self.timing = plan, timing
        self.by_slot: dict[int, Stream] = {}
        self.replaced = 0
        self._congestion = congestion
        self._scheduler = Scheduler({0: 1})
        self._count = StreamCount(plan.streams, plan.streams_min, plan.streams_max, now)
        self._carriers: dict[int, list[int]] = {}  # sequence -> slots that have it under way
        self._freed: list[int] = []
        self._started = self._usable_at = now
        self._ever_active: dict[int, None] = {}
        self._start_checked = False

    def all(self) -> list[Stream]:
        """Every stream there is, in the order in which they were opened."""
        return list(self.by_slot.values())

    def usable(self) -> list[Stream]:
        """Those that may take chunks."""
        return [stream for stream in self.by_slot.values() if stream.usable]

    # chunks

    def choose(self, now: int) -> Stream | None:
        """The stream for the next chunk; a degraded one only if no active one has room."""
        able = [s for s in self.by_slot.values() if s.usable and has_room(s, now)]
        active = [s.slot for s in able if s.state is State.ACTIVE]
        ready = active or [s.slot for s in able]
        return self.by_slot[self._scheduler.next_stream(ready)] if ready else None

    def sent(self, stream: Stream, sequence: int, size: int, again: bool, now: int) -> None:
        """This stream carries the chunk now."""
        stream.flights.sent(sequence, size, now)
        stream.unwritten += 1
        stream.sent_bytes += size
        stream.resent += again
        stream.pacer.sent(size, stream.control.pacing_rate_mbps(), now)
        stream.control.on_sent(now, size, stream.flights.in_flight)
        carriers = self._carriers.setdefault(sequence, [])
        if stream.slot not in carriers:
            carriers.append(stream.slot)

    def credit(self, sequence: int, slot: int, now: int) -> int | None:
        """One stream is credited with an acked chunk, once; other copies are forgotten.

        The receiver acks on the stream that it heard last, so `slot` is the one, if it had the
        chunk. Returns the time from sending to ack, us; None if nobody carried it.
        """
        carriers = self._carriers.pop(sequence, [])
        if not carriers:
            return None
        credited = slot if slot in carriers else carriers[0]
        for carrier in carriers:
            if carrier != credited:
                self.by_slot[carrier].flights.forget(sequence)
        stream = self.by_slot[credited]
        sample = stream.flights.acked(sequence, now)
        stream.progress_at, stream.retry = now, RETRY_FIRST
        stream.learn_rtt(sample.rtt)
        stream.control.on_ack(sample)
        return sample.rtt

    def find_losses(self, now: int) -> None:
        """Chunks that later ones on the same stream have overtaken."""
        for stream in self.by_slot.values():
            for sequence, loss in stream.flights.overtaken(now):
                stream.control.on_loss(loss)
                self._drop(sequence, stream.slot)

    def take_freed(self) -> list[int]:
        """Chunks that no stream carries any more, and that nobody acknowledged."""
        freed, self._freed = self._freed, []
        return freed

    def sent_at(self, sequence: int) -> int | None:
        """When the chunk left last, us; None if it is not under way."""
        carriers = self._carriers.get(sequence, [])
        return max((self.by_slot[c].flights.sent_at(sequence) for c in carriers), default=None)

    def fastest_without(self, sequence: int) -> Stream | None:
        """The fastest stream that does not carry the chunk, or if all do, the fastest."""
        able = [s for s in self.usable() if s.unwritten < UNWRITTEN_MAX]
        fresh = [s for s in able if sequence not in s.flights] or able
        return max(fresh, key=lambda s: (round(s.rate_mbps, 3), -s.slot), default=None)

    def nothing_to_send(self, now: int) -> None:
        """Streams with room stand idle, so what they deliver now says nothing of the path."""
        for stream in self.by_slot.values():
            if stream.usable and has_room(stream, now):
                stream.flights.nothing_to_send()

    # streams come and go

    def start(self, now: int) -> list[TransferEffect]:
        """Open as many as the plan says, all at once."""
        self._started = self._usable_at = now
        plan = self.plan
        self._count = StreamCount(plan.streams, plan.streams_min, plan.streams_max, now)
        effects: list[TransferEffect] = [self._open(slot, now) for slot in range(plan.streams)]
        self._reweigh()
        return effects

    def activate(self, stream: Stream, now: int) -> list[TransferEffect]:
        """The first ack came."""
        if stream.state is not State.IDLE or not stream.connected:
            return []
        stream.move(State.ACTIVE)
        self._usable_at = now
        self._ever_active[stream.slot] = None
        return [Tell("stream_active", {"slot": stream.slot})]

    def fail(self, stream: Stream, why: str, now: int) -> list[TransferEffect]:
        """The connection is gone or useless. What it carried is freed; the slot is tried again."""
        if stream.state is State.FAILED:
            return []
        for sequence in stream.flights.sequences():
            stream.flights.forget(sequence)
            self._drop(sequence, stream.slot)
        stream.move(State.FAILED)
        stream.back_off(now)
        if stream.retiring:
            del self.by_slot[stream.slot]
        told = Tell("stream_failed", {"slot": stream.slot, "why": why})
        return [Close(stream.slot, why), told]

    def replace_due(self, now: int) -> list[TransferEffect]:
        """New connections for the failed streams whose back-off is over."""
        effects: list[TransferEffect] = []
        for stream in self.all():
            if stream.retry_at is not None and now >= stream.retry_at:
                stream.move(State.REPLACED)
                self.replaced += 1
                told = Tell("stream_replaced", {"slot": stream.slot})
                effects += [told, self._open(stream.slot, now)]
        return effects

    def retire(self) -> list[TransferEffect]:
        """Close the streams that are no longer wanted and have nothing under way."""
        idle = [s for s in self.all() if s.retiring and not s.flights]
        for stream in idle:
            del self.by_slot[stream.slot]
        return [Close(stream.slot, "one stream fewer") for stream in idle]

    def _open(self, slot: int, now: int) -> Open:
        stream = Stream(slot, self._congestion(slot), now, progress_at=now)
        if slot in self.by_slot:
            stream.retry = self.by_slot[slot].retry
        self.by_slot[slot] = stream
        return Open(slot)

    def _drop(self, sequence: int, slot: int) -> None:
        carriers = self._carriers.get(sequence, [])
        if slot in carriers:
            carriers.remove(slot)
        if not carriers:
            self._carriers.pop(sequence, None)
            self._freed.append(sequence)

    # once a second

    def tick(self, elapsed: int, now: int) -> list[TransferEffect]:
        """Measure, judge, and weigh anew."""
        for stream in self.all():
            stream.tick(elapsed)
        middle = round(median_rate(self.all()), 3)
        effects: list[TransferEffect] = []
        for stream in self.all():
            effects += self._judge(stream, middle, now)
        self._reweigh()
        if self.usable():
            self._usable_at = now
        return effects

    def hopeless(self, now: int) -> str | None:
        """Why the transfer has to be given up; None: it goes on."""
        if not self._start_checked and now - self._started >= self.timing.connect:
            self._start_checked = True
            there, wanted = len(self._ever_active), min(2, self.plan.streams)
            if there < wanted:
                limit_s = self.timing.connect // SECOND
                return f"{there} of {self.plan.streams} streams in {limit_s} s; it takes {wanted}"
        if now - self._usable_at >= self.timing.stream:
            return f"no stream for {self.timing.stream // SECOND} s"
        return None

    def measure(self) -> tuple[float, float, float] | None:
        """(Mbps together, loss, RTT in ms) of the active streams; None before there is any."""
        active = [s for s in self.all() if s.state is State.ACTIVE and s.rate_mbps]
        if not active:
            return None
        loss = sum(s.loss for s in active) / len(active)
        rate, rtt_ms = sum(s.rate_mbps for s in active), median(s.rtt for s in active) / MS
        return round(rate, 3), round(loss, 4), round(rtt_ms, 3)

    def resize(self, rate_mbps: float, loss: float, now: int) -> list[TransferEffect]:
        """Open the slots that are missing, or let the slowest streams run out."""
        self._count = self._count.evaluate(rate_mbps, loss, now)
        staying = [s for s in self.all() if not s.retiring]
        slowest = sorted(staying, key=lambda s: (round(s.rate_mbps, 3), -s.slot))
        for stream in slowest[: max(0, len(staying) - self._count.count)]:
            stream.retiring = True
        free = [slot for slot in range(self.plan.streams_max) if slot not in self.by_slot]
        missing = max(0, self._count.count - len(staying))
        opened: list[TransferEffect] = [self._open(slot, now) for slot in free[:missing]]
        self._reweigh()
        return opened

    def _judge(self, stream: Stream, middle: float, now: int) -> list[TransferEffect]:
        oldest = stream.flights.oldest_sent_at()
        if oldest is not None and now - max(oldest, stream.progress_at) > self.timing.progress:
            return self.fail(stream, "no progress", now)
        if stream.state is State.IDLE and now - stream.opened_at > self.timing.connect:
            return self.fail(stream, "no connection in time", now)
        state = stream.judge(middle, now)
        if state is None:
            return []
        stream.move(state)
        return [Tell(f"stream_{state.value}", {"slot": stream.slot})]

    def _reweigh(self) -> None:
        if self.by_slot:
            self._scheduler.reweigh({s.slot: weight(s.rate_mbps) for s in self.all()})


def has_window(stream: Stream) -> bool:
    """A window that is not full takes a whole chunk: the first is larger than ten segments."""
    return stream.unwritten < UNWRITTEN_MAX and stream.flights.in_flight < stream.control.window()


def has_room(stream: Stream, now: int) -> bool:
    """May a chunk leave on it now?"""
    return stream.pacer.ready(now) and has_window(stream)
