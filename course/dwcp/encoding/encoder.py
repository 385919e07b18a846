"""The sender's end of HDE: pages in, frames out, round by round.

A machine without a clock: `encode` takes the pages of a round and yields its frames, and
`acknowledge`, at any time between two frames, takes what the receiver says that it applied. What
is sent but not acknowledged is never referred to (see `dedup`). What the receiver lacks after all
it asks for, and `resend` gives it those pages and the end of the round once more. How bytes are
packed is the packer's affair (see `codec`). Read next: `decoder`.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from course.dwcp.encoding.blocks import block_hash, is_zero
from course.dwcp.encoding.codec import FixedLevel, Packer
from course.dwcp.encoding.dedup import KnownBlocks
from course.dwcp.encoding.delta import Versions, xor
from course.dwcp.encoding.frame import MODES, SIZE_MAX, Algorithm, Frame, FrameType, Stats
from course.dwcp.encoding.zstd import LEVEL_DEFAULT, compressor
from course.dwcp.mode import Mode
from course.dwcp.units import KIB, PAGE_SIZE

MIN_SAVING = 0.03  # below it a group is sent stored
DELTA_GAIN = 0.9  # a delta is kept only if it compresses to less than this of the plain page
PAGE_NUMBER = struct.Struct(">I")  # a page's distance from the frame's first page


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of one transfer. `group_size` is bytes of plain pages in one compressed frame.

    A larger group saves more (64 KiB to 1 MiB: about 2 points on real guests) and makes a lost
    frame dearer. `level` is Zstandard's, for the packer that is used if none is passed in.
    """

    level: int = LEVEL_DEFAULT
    group_size: int = 64 * KIB
    dedup: bool = True
    delta: bool = True
    mode: Mode = Mode.INTERNET


