"""Level 1 of HDE: do not send a block that the receiver holds.

The one rule that matters: *known* means confirmed by the receiver. A sender that takes its own
store for the receiver's ("I have seen this block, so it has too") sends references to blocks that
were lost or never sent, and the guest's memory is gone. So a block is first `sent`, and becomes
`known` only when the receiver's acknowledgement names it.

At the start of a session the receiver may tell what it holds in a few bits a block (`summary`). A
summary is wrong for one block in a hundred, so what it says is believed until the receiver asks
for the block; then it is denied, and sent in full.

Both ends have bounds: a block that was not used for longest is forgotten first (LRU). Forgetting
at the sender costs bytes; forgetting at the receiver costs a resend. Neither costs memory pages.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping

from course.dwcp.encoding.summary import Summary
from course.dwcp.units import GIB, PAGE_SIZE

CACHE_SIZE = 2 * GIB  # of blocks: the default of encoding.hde.deduplication.cache_size


class KnownBlocks:
    """What the sender may refer to. Hashes are SHA-256, 32 bytes each; at most `capacity`."""

    def __init__(
        self,
        confirmed: Iterable[bytes] = (),
        summary: Summary | None = None,
        capacity: int = CACHE_SIZE // PAGE_SIZE,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; an index holds at least 1 block")
        self.capacity = capacity
        self._confirmed: OrderedDict[bytes, None] = OrderedDict()
        self._sent: OrderedDict[bytes, None] = OrderedDict()  # on the way, not yet acknowledged
        self._denied: set[bytes] = set()  # the summary was wrong about these
        self._summary = summary
        self.acknowledge(confirmed)

    def __len__(self) -> int:
        return len(self._confirmed)

    def __contains__(self, digest: bytes) -> bool:
        if digest in self._confirmed:
            self._confirmed.move_to_end(digest)
            return True
        return self._summary is not None and digest in self._summary and digest not in self._denied

    def was_sent(self, digest: bytes) -> None:
        """The block went out; it is not known yet."""
        if digest not in self._confirmed:
            _put(self._sent, digest, self.capacity)

    def acknowledge(self, digests: Iterable[bytes]) -> None:
        """The receiver stored these blocks: from now on a reference is enough."""
        for digest in digests:
            self._sent.pop(digest, None)
            _put(self._confirmed, digest, self.capacity)

    def forget(self, digests: Iterable[bytes]) -> None:
        """The receiver does not have these after all (a resend request): send them in full."""
        for digest in digests:
            self._confirmed.pop(digest, None)
            self._sent.pop(digest, None)
            if self._summary is not None:
                self._denied.add(digest)


class BlockStore(MutableMapping[bytes, bytes]):
    """The receiver's blocks by their hash, at most `capacity` of them (4,096 bytes each)."""

    def __init__(self, capacity: int = CACHE_SIZE // PAGE_SIZE) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; a store holds at least 1 block")
        self.capacity = capacity
        self._blocks: OrderedDict[bytes, bytes] = OrderedDict()

    def __getitem__(self, digest: bytes) -> bytes:
        self._blocks.move_to_end(digest)
        return self._blocks[digest]

    def __setitem__(self, digest: bytes, block: bytes) -> None:
        self._blocks[digest] = block
        self._blocks.move_to_end(digest)
        if len(self._blocks) > self.capacity:
            self._blocks.popitem(last=False)

    def __delitem__(self, digest: bytes) -> None:
        del self._blocks[digest]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    def summary(self) -> Summary:
        """What this store holds, in 10 bits a block, for the sender of the next session."""
        return Summary.of(self._blocks)


def _put(index: OrderedDict[bytes, None], digest: bytes, capacity: int) -> None:
    index[digest] = None
    index.move_to_end(digest)
    if len(index) > capacity:
        index.popitem(last=False)
