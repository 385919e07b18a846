"""The world: hosts, the wire between them, and virtual time on SimPy's event loop.

The world carries out what the machines ask for (see `course.dwcp.machine`): a Send becomes a
delayed receive, a Save costs a disk write before anything after it, a Tell goes into the history.
All times are whole microseconds of virtual time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import simpy

from course.dwcp.consensus import Raft
from course.dwcp.consensus.pbft_messages import PORT as ACP_PORT
from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.node import Certificate, Controller, Undelivered
from course.dwcp.placement import Settings as SolverSettings
from course.dwcp.units import MS, SECOND
from course.dwcp.worker import Worker
from course.lab.gossip import Gossip
from course.lab.hosts import EPOCH, PORTS, Host
from course.lab.links import Path, Trouble
from course.lab.seeds import Seeds
from course.lab.tracing import Tracing
from course.lab.voters import Voting
from course.lab.weather import Weather


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history. `wall` is the host's own clock: logs show that one."""

    at: int
    host: str
    name: str
    details: dict[str, Any]
    wall: int
    trace: str = ""  # the `traceparent` of the span it happened in; empty: in none


class Onlooker(Protocol):
    """Looks at the world without touching it, so the history is the same with and without it.

    At `looks_at` (us) it sees the world after all that happened before that moment. While it
    looks, the world's clock may still stand at the last event before it.
    """

    @property
    def looks_at(self) -> int: ...

    def look(self) -> None: ...