class Encoder:
    """Encodes the rounds of one migration. `known` are hashes that the receiver has confirmed."""

    def __init__(
        self,
        settings: Settings = Settings(),
        dictionary: zstandard.ZstdCompressionDict | None = None,
        known: Iterable[bytes] | KnownBlocks = (),
        packer: Packer | None = None,
    ) -> None:
        if not 1 <= settings.group_size <= SIZE_MAX // 2:
            raise ValueError(
                f"group_size is {settings.group_size}; give 1 to {SIZE_MAX // 2} bytes (a group "
                "holds at least one page)"
            )
        self.settings = settings
        self.known = known if isinstance(known, KnownBlocks) else KnownBlocks(known)
        self.stats = Stats()
        self._packer = packer or FixedLevel(settings.level, dictionary)
        self._mode = MODES.index(settings.mode)
        self._probe = compressor(1)  # only to ask whether a delta is worth it
        self._versions = Versions()
        self._round = 0
        self._end: Frame | None = None  # of the last round

    def encode(self, pages: Iterable[tuple[int, bytes]]) -> Iterator[Frame]:
        """The frames of one round, in order; the last one ends it with count and hash.

        `pages` are (number, 4,096 bytes) in rising order. Applying all frames to the receiver's
        image gives exactly these pages.
        """
        self._round += 1
        digest, count = hashlib.sha256(), 0
        for frame in self._frames(_hashed(pages, digest)):
            count += frame.count
            yield self._counted(frame)
        self._end = self._frame(FrameType.ROUND_END, self._round, count, digest.digest())
        yield self._counted(self._end)

    def device_state(self, state: bytes) -> Frame:
        """What is no memory: processor registers and devices, a few hundred KiB, sent once."""
        return self._counted(self._packed(FrameType.DEVICE_STATE, 0, 0, state))

    def acknowledge(self, digests: Iterable[bytes]) -> None:
        """The receiver applied pages with these hashes, and stored the blocks."""
        digests = list(digests)
        self.known.acknowledge(digests)
        self._versions.acknowledge(digests)

    def resend(self, missing: Iterable[bytes]) -> list[Frame]:
        """The receiver lacks these blocks: their pages in full, and the round's end once more."""
        missing = list(missing)
        self.known.forget(missing)
        pages = {
            n: page for digest in missing for n, page in self._versions.waiting(digest).items()
        }
        frames = self._in_full(sorted(pages.items()))
        if self._end:
            frames.append(self._end)
        return [self._counted(frame) for frame in frames]

    def _in_full(self, pages: list[tuple[int, bytes]]) -> list[Frame]:
        self.stats.grouped += len(pages)
        size = self._pages_in_group
        groups = [pages[i : i + size] for i in range(0, len(pages), size)]
        return [self._close(FrameType.GROUP, group) for group in groups]

    def _frames(self, pages: Iterable[tuple[int, bytes]]) -> Iterator[Frame]:
        """Sort every page into the first level that can carry it; emit each frame when full."""
        runs: dict[FrameType, list[tuple[int, bytes]]] = {kind: [] for kind in _LIMITS}
        for number, page in pages:
            kind, content = self._level_of(number, page)
            run = runs[kind]
            if kind is FrameType.ZERO_RANGE and run and number != run[-1][0] + 1:
                yield self._close(kind, run)
            run.append((number, content))
            if len(run) >= (_LIMITS[kind] or self._pages_in_group):
                yield self._close(kind, run)
        for kind, run in runs.items():
            if run:
                yield self._close(kind, run)

    @property
    def _pages_in_group(self) -> int:
        return max(1, self.settings.group_size // PAGE_SIZE)

    def _level_of(self, number: int, page: bytes) -> tuple[FrameType, bytes]:
        """Which level carries this page, and what has to be sent of it."""
        self.stats.pages += 1
        if is_zero(page):
            self.stats.zero += 1
            self._versions.was_sent(number, page)
            return FrameType.ZERO_RANGE, b""
        digest, base = block_hash(page), self._versions.base(number)
        self._versions.was_sent(number, page, digest)
        if self.settings.dedup and digest in self.known:
            self.stats.references += 1
            return FrameType.REFERENCE, digest
        self.known.was_sent(digest)
        if self.settings.delta and base is not None:
            change = xor(page, base)
            if len(self._probe.compress(change)) < DELTA_GAIN * len(self._probe.compress(page)):
                self.stats.deltas += 1
                return FrameType.DELTA, digest + change
        self.stats.grouped += 1
        return FrameType.GROUP, page

    def _close(self, kind: FrameType, run: list[tuple[int, bytes]]) -> Frame:
        """A frame of the pages in `run`, which is emptied."""
        first, count = run[0][0], len(run)
        if kind is FrameType.ZERO_RANGE:
            frame = self._frame(kind, first, count)
        else:
            table = b"".join(PAGE_NUMBER.pack(number - first) for number, _ in run)
            frame = self._packed(kind, first, count, table + b"".join(c for _, c in run))
        run.clear()
        return frame

    def _packed(self, kind: FrameType, first: int, count: int, plain: bytes) -> Frame:
        """Compressed if that saves at least 3 %; hashes do not compress, so references do not."""
        algorithm, packed = Algorithm.NONE, plain
        if kind is not FrameType.REFERENCE:
            algorithm, packed = self._packer.pack(plain)
        if algorithm is Algorithm.NONE or len(packed) > (1 - MIN_SAVING) * len(plain):
            frame = self._frame(kind, first, count, plain, len(plain))
        else:
            frame = self._frame(kind, first, count, packed, len(plain), algorithm)
        if kind is FrameType.GROUP:
            self.stats.group_plain_bytes += len(plain)
            self.stats.group_wire_bytes += len(frame.payload)
        return frame

    def _frame(
        self,
        kind: FrameType,
        first: int,
        count: int,
        payload: bytes = b"",
        plain_size: int = 0,
        algorithm: Algorithm = Algorithm.NONE,
    ) -> Frame:
        is_zstd = algorithm in (Algorithm.ZSTD, Algorithm.ZSTD_MAX)
        dictionary_id = self._packer.dictionary_id if is_zstd else 0
        return Frame(kind, first, count, payload, plain_size, algorithm, dictionary_id, self._mode)

    def _counted(self, frame: Frame) -> Frame:
        name = frame.type.name.lower()
        self.stats.wire_bytes += len(frame)
        self.stats.by_type[name] = self.stats.by_type.get(name, 0) + len(frame)
        return frame


# Pages in a frame of each type; 0: as many as fit in Settings.group_size.
_LIMITS = {
    FrameType.ZERO_RANGE: 1 << 20,
    FrameType.REFERENCE: 1_024,
    FrameType.DELTA: 0,
    FrameType.GROUP: 0,
}


def _hashed(pages: Iterable[tuple[int, bytes]], digest) -> Iterator[tuple[int, bytes]]:
    """Pass the pages on and keep the running hash of the round."""
    last = -1
    for number, page in pages:
        if len(page) != PAGE_SIZE:
            raise ValueError(f"page {number} has {len(page)} bytes; a page has {PAGE_SIZE}")
        if number <= last:
            raise ValueError(f"page {number} comes after page {last}; give pages in rising order")
        last = number
        digest.update(page)
        yield number, page
