"""Another primary, when this one makes no progress (Castro and Liskov 1999, section 4.4).

A voter that loses patience stops taking part in the view, and tells all what it has prepared,
with proof. It joins others when f + 1 have left, for one of them is honest. The primary of the
next view begins with what a quorum proved, and everyone checks that it does (`pbft_views`). A
view that brings no progress either is left after twice the time (section 4.5.2): however slow
the network, one day a view lasts long enough.

What follows from proof is not this primary's choice, so a primary is trusted with nothing but
the order of what is new. Read before: `pbft_views`, `pbft_agreement`. Read next: `pbft_catch_up`.
"""

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft_agreement import Agreement
from course.dwcp.consensus.pbft_messages import (
    NULL,
    NULL_DIGEST,
    PORT,
    Batch,
    Fetch,
    Fetched,
    NewView,
    Prepared,
    PrePrepare,
    Proposal,
    ViewChange,
)
from course.dwcp.consensus.pbft_views import (
    objection_to_new_view,
    objection_to_view_change,
    reissue,
    view_to_join,
)
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Effect, Send, Tell


class ViewChanges(Agreement):
    """From lost patience to a view that works."""

    # leaving

    def _leave_for(self, view: int, now: int) -> list[Effect]:
        """Stop in this view, and tell all what was prepared here, with proof."""
        self.view, self.changing, self.new_view, self.slots = view, True, None, {}
        self._view_at = self._progress_at = self._awaited = None
        points = self.checkpoints
        said = ViewChange(view, points.base, points.base_proof, self._certificates(points.base))
        mine = self.view_changes[self.name] = self._sign(said)
        started = Tell("view_change_started", {"view": view})
        return [self._save(), started, *self._send_all(mine), *self._count_view_changes(now)]

    def _certificates(self, base: int) -> tuple[Prepared, ...]:
        return tuple(self.held[number].prepared for number in sorted(self.held) if number > base)

    def _on_view_change(self, sender: str, signed: Signed[ViewChange], now: int) -> list[Effect]:
        change, known = signed.body, self.view_changes.get(signed.signer)
        is_old = change.view < self.view + (not self.changing)
        if is_old or (known and known.body.view >= change.view):
            return []
        if objection_to_view_change(change, self.group, self.settings.window):
            return [self._blame(signed.signer, "view_change_abuse")]
        self.view_changes[signed.signer] = signed
        join = view_to_join(self.view_changes.values(), self.view, self.group.weak)
        return self._leave_for(join, now) if join else self._count_view_changes(now)

    def _count_view_changes(self, now: int) -> list[Effect]:
        """With a quorum the next primary's time runs; and it begins if that is this voter."""
        if not self.changing:
            return []
        reached = [one for one in self.view_changes.values() if one.body.view >= self.view]
        if len(reached) >= self.group.quorum and self._view_at is None:
            self._view_at = now + self._timeout
        same = {one.signer: one for one in reached if one.body.view == self.view}
        if self.group.primary(self.view) != self.name or len(same) < self.group.quorum:
            return []
        chosen = tuple(same[v] for v in self.group.voters if v in same)[: self.group.quorum]
        return self._enter(self._sign(NewView(self.view, chosen, self._again(chosen))), now)

    def _again(self, chosen: tuple[Signed[ViewChange], ...]) -> tuple[Signed[PrePrepare], ...]:
        return tuple(map(self._sign, reissue(self.view, chosen)[2]))

    # entering

    def _on_new_view(self, sender: str, signed: Signed[NewView], now: int) -> list[Effect]:
        new = signed.body
        if new.view < self.view + (not self.changing):
            return []
        if signed.signer != self.group.primary(new.view) or self._objection_to(new):
            return [self._blame(signed.signer, "view_change_abuse")]
        return self._enter(signed, now)

    def _objection_to(self, new: NewView) -> str | None:
        return objection_to_new_view(new, self.group, self.settings.window)

    def _enter(self, signed: Signed[NewView], now: int) -> list[Effect]:
        """Begin the view with the proposals that follow from what a quorum proved."""
        new = signed.body
        low, proof, _ = reissue(new.view, new.view_changes)
        batches = [self._batch_of(one.body.digest) for one in new.pre_prepares]
        later = {n: one for n, one in self.view_changes.items() if one.body.view > new.view}
        self.view, self.changing, self.new_view = new.view, False, signed
        self.slots, self.view_changes = {}, later
        self._view_at = self._progress_at = self._batch_at = self._awaited = None
        self.waiting.again()
        effects = self._prove_stable(proof) if low > self.checkpoints.base else []
        self.proposed = self.checkpoints.base
        for one, batch in zip(new.pre_prepares, batches, strict=True):
            self._take_over(one, batch)
        effects += [
            self._save(),
            Tell("view_entered", {"view": new.view, "primary": signed.signer}),
        ]
        effects += self._send_all(signed) if signed.signer == self.name else []
        for number in sorted(self.slots):
            effects += self._begin_again(number)
        return effects

    def _take_over(self, signed: Signed[PrePrepare], batch: Batch | None) -> None:
        """Above the newest checkpoint only: what is below is done, and proved to be."""
        if signed.body.number <= self.checkpoints.base:
            return
        self._slot(signed.body.number).pre_prepare = signed
        self.proposed = max(self.proposed, signed.body.number)
        if batch is not None:
            self._hold(Proposal(signed, batch))

    def _begin_again(self, number: int) -> list[Effect]:
        slot = self.slots.get(number)
        if slot is None or slot.pre_prepare is None:  # a checkpoint became stable meanwhile
            return []
        if slot.batch is None:
            return self._send_all(self._sign(Fetch(slot.pre_prepare.body.digest)))
        mine = slot.prepares.get(self.name)  # the new view message is the primary's part
        return [*(self._send_all(mine) if mine else []), *self._advance(number)]

    # batches that a new view names by their digest only

    def _on_fetch(self, sender: str, ask: Signed[Fetch], now: int) -> list[Effect]:
        batch = self._batch_of(ask.body.digest)
        return [] if batch is None else [Send(ask.signer, Fetched(batch), PORT)]

    def _on_fetched(self, sender: str, fetched: Fetched, now: int) -> list[Effect]:
        """Its digest is proved, so it does not matter who sent it."""
        effects: list[Effect] = []
        wanted = digest(fetched.batch)
        for number in sorted(self.slots):
            slot = self.slots.get(number)
            said = slot.pre_prepare if slot and slot.batch is None else None
            if said and said.body.digest == wanted:
                effects += self._accept(Proposal(said, fetched.batch))
        return effects

    def _batch_of(self, wanted: bytes) -> Batch | None:
        if wanted == NULL_DIGEST:
            return NULL
        for slot in self.slots.values():
            said = slot.pre_prepare
            if said and said.body.digest == wanted and slot.batch is not None:
                return slot.batch
        for held in self.held.values():
            if held.prepared.pre_prepare.body.digest == wanted:
                return held.batch
        known = [one for one in self.decided.values() if one.commits[0].body.digest == wanted]
        return known[0].batch if known else None
