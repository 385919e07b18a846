"""A controller: a Raft member that keeps the registry, and all that nodes say to each other.

A node is the machines of the components wired together, itself a machine. A worker (see `worker`)
joins through any controller, then tells all of them every 5 s that it is there. Both are told the
time on a monotonic clock (`now`); `wall` is that plus the node's own offset, which is what
certificates and log lines see. Raft never sees it: a wrong wall clock starts no election.

The host tells a machine that a message could not be delivered by an `Undelivered` from itself.
"""

from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from course.dwcp.consensus import raft
from course.dwcp.jury import Jury
from course.dwcp.machine import Effect, Send, Tell
from course.dwcp.registry import Registry
from course.dwcp.units import DAY, SECOND
from course.dwcp.voting import Accusation, VoteReport

API_PORT, GOSSIP_PORT = 8080, 8083
HEARTBEAT = 5 * SECOND
UNREACHABLE_AFTER = 3 * HEARTBEAT
JOIN_LIMIT = 60 * SECOND
JOIN_RETRY = 5 * SECOND
SNAPSHOT_EVERY = 10_000  # log entries
TIMING = raft.Timing()


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a node is, and from when to when (us, wall clock). Valid 90 days."""

    subject: str
    not_before: int
    lifetime: int = 90 * DAY

    def objection(self, subject: str, wall: int) -> str | None:
        """Why a peer whose clock reads `wall` would refuse it; None: it accepts."""
        if self.subject != subject:
            return f"certificate is for {self.subject}, not for {subject}"
        if wall < self.not_before:
            behind_s = (self.not_before - wall) / SECOND
            return f"certificate not yet valid: valid from {behind_s:.0f} s after this clock's time"
        if wall >= self.not_before + self.lifetime:
            return "certificate has expired"
        return None


@dataclass(frozen=True, slots=True)
class Config:
    """What stands in a node's configuration file. `peers`: all controllers, the same everywhere."""

    cluster_id: str
    node_id: str
    region: str
    peers: tuple[str, ...] = ()
    version: str = "3.0.0"
    timing: raft.Timing = TIMING  # acp.raft.election_timeout and heartbeat


@dataclass(frozen=True, slots=True)
class FormCluster:
    cluster_id: str


