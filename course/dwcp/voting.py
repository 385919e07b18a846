"""Workers that vote, and who voted how: PBFT and reputation joined.

What touches several regions, or an owner that nobody trusts, is decided by voters drawn from the
workers, by PBFT. Each voter tells the controllers which signed votes it saw. The leader judges by
the signatures, never by what a reporter says of others: a commit that contradicts a quorum's
commits at the same place is wrong, and an honest voter never signs one. So no liar can blame an
honest voter, whatever it reports. The judgement is a log entry like any other.

    Edge      on a gateway: asks for decisions, and measures how long they take
    Ballot    on a worker: its PBFT voter, and its reports
    Jury      on the leading controller: reports in, judgements out

Left out: that a reporter withholds votes it saw only slows a judgement down, and is not noticed.
Read next: `registry`, where a judgement moves a score and a low score means quarantine.
"""

from dataclasses import dataclass, field
from typing import Any

from course.dwcp.consensus.canonical import fits
from course.dwcp.consensus.evidence import Contradiction, Equivocation
from course.dwcp.consensus.intersection import DEFAULT_SHARE
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_messages import Commit, Prepare, PrePrepare
from course.dwcp.consensus.pbft_records import Saved
from course.dwcp.consensus.pbft_votes import Group
from course.dwcp.consensus.signatures import Signed, Verifier
from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.units import SECOND

REPORT_PORT = 8083
REPORT_AFTER = 1 * SECOND
"""After a decision, so that slow votes are in."""
KEPT = 100
"""Decisions of which the leader keeps reports: what liars can fill is bounded."""

Vote = Signed[PrePrepare] | Signed[Prepare] | Signed[Commit]


@dataclass(frozen=True, slots=True)
class VoteReport:
    """What one voter saw of a decision: a quorum's equal commits, and all other votes there."""

    commits: tuple[Signed[Commit], ...]
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class Accusation:
    """A proof of a lie, complete: whoever gets it can check it."""

    proof: Equivocation | Contradiction


class Ballot:
    """A PBFT voter and its reports. `ignored`: voters in quarantine, whose messages are dropped."""

    def __init__(self, voter: Pbft, controllers: tuple[str, ...], record: Saved | None) -> None:
        self.voter, self._controllers = voter, controllers
        self.ignored: tuple[str, ...] = ()
        self.record = record  # what the voter saved last
        self._due: dict[int, int] = {}  # decision -> when to report it, us

    @property
    def wake_at(self) -> int | None:
        times = [at for at in (self.voter.wake_at, *self._due.values()) if at is not None]
        return min(times, default=None)

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        if sender in self.ignored:
            return []
        return self._watched(self.voter.receive(sender, message, now), now)

    def change_view(self, view: int, now: int) -> list[Effect]:
        """A person gives up on the primary; see `Pbft.change_view`."""
        return self._watched(self.voter.change_view(view, now), now)

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.voter.wake_at is not None and self.voter.wake_at <= now:
            effects = self._watched(self.voter.wake(now), now)
        for number in [n for n, at in self._due.items() if at <= now]:
            del self._due[number]
            effects += self._report(number)
        return effects

    def _watched(self, effects: list[Effect], now: int) -> list[Effect]:
        """Note decisions to report; a proof goes to the controllers at once."""
        more: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Save):
                self.record = effect.record
            if not isinstance(effect, Tell):
                continue
            if effect.event == "decided":
                self._due[effect.details["number"]] = now + REPORT_AFTER
            if "proof" in effect.details:
                more += self._tell_controllers(Accusation(effect.details["proof"]))
        return effects + more

    def _report(self, number: int) -> list[Effect]:
        """Nothing to say if the votes are gone: a checkpoint or a new view came first."""
        slot, decided = self.voter.slots.get(number), self.voter.decided.get(number)
        if slot is None or decided is None:
            return []
        first = (slot.pre_prepare,) if slot.pre_prepare else ()
        votes = (*first, *slot.prepares.values(), *slot.commits.values())
        return self._tell_controllers(VoteReport(decided.commits, votes))

    def _tell_controllers(self, message: Any) -> list[Effect]:
        return [Send(name, message, REPORT_PORT) for name in self._controllers]


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
        if sender not in self.voters or not fits(report, VoteReport) or not report.commits:
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
        """By commits alone: who was shown another proposal by a lying primary did nothing wrong."""
        cast = {v: [one.body for one in case.votes.get((v, "Commit"), ())] for v in self.voters}
        wrong = [v for v, said in cast.items() if any(one != case.decided for one in said)]
        silent = [v for v, said in cast.items() if not said]
        correct = [v for v in self.voters if v not in wrong and v not in silent]
        return {
            "kind": "judge", "number": case.decided.number, "correct": correct, "wrong": wrong,
            "silent": silent,
        }  # fmt: skip

    def _convict(self, proof: Equivocation | Contradiction) -> dict[str, Any]:
        reason = f"{proof.NAME}, proved"
        return {"kind": "quarantine", "node": proof.liar, "reason": reason, "by": "proof",
                "proof": proof}  # fmt: skip


class Edge:
    """A gateway at the border of the cluster: it asks the voters for decisions.

    `every` is us between decisions that it asks for by itself, a running number each; 0: none.
    Others are asked for with `propose`.
    """

    def __init__(self, client: Client, every: int, now: int) -> None:
        self.client, self.every = client, every
        self._asked_at: dict[Any, int] = {}
        self._number = 0
        self._next = now + every if every else None

    @property
    def wake_at(self) -> int | None:
        times = [at for at in (self.client.wake_at, self._next) if at is not None]
        return min(times, default=None)

    def propose(self, operation: Any, now: int) -> list[Effect]:
        """Have `operation` decided; told later as `agreed`. ValueError if it is asked for."""
        if operation in self._asked_at:
            raise ValueError(f"{operation} is being decided already")
        self._asked_at[operation] = now
        return self._timed(self.client.propose(operation, now), now)

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        return self._timed(self.client.receive(sender, message, now), now)

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.client.wake_at is not None and self.client.wake_at <= now:
            effects = self._timed(self.client.wake(now), now)
        if self._next is not None and self._next <= now:
            self._next += self.every
            self._number += 1
            effects += self.propose(("decision", self._number), now)
        return effects

    @property
    def waiting(self) -> dict[Any, int]:
        """Operations without an answer yet, and when they were asked for, us."""
        return dict(self._asked_at)

    def _timed(self, effects: list[Effect], now: int) -> list[Effect]:
        timed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Tell) and effect.event == "answered":
                operation = effect.details["operation"]
                took = now - self._asked_at.pop(operation, now)
                effect = Tell("agreed", {"operation": operation, "took_us": took})
            timed.append(effect)
        return timed
