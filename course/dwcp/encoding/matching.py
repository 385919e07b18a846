"""Deltas of data that shifts: find old blocks at any offset (rsync, Tridgell and Mackerras 1996).

Memory does not shift, so migration uses XOR of equal pages (see `delta`). A disk export or a log
does: one byte inserted at the front moves everything, and XOR finds nothing. Here the old data is
cut into blocks; a checksum that can be rolled on by one byte in constant time proposes matches.

A 32-bit checksum only proposes. Two different blocks with one checksum exist, and are easy to
make; so a match counts only when the SHA-256 is equal too, and the whole carries a SHA-256.
"""

import hashlib
from dataclasses import dataclass

from course.dwcp.encoding.frame import IntegrityError

BLOCK = 2_048  # bytes
_MOD = 1 << 16


@dataclass(frozen=True, slots=True)
class Delta:
    """`steps`: bytes that are new, or (first, count) of old blocks. `digest`: of the result."""

    base_digest: bytes
    digest: bytes
    steps: tuple[bytes | tuple[int, int], ...]

    @property
    def new_bytes(self) -> int:
        """Bytes that had to be sent; a reference is 8 bytes more."""
        return sum(len(step) for step in self.steps if isinstance(step, bytes))


def weak(block: bytes) -> tuple[int, int]:
    """rsync's checksum of a block, as its two halves of 16 bits."""
    a = sum(block) % _MOD
    b = sum((len(block) - i) * byte for i, byte in enumerate(block)) % _MOD
    return a, b


def roll(a: int, b: int, leaving: int, coming: int, size: int) -> tuple[int, int]:
    """The checksum one byte farther on."""
    a = (a - leaving + coming) % _MOD
    return a, (b - size * leaving + a) % _MOD


def delta(old: bytes, new: bytes, block: int = BLOCK) -> Delta:
    """What turns `old` into `new`. Of equal blocks the first is taken."""
    known: dict[tuple[int, int], dict[bytes, int]] = {}
    for number in range(len(old) // block):
        piece = old[number * block : (number + 1) * block]
        known.setdefault(weak(piece), {}).setdefault(_strong(piece), number)
    steps: list[bytes | tuple[int, int]] = []
    start = at = 0
    checksum = weak(new[:block])
    while at + block <= len(new):
        found = (
            known.get(checksum, {}).get(_strong(new[at : at + block]))
            if checksum in known
            else None
        )
        if found is not None:
            _add(steps, new[start:at], found)
            start = at = at + block
            checksum = weak(new[at : at + block])
        else:
            if at + block < len(new):
                checksum = roll(*checksum, new[at], new[at + block], block)
            at += 1
    if new[start:]:
        steps.append(new[start:])
    return Delta(_strong(old), _strong(new), tuple(steps))


def apply(change: Delta, old: bytes, block: int = BLOCK) -> bytes:
    """The new data; IntegrityError if `old` is another base or the result is not what was sent."""
    if _strong(old) != change.base_digest:
        raise IntegrityError("the delta was made against another baseline; send the data in full")
    new = b"".join(
        step if isinstance(step, bytes) else old[step[0] * block : (step[0] + step[1]) * block]
        for step in change.steps
    )
    if _strong(new) != change.digest:
        raise IntegrityError("the delta does not give the data that was sent")
    return new


def _add(steps: list[bytes | tuple[int, int]], literal: bytes, number: int) -> None:
    if literal:
        steps.append(literal)
    last = steps[-1] if steps else None
    if isinstance(last, tuple) and last[0] + last[1] == number:
        steps[-1] = (last[0], last[1] + 1)
    else:
        steps.append((number, 1))


def _strong(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
