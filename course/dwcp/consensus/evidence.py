"""Evidence: what convinces somebody who was not there.

Two messages in which one voter, at one place, in one phase, signed two digests: an honest voter
never does that, not even after a crash, since it saves before it sends. So the pair is a proof.
It needs no witness and no majority, only the voter's public key. A signed checkpoint that a
quorum's checkpoints contradict proves as much: its voter's state is another one. All else that a
voter notices (lateness, silence, odd rates) is suspicion, and moves a score at most: that is
`reputation`.

Also here: the agreement rate, which finds the voter who lies too rarely for its score to fall.

Read before: `pbft_messages`. Read next: `reputation`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course.dwcp.consensus.canonical import fits
from course.dwcp.consensus.pbft_messages import Checkpoint, Commit, Prepare, PrePrepare, Proof
from course.dwcp.consensus.pbft_votes import Group, objection_to_proof
from course.dwcp.consensus.signatures import Signed, Verifier, a_signed

PHASES = (PrePrepare, Prepare, Commit, Checkpoint)
AGREEMENT_MIN, AGREEMENT_VOTES = 0.95, 500


@dataclass(frozen=True, slots=True)
class Equivocation:
    """A claim about `first.signer`. Nobody need believe it: `proves` tells."""

    NAME = "equivocation"

    first: Signed[Any]
    second: Signed[Any]

    @property
    def liar(self) -> str:
        """Whom it accuses."""
        return self.first.signer

    def objection(self, verifier: Verifier) -> str | None:
        """Why this proves nothing; None: it does."""
        one, other = self.first, self.second
        phase = type(getattr(one, "body", None))
        if phase not in PHASES or not (fits(one, a_signed(phase)) and fits(other, a_signed(phase))):
            return "these are not two messages of one phase"
        if one.signer != other.signer:
            return f"two signers, {one.signer} and {other.signer}, may well differ"
        if place(one.body) != place(other.body):
            return "they are about two places"
        if one.body.digest == other.body.digest:
            return "they say the same"
        if not (verifier.verifies(one) and verifier.verifies(other)):
            return "a signature is false"
        return None

    def proves(self, verifier: Verifier) -> str | None:
        """The name of the voter who is proved a liar, or None."""
        return None if self.objection(verifier) else self.liar


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A claim about `vote.signer`: it signed a checkpoint that a quorum's `proof` contradicts.

    That its state is wrong is proved; whether it lies or its memory is broken is not.
    """

    NAME = "checkpoint contradicted"

    vote: Signed[Checkpoint]
    proof: Proof

    @property
    def liar(self) -> str:
        """Whom it accuses."""
        return self.vote.signer

    def objection(self, group: Group) -> str | None:
        """Why this proves nothing; None: it does."""
        if not fits(self.vote, a_signed(Checkpoint)) or not fits(self.proof, Proof):
            return "these are not checkpoints"
        number = self.vote.body.number
        if number < 1:
            return "number 0 is no checkpoint"
        wrong = objection_to_proof(number, self.proof, group)
        if wrong:
            return wrong
        if self.proof[0].body == self.vote.body:
            return "the quorum says the same"
        return None if group.verifies(self.vote) else "a signature is false"


def place(body: Any) -> tuple[int, ...]:
    """Where a vote belongs: (view, number), or (number,) for a checkpoint, which has no view."""
    return (body.number,) if isinstance(body, Checkpoint) else (body.view, body.number)


def equivocations(messages: Iterable[Signed[Any]], verifier: Verifier) -> list[Equivocation]:
    """All contradictions in a pile of messages, one a (voter, phase, place), as they come."""
    first: dict[tuple[Any, ...], Signed[Any]] = {}
    found: dict[tuple[Any, ...], Equivocation] = {}
    for signed in messages:
        phase = type(signed.body)
        if (
            phase not in PHASES
            or not fits(signed, a_signed(phase))
            or not verifier.verifies(signed)
        ):
            continue
        key = (signed.signer, phase.__name__, *place(signed.body))
        earlier = first.setdefault(key, signed)
        if earlier.body.digest != signed.body.digest:
            found.setdefault(key, Equivocation(earlier, signed))
    return list(found.values())


def agreement_rate(votes: Iterable[bool]) -> float:
    """The share of a voter's votes that agreed with what was decided; 1.0 without any.

    >>> agreement_rate([True] * 460 + [False] * 40)
    0.92
    """
    judged = list(votes)
    return round(sum(judged) / len(judged), 6) if judged else 1.0


def disagrees_too_often(votes: Iterable[bool]) -> bool:
    """Below 95 % over the last 500 votes. With fewer votes nothing is said.

    >>> disagrees_too_often([False] * 40 + [True] * 460), disagrees_too_often([False] * 40)
    (True, False)
    """
    recent = list(votes)[-AGREEMENT_VOTES:]
    return len(recent) == AGREEMENT_VOTES and agreement_rate(recent) < AGREEMENT_MIN
