"""Level 3 of HDE: Zstandard (RFC 8878), its levels, and trained dictionaries.

A level is a bargain: fewer bytes for more time. Which one wins depends on the link, because the
encoder and the link work side by side and the slower one sets the pace:

    effective input rate = min(encoder speed, link rate x factor)

The published speeds of the levels are below as data. They are planning values of one machine;
measure your own before you rely on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

LEVEL_DEFAULT = 5


@dataclass(frozen=True, slots=True)
class Level:
    """A published planning value: input speed in MB/s (10^6 bytes), factor = input / output."""

    level: int
    speed_mb_s: float
    factor: float

    @property
    def saving(self) -> float:
        """The fraction of bytes removed, 0 to 1."""
        return 1 - 1 / self.factor


LEVELS = {
    row.level: row
    for row in (
        Level(1, 500, 1.5),
        Level(3, 300, 2.0),
        Level(5, 150, 2.5),
        Level(9, 50, 3.0),
        Level(19, 10, 3.5),
    )
}


def effective_rate_mb_s(level: int, link_mbps: float) -> float:
    """Guest memory moved per second, in MB/s, when level `level` feeds a link of `link_mbps`."""
    row = _row(level)
    return min(row.speed_mb_s, link_mbps / 8 * row.factor)


def level_for_link(link_mbps: float) -> int:
    """The level that moves memory fastest over a link; the lower one if two are equal.

    >>> [level_for_link(mbps) for mbps in (20, 100, 300, 1_000, 2_000)]
    [19, 9, 5, 3, 1]
    """
    if link_mbps <= 0:
        raise ValueError(f"link_mbps is {link_mbps}; a link has a rate above 0 Mbps")
    return max(LEVELS, key=lambda level: (effective_rate_mb_s(level, link_mbps), -level))


def compression_ratio(plain_size: int, encoded_size: int) -> float:
    """The fraction of bytes that the compressor removed, 0 to 1; higher is better.

    Some tools call input / output the "ratio"; in DWCP that is the *factor*.
    """
    if plain_size <= 0:
        raise ValueError(f"plain_size is {plain_size}; a ratio needs at least 1 byte of input")
    return 1 - encoded_size / plain_size


def train_dictionary(
    samples: Sequence[bytes], size: int = 110 * 1024
) -> zstandard.ZstdCompressionDict:
    """A dictionary of at most `size` bytes from sample blocks (COVER, Zstandard's own trainer).

    Both ends need the same dictionary; its `dict_id()` travels in every frame. Never train on
    the memory of several tenants: a dictionary holds pieces of what it was trained on.
    """
    if len(samples) < 8:
        raise ValueError(f"{len(samples)} samples are too few to train on; give at least 8 blocks")
    return zstandard.train_dictionary(size, list(samples))


def compressor(level: int, dictionary: zstandard.ZstdCompressionDict | None = None):
    """A compressor whose frames carry a checksum, so that a flipped bit cannot pass."""
    if not 1 <= level <= 19:
        raise ValueError(f"compression level {level} does not exist; DWCP takes 1 to 19")
    return zstandard.ZstdCompressor(level=level, dict_data=dictionary, write_checksum=True)


def decompressor(dictionary: zstandard.ZstdCompressionDict | None = None):
    """The counterpart of `compressor`."""
    return zstandard.ZstdDecompressor(dict_data=dictionary)


def _row(level: int) -> Level:
    if level not in LEVELS:
        raise ValueError(f"no published speed for level {level}; there is one for {list(LEVELS)}")
    return LEVELS[level]
