"""Who votes in a lab: the voters, the gateway that asks them, their keys, and the jury.

A scenario declares them. The protocol is `course.dwcp`'s and the signatures are real Ed25519; only
the keys are drawn from the lab's seed, and a signature that was checked once is not checked again
by the next voter, since in one process it would be the same sum. Read next: `liars`.
"""

from collections.abc import Callable
from typing import Any

from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_client import Client
from course.dwcp.consensus.pbft_records import Saved, Settings
from course.dwcp.consensus.signatures import SEED_SIZE, Ed25519Signer, Keyring, Signed
from course.dwcp.jury import Jury
from course.dwcp.units import SECOND, from_seconds
from course.dwcp.voting import Ballot, Edge
from course.dwcp.worker import Worker
from course.lab.hosts import Host
from course.lab.liars import Liar
from course.lab.seeds import Seeds

RESEND = 5 * SECOND
"""How often a voter tells how far it is: rarer than PBFT's default, for the lab's cost."""
REMEMBERED = 4_096  # signatures


class Voting:
    """What stands in a scenario under `voting`. `voters` are workers' names, in the order of view.

    `gateway` is the worker that asks, every `every_s` seconds. Raises ValueError for a voter that
    is named twice, or a gateway that votes.
    """

    def __init__(self, declared: dict[str, Any], seeds: Seeds) -> None:
        self.voters: tuple[str, ...] = tuple(declared["voters"])
        self.gateway: str = declared["gateway"]
        if self.gateway in self.voters or len({*self.voters}) < len(self.voters):
            raise ValueError(
                f"voting: {len(self.voters)} voters of different names and a gateway that is none "
                f"of them are needed, not {', '.join(self.voters)} and {self.gateway}"
            )
        self.every = from_seconds(declared.get("every_s", 0))
        interval = declared.get("checkpoint_every", Settings().checkpoint_interval)
        self.settings = Settings(checkpoint_interval=interval, window=2 * interval, resend=RESEND)
        self.signers = {
            name: Ed25519Signer(name, seeds.stream(f"key/{name}").randbytes(SEED_SIZE))
            for name in (*self.voters, self.gateway)
        }
        self.keyring = Remembering(Keyring.of(self.signers.values()))

    def jury(self) -> Jury:
        """A new one, for a controller that starts."""
        return Jury(self.voters, self.keyring, self.settings.quorum_share)

    def ask(
        self, host: Host, operation: Any, command: Callable[..., None], now: int
    ) -> Callable[[], bool]:
        """Have the gateway on `host` ask; what is returned says whether it still waits.

        `command` carries out what a machine answers. ValueError if no gateway runs there.
        """
        machine = host.machine
        if not isinstance(machine, Worker):
            raise ValueError(f"the gateway {host.name} does not run")
        command(host, lambda: machine.propose(operation, now))
        return lambda: isinstance(machine.acp, Edge) and operation in machine.acp.waiting

    def part_of(self, host: Host, now: int) -> Ballot | Edge | None:
        """The part of a worker that starts: a ballot, a liar's, the gateway's, or none."""
        record = host.saved.acp if host.saved else None
        if host.name == self.gateway:
            last = record or 0
            client = Client(self.voters, self.signers[host.name], self.keyring, last)
            return Edge(client, self.every, now, last)
        if host.name not in self.voters:
            return None
        assert host.config
        voter = Pbft(
            host.name, self.voters, self.signers[host.name], self.keyring, now,
            record or Saved(), self.settings,
        )  # fmt: skip
        return self.ballot_around(voter, host)

    def ballot_around(self, voter: Pbft, host: Host) -> Ballot:
        """A liar's if the host has a trick."""
        assert host.config
        ballot = Ballot(voter, host.config.peers, host.saved.acp if host.saved else None)
        return Liar(ballot, host.lies, self.signers[host.name]) if host.lies else ballot


class Remembering:
    """A keyring that checks each signature once: the answer depends on nothing but the bytes."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._known: dict[tuple[str, bytes, bytes], bool] = {}

    def verifies(self, signed: Signed[Any]) -> bool:
        key = (signed.signer, signed.signature, signed.signed_bytes)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = self._keyring.verifies(signed)
        return self._known[key]
