"""Randomness in the lab: one seed, one named stream for each consumer.

A consumer that draws once more changes its own stream and no other, so a new draw in one part
leaves every other history as it was.
"""

import hashlib
from random import Random

import numpy as np


class Seeds:
    """Streams derived from one seed by name (SHA-256), the same in every process."""

    def __init__(self, seed: int | str) -> None:
        self.seed = seed

    def stream(self, name: str) -> Random:
        """Python's generator for `name`."""
        return Random(self._number(name))

    def array(self, name: str) -> np.random.Generator:
        """NumPy's generator (PCG64) for `name`."""
        return np.random.Generator(np.random.PCG64(self._number(name)))

    def _number(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")
