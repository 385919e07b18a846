"""PBFT: one order of decisions among voters of whom f may lie (Castro and Liskov 1999, 2002).

A machine. Of n = 3f + 1 voters a quorum of 2f + 1 decides. The primary of a view gives each batch
of requests a number; the backups prepare it, then all commit it; who has a quorum's commits
carries it out, in the order of numbers. A primary that makes no progress is replaced by the next
voter, and the new one must begin with what a quorum can prove.

Promises, with at most f liars, however slow or lossy the network: no two honest voters decide
differently at one number; only what a client signed is done, and once. And once messages arrive
in time: every request of an honest client is done.

The machine's layers are listed in `pbft_voter`. This one has its doors: what comes in is opened
here, and nothing that is malformed or falsely signed gets past. Restart and timers are here too.

Left out: MACs in place of signatures, tentative execution, reads without an order, recovery of
broken-into voters, and change of the voting set. Times are us.
Read before: `pbft_voter` and what it lists. Read next: `pbft_client`.
"""

from collections.abc import Callable
from typing import Any

from course.dwcp.consensus.canonical import fits
from course.dwcp.consensus.pbft_catch_up import CatchUp
from course.dwcp.consensus.pbft_messages import (
    PROVING,
    SIGNED,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    CommitCertificate,
    Fetch,
    Fetched,
    FetchState,
    NewView,
    Prepare,
    Progress,
    Proposal,
    Request,
    Snapshot,
    ViewChange,
)
from course.dwcp.consensus.pbft_records import Saved, Settings
from course.dwcp.consensus.pbft_state import Apply, remember
from course.dwcp.consensus.signatures import Signed, Signer, Verifier
from course.dwcp.machine import Effect


class Pbft(CatchUp):
    """One voter. A restart is a constructor call with what was saved last."""

    def __init__(
        self,
        name: str,
        voters: tuple[str, ...],
        signer: Signer,
        verifier: Verifier,
        now: int,
        saved: Saved = Saved(),
        settings: Settings = Settings(),
        apply: Apply = remember,
        state: Any = None,
    ) -> None:
        super().__init__(name, voters, signer, verifier, now, saved, settings, apply, state)
        self._answered_at = {}
        self._resend_at = now + settings.resend
        self.wake_at: int | None = None
        self._doors: dict[type, Callable[[str, Any, int], list[Effect]]] = {
            Request: self._on_request,
            Proposal: self._on_proposal,
            Prepare: self._on_vote,
            Commit: self._on_vote,
            CommitCertificate: self._on_certificate,
            Checkpoint: self._on_checkpoint,
            CheckpointCertificate: self._on_proved_checkpoint,
            FetchState: self._on_fetch_state,
            Snapshot: self._on_snapshot,
            ViewChange: self._on_view_change,
            NewView: self._on_new_view,
            Progress: self._on_progress,
            Fetch: self._on_fetch,
            Fetched: self._on_fetched,
        }
        self._restore(saved)
        self._set_timers(now)

    def _restore(self, saved: Saved) -> None:
        """Every promise of this view is known again, so none is made twice."""
        self.held = {one.prepared.pre_prepare.body.number: one for one in saved.held}
        if saved.view_change is not None:
            self.view_changes[self.name] = saved.view_change
        for signed in self.new_view.body.pre_prepares if self.new_view else ():
            self._take_over(signed, None)  # its batch may not have been here yet
        for proposal in saved.accepted:
            self._hold(proposal)

    # commands

    def change_view(self, view: int, now: int) -> list[Effect]:
        """A person gives up on the primary. ValueError if `view` is not above the present one."""
        if view <= self.view:
            raise ValueError(f"the view is {self.view}; a new one is above it, not {view}")
        return self._settled(self._leave_for(view, now), now)

    # what happens

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        kind, problem = self._opened(message)
        if kind is None:
            return self._settled([self._blame(sender, problem)], now)
        return self._settled(self._doors[kind](sender, message, now), now)

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if now >= self._resend_at:
            effects += [*self._ask_for_what_is_missing(), *self._remind_primary()]
            self._resend_at = now + self.settings.resend
        patience = self._view_at if self.changing else self._progress_at
        if patience is not None and now >= patience:
            effects += self._leave_for(self.view + 1, now)
        return self._settled(effects, now)

    def _opened(self, message: Any) -> tuple[type | None, str]:
        """The kind of a message that is what it claims to be, or None and what is wrong."""
        kind = type(message)
        if kind in PROVING and fits(message, kind):
            return kind, ""
        kind = type(getattr(message, "body", None))
        if kind not in SIGNED or kind not in self._doors or type(message) is not Signed:
            return None, "malformed"
        if not message.is_whole:
            return None, "malformed"
        if kind is not Request and message.signer not in self.group.voters:
            return None, "malformed"
        return (kind, "") if self.group.verifies(message) else (None, "invalid_signature")

    def _settled(self, effects: list[Effect], now: int) -> list[Effect]:
        """After whatever happened: is a batch due, and when must somebody wake us?"""
        effects = [*effects, *self._propose_if_due(now)]
        self._set_timers(now)
        return effects

    # timers

    def _set_timers(self, now: int) -> None:
        if self.changing:
            self._awaited = None
        elif self._progress_at is None or self._is_served():
            self._await_next(now)
        patience = self._view_at if self.changing else self._progress_at
        times = (self._batch_at, patience, self._resend_at)
        self.wake_at = min(at for at in times if at is not None)

    def _is_served(self) -> bool:
        return self._awaited is None or self.ledger.is_done(self._awaited)

    def _await_next(self, now: int) -> None:
        """One request at a time: a primary that serves all but one client is found out."""
        first = self.waiting.first()
        if first is None or (self._awaited and self.ledger.is_done(self._awaited)):
            self._advanced_in = self.view
        self._awaited = first
        self._progress_at = now + self._timeout if first else None
