"""What is decided is carried out, in order; and now and then a quorum signs what it came to.

A commit certificate says that a batch is decided. It is carried out once all numbers before it
are. Every `checkpoint_interval` numbers each voter signs a digest of its state. A quorum of equal
digests is a stable checkpoint: nothing before it is ever needed again, so slots, certificates and
votes up to it are dropped, and the water marks move up. Who missed too much takes the state from
any one voter, and believes it because the quorum signed its digest (Castro and Liskov 1999,
section 4.3; state transfer 2002, section 5.3, here in one piece).

Read before: `pbft_state`, `pbft_voter`. Read next: `pbft_agreement`.
"""

from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft_messages import (
    PORT,
    Checkpoint,
    CheckpointCertificate,
    CommitCertificate,
    FetchState,
    Proof,
    Reply,
    Request,
    Snapshot,
)
from course.dwcp.consensus.pbft_voter import Voter
from course.dwcp.consensus.pbft_votes import objection_to_commits, objection_to_proof
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Effect, Send, Tell


class Execution(Voter):
    """From a commit certificate to a reply, and from a state to a stable checkpoint."""

    # decisions

    def _on_certificate(
        self, sender: str, certificate: CommitCertificate, now: int
    ) -> list[Effect]:
        """Somebody knows that it is decided, and proves it. The view does not matter."""
        number = certificate.commits[0].body.number if certificate.commits else 0
        if not self.checkpoints.low < number <= self._high or number in self.decided:
            return []
        if objection_to_commits(certificate, self.group):
            return [self._blame(sender, "malformed")]
        return self._decide(certificate)

    def _decide(self, certificate: CommitCertificate) -> list[Effect]:
        at = certificate.commits[0].body
        known = self.decided.setdefault(at.number, certificate)
        if known.commits[0].body.digest != at.digest:
            # Cannot be with f liars. With more no promise is left; all that is left is to tell.
            both = (known, certificate)
            return [Tell("agreement_broken", {"number": at.number, "certificates": both})]
        return self._execute()

    def _execute(self) -> list[Effect]:
        """Carry out what is decided, without a gap."""
        effects: list[Effect] = []
        while (number := self.ledger.executed + 1) in self.decided:
            effects += self._carry_out(number, self.decided[number])
            if number % self.settings.checkpoint_interval == 0:
                effects += self._checkpoint()
        return effects

    def _carry_out(self, number: int, certificate: CommitCertificate) -> list[Effect]:
        at = certificate.commits[0].body
        done = self.ledger.execute(certificate.batch)
        self.waiting.forget_done(self.ledger)
        requests = tuple(request for request, _ in done)
        told = Tell(
            "decided",
            {
                "number": number, "view": at.view, "digest": at.digest,
                "certificate": certificate, "requests": requests,
            },
        )  # fmt: skip
        return [told, *(self._reply(request, result) for request, result in done)]

    def _reply(self, request: Request, result: Any) -> Send:
        said = Reply(self.view, request.client, request.timestamp, result)
        return Send(request.client, self._sign(said), PORT)

    # checkpoints

    def _checkpoint(self) -> list[Effect]:
        """Sign what the decisions so far came to."""
        snapshot = self.ledger.snapshot()
        self.checkpoints.own[snapshot.number] = snapshot
        vote = self._sign(Checkpoint(snapshot.number, digest(snapshot)))
        self.checkpoints.keep(vote)
        return [*self._send_all(vote), *self._look_for_stable()]

    def _on_checkpoint(self, sender: str, vote: Signed[Checkpoint], now: int) -> list[Effect]:
        number, proved = vote.body.number, self.checkpoints.base_proof
        if number <= self.checkpoints.base:
            lies = bool(proved) and proved[0].body.number == number and proved[0].body != vote.body
            return [self._prove_wrong(vote, proved)] if lies else []
        if number % self.settings.checkpoint_interval:
            return [self._blame(vote.signer, "malformed")]
        earlier = self.checkpoints.keep(vote)
        if earlier is not None:
            return [self._prove(earlier, vote)] if earlier.body != vote.body else []
        return self._look_for_stable()

    def _on_proved_checkpoint(
        self, sender: str, certificate: CheckpointCertificate, now: int
    ) -> list[Effect]:
        proof = certificate.proof
        number = proof[0].body.number if proof else 0
        if number <= self.checkpoints.base:
            return []
        malformed = number % self.settings.checkpoint_interval
        if malformed or objection_to_proof(number, proof, self.group):
            return [self._blame(sender, "malformed")]
        return self._prove_stable(proof)

    def _look_for_stable(self) -> list[Effect]:
        proof = self.checkpoints.newest_proof(self.group)
        if proof:
            return self._prove_stable(proof)
        return self._make_stable() if self.checkpoints.is_reached() else []

    def _prove_stable(self, proof: Proof) -> list[Effect]:
        """A quorum has reached this checkpoint. If it is not reached here, it will be fetched."""
        number = proof[0].body.number
        effects: list[Effect] = [
            self._prove_wrong(vote, proof) for vote in self.checkpoints.contradicting(proof)
        ]
        self.checkpoints.target = proof
        self.proposed = max(self.proposed, number)
        if self.checkpoints.is_reached():
            return effects + self._make_stable()
        if number in self.checkpoints.own:  # a quorum has another state here: this one is wrong
            effects.append(Tell("state_diverged", {"number": number}))
        far = number >= self.ledger.executed + self.settings.checkpoint_interval
        return effects + (self._fetch_state() if far else [])

    def _make_stable(self) -> list[Effect]:
        self.checkpoints.make_stable()
        low = self.checkpoints.low
        self.slots = {n: slot for n, slot in self.slots.items() if n > low}
        self.held = {n: held for n, held in self.held.items() if n > low}
        self.decided = {n: known for n, known in self.decided.items() if n > low}
        return [self._save(), Tell("checkpoint_stable", {"number": low})]

    # the state, from others

    def _fetch_state(self) -> list[Effect]:
        """Ask f + 1 of those who proved it, others each time: one of them is honest."""
        ask = self._sign(FetchState(self.checkpoints.base))
        asked = self.checkpoints.whom_to_ask(self.name, self.group.weak)
        return [Send(voter, ask, PORT) for voter in asked]

    def _on_fetch_state(self, sender: str, ask: Signed[FetchState], now: int) -> list[Effect]:
        snapshot = self.checkpoints.own.get(ask.body.number)
        return [Send(ask.signer, snapshot, PORT)] if snapshot else []

    def _on_snapshot(self, sender: str, snapshot: Snapshot, now: int) -> list[Effect]:
        """Take over a state if it is the one that a quorum proved."""
        target = self.checkpoints.target
        if not target or snapshot.number != self.checkpoints.base:
            return []
        if digest(snapshot) != target[0].body.digest:
            return [self._blame(sender, "checkpoint_manipulation")]
        self.ledger.install(snapshot)
        self.waiting.forget_done(self.ledger)
        self.checkpoints.own[snapshot.number] = snapshot
        installed = Tell("state_installed", {"number": snapshot.number, "state": snapshot.state})
        return [*self._make_stable(), installed, *self._execute()]
