"""Mistakes that people have made with PBFT, each as a voter or a client that makes it.

A storm must tell each of them from the real thing; a checker that never fails is no checker.
`python -m tests.dwcp.pbft_bugs [SEEDS]` prints which seed tells each,
and which does so without counting accusations of honest voters.
"""

import sys
from dataclasses import replace
from unittest.mock import patch

from course.dwcp.consensus import pbft_views
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_messages import CommitCertificate
from course.dwcp.consensus.pbft_state import Ledger
from course.dwcp.consensus.pbft_votes import Group, Slot
from course.dwcp.machine import Send, Tell
from tests.dwcp.pbft_storm import calm, size_of, storm


class SmallGroup(Group):
    def __init__(self, *args):
        super().__init__(*args)
        self.quorum -= 1


class TwoFIsEnough(Pbft):
    """A quorum of 2f, not 2f + 1: two of them need not share an honest voter."""

    GROUP = SmallGroup


class CarelessGroup(Group):
    def agreeing(self, votes, said):
        near = [vote for vote in votes if hasattr(vote.body, "view")]
        if len(near) < len(list(votes)):
            return super().agreeing(votes, said)
        return {
            vote.signer: replace(vote, body=said) for vote in near
            if (vote.body.view, vote.body.number) == (said.view, said.number)
        }  # fmt: skip


class CountsWithoutDigests(Pbft):
    """Votes for the same view and number are counted, whatever they are for."""

    GROUP = CarelessGroup


class GullibleGroup(Group):
    def verifies(self, signed):
        return True


class ChecksNoSignature(Pbft):
    GROUP = GullibleGroup


class TakesTheSenderFromTheMessage(Pbft):
    """It checks that whoever sent it has signed it, and counts it for whom the message names."""

    def receive(self, sender, message, now):
        self.on_wire = sender
        return super().receive(sender, message, now)

    def _opened(self, message):
        kind, problem = super()._opened(message)
        if problem == "invalid_signature":
            sent = replace(message, signer=self.on_wire)
            if message.signer in self.group.voters and self._resigned(sent, message):
                return type(message.body), ""
        return kind, problem

    def _resigned(self, sent, message):
        return self.group.verifies(replace(sent, body=message.body))


class HoldsNothingBack(Pbft):
    """Its view change has no prepared certificates."""

    def _certificates(self, base):
        return ()


class HoldsThisViewOnly(Pbft):
    """What it prepared in earlier views is forgotten when another begins."""

    def _enter(self, signed, now):
        self.held = {}
        return super()._enter(signed, now)


class BelievesTheNewPrimary(Pbft):
    """It does not check what a new view begins with."""

    def _objection_to(self, new):
        return None


class BelievesPreparedClaims(Pbft):
    """It checks what a new view begins with, but not the certificates that this follows from."""

    def _on_view_change(self, sender, signed, now):
        with patch.object(pbft_views, "objection_to_prepared", lambda *_: None):
            return super()._on_view_change(sender, signed, now)

    def _objection_to(self, new):
        with patch.object(pbft_views, "objection_to_prepared", lambda *_: None):
            return super()._objection_to(new)


class HastySlot(Slot):
    def committed(self, group):
        prepared = self.prepared(group)
        return CommitCertificate(self.batch, tuple(self.commits.values())) if prepared else None


class ExecutesWhenPrepared(Pbft):
    """It does not wait for the commits."""

    SLOT = HastySlot


class AcceptsTwoProposals(Pbft):
    """The last pre-prepare for a view and number wins, and is prepared too."""

    def _on_proposal(self, sender, proposal, now):
        at = proposal.pre_prepare.body
        slot = self.slots.get(at.number)
        if slot and slot.pre_prepare and slot.pre_prepare.body.digest != at.digest:
            slot.pre_prepare = slot.batch = None
        return super()._on_proposal(sender, proposal, now)


class IgnoresTheWaterMarks(Pbft):
    def _is_in_work(self, view, number):
        return view == self.view and not self.changing and number > self.checkpoints.base


class SendsBeforeItSaves(Pbft):
    """A promise that a crash can unmake."""

    def receive(self, sender, message, now):
        return sorted(super().receive(sender, message, now), key=lambda e: not isinstance(e, Send))


class CrowdedSlot(Slot):
    """Every message is a vote."""

    def committed(self, group):
        if self.pre_prepare is None or self.batch is None or not self.prepared(group):
            return None
        said = self.pre_prepare.body.digest
        votes = [one for one in self.heard if one.body.digest == said]
        enough = len(votes) >= group.quorum
        return CommitCertificate(self.batch, tuple(votes)) if enough else None

    @property
    def heard(self):
        return self.__dict__.setdefault("all", [])


