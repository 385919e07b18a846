"""A guest's memory: real bytes, made to resemble what was measured in real guests.

Measured in Linux guests of 128 and 512 MiB: 15 and 27 % zero pages, 10 and 8 % of the others
repeated, 11 and 16 % that do not compress, 42 % already present in another guest of the same
system; Zstandard at level 3 in groups of 1 MiB saves 68 and 75 %. Here, in a guest of 2 GB: 20 %
zero, 9 % of the others repeated, 10 % that do not compress, 30 % from the operating system's image
(which other guests share), and the same Zstandard saves 64 %.

Memory is scaled: one page here stands for `scale` pages of the VM, 32 up to 4 GB, so that a "2 GB"
VM is 64 MiB of real bytes to encode; larger ones are scaled more, so that none is above 128 MiB.
Every size and time that people see is scaled back.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from course.dwcp.encoding import block_hash
from course.dwcp.units import GIB, PAGE_SIZE, SECOND
from course.lab.seeds import Seeds

SCALE = 32
IMAGE_MAX = 128 << 20  # bytes of a scaled image
OS_IMAGE_PAGES = 8_192  # of the modelled operating system: 1 GiB at scale 32
WRITE_SIZE = 64  # bytes changed in a page that is written


@dataclass(frozen=True, slots=True)
class Workload:
    """What the guest writes: MB/s (10^6 bytes) of pages touched, mostly in a hot set."""

    dirty_mb_s: float = 4.0
    hot_share: float = 0.05  # of all pages
    hot_writes: float = 0.90  # share of writes that go there


@dataclass(slots=True)
class GuestMemory:
    """`image` is the scaled memory; `dirty` the page numbers written since `take_dirty`."""

    image: bytearray
    workload: Workload
    rng: np.random.Generator
    scale: int = SCALE
    dirty: set[int] = field(default_factory=set)
    _owed: float = 0.0  # writes not yet made, a fraction of one

    @property
    def pages(self) -> int:
        return len(self.image) // PAGE_SIZE

    def run(self, took: int, speed: float = 1.0) -> None:
        """The guest runs for `took` us at `speed` (1.0: not throttled) and writes."""
        rate = self.workload.dirty_mb_s * 1e6 / PAGE_SIZE / self.scale * speed
        self._owed += rate * took / SECOND
        writes, self._owed = int(self._owed), self._owed % 1
        hot = max(1, int(self.pages * self.workload.hot_share))
        in_hot = self.rng.random(writes) < self.workload.hot_writes
        numbers = np.where(
            in_hot, self.rng.integers(0, hot, writes), self.rng.integers(0, self.pages, writes)
        )
        offsets = self.rng.integers(0, PAGE_SIZE - WRITE_SIZE, writes)
        content = self.rng.bytes(writes * WRITE_SIZE)
        for i, (number, offset) in enumerate(zip(numbers.tolist(), offsets.tolist(), strict=True)):
            start = number * PAGE_SIZE + offset
            self.image[start : start + WRITE_SIZE] = content[i * WRITE_SIZE : (i + 1) * WRITE_SIZE]
        self.dirty.update(numbers.tolist())

    def take_dirty(self) -> list[int]:
        """The pages written since the last call, in address order."""
        numbers = sorted(self.dirty)
        self.dirty.clear()
        return numbers

    def page(self, number: int) -> bytes:
        return bytes(self.image[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])


@cache
def os_image(system: str) -> np.ndarray:
    """The pages of an operating system, (8,192, 4,096) uint8, the same for every guest of it."""
    rng = Seeds("os").array(system)
    half = OS_IMAGE_PAGES // 2
    return np.concatenate([_code(rng, half), _text(rng, OS_IMAGE_PAGES - half)])


@cache
def _os_blocks() -> dict[bytes, bytes]:
    pages = [page.tobytes() for page in os_image("debian-12")]
    return {block_hash(page): page for page in pages}


def os_blocks() -> dict[bytes, bytes]:
    """The deduplication store of a host that has run guests of this system before."""
    return dict(_os_blocks())


def guest(memory_gb: float, workload: Workload, rng: np.random.Generator) -> GuestMemory:
    """A guest of `memory_gb` GiB (scaled) that has been running for a while."""
    scale = scale_of(memory_gb)
    pages = round(memory_gb * GIB / PAGE_SIZE / scale)
    shares = {"os": 0.30, "text": 0.18, "heap": 0.22, "random": 0.10}
    counts = {name: round(pages * share) for name, share in shares.items()}
    system = os_image("debian-12")
    parts = [
        system[rng.integers(0, len(system), counts["os"])],
        _text(rng, counts["text"]),
        _heap(rng, counts["heap"]),
        rng.integers(0, 256, (counts["random"], PAGE_SIZE), dtype=np.uint8),
        np.zeros((pages - sum(counts.values()), PAGE_SIZE), np.uint8),
    ]
    # Guests hold runs of pages of one kind, not single ones: shuffle stretches of 64 pages.
    image = np.concatenate(parts)
    stretch = 64
    order = rng.permutation(pages // stretch)
    whole = image[: len(order) * stretch].reshape(-1, stretch, PAGE_SIZE)[order]
    shuffled = np.concatenate([whole.reshape(-1, PAGE_SIZE), image[len(order) * stretch :]])
    return GuestMemory(bytearray(shuffled.tobytes()), workload, rng, scale)


def scale_of(memory_gb: float) -> int:
    """How many pages of the VM one page of its image stands for."""
    scale = SCALE
    while memory_gb * GIB / scale > IMAGE_MAX:
        scale *= 2
    return scale


def _text(rng: np.random.Generator, pages: int) -> np.ndarray:
    """Words of a skewed vocabulary, as in logs and scripts; another one every 16 pages.

    Files differ: with one vocabulary for all, a trained dictionary would gain what it does not
    gain on real guests.
    """
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz0123456789_/.:=-\n", np.uint8)
    files = []
    for start in range(0, pages, 16):
        vocabulary = letters[(rng.random((900, 8)) ** 2 * len(letters)).astype(int)]
        vocabulary[:, 7] = ord(" ")
        words = (min(16, pages - start), PAGE_SIZE // 8)
        files.append(vocabulary[(rng.random(words) ** 2 * len(vocabulary)).astype(int)])
    return np.concatenate(files).reshape(pages, PAGE_SIZE)


def _code(rng: np.random.Generator, pages: int) -> np.ndarray:
    """Machine code: eight-byte idioms that come again and again, some with operands of their own.

    About half of it compresses away, as of a real program's text.
    """
    idioms = rng.integers(0, 256, (256, 8), dtype=np.uint8)
    words = idioms[(rng.random((pages, PAGE_SIZE // 8)) ** 2 * len(idioms)).astype(int)]
    with_operand = rng.random(words.shape[:2]) < 0.35
    operands = rng.integers(0, 256, (int(with_operand.sum()), 3), dtype=np.uint8)
    words[with_operand, 5:] = operands
    return words.reshape(pages, PAGE_SIZE)


def _heap(rng: np.random.Generator, pages: int) -> np.ndarray:
    """Eight-byte words: pointers with equal upper halves, small integers, zeros."""
    words = rng.integers(0, 1 << 20, (pages, PAGE_SIZE // 8), dtype=np.uint64)
    kind = rng.random(words.shape)
    words[kind < 0.45] = 0
    pointers = kind > 0.75
    words[pointers] = words[pointers] * np.uint64(16) + np.uint64(0x7F3A_0000_0000)
    return words.view(np.uint8).reshape(pages, PAGE_SIZE)
