"""What PBFT's voters and clients say to each other. All are values.

A message is signed, or proves itself: by a digest that was signed, or by signed messages in it.
`view` says whose turn it is to be primary, `number` is the place in the one order of decisions,
`digest` the SHA-256 of a batch of requests. `Signed[X]` is an X with its signer's signature.

    request -> proposal (pre-prepare + batch) -> prepare -> commit -> reply
    checkpoint; view-change -> new-view; progress, fetch: for who missed something

Read before: `signatures`. Read next: `pbft_votes`; what is saved is in `pbft_records`.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.signatures import Signed

PORT = 8082


@dataclass(frozen=True, slots=True)
class Request:
    """Signed by the client. `timestamp` rises with each request: it is done once or not at all."""

    client: str
    timestamp: int
    operation: Any


Batch = tuple[Signed[Request], ...]
NULL: Batch = ()
"""The batch of a number that a new view must fill and has nothing for."""


@dataclass(frozen=True, slots=True)
class PrePrepare:
    """The primary of `view` gives a batch its number."""

    view: int
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Prepare:
    """A backup: I hold this batch, and no other in this view at this number."""

    view: int
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """I know that a quorum holds this batch at this number in this view."""

    view: int
    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Numbers up to `number` came to a state with this digest."""

    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """To the client, which believes f + 1 that are equal."""

    view: int
    client: str
    timestamp: int
    result: Any


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pre-prepare with its batch. Anyone may pass it on: the digest binds the two."""

    pre_prepare: Signed[PrePrepare]
    batch: Batch


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared certificate: a pre-prepare and prepares of quorum - 1 different backups."""

    pre_prepare: Signed[PrePrepare]
    prepares: tuple[Signed[Prepare], ...]


@dataclass(frozen=True, slots=True)
class CommitCertificate:
    """A quorum's commits and the batch: proof for anyone, in any view, for ever."""

    batch: Batch
    commits: tuple[Signed[Commit], ...]


Proof = tuple[Signed[Checkpoint], ...]
"""A quorum's equal checkpoints; empty for number 0, which needs no proof."""


@dataclass(frozen=True, slots=True)
class CheckpointCertificate:
    """A proof on the road. It travels whole, so that a liar in it cannot unsay his part."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class ViewChange:
    """Let us go to `view`; this is all that I know to be prepared above a proven checkpoint."""

    view: int
    low: int
    proof: Proof
    prepared: tuple[Prepared, ...]  # by number, one each


@dataclass(frozen=True, slots=True)
class NewView:
    """A quorum wants `view`; what follows from what they know is proposed anew."""

    view: int
    view_changes: tuple[Signed[ViewChange], ...]
    pre_prepares: tuple[Signed[PrePrepare], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a voter is, told to all at intervals, so that they send what it lacks.

    A network loses messages; this is the one way in which they are sent again (Castro's
    thesis, 5.2, calls it a status message).
    """

    view: int
    changing: bool
    low: int
    executed: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """Who has the batch with this digest?"""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The batch asked for. Its digest is its proof."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class FetchState:
    """Send me the state at this checkpoint."""

    number: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that numbers 1 to `number` came to. `clients`: (name, timestamp, result), by name.

    The clients' last results belong to it: without them a voter that took over a state would do
    an old request again.
    """

    number: int = 0
    state: Any = None
    clients: tuple[tuple[str, int, Any], ...] = ()


NULL_DIGEST = digest(NULL)

SIGNED = (
    Request, PrePrepare, Prepare, Commit, Checkpoint, ViewChange, NewView, Progress, Fetch,
    FetchState, Reply,
)  # fmt: skip
PROVING = (Proposal, CommitCertificate, CheckpointCertificate, Fetched, Snapshot)
WIRE: dict[str, type] = {kind.__name__: kind for kind in (*SIGNED, *PROVING, Signed, Prepared)}
"""All that may stand on the wire, for `canonical.decode`."""
