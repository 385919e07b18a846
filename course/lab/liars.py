"""Voters that deviate: an honest voter inside, and a trick with what it wants to say.

The voter inside knows what would be right, so a liar is never caught by clumsiness. It can sign
with its own key only. Its reports to the controllers would hold its own votes, so it makes none.

A trick is a value with a name: `told(liar, send)` gives what is sent instead, each with a delay in
us. Read before: `course.dwcp.voting`. The faults that set tricks are in `faults`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft_messages import (
    NULL,
    NULL_DIGEST,
    Commit,
    CommitCertificate,
    Prepare,
    PrePrepare,
    Proposal,
)
from course.dwcp.consensus.signatures import Signer
from course.dwcp.machine import Effect, Send
from course.dwcp.units import MS
from course.dwcp.voting import Accusation, Ballot, VoteReport

Told = list[tuple[int, Send]]


@dataclass(frozen=True, slots=True)
class Trick:
    """`name` as in the list of faults; `every`: at each, each second, ... number; `delay` us."""

    name: str
    every: int = 1
    delay: int = 0
    plan: str = ""  # liars with the same plan tell the same lie


class Liar(Ballot):
    """In the place of a worker's ballot."""

    def __init__(self, honest: Ballot, trick: Trick, signer: Signer) -> None:
        super().__init__(honest.voter, honest.controllers, honest.record)
        self.trick, self._signer = trick, signer
        self._late: list[tuple[int, Effect]] = []
        self.lies = 0  # messages changed, dropped or delayed

    @property
    def wake_at(self) -> int | None:
        mine = super().wake_at
        times = [at for at in (mine, *(at for at, _ in self._late)) if at is not None]
        return min(times, default=None)

    def wake(self, now: int) -> list[Effect]:
        due = [effect for at, effect in self._late if at <= now]
        self._late = [(at, effect) for at, effect in self._late if at > now]
        return [*due, *super().wake(now)]

    def _watched(self, effects: list[Effect], now: int) -> list[Effect]:
        told: list[Effect] = []
        for effect in super()._watched(effects, now):
            if not isinstance(effect, Send):
                told.append(effect)
                continue
            for delay, said in TRICKS[self.trick.name](self, effect):
                if delay:
                    self._late.append((now + delay, said))
                else:
                    told.append(said)
        return told

    def _tell_controllers(self, message: VoteReport | Accusation) -> list[Effect]:
        return []

    def says(self, body: Any) -> Any:
        """In its own name, and counted."""
        self.lies += 1
        return self._signer.sign(body)


def _false_vote(liar: Liar, send: Send) -> Told:
    """Every so often it votes for something that nobody proposed, the same to everybody."""
    if isinstance(send.message, CommitCertificate):
        return []  # it would show the vote that it did not cast
    body = getattr(send.message, "body", None)
    if not isinstance(body, Prepare | Commit) or body.number % liar.trick.every:
        return [(0, send)]
    lie = sha256(f"{liar.trick.plan or liar.voter.name} {body.number}".encode()).digest()
    return [(0, replace(send, message=liar.says(replace(body, digest=lie))))]


def _two_faces(liar: Liar, send: Send) -> Told:
    """The one half of the voters hears something else than the other."""
    names = liar.voter.group.voters
    if send.to not in names[: len(names) // 2]:
        return [(0, send)]
    message, body = send.message, getattr(send.message, "body", None)
    if isinstance(message, Proposal) and message.pre_prepare.signer == liar.voter.name:
        at = message.pre_prepare.body
        empty = liar.says(PrePrepare(at.view, at.number, NULL_DIGEST))
        return [(0, replace(send, message=Proposal(empty, NULL)))]
    if isinstance(body, Prepare | Commit):
        lie = digest(("other", body.digest))
        return [(0, replace(send, message=liar.says(replace(body, digest=lie))))]
    return [(0, send)]


def _silence(liar: Liar, send: Send) -> Told:
    liar.lies += 1
    return []


def _late(liar: Liar, send: Send) -> Told:
    liar.lies += 1
    return [(liar.trick.delay or 1 * MS, send)]


TRICKS: dict[str, Callable[[Liar, Send], Told]] = {
    "vote-manipulation": _false_vote,
    "collusion": _false_vote,
    "equivocation": _two_faces,
    "silent-voter": _silence,
    "delayed-votes": _late,
}
