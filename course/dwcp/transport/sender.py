"""The sending end of a transfer: bytes in, chunks on several streams out, and no end without proof.

A machine. It opens the streams, gives each chunk to one of them, and lets go of it when the
receiver has acknowledged it. A stream that fails is replaced; its chunks go to the others. The
transfer is complete when the receiver says so and names the same length and SHA-256.

    commands     start  offer  finish  cancel            all return effects
    reports      connected(slot)  written(slot)  failed(slot, why)  receive(slot, ack)
                 measured(slot, rtt, loss)               what the kernel knows better
    time         wake(now), due at `wake_at`

Who limits a stream: its controller's window and one pacer, the receiver's window, and the host,
which reports `written` when a connection can take more. Read before: `outbox`, `flights`,
`health`, `group`. Read next: `course.faces.sockets`, its host on real connections.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median

from course.dwcp.machine import Tell
from course.dwcp.transport.adapt import CHUNK_EVERY, next_chunk_size
from course.dwcp.transport.congestion import Congestion
from course.dwcp.transport.effects import Close, TransferEffect, Transmit
from course.dwcp.transport.group import StreamGroup, Timing, has_window
from course.dwcp.transport.health import State, Stream, imbalance
from course.dwcp.transport.outbox import Outbox
from course.dwcp.transport.plan import Plan, check
from course.dwcp.transport.receiver import ACK_DELAY
from course.dwcp.transport.wire import AGAIN, CANCEL, Ack, Chunk, Outcome, WireError, hello
from course.dwcp.units import MS, SECOND

TICK = 1 * SECOND
LATE = 2  # x the median time, then the chunk that all wait for is sent a second time
LATE_MIN = 2 * ACK_DELAY  # an ack may be held back that long
TIMES_KEPT = 64  # of chunks, for that median


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream. `window` and `in_flight` are bytes, `resent` chunks."""

    slot: int
    state: State
    control: str
    rate_mbps: float
    rtt_ms: float
    window: int
    in_flight: int
    sent_bytes: int
    resent: int


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """`state` is new, sending, complete, failed or cancelled; `acked_bytes` are proven."""

    state: str
    reason: str
    offered_bytes: int
    sent_bytes: int
    acked_bytes: int
    unacked_chunks: int
    chunk_size: int
    streams: tuple[StreamStatus, ...]
    replaced: int
    resent: int
    duplicated: int
    imbalance: float


