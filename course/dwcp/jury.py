"""The jury on the leading controller: reports of votes in, judgements out.

It judges by signatures, never by what a reporter says of others: a commit that contradicts a
quorum's commits at the same place is wrong, and an honest voter never signs one. So no liar can
blame an honest voter, whatever it reports. A judgement is a log entry like any other.

Left out: that a reporter withholds votes it saw only slows a judgement down, and is not noticed.
Read before: `voting`. Read next: `registry`, where a judgement moves a score and a low score means
quarantine.
"""

from dataclasses import dataclass, field
from typing import Any

from course.dwcp.consensus.evidence import Contradiction, Equivocation
from course.dwcp.consensus.intersection import DEFAULT_SHARE
from course.dwcp.consensus.pbft_messages import Commit
from course.dwcp.consensus.pbft_votes import Group
from course.dwcp.consensus.signatures import Signed, Verifier
from course.dwcp.voting import VOTES, Accusation, Vote, VoteReport

KEPT = 100
"""Decisions of which reports are kept: what liars can fill is bounded."""


@dataclass(slots=True)
class _Case:
    """What is known of one decision: who has reported, and every vote once."""

    decided: Commit
    reporters: dict[str, None] = field(default_factory=dict)
    votes: dict[tuple[str, str], list[Vote]] = field(default_factory=dict)  # by voter and phase


class Jury:
    """Collects reports on the leader, and says what follows from them as commands to propose."""

    def __init__(
        self, voters: tuple[str, ...], verifier: Verifier, share: float = DEFAULT_SHARE
    ) -> None:
        self.voters, self._verifier = voters, verifier
        self.group = Group(voters, verifier, share)
        self._cases: dict[tuple[int, int], _Case] = {}  # by (view, number)

    def heard(self, sender: str, report: VoteReport) -> list[dict[str, Any]]:
        """Voters proved to be liars; and once a quorum has reported, how each one voted."""
        if sender not in self.voters or not _is_whole(report) or not report.commits:
            return []
        said = report.commits[0].body
        if not self._is_decided(said, report):
            return []
        case = self._cases.setdefault((said.view, said.number), _Case(said))
        case.reporters[sender] = None
        proofs = self._take(case, report)
        for old in sorted(self._cases, key=lambda place: place[1])[:-KEPT]:
            del self._cases[old]
        complete = len(case.reporters) == self.group.quorum
        return [*map(self._convict, proofs), *([self._judge(case)] if complete else [])]

    def accused(self, accusation: Accusation) -> dict[str, Any] | None:
        """A proof needs no second voice: it is checked here."""
        proof = accusation.proof
        match proof:
            case Equivocation():
                wrong = proof.objection(self._verifier)
            case Contradiction():
                wrong = proof.objection(self.group)
            case _:
                return None
        return self._convict(proof) if not wrong and proof.liar in self.voters else None

    def _is_decided(self, said: Commit, report: VoteReport) -> bool:
        """A quorum's signatures, so that no report about nothing is kept."""
        known = self._cases.get((said.view, said.number))
        if known and known.decided == said:
            return True
        found = self.group.agreeing(report.commits, said)
        enough = len(found) >= self.group.quorum
        return enough and all(self._verifier.verifies(vote) for vote in found.values())

    def _take(self, case: _Case, report: VoteReport) -> list[Equivocation]:
        """Keep what is new, of this place, and signed; returns the contradictions in it."""
        found: list[Equivocation] = []
        for vote in (*report.commits, *report.votes):
            at = vote.body
            same_phase = case.votes.setdefault((vote.signer, type(at).__name__), [])
            known = any(one.body.digest == at.digest for one in same_phase)
            here = (at.view, at.number) == (case.decided.view, case.decided.number)
            if known or not here or len(same_phase) > 1 or vote.signer not in self.voters:
                continue  # two that differ are a proof; a third adds nothing
            if self._verifier.verifies(vote):
                same_phase.append(vote)
                found += [Equivocation(*same_phase)] if len(same_phase) == 2 else []
        return found

    def _judge(self, case: _Case) -> dict[str, Any]:
        """By commits alone: who was shown another proposal by a lying primary did nothing wrong.

        `false` are the signed commits that contradict the decision: the evidence goes into the log.
        """
        cast = {voter: case.votes.get((voter, "Commit"), []) for voter in self.voters}
        false = tuple(v for votes in cast.values() for v in votes if v.body != case.decided)
        wrong = [voter for voter in self.voters if any(v.signer == voter for v in false)]
        silent = [voter for voter, votes in cast.items() if not votes]
        correct = [v for v in self.voters if v not in wrong and v not in silent]
        return {
            "kind": "judge", "number": case.decided.number, "correct": correct, "wrong": wrong,
            "silent": silent, "false": false,
        }  # fmt: skip

    def _convict(self, proof: Equivocation | Contradiction) -> dict[str, Any]:
        reason = f"{proof.NAME}, proved"
        return {"kind": "quarantine", "node": proof.liar, "reason": reason, "by": "proof",
                "proof": proof}  # fmt: skip


def _is_whole(report: VoteReport) -> bool:
    """As `canonical.fits` would say, and quicker: signed messages know whether they are whole."""
    if type(report.commits) is not tuple or type(report.votes) is not tuple:
        return False
    commits = all(_is_vote(vote, (Commit,)) for vote in report.commits)
    return commits and all(_is_vote(vote, VOTES) for vote in report.votes)


def _is_vote(vote: Any, kinds: tuple[type, ...]) -> bool:
    return type(vote) is Signed and type(vote.body) in kinds and vote.is_whole
