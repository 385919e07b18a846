"""Voters who lie, together: they share keys, memory and a plan, and see all that any of them hears.

Each liar runs an honest voter inside, so it always knows what would be right; what that one wants
to say is dropped, delayed, told to some only, or told differently to the two sides into which the
cabal has split the honest voters. And at every event it may do mischief of its own: forge, replay,
invent, vote for everything. What they cannot do is sign with an honest voter's key.
"""

from collections import deque
from dataclasses import replace
from random import Random

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_messages import (
    NULL,
    NULL_DIGEST,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    CommitCertificate,
    Fetched,
    FetchState,
    NewView,
    Prepare,
    Prepared,
    PrePrepare,
    Proposal,
    Reply,
    Request,
    Snapshot,
    ViewChange,
)
from course.dwcp.consensus.signatures import Signed
from course.dwcp.machine import Send
from course.dwcp.units import MS

LATE = 800 * MS
Said = tuple[str, str, object, int]  # (liar, to, message, delay in us)


class Cabal:
    """`dice` is its own; `signers` are its own keys: the liars', and that of a client of theirs."""

    def __init__(self, dice: Random, world, liars: tuple[str, ...], client: str) -> None:
        self.dice, self.liars, self.client = dice, liars, client
        self.voters, self.clients = world.voters, world.clients
        self.signers = {name: world.signers[name] for name in (*liars, client)}
        self.settings = world.settings
        self.inner = {
            name: Pbft(name, self.voters, self.signers[name], world.ring, 0, settings=self.settings)
            for name in liars
        }
        self.heard: deque[object] = deque(maxlen=200)
        self.batches: dict[bytes, tuple] = {NULL_DIGEST: NULL}
        self.other: dict[tuple[int, int], Proposal] = {}  # the second face of a proposal
        self.shown: dict[tuple[int, int, str], bytes] = {}  # what a voter was told is proposed
        self.new_views: dict[int, Signed[NewView]] = {}  # false ones, by view
        self.side = {name: self.dice.randrange(2) for name in self.voters}
        self.is_silent = {name: self.dice.choice((0, 0, 0, 0.3, 1)) for name in liars}
        self.is_late = self.dice.choice((0, 0, 0.1, 0.5))
        self.is_two_faced = self.dice.choice((0, 0.5, 1))
        self.mischief = self.dice.choice((0.05, 0.2, 0.5))
        self.tricks = [
            self.replay, self.forge, self.invent, self.go_far, self.leave, self.lie_of_state,
            self.talk_nonsense, self.lie_to_client, self.certify, self.vote_for_all, self.ask,
            self.impersonate,
        ]  # fmt: skip

    def wake_at(self, liar: str) -> int | None:
        return self.inner[liar].wake_at

    def receive(self, liar: str, sender: str, message: object, now: int) -> list[Said]:
        self._remember(message)
        effects = self.inner[liar].receive(sender, message, now)
        return self._say(liar, [e for e in effects if isinstance(e, Send)])

    def wake(self, liar: str, now: int) -> list[Said]:
        effects = self.inner[liar].wake(now)
        return self._say(liar, [e for e in effects if isinstance(e, Send)])

    def _remember(self, message: object) -> None:
        self.heard.append(message)
        if isinstance(message, Proposal):
            self.batches[digest(message.batch)] = message.batch

    def _say(self, liar: str, sends: list[Send]) -> list[Said]:
        said: list[Said] = []
        for send in sends:
            if self.dice.random() < self.is_silent[liar]:
                continue
            message = self._face(liar, send.to, send.message)
            late = self.dice.randrange(LATE) if self.dice.random() < self.is_late else 0
            said.append((liar, send.to, message, late))
        if self.is_silent[liar] < 1 and self.dice.random() < self.mischief:
            said += self.dice.choice(self.tricks)(liar)
        return said

    # two faces

    def _face(self, liar: str, to: str, message: object) -> object:
        """What the side that `to` is on shall hear."""
        if self.dice.random() >= self.is_two_faced:
            return message
        if isinstance(message, Proposal) and message.pre_prepare.signer == liar:
            return self._show(to, self._second(liar, message) if self.side[to] else message)
        body = getattr(message, "body", None)
        if isinstance(body, Prepare | Commit):  # for whatever `to` believes to be proposed
            said = self.shown.get((body.view, body.number, to), body.digest)
            return self._sign(liar, replace(body, digest=said))
        if isinstance(body, ViewChange):
            return self._sign(liar, self._other_history(liar, body))
        if isinstance(body, NewView):
            return self._second_view(liar, to, body)
        if isinstance(body, Checkpoint):
            return self._sign(liar, replace(body, digest=self.dice.randbytes(32)))
        return message

    def _second(self, liar: str, first: Proposal) -> Proposal:
        at = first.pre_prepare.body
        if (at.view, at.number) not in self.other:
            batch = self.dice.choice((NULL, self._own_batch(), *self.batches.values()))
            said = PrePrepare(at.view, at.number, digest(batch))
            self.batches[digest(batch)] = batch
            self.other[at.view, at.number] = Proposal(self._sign(liar, said), batch)
        return self.other[at.view, at.number]

    def _show(self, to: str, proposal: Proposal) -> Proposal:
        at = proposal.pre_prepare.body
        self.shown[at.view, at.number, to] = at.digest
        return proposal

    def _second_view(self, liar: str, to: str, new: NewView) -> Signed[NewView]:
        """What a quorum proved is forgotten: the same lie to everybody."""
        if new.view not in self.new_views:
            again = [replace(one.body, digest=NULL_DIGEST) for one in new.pre_prepares]
            signed = tuple(self._sign(liar, one) for one in again)
            self.new_views[new.view] = self._sign(liar, replace(new, pre_prepares=signed))
        for at in [one.body for one in self.new_views[new.view].body.pre_prepares]:
            self.shown[at.view, at.number, to] = at.digest
        return self.new_views[new.view]

    def _own_batch(self) -> tuple[Signed[Request], ...]:
        request = Request(self.client, self.dice.randrange(1, 50), self.dice.randrange(9))
        return (self._sign(self.client, request),)

    def _other_history(self, liar: str, change: ViewChange) -> ViewChange:
        """Nothing is prepared; or what is not prepared is."""
        if self.dice.random() < 0.5 or change.view == 0:
            return replace(change, prepared=())
        last = max(self.inner[liar].ledger.executed, change.low) + 2
        numbers = range(change.low + 1, last + 1)
        return replace(
            change, prepared=tuple(self._claim(liar, change.view - 1, n) for n in numbers)
        )

    def _claim(self, liar: str, view: int, number: int) -> Prepared:
        said, primary = self._some_digest(), self.voters[view % len(self.voters)]
        first = self._as(liar, primary, PrePrepare(view, number, said))
        votes = [self._as(liar, name, Prepare(view, number, said)) for name in self.voters]
        return Prepared(first, tuple(votes))

    # mischief: each trick is (to whom, what) for one liar

    def replay(self, liar: str) -> list[Said]:
        return self._to_some(liar, self.dice.choice(self.heard)) if self.heard else []

    def impersonate(self, liar: str) -> list[Said]:
        """One voter hears everybody vote for what it, and it alone, was shown."""
        if not self.shown:
            return []
        view, number, to = self.dice.choice(list(self.shown)[-6:])
        said = self.shown[view, number, to]
        return [
            (liar, to, self._as(liar, name, kind(view, number, said)), 0)
            for name in self.voters
            for kind in (Prepare, Commit)
            if to not in (name, *self.liars)
        ]

    def forge(self, liar: str) -> list[Said]:
        """A vote in another's name: with no signature to speak of, or with one's own."""
        votes = [m for m in self.heard if isinstance(getattr(m, "body", None), Prepare | Commit)]
        if not votes:
            return []
        body = replace(self.dice.choice(votes).body, digest=self._some_digest())
        kind = self.dice.choice((Prepare, Commit))
        name = self.dice.choice(self.voters)
        said = kind(body.view, body.number, body.digest)
        return [*self._to_some(liar, self._as(liar, name, said)), *self._to_some(liar, said)]

    def invent(self, liar: str) -> list[Said]:
        """A request that no client has signed; the next proposal, with another batch."""
        request = Request(self.clients[0], self.dice.randrange(1 << 40), "invented")
        batch = (Signed(request, self.clients[0], self.dice.randbytes(64)),)
        inner = self.inner[liar]
        said = PrePrepare(inner.view, inner.proposed + self.dice.randrange(2), digest(batch))
        own = self._own_batch()
        proposal = Proposal(self._sign(liar, said), self.dice.choice((batch, batch, own)))
        return [*self._to_some(liar, batch[0]), *self._to_some(liar, proposal)]

    def go_far(self, liar: str) -> list[Said]:
        inner = self.inner[liar]
        number = inner.status().high + self.dice.randrange(1, 100)
        batch = self._own_batch()
        proposal = Proposal(self._sign(liar, PrePrepare(inner.view, number, digest(batch))), batch)
        vote = self.dice.choice((Prepare, Commit))(inner.view, number, digest(batch))
        return [
            *self._to_some(liar, proposal),
            *self._to_some(liar, self._sign(liar, vote)),
            *self._to_some(liar, self._sign(liar, Checkpoint(number, self.dice.randbytes(32)))),
        ]

    def leave(self, liar: str) -> list[Said]:
        """Views are changed without cause, and far ahead."""
        inner = self.inner[liar]
        view = inner.view + self.dice.choice((1, 1, 2, 3, 1_000))
        points = inner.checkpoints
        change = ViewChange(view, points.base, points.base_proof, ())
        return self._to_some(liar, self._sign(liar, change))

    def lie_of_state(self, liar: str) -> list[Said]:
        low = self.inner[liar].checkpoints.base
        number = low + self.settings.checkpoint_interval * self.dice.randrange(2)
        false = Snapshot(number, (self.dice.randrange(99), b""), ())
        vote = Checkpoint(number, digest(false))
        proof = tuple(self._as(liar, name, vote) for name in self.voters)
        own = tuple(self._sign(name, vote) for name in self.liars)
        return [
            *self._to_some(liar, self._sign(liar, vote)),
            *self._to_some(liar, CheckpointCertificate(self.dice.choice((proof, own, own * 9)))),
            *self._to_some(liar, false),
        ]

    def talk_nonsense(self, liar: str) -> list[Said]:
        nonsense = self.dice.choice((
            None, {"view": 1}, Signed(None, liar, b""), Signed(Prepare(0, 1, b""), liar, 7),
            self._sign(liar, Prepare(-1, 1, b"")), self._sign(liar, Prepare(1, "1", b"")),
            self._sign(liar, PrePrepare(0, 1, b"")), CommitCertificate((), ()), Proposal(None, ()),
            self._sign(self.client, Prepare(0, 1, b"")), Fetched(self._own_batch()),
            Fetched((7,)), CheckpointCertificate(()), self._sign(liar, ("a", "b")),
            self._sign(liar, Reply(0, "c", 1, None)),
        ))  # fmt: skip
        return self._to_some(liar, nonsense)

    def lie_to_client(self, liar: str) -> list[Said]:
        asked = [m.body for m in self.heard if isinstance(getattr(m, "body", None), Request)]
        if not asked:
            return []
        request = self.dice.choice(asked)
        reply = Reply(self.inner[liar].view, request.client, request.timestamp, "lie")
        return [(liar, request.client, self._sign(liar, reply), 0)]

    def certify(self, liar: str) -> list[Said]:
        """Commits of the liars only, each many times, for any batch."""
        inner = self.inner[liar]
        said, batch = self.dice.choice(list(self.batches.items()))
        commit = Commit(inner.view, inner.ledger.executed + self.dice.randrange(3), said)
        own = tuple(self._sign(name, commit) for name in self.liars)
        forged = tuple(self._as(liar, name, commit) for name in self.voters)
        certificate = CommitCertificate(batch, self.dice.choice((own * len(self.voters), forged)))
        return self._to_some(liar, certificate)

    def vote_for_all(self, liar: str) -> list[Said]:
        """Whatever anybody proposes or votes for: all liars are for it."""
        seen = [m.pre_prepare.body for m in self.heard if isinstance(m, Proposal)]
        seen += [
            m.body for m in self.heard if isinstance(getattr(m, "body", None), Prepare | Commit)
        ]
        if not seen:
            return []
        at = self.dice.choice(seen)
        return [
            one
            for name in self.liars
            for kind in (Prepare, Commit)
            for one in self._to_some(liar, self._sign(name, kind(at.view, at.number, at.digest)))
        ]

    def ask(self, liar: str) -> list[Said]:
        """The liars' client asks different voters for different things, at one timestamp."""
        fetch = self._sign(liar, FetchState(self.inner[liar].checkpoints.low))
        return [
            *self._to_some(liar, self._own_batch()[0]),
            *self._to_some(liar, self._own_batch()[0]),
            *self._to_some(liar, fetch),
        ]

    def _sign(self, name: str, body: object) -> Signed:
        try:
            return self.signers[name].sign(body)
        except ValueError:  # no encoding
            return Signed(body, name, b"\0" * 64)

    def _as(self, liar: str, name: str, body: object) -> Signed:
        """`name` seems to say it: rightly if it is a liar, else as well as it can be forged."""
        if name in self.liars:
            return self._sign(name, body)
        if self.dice.random() < 0.5:
            return Signed(body, name, self.dice.randbytes(64))
        return replace(self._sign(liar, body), signer=name)

    def _some_digest(self) -> bytes:
        return self.dice.choice(list(self.batches))

    def _to_some(self, liar: str, message: object) -> list[Said]:
        everybody = self.dice.random() < 0.5
        chosen = self.voters if everybody else (self.dice.choice(self.voters),)
        return [(liar, name, message, 0) for name in chosen if name not in self.liars]
