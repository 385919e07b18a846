"""The monitor: scrapes every node each 15 s of virtual time, and keeps what it got.

It stands outside the cluster and has a way of its own to every node, so a fault on a link between
nodes does not blind it. A node answers when its service runs, its machine has power and is not
frozen, and port 8084 is open; else `up` is 0 and its series end. A node becomes a target with the
first start of its service. All are scraped at one moment, which a real Prometheus spreads.

Looking changes nothing: no draw, no event, no message. The history is the same with and without.
"""

from typing import Any

from course.dwcp.machine import Tell
from course.dwcp.units import MS, SECOND
from course.lab.cluster import Proposal, World
from course.lab.hosts import EPOCH, Host
from course.lab.metrics.declare import DECLARED, LOOKS, PROPOSED, TOLD
from course.lab.metrics.node import Node, labels_of
from course.telemetry import exposition
from course.telemetry.families import Families, Family
from course.telemetry.labels import labels
from course.telemetry.series import Store

INTERVAL = 15 * SECOND
UP = Family("up", "gauge", "1 if the last scrape of the target succeeded, 0 if not.")


def stamp(us: int) -> int:
    """A moment of the lab as a timestamp: ms since 1970."""
    return (EPOCH + us) // MS


class Monitor:
    """Scrapes a world; it is the world's onlooker. `store` is the history."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.families = Families([UP, *DECLARED])
        self.store = Store(self.families)
        self.nodes = {host.name: Node(host, world) for host in world.hosts.values()}
        self.notes: dict[Any, Any] = {}  # what a feed has to remember about the whole cluster
        self.looks_at = world.now + INTERVAL
        world.onlooker = self
        self._targets: dict[str, Node] = {}
        world.on_start.append(self._started)
        world.on_tell.append(self._told)
        world.on_propose.append(self._proposed)

    def look(self) -> None:
        """Scrape, as of `looks_at`."""
        moment, self.looks_at = self.looks_at, self.looks_at + INTERVAL
        for follow in LOOKS:
            follow(self, moment)
        for node in self.targets():
            self._scrape(node, moment)

    def _scrape(self, node: Node, moment: int) -> None:
        at, node.now = stamp(moment), moment
        self.store.derive(labels("up", **node.target), at, float(node.answers))
        if node.answers:
            node.scrape(self.store, at)
        else:
            node.vanish(at)

    def page(self, name: str) -> str | None:
        """The metrics page of a node, now; None if it does not answer. KeyError: no such node."""
        node = self.nodes[name]
        if not node.answers:
            return None
        node.now = self.world.now
        for follow in LOOKS:
            follow(self, self.world.now)
        samples = (
            one
            for family, values, numbers in node.samples()
            for one in zip(labels_of(family, values), numbers, strict=True)
        )
        return exposition.page(self.families, samples)

    def targets(self) -> list[Node]:
        """The nodes that are scraped, in the order of their first start."""
        return list(self._targets.values())

    def _started(self, host: Host) -> None:
        self._targets[host.name] = self.nodes[host.name]
        self.nodes[host.name].begin()

    def _told(self, host: Host, tell: Tell) -> None:
        for heard in TOLD.get(tell.event, ()):
            node = self.nodes[host.name]
            node.now = self.world.now
            heard(node, tell.details)

    def _proposed(self, proposal: Proposal) -> None:
        for heard in PROPOSED:
            heard(self.nodes[proposal.host.name], proposal)
