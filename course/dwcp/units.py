"""Units. Time is whole microseconds, size is bytes, rates are decimal bits, fractions are 0 to 1.

Whole microseconds because floating-point seconds drift: 20 x 0.05 s is 1.0000000000000002 s.
A memory size written "2 GB" on a VM means 2 GiB, as on every hypervisor. A link's "1 Gbps" is
10^9 bit/s: mixing the two up is a factor of 8.4 (bytes for bits, and 1,024 for 1,000).
"""

US = 1
MS = 1_000 * US
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KIB = 1_024
MIB = 1_024 * KIB
GIB = 1_024 * MIB

PAGE_SIZE = 4 * KIB
"""Bytes in a memory page, and in an HDE block: the two are aligned on purpose."""


def seconds(us: int) -> float:
    """Microseconds as seconds, for showing to people."""
    return us / SECOND


def from_seconds(value: float) -> int:
    """Seconds (s) as whole microseconds, rounded to the nearest one."""
    return round(value * SECOND)


def transfer_us(size: int, rate_mbps: float) -> int:
    """Time in us that `size` bytes need at `rate_mbps` (10^6 bit/s).

    >>> seconds(transfer_us(2 * GIB, 100))
    171.798692
    """
    if rate_mbps <= 0:
        raise ValueError(f"rate_mbps is {rate_mbps}; a transfer needs a rate above 0 Mbps")
    return round(size * 8 / rate_mbps)
