"""What Raft's members say to each other, and what they save. All are values.

`term` is the sender's; a higher one than one's own makes a member a follower of that term.
"""

from dataclasses import dataclass, field

from course.dwcp.consensus.log import Entry, Members, Snapshot
from course.dwcp.units import MS


@dataclass(frozen=True, slots=True)
class AskVote:
    """`trial`: a pre-vote, "would you?", that binds nobody and raises no term."""

    term: int
    last_term: int
    last_index: int
    trial: bool


@dataclass(frozen=True, slots=True)
class Vote:
    term: int
    granted: bool
    trial: bool


@dataclass(frozen=True, slots=True)
class Append:
    """Entries that follow (previous_index, previous_term); empty: a heartbeat."""

    term: int
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit_index: int
    beat: int = 0  # which of the leader's heartbeat rounds; the answer repeats it


@dataclass(frozen=True, slots=True)
class Appended:
    """`match_index`: up to where the follower's log is the leader's; on refusal, a hint."""

    term: int
    success: bool
    match_index: int
    beat: int = 0


@dataclass(frozen=True, slots=True)
class Install:
    """For a follower that lacks entries which the leader has folded into its snapshot."""

    term: int
    snapshot: Snapshot
    beat: int = 0


@dataclass(frozen=True, slots=True)
class StandNow:
    """From the leader to the member that shall lead next: do not wait for your timer."""

    term: int


@dataclass(frozen=True, slots=True)
class Saved:
    """What must survive a crash, saved before any answer that depends on it."""

    term: int = 0
    voted_for: str | None = None
    log: tuple[Entry, ...] = ()  # what follows the snapshot
    snapshot: Snapshot = field(default_factory=Snapshot)


@dataclass(slots=True)
class Progress:
    """What a leader knows about a follower. `heard_at` is us."""

    next_index: int
    heard_at: int
    match_index: int = 0
    beat: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds. The election timeout is drawn from [election, 2 x election)."""

    election: int = 300 * MS
    heartbeat: int = 100 * MS


@dataclass(frozen=True, slots=True)
class Status:
    """How a member sees things. `members` are the voters."""

    role: str
    term: int
    leader: str | None
    votes: tuple[str, ...]
    members: tuple[str, ...]
    last_index: int
    commit_index: int
    learners: tuple[str, ...] = ()
    snapshot_index: int = 0


__all__ = [
    "Append", "Appended", "AskVote", "Entry", "Install", "Members", "Progress", "Saved", "Snapshot",
    "StandNow", "Status", "Timing", "Vote",
]  # fmt: skip