class World:
    """Hosts by name and how they are connected. `inside` and `between` are paths by region."""

    def __init__(self, hosts: list[Host], inside: Path, between: Path, seeds: Seeds) -> None:
        self.env = simpy.Environment()
        self.hosts = {host.name: host for host in hosts}
        self.inside, self.between, self.seeds = inside, between, seeds
        self.history: list[Event] = []
        self.notes: list[Event] = []  # lines of the log that say nothing of the cluster's state
        self.tracing = Tracing(self)
        self.migrations: dict[str, Any] = {}  # by VM, the latest one
        self.moves = 0  # migrations so far
        self.every_migration: list[Any] = []  # in the order of their start
        self.messages = 0
        self.troubles: dict[str, Trouble] = {}  # what ails the wire, by a name of its own
        self.kept: dict[str, dict[str, Any]] = {}  # exports and snapshots, by name
        self.records: list[dict[str, Any]] = []  # what operators found and decided, in their order
        self.flaws: dict[str, Any] = {}  # by version, what ails it
        self.on_start: list[Callable[[Host], None]] = []  # who wants to know of a service's start
        self.on_tell: list[Callable[[Host, Tell], None]] = []  # of all that machines tell
        self.on_propose: list[Callable[[Proposal], None]] = []  # of what is put before the cluster
        self.onlooker: Onlooker | None = None  # who looks at the world from time to time
        self.weather: Weather | None = None  # None: links are always the same
        self.gossip: Gossip | None = None  # None: workers tell each other nothing
        self.voting: Voting | None = None  # None: no worker votes
        self.solver = SolverSettings()  # of ITP's solver
        self.changed = self.env.event()  # happens when the wire, or a request, has changed
        self._arrives_at: dict[tuple[str, str], int] = {}  # the last one on a connection, us
        self.luck = seeds.stream("luck")  # of what fails by chance
        self._jitter = seeds.stream("jitter")
        self._loss = seeds.stream("loss")

    @property
    def now(self) -> int:
        """us since the lab began."""
        return self.env.now  # type: ignore[return-value]  # SimPy adds our whole numbers

    # time

    def run(self, us: int) -> None:
        """Let `us` pass."""
        until = self.now + us
        while self.onlooker and self.now < self.onlooker.looks_at <= until:
            self.env.run(until=self.onlooker.looks_at)
            self.onlooker.look()
        if until > self.now or us <= 0:
            self.env.run(until=until)

    def run_until(self, reached: Callable[[], bool], limit: int) -> bool:
        """Let time pass until `reached()`, at most `limit` us; says whether it was reached."""
        deadline = self.now + limit
        while not reached():
            if self.env.peek() > deadline:
                if deadline > self.now:
                    self.run(deadline - self.now)
                return reached()
            while self.onlooker and self.onlooker.looks_at <= self.env.peek():
                self.onlooker.look()
            self.env.step()
        return True

    def after(self, us: int, action: Callable[[], None]) -> None:
        """Do `action` when `us` have passed."""
        self.env.timeout(us).callbacks.append(lambda _: action())

    # the wire

    def plain_path(self, a: str, b: str) -> Path:
        """What lies between two hosts when nothing ails it."""
        same = self.hosts[a].region == self.hosts[b].region
        return self.inside if same else self.between

    def path(self, a: str, b: str) -> Path:
        """What lies between two hosts, now."""
        path, here, there = self.plain_path(a, b), self.hosts[a].region, self.hosts[b].region
        if self.weather and here != there:
            path = self.weather.applied(path, here, there, self.now)
        for trouble in self.troubles.values():
            if trouble.touches(a, b):
                path = trouble.applied(path)
        return path

    def is_cut(self, a: str, b: str) -> bool:
        """Do packets from `a` to `b` get lost, all of them?"""
        return any(t.cut and t.touches(a, b) for t in self.troubles.values())

    def ail(self, name: str, trouble: Trouble | None) -> None:
        """Put a trouble on the wire under a name, or take it away."""
        self.troubles.pop(name, None)
        if trouble:
            self.troubles[name] = trouble
        self.notice()

    def notice(self) -> None:
        """Whoever waits for a change goes on now."""
        self.changed.succeed()
        self.changed = self.env.event()

    def obstacle(self, to: str, port: int, sender: str = "") -> str | None:
        """Why a connection to `to` at `port` fails; None: it opens."""
        if to not in self.hosts:
            return "name does not resolve"
        if sender and (self.is_cut(sender, to) or self.is_cut(to, sender)):
            return "timed out"
        host = self.hosts[to]
        if not host.powered or host.frozen:
            return "timed out"
        if port in host.closed_ports:
            return "connection refused"
        listens = port in PORTS[host.role] or (port == ACP_PORT and self._has_acp(host))
        return None if host.is_up and listens else "nothing listens"

    def _has_acp(self, host: Host) -> bool:
        """Is it a worker that votes, or asks the voters?"""
        return isinstance(host.machine, Worker) and host.machine.acp is not None

    def _transmit(self, sender: Host, send: Send, delay: int) -> None:
        self.messages += 1
        if send.to not in self.hosts:
            lost = Undelivered(send.to, send.port, "name does not resolve")
            self.after(delay + MS, lambda: self._receive(sender.name, sender, lost))
            return
        if self.troubles and self.is_cut(sender.name, send.to):
            return
        now, path = self.now, self.path(sender.name, send.to)
        one_way = round(path.rtt_ms * MS / 2 * (1 + 0.1 * self._jitter.random()))
        if self._loss.random() < path.loss:
            one_way += self._resent(path)
        # One connection delivers in order: what was sent later waits for what was lost before it.
        key = (sender.name, send.to)
        at = max(now + delay + one_way, self._arrives_at.get(key, 0))
        self._arrives_at[key] = at
        header = self.tracing.carried
        arrived = self.env.timeout(at - now).callbacks
        arrived.append(lambda _: self._arrive(sender, send, one_way, header))

    def _resent(self, path: Path) -> int:
        """us until one of the packets that TCP sends again gets through (RFC 6298, Linux)."""
        waited, timeout = 0, 200 * MS + round(path.rtt_ms * MS)
        while True:
            waited, timeout = waited + timeout, 2 * timeout
            if self._loss.random() >= path.loss or timeout >= 60 * SECOND:
                return waited

    def _arrive(self, sender: Host, send: Send, one_way: int, header: str | None) -> None:
        # A controller never opens a connection to a worker: it answers on the worker's own.
        is_answer = sender.role == "controller" and self.hosts[send.to].role == "worker"
        if not self.hosts[send.to].powered or (self.troubles and self.is_cut(sender.name, send.to)):
            return
        reason = None if is_answer else self.obstacle(send.to, send.port)
        if reason is None or self.hosts[send.to].frozen:
            self._receive(sender.name, self.hosts[send.to], send.message, header)
            return
        refused = Undelivered(send.to, send.port, reason)
        self.after(one_way, lambda: self._receive(sender.name, sender, refused))

    # the machines

    def command(self, host: Host, act: Callable[[], list[Effect]]) -> None:
        """Carry out what a command to a host's machine answers."""
        self._carry_out(host, act())

    def start(self, host: Host) -> None:
        """Start the DWCP service of a host from its configuration and its disk."""
        assert host.config and host.certificate
        if host.role == "controller":
            rng = self.seeds.stream(f"raft/{host.name}")
            host.machine = Controller(
                host.config, host.certificate, rng, self.now, EPOCH + host.offset, host.saved,
                self.voting.jury() if self.voting else None,
            )  # fmt: skip
        else:
            resources = {"cpus": host.cpus, "memory_gb": host.memory_gb}
            offset = EPOCH + host.offset
            host.machine = Worker(
                host.config, host.certificate, resources, offset, self.now, host.saved,
                self.voting.part_of(host, self.now) if self.voting else None,
            )  # fmt: skip
        host.woken_for = None
        self.tell(host, "service_started", {"version": host.version})
        for notify in self.on_start:
            notify(host)
        self._schedule_wake(host)

    def stop(self, host: Host) -> None:
        """Stop the service: the machine is dropped, what it saved stays."""
        host.machine = None
        self.tell(host, "service_stopped", {})

    def power(self, host: Host, on: bool) -> None:
        """Pull the plug, or plug it in: guests end with their host, the disk stays."""
        if not on:
            if host.is_up:
                self.stop(host)
            for guest in host.guests.values():
                guest.running = False
        host.powered, host.frozen, host.backlog = on, False, []
        self.notice()
        if on and host.config and host.certificate:
            self.start(host)

    def certify(self, host: Host) -> None:
        """Issue the host's certificate, valid from now by true time."""
        host.certificate = Certificate(host.name, EPOCH + self.now)

    def freeze(self, host: Host, frozen: bool) -> None:
        """A frozen host answers nothing; when it goes on, all that came is there at once."""
        host.frozen = frozen
        waiting, host.backlog = (host.backlog, []) if not frozen else ([], host.backlog)
        for sender, message, header in waiting:
            self._receive(sender, host, message, header)
        if not frozen:
            self._schedule_wake(host)

    def _receive(self, sender: str, host: Host, message: Any, header: str | None = None) -> None:
        if host.frozen:
            host.backlog.append((sender, message, header))
        elif host.machine:
            span = self.tracing.arrived(header, sender, host, message) if header else None
            took = self._carry_out(host, host.machine.receive(sender, message, self.now))
            if header:
                self.tracing.handled(span, took)

    def _carry_out(self, host: Host, effects: list[Effect]) -> int:
        """In order; what stands after a Save waits for the disk. Says how long that is, us."""
        delay = 0
        for effect in effects:
            if isinstance(effect, Save):
                if host.disk_full:  # what cannot be saved must not be promised: it stops
                    self.tell(host, "disk_full", {})
                    self.stop(host)
                    return delay
                host.saved = effect.record
                delay += host.disk_write
            elif isinstance(effect, Send):
                self._transmit(host, effect, delay)
            else:
                for notify in self.on_tell:
                    notify(host, effect)
                if not _is_noise(effect):
                    self.tell(host, effect.event, effect.details)
        self._schedule_wake(host)
        return delay

    def _schedule_wake(self, host: Host) -> None:
        """One timer in flight a host; it is set again when it fires or must fire earlier."""
        machine = host.machine
        wake_at = machine.wake_at if machine else None
        if machine is None or wake_at is None:
            return
        at, now, due = wake_at, self.now, host.woken_for
        if at < now:
            at = now
        if due is None or at < due:
            host.woken_for = at
            fired = self.env.timeout(at - now).callbacks
            fired.append(lambda _: self._wake(host, machine, at))

    def _wake(self, host: Host, machine: Controller | Worker, at: int) -> None:
        if host.machine is not machine or host.woken_for != at:
            return  # restarted since, or overtaken by an earlier timer
        host.woken_for = None
        if host.frozen:
            return
        now, wake_at = self.now, machine.wake_at
        if wake_at is not None and wake_at <= now:
            self._carry_out(host, machine.wake(now))
        else:
            self._schedule_wake(host)

    # looking in

    def tell(
        self, host: Host, name: str, details: dict[str, Any], trace: str | None = None
    ) -> None:
        """Something happened on a host, in the span of `trace` or in the one being worked on."""
        self.history.append(self._event(host, name, details, trace))

    def note(self, host: Host, name: str, details: dict[str, Any], trace: str | None) -> None:
        """A line for the log alone."""
        self.notes.append(self._event(host, name, details, trace))

    def _event(self, host: Host, name: str, details: dict[str, Any], trace: str | None) -> Event:
        where = trace or self.tracing.current or ""
        return Event(self.now, host.name, name, details, host.wall(self.now), where)

    def of_role(self, role: str) -> list[Host]:
        return [host for host in self.hosts.values() if host.role == role]

    def leader(self) -> Host | None:
        """The controller that leads in the highest term, if one does."""
        found, term = None, -1
        for host in self.of_role("controller"):
            raft = raft_of(host)
            if raft and raft.role == "leader" and raft.term > term and not host.frozen:
                found, term = host, raft.term
        return found

    def propose(self, command: dict[str, Any], asked: int | None = None) -> "Proposal | None":
        """Put `command` before the cluster; None while there is no leader.

        `asked` is when it was first wanted, us, if that was before now.
        """
        host = self.leader()
        raft = raft_of(host) if host else None
        if host is None or raft is None or not isinstance(host.machine, Controller):
            return None
        asked = self.now if asked is None else asked
        proposal = Proposal(host, host.machine, raft.term, raft.log.last_index + 1, self.now, asked)
        for notify in self.on_propose:
            notify(proposal)
        self._carry_out(host, host.machine.propose(command, self.now))
        return proposal

    def decide(self, command: dict[str, Any], limit: int = 10 * SECOND) -> "Outcome":
        """Propose, waiting for a leader, and wait for the decision, at most `limit` us each."""
        asked = self.now
        if not self.run_until(lambda: self.leader() is not None, limit):
            return Outcome(False, "no leader", 0)
        proposal = self.propose(command, asked)
        assert proposal
        self.run_until(lambda: proposal.outcome(self.now) is not None, limit)
        undecided = Outcome(False, "no majority answered in time", self.now - proposal.at)
        return proposal.outcome(self.now) or undecided


