"""The receiver's reorder buffer: chunks in any order in, the bytes in order out, never too much.

Several streams deliver at their own pace, so chunk 9 often comes before chunk 7. What is early
waits here. The buffer has a bound, and the receiver tells the sender how far it may go: bytes from
the first missing one, the window. It is the flow control of TCP (RFC 9293, 3.8.6), once a transfer.

    held        early, waiting for a gap to close
    unconsumed  in order and handed out, not yet taken by the application
    window      bound - unconsumed, counted from the first missing byte

A sender that keeps to the window can never make held + unconsumed exceed the bound; what goes
beyond is refused, whoever sends it. With plateau = bound / RTT, 16 MiB carry 640 Mbps at 200 ms.
"""

from bisect import bisect_right

from course.dwcp.transport.wire import CHUNK_MAX, CHUNK_MIN, END, RANGES_MAX, Chunk
from course.dwcp.units import MIB

BUFFER_DEFAULT = 16 * MIB


class ReorderBuffer:
    """Holds chunks by sequence. `bound` is bytes, at least two of the largest chunks."""

    def __init__(self, bound: int = BUFFER_DEFAULT) -> None:
        if bound < 2 * CHUNK_MAX:
            raise ValueError(f"a reorder buffer of {bound} bytes; give at least {2 * CHUNK_MAX:,}")
        self.bound = bound
        self.next_sequence = 0
        self.held_bytes = 0
        self.unconsumed = 0
        self.peak_bytes = 0
        self._held: dict[int, Chunk] = {}
        self._ranges: list[tuple[int, int]] = []  # of what is held, [first, end), apart, in order

    @property
    def window(self) -> int:
        """Bytes that the sender may have sent beyond the first missing one."""
        return self.bound - self.unconsumed

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What is held, lowest first, as far as one ack can name it."""
        return tuple(self._ranges[:RANGES_MAX])

    def has(self, sequence: int) -> bool:
        """Whether this chunk came before."""
        return sequence < self.next_sequence or sequence in self._held

    def objection(self, chunk: Chunk) -> str | None:
        """Why the chunk cannot be taken; None: it can."""
        reach = self.next_sequence + self.bound // CHUNK_MIN + 2
        if chunk.sequence > reach:
            return f"chunk {chunk.sequence} is far beyond {self.next_sequence}, the next in order"
        room = self.bound - self.held_bytes - self.unconsumed
        if _cost(chunk) > room:
            return f"chunk {chunk.sequence} of {len(chunk.payload)} bytes; there is room for {room}"
        return None

    def add(self, chunk: Chunk) -> list[Chunk]:
        """Take a chunk that is new and has no objection; returns what is in order now."""
        assert not self.has(chunk.sequence) and self.objection(chunk) is None
        self._held[chunk.sequence] = chunk
        self.held_bytes += _cost(chunk)
        self._note(chunk.sequence)
        released = self._release() if chunk.sequence == self.next_sequence else []
        self.peak_bytes = max(self.peak_bytes, self.held_bytes + self.unconsumed)
        assert self.held_bytes + self.unconsumed <= self.bound
        return released

    def consume(self, size: int) -> None:
        """The application took `size` bytes of what was released."""
        if not 0 <= size <= self.unconsumed:
            raise ValueError(f"{size} bytes taken, {self.unconsumed} were handed out")
        self.unconsumed -= size

    def _release(self) -> list[Chunk]:
        """The first range starts with the chunk that everybody waited for: all of it goes out."""
        first, stop = self._ranges.pop(0)
        released = [self._held.pop(sequence) for sequence in range(first, stop)]
        self.next_sequence = stop
        size = sum(_cost(chunk) for chunk in released)
        self.held_bytes -= size
        self.unconsumed += size
        return released

    def _note(self, sequence: int) -> None:
        """Put one number into the ranges, joining the neighbours."""
        at = bisect_right(self._ranges, (sequence, sequence))
        first, stop = sequence, sequence + 1
        if at < len(self._ranges) and self._ranges[at][0] == stop:
            stop = self._ranges.pop(at)[1]
        if at and self._ranges[at - 1][1] == first:
            at -= 1
            first = self._ranges.pop(at)[0]
        self._ranges.insert(at, (first, stop))


def _cost(chunk: Chunk) -> int:
    """The last chunk carries no bytes for the application."""
    return 0 if chunk.flags & END else len(chunk.payload)


def demo() -> None:
    """Four chunks in the order 0, 2, 3, 1: what is held, and what comes out."""
    buffer = ReorderBuffer(2 * CHUNK_MAX)
    for sequence in (0, 2, 3, 1):
        released = [chunk.sequence for chunk in buffer.add(Chunk(sequence, bytes(1_000)))]
        held = ", ".join(f"{first} to {stop - 1}" for first, stop in buffer.ranges()) or "nothing"
        print(f"chunk {sequence} came: out {released}, next {buffer.next_sequence}, held {held}")


if __name__ == "__main__":
    demo()
