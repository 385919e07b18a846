"""The receiving end of a transfer: chunks from any stream in, the bytes in order out.

A machine. It acks every second chunk or after 50 ms, says in each ack how much more it can hold,
and believes nothing: the transfer is complete only if the length and the SHA-256 of what it handed
out are those in the sender's last chunk. Its host carries out the effects and reports

    opened(slot)     a connection said hello        closed(slot)   it is gone
    receive(slot, chunk)                            consume(size)  the application took bytes

Read before: `wire`, `reorder`. Read next: `sender`.
"""

import hashlib
from dataclasses import dataclass

from course.dwcp.machine import Tell
from course.dwcp.transport.effects import Close, Deliver, Reply, TransferEffect
from course.dwcp.transport.reorder import BUFFER_DEFAULT, ReorderBuffer
from course.dwcp.transport.wire import (
    CANCEL,
    CHUNK_MAX,
    END,
    HELLO,
    Ack,
    Chunk,
    Outcome,
    Result,
    read_end,
)
from course.dwcp.units import MS, SECOND

ACK_EVERY = 2  # chunks
ACK_DELAY = 50 * MS
KEEP_ALIVE = 1 * SECOND  # a quiet receiver repeats its ack on every stream: one may be lost
STREAM_LIMIT = 30 * SECOND  # without any stream


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """`size` is bytes handed out in order; `peak_bytes` the most that was ever held."""

    outcome: Outcome
    size: int
    next_sequence: int
    held_bytes: int
    peak_bytes: int
    window: int
    streams: tuple[int, ...]
    chunks: int
    duplicates: int
    refused: int
    reason: str


