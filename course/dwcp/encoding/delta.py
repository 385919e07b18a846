"""Level 2 of HDE: send what changed in a page, not the page.

A guest that writes 64 bytes into a page leaves 4,032 as they were. XOR with the version that was
sent before turns those into zeros, which compress to almost nothing. XOR needs both ends to hold
the same base, so the base is a version that the receiver has confirmed, and a delta travels with
the hash of the page it must give.
"""

from collections.abc import Iterable

import numpy as np

from course.dwcp.units import PAGE_SIZE


def xor(page: bytes, base: bytes) -> bytes:
    """The XOR of two pages of 4,096 bytes; applying it twice gives the page back.

    >>> xor(xor(b"a" * 4096, b"b" * 4096), b"b" * 4096) == b"a" * 4096
    True
    """
    if len(page) != PAGE_SIZE or len(base) != PAGE_SIZE:
        raise ValueError(f"XOR is over pages of {PAGE_SIZE} bytes, not {len(page)} and {len(base)}")
    return (np.frombuffer(page, np.uint64) ^ np.frombuffer(base, np.uint64)).tobytes()


def changed_share(page: bytes, base: bytes) -> float:
    """The fraction of bytes, 0 to 1, in which two versions of a page differ."""
    return float(np.mean(np.frombuffer(page, np.uint8) != np.frombuffer(base, np.uint8)))


class Versions:
    """Which version of each page the receiver is known to hold."""

    def __init__(self) -> None:
        self._confirmed: dict[int, bytes] = {}  # page number -> content
        self._digests: dict[int, bytes] = {}  # page number -> hash of what was sent last
        self._sent: dict[bytes, dict[int, bytes]] = {}  # hash -> pages sent with it, not confirmed

    def base(self, number: int) -> bytes | None:
        """What a delta for page `number` may be made against; None: send the page itself."""
        return self._confirmed.get(number)

    def was_sent(self, number: int, page: bytes, digest: bytes | None = None) -> None:
        """From here until the acknowledgement it is unknown what the receiver has.

        An acknowledgement of an earlier version may still come; it says nothing about this one.
        """
        self._confirmed.pop(number, None)
        earlier = self._digests.pop(number, None)
        if earlier is not None and earlier in self._sent:
            self._sent[earlier].pop(number, None)
        if digest is not None:
            self._digests[number] = digest
            self._sent.setdefault(digest, {})[number] = page

    def waiting(self, digest: bytes) -> dict[int, bytes]:
        """Pages sent with this hash and not acknowledged yet: number -> content."""
        return dict(self._sent.get(digest, {}))

    def acknowledge(self, digests: Iterable[bytes]) -> None:
        """The receiver applied the pages with these hashes."""
        for digest in digests:
            self._confirmed.update(self._sent.pop(digest, {}))
