"""Level 0 of HDE: memory as 4 KiB blocks, and the blocks that are all zero.

Blocks have a fixed size and are aligned to pages. A file shifts when a byte is inserted, so file
deduplication looks for boundaries in the content; memory does not shift, so here that brings
nothing. "Content-aware" means: keyed by the hash of the content.
"""

import hashlib
from collections.abc import Iterator

from course.dwcp.units import PAGE_SIZE

ZERO_PAGE = bytes(PAGE_SIZE)


def pages_of(image: bytes | bytearray | memoryview) -> Iterator[tuple[int, bytes]]:
    """The pages of a memory image with their numbers, in address order.

    The image's length must be a multiple of 4,096 bytes, as a guest's memory is.
    """
    if len(image) % PAGE_SIZE:
        raise ValueError(f"an image is whole pages of {PAGE_SIZE} bytes, not {len(image)} bytes")
    view = memoryview(image)
    for start in range(0, len(view), PAGE_SIZE):
        yield start // PAGE_SIZE, bytes(view[start : start + PAGE_SIZE])


def is_zero(page: bytes) -> bool:
    """Is every byte of the page zero? Guests have 15 to 27 % of such pages."""
    return page == ZERO_PAGE


def block_hash(block: bytes) -> bytes:
    """The SHA-256 of a block, 32 bytes (FIPS 180-4): its name for both ends."""
    return hashlib.sha256(block).digest()
