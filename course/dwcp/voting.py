"""Workers that vote, and who voted how: PBFT and reputation joined.

What touches several regions, or an owner that nobody trusts, is decided by voters drawn from the
workers, by PBFT. Each voter tells the controllers which signed votes it saw, and hands on at once
what proves a lie.

    Ballot    on a worker: its PBFT voter, and its reports
    Edge      on another, a gateway: asks for decisions, and measures how long they take

Times are us. Read before: `course.dwcp.consensus.pbft`. Read next: `jury`, who judges the reports.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.consensus.evidence import Contradiction, Equivocation
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_messages import (
    Commit,
    CommitCertificate,
    Fetch,
    FetchState,
    Prepare,
    PrePrepare,
    Progress,
)
from course.dwcp.consensus.pbft_records import Saved
from course.dwcp.consensus.pbft_votes import Slot
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.units import SECOND

REPORT_PORT = 8083
REPORT_AFTER = 1 * SECOND
"""After a decision, so that slow votes are in."""

ASKING = (Progress, Fetch, FetchState)

VOTES = (PrePrepare, Prepare, Commit)
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
    """A PBFT voter and its reports. Of voters in quarantine, `ignored`, it answers questions only.

    So one that was made anew can catch up before it is released.
    """

    def __init__(self, voter: Pbft, controllers: tuple[str, ...], record: Saved | None) -> None:
        self.voter, self.controllers = voter, controllers
        self.ignored: tuple[str, ...] = ()
        self.record = record  # what the voter saved last
        self._due: dict[int, _Due] = {}  # by number

    @property
    def wake_at(self) -> int | None:
        times = [self.voter.wake_at, *(due.at for due in self._due.values())]
        return min((at for at in times if at is not None), default=None)

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        if sender in self.ignored and type(getattr(message, "body", None)) not in ASKING:
            return []
        return self._watched(self.voter.receive(sender, message, now), now)

    def change_view(self, view: int, now: int) -> list[Effect]:
        """A person gives up on the primary; see `Pbft.change_view`."""
        return self._watched(self.voter.change_view(view, now), now)

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.voter.wake_at is not None and self.voter.wake_at <= now:
            effects = self._watched(self.voter.wake(now), now)
        for number in [n for n, due in self._due.items() if due.at <= now]:
            effects += self._report(self._due.pop(number))
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
                self._note(effect.details["number"], effect.details["certificate"], now)
            if "proof" in effect.details:
                more += self._tell_controllers(Accusation(effect.details["proof"]))
        return effects + more

    def _note(self, number: int, certificate: CommitCertificate, now: int) -> None:
        """The votes are held on to: a checkpoint or a new view would drop them meanwhile."""
        slot = self.voter.slots.get(number)
        if slot is not None:  # None: decided elsewhere, and only heard of here
            self._due[number] = _Due(now + REPORT_AFTER, slot, certificate)

    def _report(self, due: "_Due") -> list[Effect]:
        slot = due.slot
        first = (slot.pre_prepare,) if slot.pre_prepare else ()
        votes = (*first, *slot.prepares.values(), *slot.commits.values())
        return self._tell_controllers(VoteReport(due.certificate.commits, votes))

    def _tell_controllers(self, message: Any) -> list[Effect]:
        return [Send(name, message, REPORT_PORT) for name in self.controllers]


@dataclass(frozen=True, slots=True)
class _Due:
    """A decision to be reported `at`, us, and the slot in which its votes come together."""

    at: int
    slot: Slot
    certificate: CommitCertificate


class Edge:
    """A gateway: it asks the voters for decisions, and drops what voters in quarantine say.

    `every` is us between decisions that it asks for by itself, whose content is of no matter; 0:
    none. Others are asked for with `propose`.
    """

    def __init__(self, client: Client, every: int, now: int, last_timestamp: int = 0) -> None:
        self.client, self.every = client, every
        self.ignored: tuple[str, ...] = ()
        self.record = last_timestamp  # what the client saved last
        self._asked_at: dict[Any, int] = {}
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
        if sender in self.ignored:
            return []
        return self._timed(self.client.receive(sender, message, now), now)

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.client.wake_at is not None and self.client.wake_at <= now:
            effects = self._timed(self.client.wake(now), now)
        if self._next is not None and self._next <= now:
            self._next += self.every
            effects += self.propose(("decision", now), now)
        return effects

    @property
    def waiting(self) -> dict[Any, int]:
        """Operations without an answer yet, and when they were asked for, us."""
        return dict(self._asked_at)

    def _timed(self, effects: list[Effect], now: int) -> list[Effect]:
        timed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Save):
                self.record = effect.record
            if isinstance(effect, Tell) and effect.event == "answered":
                operation = effect.details["operation"]
                took = now - self._asked_at.pop(operation, now)
                effect = Tell("agreed", {"operation": operation, "took_us": took})
            timed.append(effect)
        return timed
