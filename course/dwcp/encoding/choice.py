"""Which algorithm for these bytes on this link? Rules first, then what was measured.

In datacenter and internet mode a short table of rules decides, from a sample of the bytes. In
hybrid mode neither the link nor the processor is clearly the slower one, so the choice is by
expected time: encoding and sending overlap, and the slower of the two sets the pace:

    time per MB = max(1 / speed, 8 / (factor x link in Mbps))

A published score for this, mean factor x mean speed, knows no link: it takes the fastest
algorithm for every link there is, and never tries what it has not used. Here a choice is by time,
averages follow what happens, and one group in fifty tries something else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log2
from random import Random

import numpy as np

from course.dwcp.encoding.codec import LEVEL_MAX, Codecs
from course.dwcp.encoding.frame import Algorithm
from course.dwcp.encoding.zstd import LEVELS
from course.dwcp.mode import Mode
from course.dwcp.units import KIB, MIB, SECOND

SAMPLE_PARTS, SAMPLE_PART = 16, 256  # 4 KiB in all, spread over the block
RANDOM_ENTROPY = 0.85
PRINTABLE_MANY, REPEATS_MANY = 0.7, 0.3
RATE = 0.1  # of a new measurement in an average
EXPLORE = 0.02


@dataclass(frozen=True, slots=True)
class Choice:
    """An algorithm, and a level where it has any."""

    algorithm: Algorithm
    level: int = 0


NONE, LZ4, MAX = (
    Choice(Algorithm.NONE), Choice(Algorithm.LZ4), Choice(Algorithm.ZSTD_MAX, LEVEL_MAX),
)  # fmt: skip
FAST, BALANCED, HIGH = (Choice(Algorithm.ZSTD, level) for level in (3, 5, 9))


@dataclass(frozen=True, slots=True)
class Content:
    """What a sample says about a block. All fractions; `entropy` is bits a byte, divided by 8."""

    size: int
    entropy: float
    repeats: float  # bytes that equal their left neighbour
    printable: float
    zeros: float

    @property
    def kind(self) -> str:
        """random, text, sparse or other: what averages are kept for."""
        if self.entropy >= RANDOM_ENTROPY:
            return "random"
        if self.printable > PRINTABLE_MANY:
            return "text"
        return "sparse" if self.zeros > REPEATS_MANY else "other"


def content_of(block: bytes) -> Content:
    """Look at 16 pieces of 256 bytes, spread evenly.

    The first 256 bytes alone would do for neither end: they show one page's header, and 256 random
    bytes have an entropy of about 0.90, not 1, because no value can appear often enough.
    """
    data = np.frombuffer(block, np.uint8)
    if data.size > SAMPLE_PARTS * SAMPLE_PART:
        starts = np.linspace(0, data.size - SAMPLE_PART, SAMPLE_PARTS).astype(int)
        sample = data[(starts[:, None] + np.arange(SAMPLE_PART)).ravel()]
    else:
        sample = data
    if not sample.size:
        return Content(0, 0.0, 0.0, 0.0, 0.0)
    counts = np.bincount(sample, minlength=256)
    share = counts[counts > 0] / sample.size
    printable = counts[32:127].sum() + counts[9] + counts[10] + counts[13]
    return Content(
        size=data.size,
        entropy=round(float(-(share * np.log2(share)).sum()) / 8, 6),
        repeats=round(float(np.mean(sample[1:] == sample[:-1])) if sample.size > 1 else 0.0, 6),
        printable=round(float(printable) / sample.size, 6),
        zeros=round(float(counts[0]) / sample.size, 6),
    )


def by_rule(content: Content, mode: Mode) -> Choice | None:
    """The table of rules, first match wins; None in hybrid mode: measure.

    >>> by_rule(content_of(b"x" * 65_536), Mode.DATACENTER)
    Choice(algorithm=<Algorithm.LZ4: 1>, level=0)
    """
    if content.size < KIB:
        return NONE
    if mode is Mode.HYBRID:
        return None
    if content.entropy >= RANDOM_ENTROPY:
        return NONE  # cheap, and sometimes wrong: machine code repeats itself in long words
    if mode is Mode.DATACENTER:
        return LZ4 if content.size < 100 * KIB else FAST
    wordy = content.printable > PRINTABLE_MANY or content.repeats > REPEATS_MANY
    return MAX if wordy or content.size > MIB else BALANCED


@dataclass(frozen=True, slots=True)
class Average:
    """What an algorithm does: input speed in MB/s (10^6 bytes), factor = input / output."""

    speed_mb_s: float
    factor: float

    def seconds_per_mb(self, link_mbps: float) -> float:
        """Seconds for a MB of plain bytes: the slower of encoder and link."""
        return max(1 / self.speed_mb_s, 8 / (self.factor * link_mbps))

    def learned(self, speed_mb_s: float, factor: float) -> "Average":
        return Average(
            round((1 - RATE) * self.speed_mb_s + RATE * speed_mb_s, 6),
            round((1 - RATE) * self.factor + RATE * factor, 6),
        )


PLANNED = {
    NONE: Average(inf, 1.0),
    LZ4: Average(500.0, 2.1),  # published in another table than the levels: a start, no more
    **{
        Choice(Algorithm.ZSTD, n): Average(LEVELS[n].speed_mb_s, LEVELS[n].factor)
        for n in (3, 5, 9)
    },
}


class Chooser:
    """A packer for `Encoder(packer=...)` that learns which algorithm takes the least time.

    `stopwatch` returns us on a monotonic clock; without one the planned speeds hold, and only the
    factors are learned, so that a simulation replays.
    """

    dictionary_id = 0

    def __init__(
        self,
        link_mbps: float,
        rng: Random,
        mode: Mode = Mode.HYBRID,
        stopwatch: Callable[[], int] | None = None,
    ) -> None:
        if link_mbps <= 0:
            raise ValueError(f"link_mbps is {link_mbps}; a link has a rate above 0 Mbps")
        self.link_mbps, self.mode = link_mbps, mode
        self.averages: dict[str, dict[Choice, Average]] = {}  # content kind -> choice -> average
        self._rng, self._stopwatch, self._codecs = rng, stopwatch, Codecs()

    def pack(self, plain: bytes) -> tuple[Algorithm, bytes]:
        content = content_of(plain)
        choice = by_rule(content, self.mode) or self.best(content.kind)
        if self.mode is Mode.HYBRID and self._rng.random() < EXPLORE:
            choice = self._rng.choice(list(PLANNED))
        started = self._stopwatch() if self._stopwatch else 0
        packed = self._codecs.pack(choice.algorithm, choice.level, plain)
        took = self._stopwatch() - started if self._stopwatch else None
        self._learn(content.kind, choice, len(plain), len(packed), took)
        return choice.algorithm, packed

    def best(self, kind: str) -> Choice:
        """The choice with the least expected time for a content kind; the first one of equals."""
        known = self.averages.setdefault(kind, dict(PLANNED))
        return min(known, key=lambda choice: round(known[choice].seconds_per_mb(self.link_mbps), 9))

    def _learn(self, kind: str, choice: Choice, plain: int, packed: int, took: int | None) -> None:
        known = self.averages.setdefault(kind, dict(PLANNED))
        if choice not in known or choice == NONE or not plain:
            return
        speed = known[choice].speed_mb_s if took is None else plain / 1e6 / (max(1, took) / SECOND)
        known[choice] = known[choice].learned(speed, plain / packed)


def next_level(
    level: int, mean_factor: float, target_factor: float, free_cpu: float, slowest_ms: float
) -> int:
    """The level for the next 30 s, from the last 100 groups. 0: do not compress at all.

    `free_cpu` is a measured fraction, 0 to 1. Raised one step while more is wanted and there is
    CPU, lowered when the target is exceeded by half or a group takes more than 100 ms.
    """
    steps = sorted(LEVELS)
    if mean_factor < 1.1:
        return 0
    if free_cpu < 0.20:
        return steps[0]
    at = steps.index(level)
    if mean_factor > 1.5 * target_factor or slowest_ms > 100:
        return steps[max(0, at - 1)]
    return steps[min(len(steps) - 1, at + 1)] if mean_factor < target_factor else level


def features(content: Content, link_mbps: float, free_cpu: float) -> np.ndarray:
    """Seven numbers for the classifier, shape (7,)."""
    size = log2(max(1, content.size))
    return np.array(
        [size / 20, content.entropy, content.repeats, content.printable, content.zeros,
         np.log10(link_mbps) / 4, free_cpu]
    )  # fmt: skip
