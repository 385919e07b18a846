"""The receiver's end of HDE: frames in, memory out, and a hash that proves it.

Nothing is believed: at the end of a round, references to blocks that are not there raise
`MissingBlock` (the sender resends those pages and ends the round again), a delta must give the
page whose hash travels with it, and the round must match the pages that were really written.
"""

import hashlib
from collections.abc import Iterable, Iterator, MutableMapping, Sequence

from course.dwcp.encoding.blocks import ZERO_PAGE, block_hash
from course.dwcp.encoding.codec import Dictionary, Unpacker
from course.dwcp.encoding.delta import xor
from course.dwcp.encoding.encoder import PAGE_NUMBER
from course.dwcp.encoding.frame import Frame, FrameType, IntegrityError
from course.dwcp.units import PAGE_SIZE

DIGEST_SIZE = 32


class MissingBlock(IntegrityError):
    """A reference names blocks that this end does not hold; `digests` are to be resent."""

    def __init__(self, digests: list[bytes]) -> None:
        self.digests = digests
        super().__init__(f"{len(digests)} referenced blocks are not held here; send them in full")


class Decoder:
    """Applies frames to `image`, the target's memory of whole 4,096-byte pages.

    `store` maps SHA-256 to block: what this receiver can be referred to. It may be shared by all
    the guests of a host; that is where most hits come from. `dictionary` is one that frames may
    use, or the two that are live while a new version is brought out.
    """

    def __init__(
        self,
        image: bytearray,
        store: MutableMapping[bytes, bytes] | None = None,
        dictionary: Dictionary | Sequence[Dictionary] | None = None,
    ) -> None:
        if len(image) % PAGE_SIZE:
            raise ValueError(f"an image is whole pages of {PAGE_SIZE} bytes, not {len(image)}")
        self.image = image
        self.store: MutableMapping[bytes, bytes] = {} if store is None else store
        self.device_state: bytes | None = None
        live = dictionary if isinstance(dictionary, Sequence) else (dictionary,)
        self._unpacker = Unpacker(version for version in live if version is not None)
        self._missing: dict[int, bytes] = {}  # page -> hash of the block that it refers to
        self._written: dict[int, None] = {}  # pages of this round, a set that keeps its order

    def apply(self, frames: Iterable[Frame]) -> list[bytes]:
        """Apply frames in order; returns the hashes of blocks stored, for the acknowledgement."""
        stored: list[bytes] = []
        for frame in frames:
            if frame.type is FrameType.ROUND_END:
                self._end_round(frame)
                continue
            if frame.type is FrameType.DEVICE_STATE:
                self.device_state = self._unpack(frame)
                continue
            for number, page in self._pages(frame):
                if page is not ZERO_PAGE:
                    digest = block_hash(page)
                    self.store[digest] = page
                    stored.append(digest)
                self._write(number, page)
        return stored

    def _pages(self, frame: Frame) -> Iterator[tuple[int, bytes]]:
        if frame.type is FrameType.ZERO_RANGE:
            yield from ((frame.first_page + i, ZERO_PAGE) for i in range(frame.count))
            return
        if frame.type not in _ITEM_SIZE:
            raise IntegrityError(f"a {frame.type.name} frame carries no pages")
        item_size, plain = _ITEM_SIZE[frame.type], self._unpack(frame)
        table_size = frame.count * PAGE_NUMBER.size
        if len(plain) != table_size + frame.count * item_size:
            raise IntegrityError(f"{len(plain)} bytes are not {frame.count} items of {item_size}")
        numbers = [frame.first_page + n for (n,) in PAGE_NUMBER.iter_unpack(plain[:table_size])]
        items = [plain[i : i + item_size] for i in range(table_size, len(plain), item_size)]
        if frame.type is FrameType.REFERENCE:
            yield from self._resolve(numbers, items)
            return
        if frame.type is FrameType.DELTA:
            items = [self._undo(n, item) for n, item in zip(numbers, items, strict=True)]
        yield from zip(numbers, items, strict=True)

    def _unpack(self, frame: Frame) -> bytes:
        return self._unpacker.unpack(
            frame.algorithm, frame.original_size, frame.payload, frame.dictionary_id
        )

    def _resolve(self, numbers: list[int], digests: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """The blocks that are here; what is not is noted, and asked for when the round ends."""
        for number, digest in zip(numbers, digests, strict=True):
            self._check(number)
            block = self.store.get(digest)
            if block is None:
                self._missing[number] = digest
            else:
                yield number, block

    def _undo(self, number: int, item: bytes) -> bytes:
        digest, change = item[:DIGEST_SIZE], item[DIGEST_SIZE:]
        page = xor(change, self._read(number))
        if block_hash(page) != digest:
            raise IntegrityError(f"page {number}: the delta was made against another version")
        return page

    def _read(self, number: int) -> bytes:
        self._check(number)
        return bytes(self.image[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])

    def _write(self, number: int, page: bytes) -> None:
        self._check(number)
        self.image[number * PAGE_SIZE : (number + 1) * PAGE_SIZE] = page
        self._written[number] = None
        self._missing.pop(number, None)

    def _check(self, number: int) -> None:
        if not 0 <= number < len(self.image) // PAGE_SIZE:
            raise IntegrityError(
                f"page {number} is outside the image of {len(self.image) // PAGE_SIZE} pages"
            )

    def _end_round(self, frame: Frame) -> None:
        """The round's hash is over its pages in address order, so arrival order is free."""
        if self._missing:
            raise MissingBlock(list(dict.fromkeys(self._missing.values())))
        digest = hashlib.sha256()
        for number in sorted(self._written):
            digest.update(self._read(number))
        if digest.digest() != frame.payload or len(self._written) != frame.count:
            raise IntegrityError(
                f"round {frame.first_page}: {len(self._written)} pages arrived that do not give "
                f"the sender's hash of {frame.count}"
            )
        self._written.clear()


_ITEM_SIZE = {
    FrameType.REFERENCE: DIGEST_SIZE,
    FrameType.DELTA: DIGEST_SIZE + PAGE_SIZE,
    FrameType.GROUP: PAGE_SIZE,
}
