"""Voters and their clients in one place, to be stepped by hand: who says what, who knows what.

The wire is a list that you can read, drop from, add to and reorder. Nothing moves unless it is
told to: `round()` hands over what is on the way now, and what is sent in answer waits for the
next round, so the phases of PBFT come one by one. `pass_time` lets timers fire.

    group = Cluster(4)
    group.ask("move vm-1")          # the client's request is on the wire
    group.round()                   # it reaches the primary, which proposes
    group.knows(1)                  # what each voter knows about number 1

A voter may be replaced by any machine: `Cluster(4, liars={"v0": my_machine})`. Times are us.
Read before: `pbft`, `pbft_client`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_records import Place, Saved, Settings
from course.dwcp.consensus.signatures import Ed25519Signer, Keyring, Signed, Signer
from course.dwcp.machine import Effect, Machine, Save, Send
from course.dwcp.units import MS


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way."""

    sender: str
    to: str
    message: Any

    @property
    def kind(self) -> str:
        """Its name in the protocol: Request, Proposal, Prepare, Commit, Reply, ..."""
        return type(
            self.message.body if isinstance(self.message, Signed) else self.message
        ).__name__

    def __str__(self) -> str:
        return f"{self.sender} -> {self.to}: {self.kind}"


class Cluster:
    """`size` voters named v0, v1, ...; v0 leads view 0. `saved` is each one's disk."""

    def __init__(
        self,
        size: int = 4,
        settings: Settings = Settings(batch_size=1),
        clients: tuple[str, ...] = ("client",),
        liars: Mapping[str, Machine] | None = None,
        signer: Callable[[str, bytes], Signer] = Ed25519Signer,
        keyring: Any = Keyring,
        **voter: Any,
    ) -> None:
        self.voters = tuple(f"v{i}" for i in range(size))
        self.settings, self._options = settings, voter
        names = (*self.voters, *clients)
        self.signers: Mapping[str, Any] = {name: signer(name, _seed(name)) for name in names}
        self.keyring = keyring.of(self.signers.values())
        self.now = 0
        self.wire: list[Letter] = []
        self.told: list[tuple[int, str, Any]] = []  # (time, who, event)
        self.saved = dict.fromkeys(self.voters, Saved())
        self.nodes: dict[str, Any] = {name: self._voter(name) for name in self.voters}
        self.nodes.update(liars or {})
        for name in clients:
            self.nodes[name] = Client(self.voters, self.signers[name], self.keyring)

    def _voter(self, name: str) -> Pbft:
        return Pbft(
            name, self.voters, self.signers[name], self.keyring, self.now, self.saved[name],
            self.settings, **self._options,
        )  # fmt: skip

    # what one does with it

    def ask(self, operation: Any, client: str = "client") -> None:
        """Put a request on the wire."""
        self._carry_out(client, self.nodes[client].propose(operation, self.now))

    def give_up(self, name: str, view: int) -> None:
        """A person tells a voter to leave for `view`; see `Pbft.change_view`."""
        self._carry_out(name, self.nodes[name].change_view(view, self.now))

    def round(self, passes: Callable[[Letter], bool] = lambda letter: True) -> list[Letter]:
        """Hand over what is on the wire now, unless `passes` drops it; returns what arrived."""
        letters, self.wire = [one for one in self.wire if passes(one)], []
        self.pass_time(1 * MS)
        for letter in letters:
            node = self.nodes[letter.to]
            self._carry_out(letter.to, node.receive(letter.sender, letter.message, self.now))
        return letters

    def pass_time(self, us: int) -> None:
        """Let timers fire until `us` later, each at its time; nothing arrives meanwhile."""
        until = self.now + us
        while (due := self._next_timer()) and due[0] <= until:
            self.now = max(self.now, due[0])
            self._carry_out(due[1], self.nodes[due[1]].wake(self.now))
        self.now = until

    def run(self, us: int, passes: Callable[[Letter], bool] = lambda letter: True) -> list[Letter]:
        """Rounds of 1 ms until `us` later; returns all that arrived."""
        arrived: list[Letter] = []
        for _ in range(us // MS):
            arrived += self.round(passes)
        return arrived

    def restart(self, name: str) -> None:
        """`name` crashes and comes back with what it saved."""
        self.nodes[name] = self._voter(name)

    # who knows what

    def knows(self, number: int) -> dict[str, Place | None]:
        """What each voter knows about `number` in its view; None: nothing, or no longer."""
        return {
            name: next((one for one in node.status().places if one.number == number), None)
            for name, node in self.nodes.items()
            if isinstance(node, Pbft)
        }

    def events(self, event: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Who told `event`, and what."""
        return [(who, tell.details) for _, who, tell in self.told if tell.event == event]

    def _next_timer(self) -> tuple[int, str] | None:
        times = [(node.wake_at, name) for name, node in self.nodes.items()]
        return min(((at, name) for at, name in times if at is not None), default=None)

    def _carry_out(self, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.wire.append(Letter(name, effect.to, effect.message))
            elif isinstance(effect, Save):
                self.saved[name] = effect.record
            else:
                self.told.append((self.now, name, effect))


def _seed(name: str) -> bytes:
    """Keys for a table top: everybody could make them."""
    return sha256(name.encode()).digest()


def demo() -> None:
    """One request among four voters, of whom v3 says nothing."""
    group = Cluster(4)
    group.ask("move vm-1 to worker-4")
    while arrived := group.round(lambda letter: letter.sender != "v3"):
        print(", ".join(f"{letter.sender}>{letter.to}" for letter in arrived), arrived[0].kind)
        for name, place in group.knows(1).items():
            if place and not place.committed:
                print(f"   {name}: prepared by {place.prepares}, committed by {place.commits}")
    print(group.events("answered"))


if __name__ == "__main__":
    demo()
