"""What a lossy network has taken is sent again, by who has it, to who says that it lacks it.

Every `resend` interval a voter tells all how far it is. Others answer with what it lacks: a proof
of the newest checkpoint, the view change or new view that it missed, and for each number after
its last one either the commit certificate or the sender's own messages. All of it proves itself,
so nobody has to be believed (Castro's thesis of 2001, section 5.2).

Read before: `pbft_view_change`. Read next: `pbft`.
"""

from typing import Any

from course.dwcp.consensus.pbft_messages import (
    PORT,
    CheckpointCertificate,
    Fetch,
    Progress,
    Proposal,
)
from course.dwcp.consensus.pbft_view_change import ViewChanges
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Effect, Send

RESENT = 20  # numbers sent again to one voter at a time, at most


class CatchUp(ViewChanges):
    """Asking for what is missing, and answering who asks."""

    _answered_at: dict[str, int]  # when each voter was last sent something again

    def _ask_for_what_is_missing(self) -> list[Effect]:
        low, executed = self.checkpoints.low, self.ledger.executed
        told = self._sign(Progress(self.view, self.changing, low, executed))
        effects = self._send_all(told)
        for slot in self.slots.values():
            if slot.pre_prepare is not None and slot.batch is None:
                effects += self._send_all(self._sign(Fetch(slot.pre_prepare.body.digest)))
        return effects + (self._fetch_state() if self.checkpoints.target else [])

    def _remind_primary(self) -> list[Effect]:
        """What is waited for may never have reached it, and the client may be gone."""
        queued = next(iter(self.waiting.queue.values()), None)
        return self._pass_on(queued) if queued and not self.changing else []

    def _on_progress(self, sender: str, signed: Signed[Progress], now: int) -> list[Effect]:
        """Send a voter what it lacks; at most once in half an interval, whoever repeats it."""
        peer, voter = signed.body, signed.signer
        if sender != voter or voter == self.name:  # an old one, repeated by somebody else
            return []
        if now - self._answered_at.get(voter, -self.settings.resend) < self.settings.resend // 2:
            return []
        self._answered_at[voter] = now
        missed = [
            *self._missed_checkpoints(peer),
            *self._missed_views(peer),
            *self._missed_numbers(peer),
        ]
        return [Send(voter, message, PORT) for message in missed]

    def _missed_checkpoints(self, peer: Progress) -> list[Any]:
        points = self.checkpoints
        proof = [CheckpointCertificate(points.base_proof)] if peer.low < points.base else []
        kept = points.votes.get(self.name, {})
        return [*proof, *(kept[number] for number in sorted(kept) if number > peer.low)]

    def _missed_views(self, peer: Progress) -> list[Any]:
        if self.changing:
            behind = peer.view < self.view or (peer.view == self.view and peer.changing)
            return [self.view_changes[self.name]] if behind else []
        behind = (peer.view, not peer.changing) < (self.view, True)
        return [self.new_view] if behind and self.new_view else []

    def _missed_numbers(self, peer: Progress) -> list[Any]:
        missed: list[Any] = []
        for number in range(peer.executed + 1, min(peer.executed + RESENT, self._high) + 1):
            if number in self.decided:
                missed.append(self.decided[number])
            elif peer.view == self.view:
                missed += self._said_about(number)
        return missed

    def _said_about(self, number: int) -> list[Any]:
        """The proposal, and this voter's own votes."""
        slot = self.slots.get(number)
        if slot is None or slot.pre_prepare is None or slot.batch is None:
            return []
        votes = (slot.prepares.get(self.name), slot.commits.get(self.name))
        return [Proposal(slot.pre_prepare, slot.batch), *(one for one in votes if one)]
