"""What workers know of each other: ASS between them, on port 8083, once a second.

The rounds and merges are `course.dwcp.sync.mesh`'s; here is what the lab adds: who is up, which
messages get through, and what a worker writes, which is the list of its guests:

    worker-3/guests   {"vm-1": "running"}       a register with one writer, so nothing is lost

A message is lost by the chance that the path loses a packet: gossip does not send again, the next
round says the same and more. Who is a member stands in the registry; workers follow it at once.
Left out: controllers as members, passing on between rounds, the time that encoding takes, and
clusters of more than 100 workers, whose copies would cost more than all else in the lab; for those
`course.dwcp.sync.spread` says how fast one piece of news travels.
Read before: `cluster`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from course.dwcp.node import GOSSIP_PORT, Controller
from course.dwcp.sync.mesh import Flags, Mesh
from course.dwcp.sync.settings import Settings
from course.dwcp.units import SECOND
from course.lab.hosts import Host

if TYPE_CHECKING:
    from course.lab.cluster import World

WORKERS_MAX = 100
WEATHER_EVERY = 30  # rounds after which paths that vary are looked at again


def start(world: "World") -> "Gossip | None":
    """Let the workers of a world gossip from now on; None: there are none, or too many."""
    if not 0 < len(world.of_role("worker")) <= WORKERS_MAX:
        return None
    gossip = Gossip(world)
    gossip.step()
    return gossip


class Gossip:
    """The workers' gossip in one world. `step` does a round and asks for the next."""

    def __init__(self, world: "World") -> None:
        self.workers = world.of_role("worker")
        regions = {host.name: host.region for host in self.workers}
        self.mesh = Mesh(regions, world.seeds.array("gossip"), Settings())
        self.members: Flags = np.zeros(len(self.workers), bool)
        self._world = world
        self._numbers = {host.name: i for i, host in enumerate(self.workers)}
        self._guests: dict[str, dict[str, str]] = {host.name: {} for host in self.workers}
        self._applied = -1  # the registry's last entry when members were looked up
        self._wire: Any = None  # what `_loss` was made from
        self._loss = np.zeros((0, 0))  # chance by sender and receiver; 1: nothing gets through
        self._chance = world.seeds.array("gossip loss")
        world.on_start.append(self._count_anew)

    def step(self) -> None:
        """A round now, and one every second."""
        self._world.after(SECOND, self.step)
        self._round()
        self._world.tracing.look_around()

    def row(self, host: Host) -> dict[str, Any]:
        """What a worker's gossip shows: peers, messages, keys, lag in s and of whom it is."""
        name, now, mesh = host.name, self._world.now, self.mesh
        i, store = self._numbers[name], mesh.copies[name].store
        lag = mesh.lag(name, now, self.members) if self.members.any() else None
        return {
            "node": name,
            "peers": self.peers(host),
            "sent": int(mesh.sent[i]),
            "received": int(mesh.received[i]),
            "keys": len(store.entries),
            "conflicts": store.conflicts,
            "lag_s": None if lag is None else round(lag / SECOND, 2),
            "behind": mesh.behind(name, self.members),
        }

    def peers(self, host: Host) -> int:
        """Members that a worker tells things: those that it has not left out."""
        return self.mesh.peers(host.name, self._world.now, self.members)

    def known(self, host: Host) -> dict[str, Any]:
        """Guests by worker, as `host` knows them."""
        now = self._world.now
        return {
            name: self.mesh.read(host.name, f"{name}/guests", now).value or {}
            for name in self.mesh.names
        }

    def knows_of(self, host: Host, vm: str, on: str) -> bool:
        """Does a worker know that a VM is on the worker `on`?"""
        return vm in (self.mesh.read(host.name, f"{on}/guests", self._world.now).value or {})

    def _round(self) -> None:
        now, mesh = self._world.now, self.mesh
        self._look_up_members()
        if not self.members.any():
            return
        runs = [host.is_up and host.powered and not host.frozen for host in self.workers]
        up = np.array(runs) & self.members
        mesh.clocks[:] = [host.offset for host in self.workers]
        for host, is_up in zip(self.workers, up, strict=True):
            if is_up and (host.guests or self._guests[host.name]):
                self._write_guests(host, now)
        loss = self._losses()
        mesh.round(now, up, self._chance.random(loss.shape) >= loss)

    def _count_anew(self, host: Host) -> None:
        """A process counts its messages from its start."""
        if host.name in self._numbers:
            i = self._numbers[host.name]
            self.mesh.sent[i] = self.mesh.received[i] = 0

    def _write_guests(self, host: Host, now: int) -> None:
        """Only when something changed."""
        guests = {g.name: "running" if g.running else "stopped" for g in host.guests.values()}
        if guests != self._guests[host.name]:
            self._guests[host.name] = guests
            self.mesh.change(host.name, lambda copy: copy.put(f"{host.name}/guests", guests, now))

    def _look_up_members(self) -> None:
        leader = self._world.leader()
        if leader is None or not isinstance(leader.machine, Controller):
            return
        registry = leader.machine.registry
        if registry.applied != self._applied:
            self._applied = registry.applied
            self.members = np.array([host.name in registry.nodes for host in self.workers])

    def _losses(self) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """By sender and receiver; made again when the wire, a firewall or the weather changed."""
        world = self._world
        closed = [GOSSIP_PORT in host.closed_ports for host in self.workers]
        turn = self.mesh.rounds // WEATHER_EVERY if world.weather else 0
        if self._wire != (world.changed, closed, turn):
            self._wire = (world.changed, closed, turn)
            self._loss = np.array(
                [[self._loss_between(a.name, b) for b in self.workers] for a in self.workers]
            )
        return self._loss

    def _loss_between(self, sender: str, to: Host) -> float:
        if sender == to.name or GOSSIP_PORT in to.closed_ports:
            return 1.0
        return (
            1.0 if self._world.is_cut(sender, to.name) else self._world.path(sender, to.name).loss
        )
