"""What a voter has done, what it has yet to do, and up to where a quorum has proved the same.

`Ledger` carries out decided batches in the order of their numbers. Each client's last result is
part of the state, so that a request is done once, whoever repeats it and however often it is
proposed. `Checkpoints` collects signed digests of that state. A quorum of equal ones is a stable
checkpoint: older messages can go, and who missed them can take the state from anyone, because
its digest proves it. `Waiting` is what clients want and have not got.

Read before: `pbft_votes`. Read next: `pbft_views`.
"""

from collections.abc import Callable
from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft_messages import Batch, Checkpoint, Proof, Request, Snapshot
from course.dwcp.consensus.pbft_votes import Group
from course.dwcp.consensus.signatures import Signed

KEPT = 4
"""Checkpoints kept of one voter, the newest: what a liar can fill is bounded."""

Apply = Callable[[Any, Any], tuple[Any, Any]]
"""(state, operation) -> (state, result), all with a canonical encoding. It must not raise."""


def remember(state: Any, operation: Any) -> tuple[Any, Any]:
    """The plainest state: how many decisions there were, and a digest that chains them all.

    >>> remember(None, "move vm-1")[1]
    1
    """
    count, chain = state or (0, b"")
    return (count + 1, digest((chain, operation))), count + 1


class Ledger:
    """State as it is after number `executed`."""

    def __init__(self, apply: Apply, snapshot: Snapshot) -> None:
        self._apply = apply
        self.install(snapshot)

    def install(self, snapshot: Snapshot) -> None:
        self.executed, self.state = snapshot.number, snapshot.state
        self.clients = {name: (at, result) for name, at, result in snapshot.clients}

    def snapshot(self) -> Snapshot:
        clients = tuple((name, *self.clients[name]) for name in sorted(self.clients))
        return Snapshot(self.executed, self.state, clients)

    def is_done(self, request: Request) -> bool:
        """Done, or overtaken by a later request of the same client."""
        last = self.clients.get(request.client)
        return last is not None and request.timestamp <= last[0]

    def execute(self, batch: Batch) -> list[tuple[Request, Any]]:
        """The next number. Returns the requests that were done now, each with its result."""
        self.executed += 1
        done = []
        for request in (signed.body for signed in batch):
            if not self.is_done(request):
                self.state, result = self._apply(self.state, request.operation)
                self.clients[request.client] = (request.timestamp, result)
                done.append((request, result))
        return done


class Checkpoints:
    """`low` is the stable one whose state is here; `base` the newest that is proved at all."""

    def __init__(self, snapshot: Snapshot, proof: Proof, target: Proof = ()) -> None:
        self.low, self.proof = snapshot.number, proof
        self.own = {snapshot.number: snapshot}  # the stable one's, and those not stable yet
        self.votes: dict[str, dict[int, Signed[Checkpoint]]] = {}
        self.target = target  # proved by others, and not reached here
        self._turn = 0

    @property
    def base(self) -> int:
        return self.target[0].body.number if self.target else self.low

    @property
    def base_proof(self) -> Proof:
        return self.target or self.proof

    def keep(self, vote: Signed[Checkpoint]) -> Signed[Checkpoint] | None:
        """Count a vote; returns an earlier one of the same voter for the same number, if any."""
        of_voter = self.votes.setdefault(vote.signer, {})
        earlier = of_voter.setdefault(vote.body.number, vote)
        while len(of_voter) > KEPT:
            del of_voter[min(of_voter)]
        return None if earlier is vote else earlier

    def newest_proof(self, group: Group) -> Proof:
        """A quorum of equal checkpoints above `base`, the highest there is; () if there is none."""
        votes = [vote for of_voter in self.votes.values() for vote in of_voter.values()]
        above = {vote.body: None for vote in votes if vote.body.number > self.base}
        for said in sorted(above, key=lambda body: (body.number, body.digest), reverse=True):
            found = tuple(group.agreeing(votes, said).values())
            if len(found) >= group.quorum:
                return found[: group.quorum]
        return ()

    def contradicting(self, proof: Proof) -> list[Signed[Checkpoint]]:
        """Votes for another digest than the one that a quorum proved, by voter."""
        said = proof[0].body
        votes = [self.votes[name].get(said.number) for name in sorted(self.votes)]
        return [vote for vote in votes if vote is not None and vote.body != said]

    def whom_to_ask(self, me: str, count: int) -> list[str]:
        """`count` of those who proved the target, others each time."""
        signers = [vote.signer for vote in self.target if vote.signer != me]
        self._turn += 1
        return [signers[(self._turn + i) % len(signers)] for i in range(min(count, len(signers)))]

    def is_reached(self) -> bool:
        """Is the target's state here, by one's own work or from others?"""
        mine = self.own.get(self.base)
        return bool(self.target) and mine is not None and digest(mine) == self.target[0].body.digest

    def make_stable(self) -> None:
        """The target has been reached: forget what is older."""
        self.low, self.proof, self.target = self.base, self.target, ()
        self.own = {number: kept for number, kept in self.own.items() if number >= self.low}
        for of_voter in self.votes.values():
            for number in [number for number in of_voter if number <= self.low]:
                del of_voter[number]


class Waiting:
    """Requests known and not done, one a client, its newest; in the order in which they came."""

    def __init__(self) -> None:
        self.known: dict[str, Signed[Request]] = {}
        self.queue: dict[str, Signed[Request]] = {}  # those not yet proposed in this view

    def note(self, signed: Signed[Request]) -> None:
        """Wait for it, unless a later one of the same client is waited for."""
        client = signed.body.client
        known = self.known.get(client)
        if known is None or known.body.timestamp < signed.body.timestamp:
            self.known[client] = self.queue[client] = signed

    def next_batch(self, size: int) -> Batch:
        return tuple(self.queue.values())[:size]

    def take_out(self, batch: Batch, ledger: Ledger) -> None:
        """These have been proposed: wait until they are done, and do not propose them again."""
        for signed in batch:
            if not ledger.is_done(signed.body):
                self.note(signed)
            queued = self.queue.get(signed.body.client)
            if queued and queued.body.timestamp <= signed.body.timestamp:
                del self.queue[signed.body.client]

    def again(self) -> None:
        """A new view: what is not done may have to be proposed anew."""
        self.queue = dict(self.known)

    def forget_done(self, ledger: Ledger) -> None:
        for waiting in (self.known, self.queue):
            for client in [c for c, one in waiting.items() if ledger.is_done(one.body)]:
                del waiting[client]

    def first(self) -> Request | None:
        """The one that has waited longest."""
        return next((signed.body for signed in self.known.values()), None)
