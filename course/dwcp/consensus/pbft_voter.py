"""A PBFT voter, the lowest layer: what it knows, how it signs, saves, sends and complains.

A voter is one machine, read in layers. Each is a class on top of the one before and calls only
what lies below it:

    pbft_voter        what a voter knows                            (this module)
    pbft_execution    decided batches are carried out; checkpoints
    pbft_agreement    request, pre-prepare, prepare, commit
    pbft_view_change  another primary
    pbft_catch_up     what a lossy network has taken is sent again
    pbft              the doors: a message comes in, a timer fires; restart

The laws of all layers: nothing unsigned is counted; a promise is saved before it is sent; what a
peer sends never raises. Read before: `pbft_records`. Read next: `pbft_execution`.
"""

from typing import Any

from course.dwcp.consensus.evidence import Contradiction, Equivocation
from course.dwcp.consensus.pbft_messages import (
    PORT,
    Checkpoint,
    CommitCertificate,
    NewView,
    Proof,
    Proposal,
    Request,
    Snapshot,
    ViewChange,
)
from course.dwcp.consensus.pbft_records import Held, Place, Saved, Settings, Status
from course.dwcp.consensus.pbft_state import Apply, Checkpoints, Ledger, Waiting, remember
from course.dwcp.consensus.pbft_votes import Group, Slot
from course.dwcp.consensus.signatures import Signed, Signer, Verifier
from course.dwcp.machine import Effect, Save, Send, Tell

DOUBLINGS_MAX = 20


class Voter:
    """What a voter knows. `voters` is the same tuple everywhere: its order says who leads when.

    `apply` makes (state, result) of (state, operation), and must give the same everywhere.
    """

    GROUP: type[Group] = Group
    SLOT: type[Slot] = Slot
    LEDGER: type[Ledger] = Ledger

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
        if name not in voters or signer.name != name:
            raise ValueError(f"{name} must be among the voters and sign with its own key")
        self.name, self.settings, self._signer = name, settings, signer
        self.group = self.GROUP(voters, verifier, settings.quorum_share)
        self.others = tuple(voter for voter in voters if voter != name)
        snapshot = saved.snapshot or Snapshot(state=state)
        self.ledger = self.LEDGER(apply, snapshot)
        self.checkpoints = Checkpoints(snapshot, saved.proof, saved.target)
        self.view, self.changing = saved.view, saved.changing  # a view never falls
        self.proposed = self.checkpoints.base  # highest number given or accepted in this view
        self.slots: dict[int, Slot] = {}  # of this view
        self.held: dict[int, Held] = {}  # prepared, in the highest view, above the stable point
        self.decided: dict[int, CommitCertificate] = {}  # above the stable point
        self.view_changes: dict[str, Signed[ViewChange]] = {}  # the last of each voter
        self.new_view: Signed[NewView] | None = saved.new_view  # None: view 0, or not begun
        self.waiting = Waiting()
        self._awaited: Request | None = None  # whose turn decides about the primary
        self._batch_at: int | None = None  # when a part of a batch is proposed as it is
        self._progress_at: int | None = None  # when patience with this primary ends
        self._view_at: int | None = None  # when patience with the next one ends
        self._advanced_in = saved.view - saved.changing  # the last view that made progress

    # where it is

    @property
    def _leads(self) -> bool:
        return self.group.primary(self.view) == self.name and not self.changing

    @property
    def _high(self) -> int:
        return self.checkpoints.base + self.settings.window

    def _is_in_work(self, view: int, number: int) -> bool:
        """Of this view, and between the water marks."""
        here = view == self.view and not self.changing
        return here and self.checkpoints.base < number <= self._high

    def _slot(self, number: int) -> Slot:
        return self.slots.setdefault(number, self.SLOT())

    @property
    def _timeout(self) -> int:
        """Doubles with every view that passed without progress, so that one is long enough."""
        fruitless = max(0, self.view - self._advanced_in - 1)
        return self.settings.view_change_timeout << min(DOUBLINGS_MAX, fruitless)

    # what it says

    def _sign(self, body: Any) -> Signed[Any]:
        return self._signer.sign(body)

    def _send_all(self, message: Any) -> list[Effect]:
        return [Send(voter, message, PORT) for voter in self.others]

    def _blame(self, node: str, kind: str) -> Tell:
        return Tell("misbehaved", {"node": node, "kind": kind})

    def _prove_wrong(self, vote: Signed[Checkpoint], proof: Proof) -> Tell:
        """A checkpoint that a quorum contradicts."""
        details = {"node": vote.signer, "kind": "checkpoint_manipulation"}
        return Tell("misbehaved", {**details, "proof": Contradiction(vote, proof)})

    def _prove(self, first: Signed[Any], second: Signed[Any]) -> Tell:
        proof = Equivocation(first, second)
        return Tell("misbehaved", {"node": first.signer, "kind": "equivocation", "proof": proof})

    def _save(self) -> Save:
        accepted = tuple(
            Proposal(slot.pre_prepare, slot.batch)
            for slot in self.slots.values()
            if slot.pre_prepare and slot.batch is not None
        )
        points, mine = self.checkpoints, self.view_changes.get(self.name)
        return Save(
            Saved(
                self.view, self.changing, points.own[points.low], points.proof, points.target,
                accepted, tuple(self.held.values()), mine, self.new_view,
            )
        )  # fmt: skip

    # looking in

    def status(self) -> Status:
        low, places = self.checkpoints.low, tuple(map(self._place, sorted(self.slots)))
        return Status(
            self.view, self.group.primary(self.view), self.changing, low, self._high,
            self.ledger.executed, self.proposed, len(self.waiting.known), self._timeout,
            self.group.quorum, self.ledger.state, places,
        )  # fmt: skip

    def _place(self, number: int) -> Place:
        slot = self.slots[number]
        prepares, commits = slot.agreeing(self.group)
        has_batch, prepared = slot.batch is not None, slot.prepared(self.group) is not None
        committed = number in self.decided or slot.committed(self.group) is not None
        said = slot.pre_prepare.body.digest if slot.pre_prepare else None
        return Place(number, said, has_batch, prepares, commits, prepared, committed)
