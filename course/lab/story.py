"""The story of a migration in spans, told by `migrations` while it goes on.

    vm_migration_request                  the request, until all nodes know of the move
      placement_decision                  resource_discovery, constraint_solving, target_selection
      network_prediction                  metrics_collection, lstm_inference or fallback_forecast
      consensus_voting                    propose_request, vote_collection, commit_decision
      memory_transfer                     reserve_target, session_open, the rounds, verify_memory,
                                          switch_owner, activate_target
        precopy_round, stop_and_copy      compression, deduplication, amst_transmission,
                                          decompression, side by side
      state_update                        local_update, gossip_propagation

Downtime is the end of activate_target minus the start of stop_and_copy. A cluster that is too large
for gossip in the lab has no state_update. What the lab does not
model in detail has the published typical times (`PARTS`, `BESIDE`; the latter say `modelled`).
Below vote_collection each voter has its append_entries (see `tracing`). Read next: `spread`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from course.dwcp.units import GIB, MS, SECOND
from course.lab.endings import Cancelled, Failed, Lost
from course.lab.hosts import Host
from course.lab.spread import Spread
from course.lab.tracing import Open

if TYPE_CHECKING:
    from course.lab.cluster import Proposal, World
    from course.lab.migrations import Migration

PARTS = {
    "placement_decision": (
        ("resource_discovery", 50 * MS),
        ("constraint_solving", 120 * MS),
        ("target_selection", 30 * MS),
    ),
    "network_prediction": (("metrics_collection", 20 * MS), ("lstm_inference", 80 * MS)),
}
"""us of each part, in order, as published for a migration of 2 GB over the internet."""
BESIDE = {"deduplication": 10 * SECOND, "decompression": 10 * SECOND}
"""us for 2 GB beside the transmission, as published; never longer than the round in the lab."""
COMPONENTS = {
    "placement_decision": "itp", "network_prediction": "pba", "consensus_voting": "acp",
    "switch_owner": "acp", "compression": "hde", "deduplication": "hde", "decompression": "hde",
    "amst_transmission": "amst", "session_open": "amst", "state_update": "ass",
}  # fmt: skip


class Story:
    """A stack of open spans: a migration does one thing after another."""

    def __init__(self, world: "World", migration: "Migration") -> None:
        self.world, self.migration = world, migration
        self.tracing = world.tracing
        self._open: list[Open] = []

    @property
    def header(self) -> str | None:
        """The `traceparent` of what is being done; None when nothing is traced."""
        return self._open[-1].header if self._open else None

    def begin(self) -> None:
        """The request was accepted. If it follows an attempt that failed, it is linked to that."""
        if not self.tracing.on:
            return
        moved, before = self.migration, self.tracing.requests.get(self.migration.vm)
        failed = before is not None and before.failed
        root = self.tracing.start(
            "vm_migration_request", self._leader(), self.tracing.caller, "dwcp-api",
            follows=(before,) if before and failed else (),
            vm_id=moved.vm, vm_size_bytes=moved.memory, migration_id=moved.id,
            source_node=moved.source, target_node=moved.target, component="api",
            network_mode=moved.path.mode.value, request_id=self.tracing.request_id,
        )  # fmt: skip
        self.tracing.requests[moved.vm] = root
        self._open.append(root)

    @contextmanager
    def span(self, name: str, host: Host | None = None, **attributes: Any) -> Iterator[None]:
        """What happens in here is a span; a stage that fails marks it."""
        if not self._open:
            yield
            return
        where, component = host or self._source, COMPONENTS.get(name)
        span = self.tracing.start(
            name, where, self.header, component=component or "node", **attributes
        )
        self._open.append(span)
        try:
            yield
        except (Failed, Cancelled, Lost) as ending:
            span.fail(str(ending))
            raise
        finally:
            self._open.remove(span)
            span.end()

    def stage(self, name: str) -> Any:
        """The span of a stage, on the node that does it."""
        at_controller = name in ("placement_decision", "consensus_voting", "switch_owner")
        return self.span(name, self._leader() if at_controller else self._source)

    def event(self, name: str, **attributes: Any) -> None:
        """Something happened in what is being done."""
        if self._open:
            self._open[-1].event(name, **attributes)

    def set(self, **attributes: Any) -> None:
        """Put attributes on what is being done."""
        if self._open:
            self._open[-1].set(**attributes)

    def parts(self, stage: str, instead: dict[str, str] | None = None) -> None:
        """The parts of a stage that has just taken its typical time, one after the other."""
        at = self.world.now - sum(took for _, took in PARTS[stage])
        for name, took in PARTS[stage]:
            self._past((instead or {}).get(name, name), self._open_host(), at, at + took)
            at += took

    def round(self, started: int, encoder: int, plain: int, wire: int, streams: int) -> None:
        """What went on side by side in the round that has just ended; `encoder` is its us."""
        now, took = self.world.now, self.world.now - started
        rows = [("compression", encoder, self._source, False)]
        for name, per_2_gb in BESIDE.items():
            where = self._target if name == "decompression" else self._source
            rows.append((name, round(per_2_gb * plain / (2 * GIB)), where, True))
        for name, lasts, where, modelled in rows:
            ends = started + min(lasts, took)
            begins = started
            if name == "decompression":  # the target is done when the last byte is there
                begins, ends = now - min(lasts, took), now
            self._past(name, where, begins, ends, modelled=modelled or None)
        self._past(
            "amst_transmission", self._source, started, now, amst_streams=streams,
            bytes_original=plain, bytes_wire=wire,
        )  # fmt: skip

    def ask(self, command: dict[str, Any], asked: int | None = None) -> "Proposal | None":
        """Put a command before the cluster; `vote_collection` waits for the voters."""
        leader = self.world.leader()
        if not self._open or leader is None:
            return self.world.propose(command, asked)
        sent = self.world.now + leader.disk_write
        self._past("propose_request", leader, self.world.now, sent, component="acp")
        self._voting = self.tracing.start(
            "vote_collection", leader, self.header, at=sent, component="acp",
            consensus_protocol="raft",
        )  # fmt: skip
        self.tracing.askers[self._voting.header] = self._voting
        with self.tracing.within(self._voting.header):
            return self.world.propose(command, asked)

    def decided(self, proposal: "Proposal | None") -> None:
        """The decision is known: votes until the leader committed, then the commit's own time."""
        if not self._open or proposal is None:
            return
        told = self._committed_at(proposal)
        self.tracing.askers.pop(self._voting.header, None)
        self._voting.set(term=proposal.term)
        if told is None:
            self._voting.fail("no majority answered")
            self._voting.end()
            return
        self._voting.end(max(told, proposal.at + proposal.host.disk_write))
        self._past("commit_decision", proposal.host, told, self.world.now, component="acp")
        self.event("commit", index=proposal.index)

    def end(self, state: str, error: str | None, proposal: "Proposal | None") -> None:
        """The migration is over; the request is when all nodes know of it."""
        if not self._open:
            return
        root = self._open.pop(0)
        root.set(status=state)
        if error:
            root.fail(error)
        if state == "completed" and proposal and self.world.gossip:
            self.tracing.spreading.append(Spread(self.world, root, proposal, self.migration))
        else:
            root.end()

    def _committed_at(self, proposal: "Proposal") -> int | None:
        """When the leader told that the entry is committed, us."""
        for event in reversed(self.world.history):
            if event.at < proposal.at:
                return None
            is_it = event.name == "committed" and event.details.get("index") == proposal.index
            if is_it and event.host == proposal.host.name:
                return event.at
        return None

    def _past(self, name: str, host: Host, start: int, end: int, **more: Any) -> None:
        if self._open:
            component = more.pop("component", COMPONENTS.get(name))
            parent = self._open[-1]
            self.tracing.start(
                name, host, parent.header, at=start, component=component, **more
            ).end(end)

    def _open_host(self) -> Host:
        return self._open[-1].host if self._open else self._source

    def _leader(self) -> Host:
        return self.world.leader() or self.world.of_role("controller")[0]

    @property
    def _source(self) -> Host:
        return self.world.hosts[self.migration.source]

    @property
    def _target(self) -> Host:
        return self.world.hosts[self.migration.target]