class Receiver:
    """Takes one transfer. `buffer_size` bounds all that it holds, in bytes."""

    def __init__(
        self, transfer: bytes, now: int, buffer_size: int = BUFFER_DEFAULT,
        stream_limit: int = STREAM_LIMIT,
    ) -> None:  # fmt: skip
        self.transfer, self.outcome, self.reason = transfer, Outcome.OPEN, ""
        self.buffer = ReorderBuffer(buffer_size)
        self.wake_at: int | None = now + stream_limit
        self._stream_limit = stream_limit
        self._streams: dict[int, int] = {}  # slot -> when it was last heard
        self._unacked = 0  # chunks since the last ack
        self._answer_by: int | None = None
        self._quiet_since = now
        self._digest, self._size = hashlib.sha256(), 0
        self._result: Result | None = None
        self._chunks = self._duplicates = self._refused = 0
        self._told_window = self.buffer.window
        self._ended_at: int | None = None

    # what the host reports

    def opened(self, slot: int, now: int) -> list[TransferEffect]:
        """A connection said hello. The ack at once is what makes the stream active."""
        self._streams[slot] = self._quiet_since = now
        effects = self._answer(now, slot)
        self._set_alarm()
        return effects

    def closed(self, slot: int, now: int) -> list[TransferEffect]:
        """A connection is gone. The sender will open another; nothing that came is lost."""
        self._streams.pop(slot, None)
        self._quiet_since = now
        self._set_alarm()
        return []

    def damaged(self, slot: int, words: str, now: int) -> list[TransferEffect]:
        """Bytes that are no chunk. Where the next one starts is unknown, so the stream ends."""
        self._refused += 1
        self._streams.pop(slot, None)
        self._set_alarm()
        return [Tell("peer_misbehaved", {"slot": slot, "why": words}), Close(slot, words)]

    def consume(self, size: int, now: int) -> list[TransferEffect]:
        """The application took `size` bytes. A window that was all but shut is told at once."""
        self.buffer.consume(size)
        was_shut = self._told_window < CHUNK_MAX
        if not (was_shut and self.buffer.window >= 2 * self._told_window and self._open()):
            return []
        effects = self._answer(now)
        self._set_alarm()
        return effects

    def receive(self, slot: int, chunk: Chunk, now: int) -> list[TransferEffect]:
        """A chunk arrived on this slot's connection."""
        if slot not in self._streams:
            return []
        del self._streams[slot]
        self._streams[slot] = self._quiet_since = now  # the last in the dict was heard last
        if not self._open():
            return self._answer(now, slot)
        if chunk.flags & (HELLO | CANCEL):
            return self._on_control(slot, chunk, now)
        effects = self._take(slot, chunk, now)
        self._set_alarm()
        return effects

    def wake(self, now: int) -> list[TransferEffect]:
        """An ack is due, or the sender has been silent, or all streams have been gone too long."""
        if not self._open():
            return self._repeat_end(now)
        if not self._streams and now - self._quiet_since >= self._stream_limit:
            limit_s = self._stream_limit // SECOND
            return self._stop(Outcome.FAILED, f"no stream for {limit_s} s", now)
        effects: list[TransferEffect] = []
        due = self._answer_by is not None and now >= self._answer_by
        quiet = bool(self._streams) and now - self._quiet_since >= KEEP_ALIVE
        if quiet:
            self._quiet_since = now
            effects = self._answer_all(now)
        elif due:
            effects = self._answer(now)
        self._set_alarm()
        return effects

    def cancel(self, now: int) -> list[TransferEffect]:
        """Stop; the sender hears it in the next ack."""
        if not self._open():
            raise RuntimeError(f"the transfer is {self.outcome.name.lower()} already")
        return self._stop(Outcome.CANCELLED, "cancelled by the receiver", now)

    def status(self) -> ReceiverStatus:
        """Where the transfer stands."""
        held = self.buffer
        return ReceiverStatus(
            self.outcome, self._size, held.next_sequence, held.held_bytes, held.peak_bytes,
            held.window, tuple(sorted(self._streams)), self._chunks, self._duplicates,
            self._refused, self.reason,
        )  # fmt: skip

    # how it is done

    def _open(self) -> bool:
        return self.outcome is Outcome.OPEN

    def _on_control(self, slot: int, chunk: Chunk, now: int) -> list[TransferEffect]:
        if chunk.flags & HELLO:
            return self.damaged(slot, "a second hello on the same connection", now)
        return self._stop(Outcome.CANCELLED, "cancelled by the sender", now)

    def _take(self, slot: int, chunk: Chunk, now: int) -> list[TransferEffect]:
        if self.buffer.has(chunk.sequence):
            self._duplicates += 1  # its ack may have been lost, so say again what is here
            return self._answer(now, slot)
        reason = self.buffer.objection(chunk)
        if reason:
            self._refused += 1
            told = Tell("peer_misbehaved", {"slot": slot, "why": reason})
            return [told, *self._answer(now, slot)]
        self._chunks += 1
        effects = self._release(self.buffer.add(chunk), now)
        self._unacked += 1
        if self._unacked >= ACK_EVERY or not self._open() or chunk.flags & END:
            return [*effects, *self._answer(now, slot)]
        if self._answer_by is None:
            self._answer_by = now + ACK_DELAY
        return effects

    def _release(self, chunks: list[Chunk], now: int) -> list[TransferEffect]:
        effects: list[TransferEffect] = []
        for chunk in chunks:
            if chunk.flags & END:
                return effects + self._compare(read_end(chunk))
            self._digest.update(chunk.payload)
            self._size += len(chunk.payload)
            effects.append(Deliver(chunk.payload))
        return effects

    def _compare(self, sent: Result) -> list[TransferEffect]:
        """Both ends must have the same bytes; a write that succeeded proves nothing."""
        self._result = Result(self._size, self._digest.digest())
        if self._result == sent:
            self.outcome = Outcome.COMPLETE
            return [Tell("transfer_completed", {"size": self._size})]
        self.outcome = Outcome.DAMAGED
        self.reason = f"{self._size:,} bytes arrived that are not the {sent.size:,} sent"
        return [Tell("transfer_failed", {"why": self.reason})]

    def _stop(self, outcome: Outcome, reason: str, now: int) -> list[TransferEffect]:
        self.outcome, self.reason = outcome, reason
        event = "transfer_cancelled" if outcome is Outcome.CANCELLED else "transfer_failed"
        return [Tell(event, {"why": reason}), *self._answer(now)]

    def _answer_all(self, now: int) -> list[TransferEffect]:
        return [reply for slot in list(self._streams) for reply in self._answer(now, slot)]

    def _repeat_end(self, now: int) -> list[TransferEffect]:
        """The sender closes its streams when it knows; until then the last ack may be lost."""
        self._ended_at = now if self._ended_at is None else self._ended_at
        lasted = now - self._ended_at >= self._stream_limit
        self.wake_at = None if lasted else now + KEEP_ALIVE
        return self._answer_all(now)

    def _answer(self, now: int, slot: int | None = None) -> list[TransferEffect]:
        """An ack on `slot`, or else on the stream that was heard last."""
        self._unacked, self._answer_by = 0, None
        if slot is None or slot not in self._streams:
            slot = next(reversed(self._streams), None)
        if slot is None:
            return []
        self._told_window = self.buffer.window
        ranges = self.buffer.ranges() if self._open() else ()
        ack = Ack(
            self.transfer, self.buffer.next_sequence, self.buffer.window, ranges, self.outcome,
            self._result,
        )  # fmt: skip
        return [Reply(slot, ack)]

    def _set_alarm(self) -> None:
        """When to wake: the ack that is due, or the end of our patience.

        After the end the alarm stays as it was; `_repeat_end` sets the next.
        """
        if self._open():
            patience = KEEP_ALIVE if self._streams else self._stream_limit
            by = self._quiet_since + patience
            self.wake_at = by if self._answer_by is None else min(by, self._answer_by)
