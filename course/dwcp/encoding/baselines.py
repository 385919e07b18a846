"""Baselines outside a migration: what a checkpoint or a replica is a delta against.

Both ends keep the last full copies. A delta names its baseline by hash; an end that lacks it asks
for the data in full, so nothing depends on what was forgotten. A baseline is replaced when it is
too old or has served enough deltas, because the changes against it only grow.

Equal sizes are XORed and compressed; what grew or shrank goes through block matching.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from course.dwcp.encoding import matching
from course.dwcp.encoding.blocks import block_hash
from course.dwcp.encoding.frame import IntegrityError
from course.dwcp.units import GIB, MINUTE

AGE_MAX = 15 * MINUTE
DELTAS_MAX = 10
KEPT_MAX = 1_000
SIZE_MAX = 2 * GIB


@dataclass(frozen=True, slots=True)
class Xor:
    """Equal sizes: `change` is the XOR of both, mostly zeros; `base_digest` is 32 bytes."""

    base_digest: bytes
    digest: bytes
    change: bytes


@dataclass(frozen=True, slots=True)
class Full:
    """No usable baseline: the data itself."""

    data: bytes


Update = Full | Xor | matching.Delta


@dataclass(slots=True)
class _Kept:
    data: bytes
    at: int  # us, when it became a baseline
    deltas: int = 0


class Baselines:
    """The full copies that one end keeps, by name; the oldest go first when there is no room."""

    def __init__(self, kept_max: int = KEPT_MAX, size_max: int = SIZE_MAX) -> None:
        self.kept_max, self.size_max = kept_max, size_max
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def update(self, name: str, data: bytes, now: int) -> Update:
        """What to send so that the other end has `data` under `name`."""
        kept = self._kept.get(name)
        if kept is None or now - kept.at > AGE_MAX or kept.deltas >= DELTAS_MAX:
            self._keep(name, data, now)
            return Full(data)
        kept.deltas += 1
        if len(data) == len(kept.data):
            return Xor(block_hash(kept.data), block_hash(data), _xor(data, kept.data))
        return matching.delta(kept.data, data)

    def take(self, name: str, update: Update, now: int) -> bytes:
        """The other end's half: the data. IntegrityError if the baseline is not here: ask for full.

        Only a full copy becomes a baseline, so both ends always hold the same one.
        """
        if isinstance(update, Full):
            self._keep(name, update.data, now)
            return update.data
        kept = self._kept.get(name)
        if kept is None or block_hash(kept.data) != update.base_digest:
            raise IntegrityError(f"the baseline of {name} is not here; ask for the data in full")
        if isinstance(update, matching.Delta):
            return matching.apply(update, kept.data)
        data = _xor(update.change, kept.data) if len(update.change) == len(kept.data) else b""
        if block_hash(data) != update.digest:
            raise IntegrityError(f"the delta for {name} does not give the data that was sent")
        return data

    def forget(self, name: str) -> None:
        """The other end asked for the data in full: the next update will be."""
        self._kept.pop(name, None)

    @property
    def size(self) -> int:
        """Bytes of all baselines."""
        return sum(len(kept.data) for kept in self._kept.values())

    def _keep(self, name: str, data: bytes, now: int) -> None:
        self._kept.pop(name, None)
        self._kept[name] = _Kept(data, now)
        while len(self._kept) > self.kept_max or (
            self.size > self.size_max and len(self._kept) > 1
        ):
            self._kept.popitem(last=False)


def _xor(data: bytes, base: bytes) -> bytes:
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(base, np.uint8)).tobytes()
