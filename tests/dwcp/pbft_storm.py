"""PBFT voters in a storm: liars and faults from a seed, and the promises checked at every step.

    python -m tests.dwcp.pbft_storm 2000 [--first 0] [--steps 1000] [--calm 5]

f of 3f + 1 voters lie (`pbft_liars`), the wire delays, loses, repeats and cuts, honest voters
crash, in the middle of what they do too, and come back with what they saved. Every fifth seed is
followed by a calm, in which everything that was asked must be done although the liars go on. The
first seed that breaks a promise is printed, and replays.
"""

import argparse
import heapq
import random
import time
from itertools import count

from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_messages import (
    Checkpoint,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    Proposal,
    ViewChange,
)
from course.dwcp.consensus.pbft_records import Saved, Settings
from course.dwcp.consensus.pbft_state import KEPT, remember
from course.dwcp.consensus.quorum import max_faulty
from course.dwcp.consensus.signatures import KeyedHashKeyring, KeyedHashSigner, Signed
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.units import MS, SECOND
from tests.dwcp.pbft_liars import Cabal

LATEST = 60 * MS  # of an honest message in a storm
HONEST_CLIENTS = ("ann", "bob")
LIARS_CLIENT = "mallory"


class World:
    """Voters, clients, a wire, and disks. `voter` and `client` build one, so bugs can be planted."""

    def __init__(
        self, seed: int, size: int = 4, lying: int | None = None,
        voter: type[Pbft] = Pbft, client: type[Client] = Client,
        judges_accusations: bool = True,
    ) -> None:  # fmt: skip
        self.dice = random.Random(f"pbft {seed}")
        self.judges_accusations = judges_accusations
        self.voter, self.now, self.is_calm = voter, 0, False
        self.voters = tuple(f"v{i}" for i in range(size))
        self.clients = (*HONEST_CLIENTS, LIARS_CLIENT)
        self.signers = {
            name: KeyedHashSigner(name, name.encode() * 2) for name in (*self.voters, *self.clients)
        }
        self.ring = KeyedHashKeyring.of(self.signers.values())
        interval = self.dice.choice((2, 3, 5))
        self.settings = Settings(
            batch_size=self.dice.choice((1, 2, 3)), batch_timeout=5 * MS,
            checkpoint_interval=interval, window=interval * self.dice.choice((2, 3)),
            view_change_timeout=self.dice.choice((200, 400, 800)) * MS,
            resend=self.dice.choice((60, 150)) * MS, pending_max=3,
        )  # fmt: skip
        count_of_liars = max_faulty(size) if lying is None else lying
        liars = tuple(sorted(self.dice.sample(self.voters, count_of_liars)))
        self.cabal = Cabal(random.Random(f"liars {seed}"), self, liars, LIARS_CLIENT)
        self.honest = tuple(name for name in self.voters if name not in liars)
        self.loss = self.dice.choice((0.0, 0.02, 0.1, 0.25))
        self.cut: dict[str, int] = {}  # name -> its island
        self.wire: list[tuple[int, int, str, str, object]] = []
        self._number = count()
        self.asked: dict[tuple[str, int], object] = {}  # what honest clients have signed
        self.decided: dict[int, tuple[bytes, tuple]] = {}  # number -> (digest, requests done)
        self.states: dict[int, object] = {0: None}  # number -> what 1 to number must come to
        self.results: dict[tuple[str, int], object] = {}
        self.done: dict[str, int] = {}  # client -> the last timestamp done
        self.promises: dict[tuple, object] = {}  # (voter, phase, place) -> what it signed there
        self.answered = self.views = self.transfers = 0
        self.reached = dict.fromkeys(self.honest, 0)
        self.disk = dict.fromkeys(self.honest, Saved())
        self.nodes: dict[str, Pbft] = {}
        for name in self.honest:
            self.restart(name)
        self.people = {
            name: client(self.voters, self.signers[name], self.ring, patience=150 * MS)
            for name in HONEST_CLIENTS
        }

    def restart(self, name: str) -> None:
        saved = self.disk[name]
        node = self.voter(
            name, self.voters, self.signers[name], self.ring, self.now, saved, self.settings
        )
        self.nodes[name], self.reached[name] = node, node.ledger.executed

    # what happens

    def step(self) -> None:
        """The next thing that happens: a message or a timer, and now and then a request."""
        due, name = self._next_timer()
        if self.wire and self.wire[0][0] <= due:
            self.now, _, sender, to, message = heapq.heappop(self.wire)
            self._deliver(sender, to, message)
        else:
            self.now = max(self.now, due)
            self._wake(name)
        if not self.is_calm and self.dice.random() < 0.03:
            self.ask(self.dice.choice(HONEST_CLIENTS))

    def _next_timer(self) -> tuple[int, str]:
        machines = {**self.nodes, **self.people, **self.cabal.inner}
        return min(
            (node.wake_at, name) for name, node in machines.items() if node.wake_at is not None
        )

    def _deliver(self, sender: str, to: str, message: object) -> None:
        if to in self.nodes:
            self.carry_out(to, self.nodes[to].receive(sender, message, self.now))
        elif to in self.people:
            self._of_client(to, self.people[to].receive(sender, message, self.now))
        elif to in self.cabal.inner:
            self._of_liars(self.cabal.receive(to, sender, message, self.now))

    def _wake(self, name: str) -> None:
        if name in self.nodes:
            self.carry_out(name, self.nodes[name].wake(self.now))
        elif name in self.people:
            self._of_client(name, self.people[name].wake(self.now))
        else:
            self._of_liars(self.cabal.wake(name, self.now))

    def ask(self, name: str) -> None:
        if len(self.people[name]._waiting) < 2:
            operation = f"{name} {next(self._number)}"
            self._of_client(name, self.people[name].propose(operation, self.now))

    def carry_out(self, name: str, effects: list) -> None:
        """In order. A crash may come between any two of them."""
        crash = not self.is_calm and self.dice.random() < 0.01
        for effect in effects[: self.dice.randrange(len(effects) + 1)] if crash else effects:
            if isinstance(effect, Save):
                self.disk[name] = effect.record
            elif isinstance(effect, Send):
                self._check_promise(name, effect.message)
                self._post(name, effect.to, effect.message)
            else:
                self._heard(name, effect)
        if crash:
            self.restart(name)
        self._check_voter(name)

    def _of_client(self, name: str, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                request = effect.message.body
                self.asked[name, request.timestamp] = request.operation
                self._post(name, effect.to, effect.message)
            elif isinstance(effect, Tell) and effect.event == "answered":
                self._check_answer(name, **effect.details)

    def _of_liars(self, said: list) -> None:
        for liar, to, message, late in said:
            self._post(liar, to, message, late)

    def _post(self, sender: str, to: str, message: object, late: int = 0) -> None:
        if self.cut.get(sender, 0) != self.cut.get(to, 0):
            return
        for _ in range(self._copies()):
            delay = self.dice.randrange(1 * MS, 20 * MS if self.is_calm else LATEST)
            heapq.heappush(
                self.wire, (self.now + delay + late, next(self._number), sender, to, message)
            )

    def _copies(self) -> int:
        if self.is_calm:
            return 1
        return 0 if self.dice.random() < self.loss else self.dice.choice((1, 1, 1, 1, 2))

    def fault(self) -> None:
        kind = self.dice.choice(("restart", "cut", "heal", "heal", "loss"))
        if kind == "restart":
            self.restart(self.dice.choice(self.honest))
        elif kind == "cut":
            self.cut = {name: self.dice.choice((0, 0, 1)) for name in self.voters}
        elif kind == "loss":
            self.loss = self.dice.choice((0.0, 0.02, 0.1, 0.25))
        else:
            self.cut = {}

    # the promises

    def _heard(self, name: str, tell: Tell) -> None:
        details = tell.details
        if tell.event == "decided":
            self._check_decided(name, details["number"], details["digest"], details["requests"])
        elif tell.event == "state_installed":
            self.transfers += 1
            self.reached[name] = details["number"]
        elif tell.event == "checkpoint_stable":
            self._check_checkpoint(name, details["number"])
        elif tell.event == "misbehaved" and self.judges_accusations:
            liar = details["node"]
            assert liar not in self.honest, f"{name} accuses honest {liar}: {details['kind']}"
        elif tell.event == "view_entered":
            self.views += 1
        assert tell.event not in ("agreement_broken", "state_diverged"), f"{name}: {tell.event}"

    def _check_decided(self, name: str, number: int, said: bytes, requests: tuple) -> None:
        assert number == self.reached[name] + 1, f"{name} jumps to {number}"
        self.reached[name] = number
        first = self.decided.setdefault(number, (said, requests))
        assert first == (said, requests), f"two decisions at {number}"
        if number not in self.states:
            self._carry_out(number, requests)

    def _carry_out(self, number: int, requests: tuple) -> None:
        """What the decision must come to, and whether it may be at all."""
        state = self.states[number - 1]
        for request in requests:
            at = (request.client, request.timestamp)
            if request.client in HONEST_CLIENTS:
                assert self.asked.get(at) == request.operation, f"nobody asked for {request}"
            assert self.done.get(request.client, -1) < request.timestamp, f"done again: {request}"
            self.done[request.client] = request.timestamp
            state, self.results[at] = remember(state, request.operation)
        self.states[number] = state

    def _check_answer(self, name: str, operation: object, result: object) -> None:
        at = next(at for at, asked in self.asked.items() if at[0] == name and asked == operation)
        assert self.results.get(at) == result, f"{name} is told {result} for {operation}"
        self.answered += 1

    def _check_checkpoint(self, name: str, number: int) -> None:
        snapshot = self.disk[name].snapshot
        assert snapshot is not None and snapshot.number == number, "stable, and not saved"
        assert snapshot.state == self.states.get(number), f"{name}'s checkpoint {number} lies"

    def _check_voter(self, name: str) -> None:
        node = self.nodes[name]
        state = self.states.get(node.ledger.executed, "unknown")
        assert node.ledger.state == state, f"{name}'s state after {node.ledger.executed} is wrong"
        numbers = (*node.slots, *node.decided, *node.held)
        low, high = node.checkpoints.low, node._high
        assert all(low < n <= high for n in numbers), f"{name} fills up beyond the water marks"
        kept = [len(votes) for votes in node.checkpoints.votes.values()]
        assert max(kept, default=0) <= KEPT and len(node.waiting.known) <= len(self.clients)

    def _check_promise(self, name: str, message: object) -> None:
        """An honest voter signs one thing at a place, whatever has crashed in between."""
        signed = [message.pre_prepare] if isinstance(message, Proposal) else [message]
        body = getattr(message, "body", None)
        signed += body.pre_prepares if isinstance(body, NewView) else ()
        for one in signed:
            if isinstance(one, Signed) and one.signer == name:
                self._check_signed(name, one.body)

    def _check_signed(self, name: str, body: object) -> None:
        if isinstance(body, PrePrepare | Prepare | Commit):
            place = (name, type(body).__name__, body.view, body.number)
        elif isinstance(body, Checkpoint):
            place = (name, "Checkpoint", body.number)
        elif isinstance(body, ViewChange):
            place = (name, "ViewChange", body.view)
        else:
            return
        said = body if isinstance(body, ViewChange) else body.digest
        first = self.promises.setdefault(place, said)
        assert first == said, f"{name} equivocates: {place[1:]}"


def storm(seed: int, size: int = 4, steps: int = 1_000, **world) -> World:
    """Run one seed; AssertionError says which promise broke, and where."""
    net = World(seed, size, **world)
    for _ in range(steps):
        net.step()
        if net.dice.random() < 0.02:
            net.fault()
    return net


def calm(net: World, seconds: int = 120) -> int:
    """No more faults; the liars go on. Returns the us until all is done, and told, everywhere."""
    net.cut, net.is_calm, began = {}, True, net.now
    for name in HONEST_CLIENTS:
        net.ask(name)
    while not _is_all_done(net):
        assert net.now < began + seconds * SECOND, f"not all is done after {seconds} s of calm"
        net.step()
    return net.now - began


def _is_all_done(net: World) -> bool:
    if any(person._asked or person._waiting for person in net.people.values()):
        return False
    executed = [node.ledger.executed for node in net.nodes.values()]
    return min(executed) == max(net.decided)


def size_of(seed: int) -> int:
    """Every fourth group has two liars among seven, the others one among four."""
    return 7 if seed % 4 == 3 else 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--calm", type=int, default=5, help="calm after every so many seeds")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0: never")
    asked = parser.parse_args()
    began, done = time.monotonic(), [0, 0, 0, 0, 0]
    for seed in range(asked.first, asked.first + asked.seeds):
        if asked.seconds and time.monotonic() - began > asked.seconds:
            break
        size = size_of(seed)
        try:
            net = storm(seed, size, asked.steps)
            if seed % asked.calm == 0:
                calm(net)
        except AssertionError as broken:
            raise SystemExit(f"seed {seed}, size {size}: {broken}") from broken
        new = (1, len(net.decided), net.views, net.transfers, net.answered)
        done = [a + b for a, b in zip(done, new, strict=True)]
    print(
        f"{done[0]} seeds, {done[1]} decisions, {done[2]} views entered, {done[3]} states "
        f"transferred, {done[4]} answers, no promise broken; {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