@dataclass(frozen=True, slots=True)
class Join:
    config: Config
    certificate: Certificate
    resources: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A join that reached a follower, on its way to the leader; taken from controllers only."""

    origin: str
    join: Join


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer. `certificate` is the controller's own."""

    ok: bool
    reason: str | None
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`wall` is the sender's clock in us, as in NTP's originate timestamp (RFC 5905)."""

    wall: int


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """`originate` is the heartbeat's `wall`, `wall` the replier's clock; they give the offset."""

    originate: int
    wall: int
    applied: int
    quarantined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """From the host: the network refused a message to `to` at `port`."""

    to: str
    port: int
    reason: str


def clock_offset(t0: int, t1: int, t2: int, t3: int) -> int:
    """NTP's estimate (RFC 5905) of how far the peer's clock is ahead of ours, in us.

    t0 sent and t3 received by our clock; t1 received and t2 replied by the peer's.
    """
    return ((t1 - t0) + (t2 - t3)) // 2


class Controller:
    """A Raft member with the registry. Not part of a cluster until it was told to form one."""

    def __init__(
        self,
        config: Config,
        certificate: Certificate,
        rng: Random,
        now: int,
        offset: int = 0,
        saved: raft.Saved | None = None,
        jury: Jury | None = None,
    ) -> None:
        if config.node_id not in config.peers:
            raise ValueError(
                f"consensus.peers of {config.node_id} does not name {config.node_id} itself: "
                f"{', '.join(config.peers) or 'it is empty'}"
            )
        self.config, self.certificate, self.offset = config, certificate, offset
        self.raft: raft.Raft | None = None
        self.jury = jury  # None: no votes of workers are to be judged
        self.registry = Registry(voters=jury.voters if jury else ())
        self.seen: dict[str, int] = {}  # worker -> when last heard, us, monotonic
        self.offsets: dict[str, int] = {}  # worker -> how far its clock is ahead, us
        self.refused_peers: dict[str, str] = {}  # peer -> why it cannot be reached
        self._waiting: dict[int, str] = {}  # log index -> worker that waits for its join
        self._convicting: dict[str, int] = {}  # voter -> log index of its proposed quarantine
        self._rng = rng
        if saved:  # it was a member when it went down
            self.raft = raft.Raft(config.node_id, config.peers, rng, now, saved, config.timing)
            if saved.snapshot.state is not None:
                self._take_over(saved.snapshot.state)

    @property
    def wake_at(self) -> int | None:
        return self.raft.wake_at if self.raft else None

    # commands

    def bootstrap(self, now: int) -> list[Effect]:
        """Form the cluster, once, from one controller: it tells the others and stands for leader.

        May be repeated while no election has taken place: a peer may have missed it.
        """
        if self.raft and self.raft.term:
            raise RuntimeError(f"{self.config.node_id} is in a cluster already; bootstrap is once")
        others = [peer for peer in self.config.peers if peer != self.config.node_id]
        form = FormCluster(self.config.cluster_id)
        formed = [] if self.raft else self._form(now)
        return [*formed, *(Send(peer, form, raft.PORT) for peer in others)]

    def propose(self, command: dict[str, Any], now: int) -> list[Effect]:
        """Put a decision before the cluster; only the leader may."""
        if self.raft is None:
            raise RuntimeError(f"{self.config.node_id} is in no cluster yet")
        return self._decide(self.raft.propose(command, now), now)

    def change_members(self, new: raft.Members, now: int) -> list[Effect]:
        """Another controller comes in, or one leaves; only the leader may (see Raft)."""
        if self.raft is None:
            raise RuntimeError(f"{self.config.node_id} is in no cluster yet")
        return self._decide(self.raft.change_members(new, now), now)

    def hand_over(self, to: str, now: int) -> list[Effect]:
        """Let another controller lead; only the leader may (see Raft)."""
        if self.raft is None:
            raise RuntimeError(f"{self.config.node_id} is in no cluster yet")
        return self.raft.hand_over(to, now)

    def enter(self, now: int) -> list[Effect]:
        """Wait for a leader to send the log: a new controller, or one that lost its copy."""
        if self.raft:
            raise RuntimeError(f"{self.config.node_id} is in a cluster already")
        self.raft = raft.Raft(self.config.node_id, (), self._rng, now, timing=self.config.timing)
        return [Tell("log_awaited", {})]

    # what happens

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        match message:
            case FormCluster():
                return self._on_form(sender, message, now)
            case Join():
                return self._on_join(sender, message, now)
            case Forwarded():
                is_peer = sender in self.config.peers
                return self._on_join(message.origin, message.join, now) if is_peer else []
            case Heartbeat():
                return self._on_heartbeat(sender, message, now)
            case HeartbeatReply():
                return []
            case VoteReport() | Accusation():
                return self._on_report(sender, message, now)
            case Undelivered():
                if message.port == raft.PORT:
                    self.refused_peers[message.to] = message.reason
                return []
        if self.raft is None:
            return []  # a Raft message before this member was told to form: as if it were down
        if sender not in self.config.peers:  # Raft believes its peers, so nobody else gets through
            return [Tell("message_from_stranger", {"sender": sender})]
        self.refused_peers.pop(sender, None)
        return self._decide(self.raft.receive(sender, message, now), now)

    def wake(self, now: int) -> list[Effect]:
        return self._decide(self.raft.wake(now), now) if self.raft else []

    def _form(self, now: int) -> list[Effect]:
        config = self.config
        self.raft = raft.Raft(config.node_id, config.peers, self._rng, now, timing=config.timing)
        return [Tell("cluster_formed", {"members": list(self.config.peers)})]

    def _on_form(self, sender: str, form: FormCluster, now: int) -> list[Effect]:
        if form.cluster_id != self.config.cluster_id:
            details = {"from": sender, "theirs": form.cluster_id, "ours": self.config.cluster_id}
            return [Tell("cluster_id_differed", details)]
        return [] if self.raft else self._form(now)

    def _decide(self, effects: list[Effect], now: int) -> list[Effect]:
        """Apply what Raft committed, and answer the workers that waited for it."""
        more: list[Effect] = []
        for effect in effects:
            if not isinstance(effect, Tell):
                continue
            if effect.event == "committed":
                index, command = effect.details["index"], effect.details["command"]
                before = tuple(self.registry.quarantined)
                self.registry.apply(index, None if isinstance(command, raft.Members) else command)
                more += [*self._answer(index), *self._quarantine_news(before)]
            if effect.event == "snapshot_installed":
                self._take_over(effect.details["state"])
        return effects + more + self._compact(now)

    def _take_over(self, state: Registry) -> None:
        """A copy of its own. Who votes stands in the configuration, not in the state."""
        self.registry = deepcopy(state)
        self.registry.voters = self.jury.voters if self.jury else ()

    def _quarantine_news(self, before: tuple[str, ...]) -> list[Effect]:
        """The leader tells who came into quarantine, or out of it."""
        assert self.raft
        here = self.registry.quarantined
        if self.raft.role != "leader" or tuple(here) == before:
            return []
        came = [n for n in here if n not in before]
        why = [{"node": node, **{k: here[node][k] for k in ("reason", "by")}} for node in came]
        left = [{"node": node} for node in before if node not in here]
        names = ["node_quarantined"] * len(why) + ["node_released"] * len(left)
        return [Tell(name, details) for name, details in zip(names, [*why, *left], strict=True)]

    def _compact(self, now: int) -> list[Effect]:
        """A long log becomes a snapshot, so that a restart or a newcomer is quick."""
        assert self.raft
        if self.raft.commit_index - self.raft.log.snapshot.index < SNAPSHOT_EVERY:
            return []
        return self.raft.compact(deepcopy(self.registry), now)

    def _on_report(self, sender: str, message: VoteReport | Accusation, now: int) -> list[Effect]:
        """The leader judges; what it judges is decided like everything else."""
        if self.jury is None or self.raft is None or self.raft.role != "leader":
            return []
        if sender in self.registry.quarantined:
            return []
        if isinstance(message, Accusation):
            found = self.jury.accused(message)
            commands = [found] if found else []
        else:
            commands = self.jury.heard(sender, message)
        effects: list[Effect] = []
        for command in filter(self._is_news, commands):
            if command["kind"] == "quarantine":
                self._convicting[command["node"]] = self.raft.status().last_index + 1
            timed = command | {"at": now + self.offset}
            effects += self._decide(self.raft.propose(timed, now), now)
        return effects

    def _is_news(self, command: dict[str, Any]) -> bool:
        """What the registry would only refuse is not put into the log."""
        if command["kind"] == "judge":
            return command["number"] not in self.registry.judged
        node = command["node"]
        if self._convicting.get(node, 0) > self.registry.applied:
            return False  # seven voters have noticed, and one entry is on its way
        return node not in self.registry.quarantined and not self.registry.would_break(node)

    def _on_join(self, sender: str, join: Join, now: int) -> list[Effect]:
        reason = self._objection(sender, join, now)
        if reason:
            return self._reply(sender, False, reason)
        assert self.raft is not None
        if self.raft.role != "leader":
            if self.raft.leader is None:
                return self._reply(sender, False, "no leader")
            return [Send(self.raft.leader, Forwarded(sender, join), raft.PORT)]
        if sender in self.registry.nodes:
            return self._reply(sender, True, None)  # a repeated request of a node that is in
        command = {"kind": "join", "node": sender, "region": join.config.region}
        command |= {"version": join.config.version, **join.resources}
        self._waiting[self.raft.status().last_index + 1] = sender
        return self._decide(self.raft.propose(command, now), now)

    def _objection(self, sender: str, join: Join, now: int) -> str | None:
        if self.raft is None:
            return "the cluster is not bootstrapped"
        if join.config.cluster_id != self.config.cluster_id:
            return f"cluster id is {self.config.cluster_id}, not {join.config.cluster_id}"
        banned = self.registry.banned(sender, now)
        return banned or join.certificate.objection(sender, now + self.offset)

    def _answer(self, index: int) -> list[Effect]:
        worker = self._waiting.pop(index, None)
        refusal = self.registry.refused.get(index)
        return self._reply(worker, refusal is None, refusal) if worker else []

    def _reply(self, to: str, ok: bool, reason: str | None) -> list[Effect]:
        return [Send(to, Joined(ok, reason, self.certificate), API_PORT)]

    def _on_heartbeat(self, sender: str, beat: Heartbeat, now: int) -> list[Effect]:
        if sender not in self.registry.nodes:
            return []  # not in the cluster as far as this controller knows; it will learn
        self.seen[sender] = now
        # One way only: the path's delay is taken for offset. The worker, which has both ways,
        # corrects it; a controller only needs to see what is far off.
        self.offsets[sender] = beat.wall - (now + self.offset)
        shunned = tuple(self.registry.quarantined)
        reply = HeartbeatReply(beat.wall, now + self.offset, self.registry.applied, shunned)
        return [Send(sender, reply, GOSSIP_PORT)]

    # looking in

    def node_state(self, node: str, now: int) -> str:
        """joining, ready or unreachable, as this controller sees a worker."""
        if node not in self.seen:
            return "joining"
        return "ready" if now - self.seen[node] < UNREACHABLE_AFTER else "unreachable"