class CountsAVoterTwice(Pbft):
    """It counts commits, not voters."""

    SLOT = CrowdedSlot

    def _commit(self, slot):
        super()._commit(slot)
        slot.heard.append(slot.commits[self.name])

    def _keep(self, votes, signed):
        for slot in self.slots.values():
            if slot.commits is votes:
                slot.heard.append(signed)
        return super()._keep(votes, signed)


class ForgetfulLedger(Ledger):
    def is_done(self, request):
        return self.clients.get(request.client, (None,))[0] == request.timestamp


class DoesAnOldRequestAgain(Pbft):
    """It compares with a client's last request only, not with all before it."""

    LEDGER = ForgetfulLedger


class BelievesAnyState(Pbft):
    """It installs a snapshot without comparing the digest."""

    def _on_snapshot(self, sender, snapshot, now):
        target = self.checkpoints.target
        if not target or snapshot.number != self.checkpoints.base:
            return []
        self.ledger.install(snapshot)
        self.checkpoints.own[snapshot.number] = snapshot
        told = Tell("state_installed", {"number": snapshot.number, "state": snapshot.state})
        return [*self._make_stable(), told, *self._execute()]


class BelievesAnyCertificate(Pbft):
    """It does not count the commits in a commit certificate."""

    def _on_certificate(self, sender, certificate, now):
        number = certificate.commits[0].body.number if certificate.commits else 0
        if not self.checkpoints.low < number <= self._high or number in self.decided:
            return []
        return self._decide(certificate)


class LetsThePrimaryInvent(Pbft):
    """It does not ask whether a client signed what the primary proposes."""

    def _may_be_done(self, batch):
        return True


class StaysInAViewItLeft(Pbft):
    """It goes on voting in a view after it has told others what it has prepared there."""

    def _leave_for(self, view, now):
        before, slots = self.view, self.slots
        effects = super()._leave_for(view, now)
        self.left, self.left_slots = before, slots
        return effects

    def _on_vote(self, sender, signed, now):
        if self.changing and signed.body.view == getattr(self, "left", None):
            view, slots = self.view, self.slots
            self.view, self.changing, self.slots = self.left, False, self.left_slots
            effects = super()._on_vote(sender, signed, now)
            self.view, self.changing, self.slots = view, True, slots
            return effects
        return super()._on_vote(sender, signed, now)


class NeverChangesTheView(Pbft):
    """A primary for life."""

    def _leave_for(self, view, now):
        self._progress_at = self._view_at = None
        return []


class JumpsAhead(Pbft):
    """It carries out what is decided as soon as it is, in whatever order."""

    def _decide(self, certificate):
        number = certificate.commits[0].body.number
        if number > self.ledger.executed + 1 and number not in self.decided:
            self.ledger.executed = number - 1
        return super()._decide(certificate)


class BelievesTheFirstReply(Client):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._weak = 1


VOTERS = [
    TwoFIsEnough, CountsWithoutDigests, ChecksNoSignature, TakesTheSenderFromTheMessage,
    HoldsNothingBack, HoldsThisViewOnly, BelievesTheNewPrimary, BelievesPreparedClaims, ExecutesWhenPrepared,
    AcceptsTwoProposals, IgnoresTheWaterMarks, SendsBeforeItSaves, CountsAVoterTwice,
    DoesAnOldRequestAgain, BelievesAnyState, BelievesAnyCertificate, LetsThePrimaryInvent,
    StaysInAViewItLeft, NeverChangesTheView, JumpsAhead,
]  # fmt: skip
BUGS = [*({"voter": bug} for bug in VOTERS), {"client": BelievesTheFirstReply}]


def name_of(bug: dict) -> str:
    return next(iter(bug.values())).__name__


def first_seed_that_tells(
    bug: dict, seeds: int, accusations: bool = True, first: int = 0
) -> tuple[int, str] | None:
    """The first seed in which a promise breaks, and which.

    With `accusations`, that no honest voter is accused is one of the promises: it breaks first.
    """
    for seed in range(first, first + seeds):
        try:
            net = storm(seed, size_of(seed), judges_accusations=accusations, **bug)
            if seed % 5 == 0:
                calm(net)
        except AssertionError as broken:
            return seed, str(broken).partition("\n")[0]
    return None


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for bug in BUGS:
        first = first_seed_that_tells(bug, seeds)
        print(f"{name_of(bug)}: {first}; {first_seed_that_tells(bug, seeds, False)}", flush=True)


if __name__ == "__main__":
    main()
