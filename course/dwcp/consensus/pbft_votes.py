"""Counting: when is a batch prepared, when is it committed, and what proves it to others?

Everything that PBFT promises hangs on this count. A vote counts once for its signer, only if the
signature was checked, and only for exactly what it says: the same view, number and digest. It
counts for nothing that is merely near it.

    prepared    the pre-prepare, and equal prepares of quorum - 1 different backups
    committed   prepared here, and equal commits of a quorum, one's own among them

Two quorums share an honest voter, who prepares one digest in a view at a number. So no two
batches are prepared at one place in one view.

Read before: `pbft_messages`. Read next: `pbft_state`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.intersection import quorum_at
from course.dwcp.consensus.pbft_messages import (
    Batch,
    Checkpoint,
    Commit,
    CommitCertificate,
    Prepare,
    Prepared,
    PrePrepare,
    Proof,
)
from course.dwcp.consensus.quorum import max_faulty
from course.dwcp.consensus.signatures import Signed, Verifier


class Group:
    """A value: who votes, how many must agree, whose turn it is, and who can tell a signature."""

    def __init__(self, voters: tuple[str, ...], verifier: Verifier, share: float) -> None:
        if len({*voters}) != len(voters):
            raise ValueError(f"a voter is named twice: {', '.join(voters)}")
        self.voters, self._verifier = voters, verifier
        self.quorum = quorum_at(len(voters), share)
        self.weak = max_faulty(len(voters)) + 1  # so many include an honest one

    def primary(self, view: int) -> str:
        return self.voters[view % len(self.voters)]

    def verifies(self, signed: Signed[Any]) -> bool:
        return self._verifier.verifies(signed)

    def agreeing(self, votes: Iterable[Signed[Any]], said: Any) -> dict[str, Signed[Any]]:
        """The votes that say exactly `said`: one a voter, in the order given."""
        return {
            vote.signer: vote for vote in votes if vote.signer in self.voters and vote.body == said
        }


@dataclass(slots=True)
class Slot:
    """One number in the present view. Votes may be here before the pre-prepare is."""

    pre_prepare: Signed[PrePrepare] | None = None
    batch: Batch | None = None  # None after a new view, until somebody sends it
    prepares: dict[str, Signed[Prepare]] = field(default_factory=dict)  # the first of each voter
    commits: dict[str, Signed[Commit]] = field(default_factory=dict)

    def agreeing(self, group: Group) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who prepared and who committed exactly the batch of the pre-prepare; for looking in."""
        if self.pre_prepare is None:
            return (), ()
        at = self.pre_prepare.body
        prepares = group.agreeing(self.prepares.values(), Prepare(at.view, at.number, at.digest))
        commits = group.agreeing(self.commits.values(), Commit(at.view, at.number, at.digest))
        in_order = [tuple(v for v in group.voters if v in found) for found in (prepares, commits)]
        return in_order[0], in_order[1]

    def prepared(self, group: Group) -> Prepared | None:
        """The certificate, if enough backups prepared this very batch, and it is here."""
        if self.pre_prepare is None or self.batch is None:
            return None
        at = self.pre_prepare.body
        found = group.agreeing(self.prepares.values(), Prepare(at.view, at.number, at.digest))
        found.pop(group.primary(at.view), None)  # its pre-prepare is its vote
        votes = tuple(found.values())[: group.quorum - 1]
        return Prepared(self.pre_prepare, votes) if len(votes) == group.quorum - 1 else None

    def committed(self, group: Group) -> CommitCertificate | None:
        """The certificate, if it is prepared here and a quorum committed."""
        if self.pre_prepare is None or self.batch is None or not self.prepared(group):
            return None
        at = self.pre_prepare.body
        found = group.agreeing(self.commits.values(), Commit(at.view, at.number, at.digest))
        votes = tuple(found.values())[: group.quorum]
        return CommitCertificate(self.batch, votes) if len(votes) == group.quorum else None


# the same counts, over what others claim: None if it holds, or else what is wrong with it


def objection_to_prepared(claim: Prepared, group: Group) -> str | None:
    at = claim.pre_prepare.body
    primary = group.primary(at.view)
    if claim.pre_prepare.signer != primary:
        return f"the pre-prepare is not by {primary}, the primary of view {at.view}"
    found = group.agreeing(claim.prepares, Prepare(at.view, at.number, at.digest))
    found.pop(primary, None)
    if len(found) < group.quorum - 1:
        return f"{len(found)} backups prepared it, not {group.quorum - 1}"
    if not all(group.verifies(one) for one in (claim.pre_prepare, *found.values())):
        return "a signature in the certificate is false"
    return None


def objection_to_commits(claim: CommitCertificate, group: Group) -> str | None:
    """Anyone who has the voters' keys may ask this; no view or log is needed."""
    if not claim.commits:
        return "no commits"
    said = claim.commits[0].body
    if said.digest != digest(claim.batch):
        return "the commits are for another batch"
    found = group.agreeing(claim.commits, said)
    if len(found) < group.quorum:
        return f"{len(found)} voters committed it, not {group.quorum}"
    if not all(group.verifies(one) for one in found.values()):
        return "a signature in the certificate is false"
    return None


def objection_to_proof(number: int, proof: Proof, group: Group) -> str | None:
    """Is `number` a stable checkpoint? Number 0, the beginning, is one without a proof."""
    if number == 0:
        return None
    if not proof or proof[0].body.number != number:
        return f"no checkpoints for number {number}"
    found = group.agreeing(proof, Checkpoint(number, proof[0].body.digest))
    if len(found) < group.quorum:
        return f"{len(found)} voters reached checkpoint {number}, not {group.quorum}"
    if not all(group.verifies(one) for one in found.values()):
        return "a signature in the proof is false"
    return None