@dataclass(frozen=True, slots=True)
class Outcome:
    """Was a proposal accepted, why not, and how long did it take (us)?"""

    accepted: bool
    why: str
    took: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command on its way through consensus: entry `index` of the log of `term`.

    It was put into the log `at`, and was wanted since `asked`, us.
    """

    host: Host
    controller: Controller
    term: int
    index: int
    at: int
    asked: int

    def outcome(self, now: int) -> Outcome | None:
        """None while it is undecided."""
        raft, registry = self.controller.raft, self.controller.registry
        assert raft
        if raft.term != self.term or self.host.machine is not self.controller:
            return Outcome(False, "the leader changed", now - self.at)
        if registry.applied < self.index:
            return None
        refusal = registry.refused.get(self.index)
        return Outcome(refusal is None, refusal or "", now - self.at)


def raft_of(host: Host) -> Raft | None:
    """The Raft member on a host; None on a worker, or before the cluster was formed."""
    return host.machine.raft if isinstance(host.machine, Controller) else None


def _is_noise(tell: Tell) -> bool:
    """A leader's empty entry and the probes of a health check are no news."""
    command = tell.details.get("command")
    is_probe = isinstance(command, dict) and command["kind"] == "probe"
    return tell.event == "committed" and (command is None or is_probe)
