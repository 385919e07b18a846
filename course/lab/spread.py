"""Who knows of a move already: the span state_update, from the switch until the last node knows.

Controllers know when they have applied the entry of the log, workers when gossip has brought them
the target's list of guests. It is looked at after each round of gossip, once a second. A node that
has gone down is not waited for, and one that stays silent for 15 s is not waited for any longer.
"""

from typing import TYPE_CHECKING

from course.dwcp.node import Controller
from course.dwcp.units import SECOND
from course.lab.hosts import Host
from course.lab.tracing import Open

if TYPE_CHECKING:
    from course.lab.cluster import Proposal, World
    from course.lab.migrations import Migration

SPREAD_LIMIT = 15 * SECOND


class Spread:
    """The spans of one move's spreading, which end the request."""

    def __init__(
        self, world: "World", root: Open, proposal: "Proposal", migration: "Migration"
    ) -> None:
        self.world, self.root, self.index = world, root, proposal.index
        self.vm, self.target = migration.vm, migration.target
        self.deadline = world.now + SPREAD_LIMIT
        leader, tracing = proposal.host, world.tracing
        self.update = tracing.start("state_update", leader, root.header, component="ass")
        tracing.start("local_update", leader, self.update.header, component="ass").end()
        self.gossip = tracing.start(
            "gossip_propagation", leader, self.update.header, component="ass"
        )
        self.waiting = [h for h in world.hosts.values() if h.is_up and not self._knows(h)]

    def is_over(self) -> bool:
        """Looked at after each round of gossip: does everybody know now?"""
        for host in [h for h in self.waiting if h.is_up and not h.frozen and self._knows(h)]:
            self.waiting.remove(host)
            self.gossip.event("node_informed", node=host.name)
        self.waiting = [h for h in self.waiting if h.is_up]
        late = self.world.now >= self.deadline
        if self.waiting and not late:
            return False
        at = min(self.world.now, self.deadline)
        if self.waiting:
            self.gossip.set(nodes_missing=len(self.waiting))
        for span in (self.gossip, self.update, self.root):
            span.end(at)
        return True

    def _knows(self, host: Host) -> bool:
        if isinstance(host.machine, Controller):
            return host.machine.raft is None or host.machine.registry.applied >= self.index
        gossip = self.world.gossip
        return gossip is None or gossip.knows_of(host, self.vm, self.target)
