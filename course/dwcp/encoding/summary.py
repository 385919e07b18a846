"""Which blocks a store holds, in 10 bits a block: a Bloom filter (Bloom 1970).

What was put in is always found; what was not is found by mistake for one hash in a hundred. A
list of the hashes would be exact and 26 times as large (256 bits a block).

The bits of a block are read from its SHA-256, which is as random as any: no further hashing.
"""

from collections.abc import Collection

import numpy as np

BITS_PER_BLOCK = 10
PROBES = 7  # (bits per block) x ln 2, rounded: the best number for 10 bits


class Summary:
    """`bits` is a uint8 array, 0 or 1 for each bit of the filter."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits = bits

    @classmethod
    def of(cls, digests: Collection[bytes]) -> "Summary":
        """Summarise hashes of 32 bytes each."""
        bits = np.zeros(max(8, -(-len(digests) * BITS_PER_BLOCK // 8) * 8), np.uint8)
        if digests:
            bits[_places(b"".join(digests), bits.size)] = 1
        return cls(bits)

    def __contains__(self, digest: bytes) -> bool:
        return bool(self._bits[_places(digest, self._bits.size)].all())

    def to_bytes(self) -> bytes:
        """As it travels: 10 bits for each block, rounded up to whole bytes."""
        return np.packbits(self._bits).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Summary":
        if not data:
            raise ValueError("a summary has at least 1 byte")
        return cls(np.unpackbits(np.frombuffer(data, np.uint8)))


def _places(digests: bytes, size: int) -> np.ndarray:
    """Bit numbers, shape (blocks, 7): one for each of the first 7 words of 32 bits of a hash."""
    words = np.frombuffer(digests, ">u4").reshape(-1, 8)
    return words[:, :PROBES].astype(np.int64) % size
