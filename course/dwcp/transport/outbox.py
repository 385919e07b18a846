"""What a transfer has yet to send, and what it sent and may have to send again.

Bytes go in with `offer`, are cut into chunks when a stream has room, and stay here until the
receiver has acknowledged them. A chunk gets its number once, when it is cut. One that came back,
because its stream failed, goes to the head of the queue: somebody waits for it.

The receiver's window sets an edge, in bytes of the transfer, beyond which nothing new is cut. The
edge never moves back. Read before: `reorder`, the other side of the same rule.
"""

import hashlib
import heapq
from collections import deque

from course.dwcp.transport.wire import (
    CHUNK_MAX,
    END,
    SEQUENCE_MAX,
    Ack,
    Chunk,
    Result,
    WireError,
    end,
)
from course.dwcp.units import MIB

WINDOW_MAX = 256 * MIB
"""Whatever the receiver says that it has room for, no more than this is held here for it."""


class Outbox:
    """The sender's bytes. `edge` is how many of them the receiver has room for."""

    def __init__(self) -> None:
        self.finished = False
        self.offered_bytes = self.cut_bytes = self.acked_bytes = 0
        self.next_sequence = 0
        self.cumulative = 0  # all chunks below it are acknowledged
        self.edge = 0
        self._pieces: deque[memoryview] = deque()
        self._digest = hashlib.sha256()
        self._unacked: dict[int, Chunk] = {}
        self._sizes: dict[int, int] = {}  # from `cumulative` on
        self._again: list[int] = []  # a heap
        self._ended = False

    @property
    def pending_bytes(self) -> int:
        """Offered and not cut."""
        return self.offered_bytes - self.cut_bytes

    @property
    def unacked(self) -> int:
        """Chunks that wait for their ack."""
        return len(self._unacked)

    @property
    def result(self) -> Result:
        """Size and hash of all that was cut."""
        return Result(self.cut_bytes, self._digest.digest())

    @property
    def ended(self) -> bool:
        """Everything has been sent at least once, the last chunk included."""
        return self._ended

    def offer(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes to send after those before. They must not change until they are cut."""
        if self.finished:
            raise RuntimeError("the transfer was finished; nothing can be added to it")
        view = memoryview(data).cast("B")
        if view.nbytes:
            self._pieces.append(view)
            self.offered_bytes += view.nbytes

    def finish(self) -> None:
        """There is no more to come."""
        self.finished = True

    def ready(self, size: int) -> bool:
        """Is there a chunk to send, cut to `size` bytes if it is a new one?"""
        self._skip_acked()
        if self._again:
            return True
        if self.pending_bytes < size and not self.finished:
            return False
        if not self.pending_bytes:
            return not self._ended
        return self.cut_bytes + min(size, self.pending_bytes) <= self.edge

    def next(self, size: int) -> tuple[Chunk, bool]:
        """(the chunk, was it sent before); only when `ready`."""
        self._skip_acked()
        if self._again:
            return self._unacked[heapq.heappop(self._again)], True
        if self.next_sequence >= SEQUENCE_MAX:
            raise RuntimeError(f"a transfer has at most {SEQUENCE_MAX:,} chunks; use larger ones")
        if self.pending_bytes:
            return self._note(Chunk(self.next_sequence, self._cut(size))), False
        self._ended = True
        return self._note(end(self.next_sequence, self.result)), False

    def get(self, sequence: int) -> Chunk | None:
        """A chunk that waits for its ack."""
        return self._unacked.get(sequence)

    def again(self, sequence: int) -> None:
        """This one was lost: to the head of the queue, unless it is there or acknowledged."""
        if sequence in self._unacked and sequence not in self._again:
            heapq.heappush(self._again, sequence)

    def acknowledge(self, ack: Ack) -> list[int]:
        """Chunks that are acknowledged now and were not before, in order.

        Raises WireError if the ack names what was never sent; then nothing has changed.
        """
        highest = ack.ranges[-1][1] if ack.ranges else ack.cumulative
        if max(highest, ack.cumulative) > self.next_sequence:
            raise WireError(f"an ack of chunk {highest - 1}; {self.next_sequence} were sent")
        fresh = [s for s in range(self.cumulative, ack.cumulative) if s in self._unacked]
        for first, stop in ack.ranges:
            first = max(first, self.cumulative)
            fresh += [s for s in range(first, stop) if s in self._unacked]
        for sequence in fresh:
            del self._unacked[sequence]
        for sequence in range(self.cumulative, ack.cumulative):
            self.acked_bytes += self._sizes.pop(sequence)
        if ack.cumulative >= self.cumulative:  # an old ack tells an old window
            self.cumulative = ack.cumulative
            self.edge = max(self.edge, self.acked_bytes + min(ack.window, WINDOW_MAX))
        return fresh

    def _skip_acked(self) -> None:
        while self._again and self._again[0] not in self._unacked:
            heapq.heappop(self._again)

    def _note(self, chunk: Chunk) -> Chunk:
        self.next_sequence += 1
        self._unacked[chunk.sequence] = chunk
        self._sizes[chunk.sequence] = 0 if chunk.flags & END else len(chunk.payload)
        return chunk

    def _cut(self, size: int) -> bytes:
        """The next bytes, `size` of them or what is left; a copy only of these."""
        assert 0 < size <= CHUNK_MAX
        parts, missing = [], size
        while missing and self._pieces:
            piece = self._pieces[0]
            parts.append(piece[:missing])
            missing -= parts[-1].nbytes
            if parts[-1].nbytes == piece.nbytes:
                self._pieces.popleft()
            else:
                self._pieces[0] = piece[parts[-1].nbytes :]
        payload = bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
        self._digest.update(payload)
        self.cut_bytes += len(payload)
        return payload
