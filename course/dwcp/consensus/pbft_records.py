"""What a PBFT voter keeps, is set to, and shows. All are values.

`Saved` is what must survive a crash. It is one record, written whole: plain to read, and never
half old. A store for millions of decisions would write the differences.

Numbers count batches, times are us. Read before: `pbft_messages`. Read next: `pbft_voter`.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.consensus.intersection import DEFAULT_SHARE
from course.dwcp.consensus.pbft_messages import (
    WIRE,
    Batch,
    NewView,
    Prepared,
    Proof,
    Proposal,
    Snapshot,
    ViewChange,
)
from course.dwcp.consensus.signatures import Signed
from course.dwcp.units import MS, SECOND


@dataclass(frozen=True, slots=True)
class Held:
    """What a voter prepared: the certificate, and the batch it is about."""

    prepared: Prepared
    batch: Batch


@dataclass(frozen=True, slots=True)
class Saved:
    """What must survive a crash, saved before any message that depends on it."""

    view: int = 0
    changing: bool = False
    snapshot: Snapshot | None = None  # at the stable checkpoint
    proof: Proof = ()
    target: Proof = ()  # a newer checkpoint, proved by others and not reached here
    accepted: tuple[Proposal, ...] = ()  # of this view: what was promised with a prepare
    held: tuple[Held, ...] = ()
    view_change: Signed[ViewChange] | None = None
    new_view: Signed[NewView] | None = None


DISK: dict[str, type] = {**WIRE, "Held": Held, "Saved": Saved}
"""All that may stand in a record, for `canonical.decode`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The published values of DWCP; the window of 200 is this course's choice."""

    batch_size: int = 100  # requests
    batch_timeout: int = 50 * MS
    checkpoint_interval: int = 100
    window: int = 200  # numbers above the stable checkpoint that may be in work
    view_change_timeout: int = 10 * SECOND  # at least four times a normal round
    resend: int = 500 * MS
    pending_max: int = 1_000  # requests known and not yet done
    quorum_share: float = DEFAULT_SHARE

    def __post_init__(self) -> None:
        least = min(
            self.batch_size, self.batch_timeout, self.checkpoint_interval, self.resend,
            self.view_change_timeout, self.pending_max,
        )  # fmt: skip
        if least < 1 or self.window < 2 * self.checkpoint_interval:
            raise ValueError(
                "settings are 1 or more, and the window is at least two checkpoint intervals "
                f"(it is {self.window}, the interval {self.checkpoint_interval})"
            )


@dataclass(frozen=True, slots=True)
class Place:
    """What a voter knows about one number in its present view. Names are in the voters' order."""

    number: int
    digest: bytes | None  # of the pre-prepare; None: only votes have come so far
    has_batch: bool
    prepares: tuple[str, ...]  # backups that said exactly this
    commits: tuple[str, ...]
    prepared: bool
    committed: bool


@dataclass(frozen=True, slots=True)
class Status:
    """How a voter sees things. `timeout` is us, what it waits for progress at present."""

    view: int
    primary: str
    changing: bool
    low: int  # the stable checkpoint
    high: int  # no number above it is looked at
    executed: int
    proposed: int  # highest number given or accepted in this view
    pending: int
    timeout: int
    quorum: int
    state: Any
    places: tuple[Place, ...]  # by number
