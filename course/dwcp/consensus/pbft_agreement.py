"""The normal case: request, pre-prepare, prepare, commit (Castro and Liskov 1999, section 4.2).

    pre-prepare  the primary gives a batch its number in this view
    prepare      backups: "I hold this batch there, and no other"
                 a quorum of that: no other batch can be prepared there in this view
    commit       "I know that a quorum holds it"
                 a quorum of that: whatever view follows, it will hear of this batch

Two phases of votes, because one is not enough: who is prepared knows that no other batch can win
in this view, but if it is the only one who knows, the next view may begin without it.

A voter promises one batch a number and view, and saves the promise before it sends it. Messages
of another view are ignored; `pbft_catch_up` brings what was missed by it.

Read before: `pbft_votes`, `pbft_execution`. Read next: `pbft_view_change`.
"""

from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft_execution import Execution
from course.dwcp.consensus.pbft_messages import (
    PORT,
    Batch,
    Commit,
    Prepare,
    PrePrepare,
    Proposal,
    Request,
)
from course.dwcp.consensus.pbft_records import Held
from course.dwcp.consensus.pbft_votes import Slot
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Effect, Send, Tell


class Agreement(Execution):
    """From a client's request to a commit certificate."""

    # requests and batches

    def _on_request(self, sender: str, signed: Signed[Request], now: int) -> list[Effect]:
        request, known = signed.body, self.waiting.known
        if request.client != signed.signer:
            return [self._blame(sender, "malformed")]
        if self.ledger.is_done(request):
            at, result = self.ledger.clients[request.client]
            return [self._reply(request, result)] if at == request.timestamp else []
        if len(known) >= self.settings.pending_max and request.client not in known:
            return [Tell("overloaded", {"client": request.client, "pending": len(known)})]
        self.waiting.note(signed)
        from_client = sender == request.client  # what a voter passes on is not passed on again
        return self._pass_on(signed) if from_client and not self.changing else []

    def _pass_on(self, signed: Signed[Request]) -> list[Effect]:
        return [] if self._leads else [Send(self.group.primary(self.view), signed, PORT)]

    def _propose_if_due(self, now: int) -> list[Effect]:
        """The primary: full batches at once, a part of one when its oldest has waited enough."""
        effects: list[Effect] = []
        while self._leads and self.waiting.queue and self.proposed < self._high:
            if self._batch_at is None:
                self._batch_at = now + self.settings.batch_timeout
            if len(self.waiting.queue) < self.settings.batch_size and now < self._batch_at:
                return effects
            self._batch_at = None
            batch = self.waiting.next_batch(self.settings.batch_size)
            effects += self._propose(batch)
        self._batch_at = None
        return effects

    def _propose(self, batch: Batch) -> list[Effect]:
        said = PrePrepare(self.view, self.proposed + 1, digest(batch))
        return self._accept(Proposal(self._sign(said), batch))

    # pre-prepare

    def _on_proposal(self, sender: str, proposal: Proposal, now: int) -> list[Effect]:
        signed, at = proposal.pre_prepare, proposal.pre_prepare.body
        if not self._is_in_work(at.view, at.number):
            return []
        if not self.group.verifies(signed):
            return [self._blame(sender, "invalid_signature")]
        if signed.signer != self.group.primary(self.view):
            return [self._blame(sender, "malformed")]
        slot = self._slot(at.number)
        if slot.pre_prepare is not None and slot.pre_prepare.body.digest != at.digest:
            return [self._prove(slot.pre_prepare, signed)]
        if slot.batch is not None:
            return []
        if digest(proposal.batch) != at.digest:
            return [self._blame(sender, "malformed")]  # whoever passed it on
        if not self._may_be_done(proposal.batch):
            return [self._blame(signed.signer, "malformed")]
        return self._accept(proposal)

    def _may_be_done(self, batch: Batch) -> bool:
        """Each request has its client's own signature: no primary can invent one."""
        asked = all(one.signer == one.body.client and self.group.verifies(one) for one in batch)
        return asked and len(batch) <= self.settings.batch_size

    def _accept(self, proposal: Proposal) -> list[Effect]:
        """Promise this batch for this number in this view: save it, then say so."""
        self._hold(proposal)
        number = proposal.pre_prepare.body.number
        mine = self.slots[number].prepares.get(self.name)
        said = mine or proposal  # the primary's proposal stands for its prepare
        return [self._save(), *self._send_all(said), *self._advance(number)]

    def _hold(self, proposal: Proposal) -> None:
        at = proposal.pre_prepare.body
        slot = self._slot(at.number)
        slot.pre_prepare, slot.batch = proposal.pre_prepare, proposal.batch
        self.proposed = max(self.proposed, at.number)
        self.waiting.take_out(proposal.batch, self.ledger)
        if self.group.primary(at.view) != self.name:
            slot.prepares[self.name] = self._sign(Prepare(at.view, at.number, at.digest))
        held = self.held.get(at.number)
        if held and held.prepared.pre_prepare.body.view == at.view:  # after a restart
            self._commit(slot)

    # prepare and commit

    def _on_vote(self, sender: str, signed: Signed[Any], now: int) -> list[Effect]:
        """A prepare or a commit."""
        at, voter = signed.body, signed.signer
        if not self._is_in_work(at.view, at.number):
            return []
        prepares = isinstance(at, Prepare)
        if prepares and voter == self.group.primary(self.view):
            return [self._blame(voter, "malformed")]  # a primary has said it all before
        slot = self._slot(at.number)
        earlier = self._keep(slot.prepares if prepares else slot.commits, signed)
        if earlier is not None:
            return [self._prove(earlier, signed)] if earlier.body != at else []
        prepared = slot.prepares.get(voter)
        if not prepares and prepared and prepared.body.digest != at.digest:
            return [*self._advance(at.number), self._blame(voter, "conflicting_vote")]
        return self._advance(at.number)

    def _keep(self, votes: dict[str, Signed[Any]], signed: Signed[Any]) -> Signed[Any] | None:
        """The first vote of a voter counts, and no other; returns it if this is not the first."""
        earlier = votes.setdefault(signed.signer, signed)
        return None if earlier is signed else earlier

    def _advance(self, number: int) -> list[Effect]:
        """Commit once it is prepared, decide once it is committed."""
        slot, effects = self.slots[number], list[Effect]()
        prepared = slot.prepared(self.group)
        if prepared and slot.batch is not None and self.name not in slot.commits:
            self.held[number] = Held(prepared, slot.batch)
            self._commit(slot)
            effects += [self._save(), *self._send_all(slot.commits[self.name])]
        certificate = slot.committed(self.group)
        return effects + (self._decide(certificate) if certificate else [])

    def _commit(self, slot: Slot) -> None:
        assert slot.pre_prepare is not None, "committed unseen"
        at = slot.pre_prepare.body
        slot.commits[self.name] = self._sign(Commit(at.view, at.number, at.digest))
