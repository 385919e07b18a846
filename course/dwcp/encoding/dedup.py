"""Level 1 of HDE: do not send a block that the receiver holds.

The one rule that matters: *known* means confirmed by the receiver. A sender that takes its own
store for the receiver's ("I have seen this block, so it has too") sends references to blocks that
were lost or never sent, and the guest's memory is gone. So a block is first `sent`, and becomes
`known` only when the receiver's acknowledgement names it.

Left out here: bounded memory and the Bloom-filter summary at the start of a session.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class KnownBlocks:
    """What the sender may refer to. Hashes are SHA-256, 32 bytes each."""

    confirmed: set[bytes] = field(default_factory=set)
    sent: set[bytes] = field(default_factory=set)  # on the way, not yet acknowledged

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.confirmed

    def was_sent(self, digest: bytes) -> None:
        """The block went out; it is not known yet."""
        if digest not in self.confirmed:
            self.sent.add(digest)

    def acknowledge(self, digests: Iterable[bytes]) -> None:
        """The receiver stored these blocks: from now on a reference is enough."""
        for digest in digests:
            self.sent.discard(digest)
            self.confirmed.add(digest)

    def forget(self, digests: Iterable[bytes]) -> None:
        """The receiver does not have these after all (a resend request): send them in full."""
        for digest in digests:
            self.confirmed.discard(digest)
            self.sent.discard(digest)