class Sender:
    """Sends one transfer. `transfer` is 16 bytes; `congestion(slot)` makes a controller."""

    def __init__(
        self, transfer: bytes, plan: Plan, congestion: Congestion, now: int,
        timing: Timing = Timing(),
    ) -> None:  # fmt: skip
        check(plan)
        hello(transfer, 0)  # raises if the id is not one
        self.transfer, self.plan = transfer, plan
        self.state, self.reason = "new", ""
        self.chunk_size = plan.chunk_size
        self.wake_at: int | None = None
        self.outbox = Outbox()
        self.group = StreamGroup(plan, congestion, timing, now)
        self._times: deque[int] = deque(maxlen=TIMES_KEPT)  # us from sending to ack
        self._usual = 1 * SECOND  # their median, once there are some
        self._late_try = (0, 0)  # (sequence, how often it was sent again)
        self._ticked = self._resized = now
        self._resent = self._duplicated = 0

    # commands

    def start(self, now: int) -> list[TransferEffect]:
        """Open the streams, all at once."""
        if self.state != "new":
            raise RuntimeError(f"the transfer is {self.state} already")
        self.state = "sending"
        self._ticked = self._resized = now
        effects = self.group.start(now)
        self._set_alarm(now)
        return effects

    def offer(self, data: bytes | bytearray | memoryview, now: int) -> list[TransferEffect]:
        """More bytes to send. They are read when they are cut, so they must not change."""
        self.outbox.offer(data)
        return self._pump(now)

    def finish(self, now: int) -> list[TransferEffect]:
        """No more bytes; what is left goes out, then the last chunk with length and hash."""
        self.outbox.finish()
        return self._pump(now)

    def cancel(self, now: int) -> list[TransferEffect]:
        """Stop, and tell the receiver on every stream that is there."""
        if self._over():
            raise RuntimeError(f"the transfer is {self.state} already")
        farewell = Chunk(0, b"cancelled", CANCEL)
        effects: list[TransferEffect] = [
            Transmit(s.slot, farewell) for s in self.group.all() if s.connected and s.usable
        ]
        return effects + self._stop("cancelled", "cancelled by the sender")

    # what the host reports

    def connected(self, slot: int, now: int) -> list[TransferEffect]:
        """The connection is there. It is active once the receiver has answered the hello."""
        if self._over() or slot not in self.group.by_slot:
            return [Close(slot, "it is no longer wanted")]
        stream = self.group.by_slot[slot]
        stream.connected = True
        stream.unwritten += 1
        return [Transmit(slot, hello(self.transfer, slot))]

    def written(self, slot: int, now: int) -> list[TransferEffect]:
        """The connection has taken a chunk, and can take another."""
        stream = self.group.by_slot.get(slot)
        if stream is None:
            return []
        stream.unwritten = max(0, stream.unwritten - 1)
        return self._pump(now)

    def failed(self, slot: int, why: str, now: int) -> list[TransferEffect]:
        """The connection broke, or could not be made."""
        if self._over() or slot not in self.group.by_slot:
            return []
        return self._fail(self.group.by_slot[slot], why, now)

    def measured(self, slot: int, rtt: int, loss: float) -> None:
        """What the kernel knows of a connection: smoothed round trip (us) and loss (fraction)."""
        if slot in self.group.by_slot:
            self.group.by_slot[slot].hear(rtt, loss)

    def receive(self, slot: int, ack: Ack, now: int) -> list[TransferEffect]:
        """An ack. It speaks of the whole transfer, whichever stream brought it."""
        if self._over() or slot not in self.group.by_slot:
            return []
        stream = self.group.by_slot[slot]
        try:
            if ack.transfer != self.transfer:
                raise WireError("an ack of another transfer")
            fresh = self.outbox.acknowledge(ack)
        except WireError as error:
            told = Tell("peer_misbehaved", {"slot": slot, "why": str(error)})
            return [told, *self._fail(stream, str(error), now)]
        effects = self.group.activate(stream, now)
        for sequence in fresh:
            took = self.group.credit(sequence, slot, now)
            if took is not None:
                self._times.append(took)
        if fresh:
            self.group.find_losses(now)
        if ack.outcome is not Outcome.OPEN:
            return effects + self._on_outcome(ack)
        return effects + self.group.retire() + self._pump(now)

    def wake(self, now: int) -> list[TransferEffect]:
        """Pacing, the late chunk, new connections, and once a second a look at the streams."""
        if self._over() or self.state == "new":
            self.wake_at = None
            return []
        effects = self.group.replace_due(now)
        if now - self._ticked >= TICK:
            effects += self._tick(now)
        return [*effects, *self._send_late_again(now), *self._pump(now)]

    def status(self) -> SenderStatus:
        """Where the transfer stands, stream by stream."""
        streams = tuple(
            StreamStatus(
                s.slot, s.state, s.control.name, s.rate_mbps, s.rtt / MS,
                s.control.window(), s.flights.in_flight, s.sent_bytes, s.resent,
            )
            for s in self.group.all()
        )  # fmt: skip
        box = self.outbox
        return SenderStatus(
            self.state, self.reason, box.offered_bytes, box.cut_bytes, box.acked_bytes,
            box.unacked, self.chunk_size, streams, self.group.replaced, self._resent,
            self._duplicated, imbalance([s.rate_mbps for s in streams if s.rate_mbps]),
        )  # fmt: skip

    # how it is done

    def _pump(self, now: int) -> list[TransferEffect]:
        """As many chunks as there are, and as streams and receiver have room for."""
        effects: list[TransferEffect] = []
        for sequence in self.group.take_freed():
            self.outbox.again(sequence)
        while not self._over():
            if not self.outbox.ready(self.chunk_size):
                self.group.nothing_to_send(now)
                break
            stream = self.group.choose(now)
            if stream is None:
                break
            effects.append(self._transmit(stream, *self.outbox.next(self.chunk_size), now))
        self._set_alarm(now)
        return effects

    def _transmit(self, stream: Stream, chunk: Chunk, again: bool, now: int) -> Transmit:
        self.group.sent(stream, chunk.sequence, len(chunk.payload), again, now)
        if again:
            self._resent += 1
            chunk = Chunk(chunk.sequence, chunk.payload, chunk.flags | AGAIN)
        return Transmit(stream.slot, chunk)

    def _fail(self, stream: Stream, why: str, now: int) -> list[TransferEffect]:
        return [*self.group.fail(stream, why, now), *self._pump(now)]

    def _late_at(self) -> int | None:
        """When the chunk that all wait for is late, us; twice as late every time."""
        head = self.outbox.cumulative
        sent_at = self.group.sent_at(head)
        if sent_at is None:
            return None
        tries = self._late_try[1] if self._late_try[0] == head else 0
        return sent_at + max(LATE_MIN, LATE * self._usual) * 2 ** min(tries, 6)

    def _send_late_again(self, now: int) -> list[TransferEffect]:
        """Send it a second time, on the fastest stream that does not have it.

        No window holds it back: if everything was lost, this one chunk is what finds out.
        """
        late_at, head = self._late_at(), self.outbox.cumulative
        chunk, stream = self.outbox.get(head), self.group.fastest_without(head)
        if late_at is None or now < late_at or chunk is None or stream is None or self._over():
            return []
        tries = self._late_try[1] + 1 if self._late_try[0] == head else 1
        self._late_try = (head, tries)
        self._duplicated += 1
        return [self._transmit(stream, chunk, True, now)]

    def _tick(self, now: int) -> list[TransferEffect]:
        """Once a second; chunk size and stream count every fifth time."""
        elapsed, self._ticked = now - self._ticked, now
        effects = self.group.tick(elapsed, now)
        if self._times:
            self._usual = round(median(self._times))
        measured = self.group.measure()
        if self.plan.adapt and measured and now - self._resized >= CHUNK_EVERY:
            self._resized = now
            rate_mbps, loss, rtt_ms = measured
            self.chunk_size = next_chunk_size(self.chunk_size, loss, rtt_ms)
            effects += self.group.resize(rate_mbps, loss, now)
        effects += self.group.retire()
        reason = self.group.hopeless(now)
        return [*effects, *self._stop("failed", reason)] if reason else effects

    def _on_outcome(self, ack: Ack) -> list[TransferEffect]:
        """The receiver is done. Only the same length and hash on both sides count as success."""
        if ack.outcome is Outcome.COMPLETE:
            if self.outbox.ended and ack.result == self.outbox.result:
                return self._stop("complete", "")
            return self._stop("failed", "the receiver's length or hash is not the sender's")
        if ack.outcome is Outcome.CANCELLED:
            return self._stop("cancelled", "cancelled by the receiver")
        why = "what arrived is not what was sent" if ack.outcome is Outcome.DAMAGED else "it failed"
        return self._stop("failed", f"the receiver says: {why}")

    def _stop(self, state: str, reason: str) -> list[TransferEffect]:
        self.state, self.reason, self.wake_at = state, reason, None
        closing: list[TransferEffect] = [
            Close(s.slot, state) for s in self.group.all() if s.state is not State.FAILED
        ]
        event = {"complete": "transfer_completed", "cancelled": "transfer_cancelled"}
        return [*closing, Tell(event.get(state, "transfer_failed"), {"why": reason})]

    def _over(self) -> bool:
        return self.state in ("complete", "failed", "cancelled")

    def _set_alarm(self, now: int) -> None:
        """The next tick, the next connection to try, the late chunk, or the next paced one."""
        if self._over() or self.state == "new":
            self.wake_at = None
            return
        streams = self.group.by_slot.values()
        times = [self._ticked + TICK]
        times += [s.retry_at for s in streams if s.retry_at is not None]
        late_at = self._late_at()
        if late_at is not None and self.group.fastest_without(self.outbox.cumulative):
            times.append(late_at)
        if self.outbox.ready(self.chunk_size):
            waiting = [s for s in streams if s.usable and has_window(s)]
            times += [s.pacer.next_at for s in waiting if s.pacer.next_at > now]
        self.wake_at = min(times)
