"""A worker: joins through any controller, tells all of them every 5 s that it is there, and votes.

The machine of a host that runs guests. `now` is a monotonic clock in us; what certificates and
heartbeats see is that plus the host's own offset. A worker that votes carries a `Ballot`, and one
that asks the voters an `Edge`; what that saves is kept beside the worker's own record, in one.

Read before: `node`, the controllers' side and all messages. Read next: `voting`.
"""

from dataclasses import dataclass
from typing import Any

from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.node import (
    API_PORT,
    GOSSIP_PORT,
    HEARTBEAT,
    JOIN_LIMIT,
    JOIN_RETRY,
    Certificate,
    Config,
    Heartbeat,
    HeartbeatReply,
    Join,
    Joined,
    Undelivered,
    clock_offset,
)
from course.dwcp.voting import Ballot, Edge


@dataclass(frozen=True, slots=True)
class WorkerSaved:
    """What a worker's disk holds: who let it in, and what its part in ACP must not forget."""

    controller: str
    acp: Any = None


class Worker:
    """Joins through a controller, then sends heartbeats. `state` is joining, ready or failed.

    That it was let in is saved, so a worker that comes back asks again by itself, each of the
    controllers in turn, until one answers.
    """

    def __init__(
        self,
        config: Config,
        certificate: Certificate,
        resources: dict[str, Any],
        offset: int = 0,
        now: int = 0,
        saved: WorkerSaved | None = None,
        acp: Ballot | Edge | None = None,
    ) -> None:
        self.config, self.certificate, self.resources = config, certificate, resources
        self.offset = offset
        self.state = "idle"
        self.reason: str | None = None  # why the last attempt to join did not succeed
        self.synced_at: int | None = None  # when a controller last answered
        self.measured_offset: int | None = None  # how far the controllers' clock is ahead, us
        self._beat_at: int | None = None  # when to join or beat next
        self._is_member = False  # a controller said that the cluster has let it in
        self.acp = acp  # None: it neither votes nor asks the voters
        self._controller = saved.controller if saved else ""
        self._give_up_at: int | None = None  # None: never
        if saved and saved.controller:
            self.state, self._beat_at = "joining", now

    @property
    def wake_at(self) -> int | None:
        acp_at = self.acp.wake_at if self.acp else None
        times = [at for at in (self._beat_at, acp_at) if at is not None]
        return min(times, default=None)

    def join(self, controller: str, now: int) -> list[Effect]:
        """Ask `controller` to be let in; tried every 5 s, for 60 s."""
        if self.state == "ready":
            raise RuntimeError(f"{self.config.node_id} has joined already")
        self.state, self.reason, self._controller = "joining", None, controller
        self._give_up_at = now + JOIN_LIMIT
        return self._ask(now)

    def change_view(self, view: int, now: int) -> list[Effect]:
        """A person gives up on PBFT's primary. ValueError on a worker that does not vote."""
        if not isinstance(self.acp, Ballot):
            raise ValueError(f"{self.config.node_id} does not vote")
        return self._together(self.acp.change_view(view, now))

    def propose(self, operation: Any, now: int) -> list[Effect]:
        """Have the voters decide; told later as `agreed`. ValueError on one that is no gateway."""
        if not isinstance(self.acp, Edge):
            raise ValueError(f"{self.config.node_id} is no gateway")
        return self._together(self.acp.propose(operation, now))

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        match message:
            case Joined():
                return self._on_joined(sender, message, now)
            case HeartbeatReply():
                return self._on_reply(message, now)
            case Undelivered():
                if self.state == "joining":
                    self.reason = f"{message.to}:{message.port} {message.reason}"
            case _ if self.acp:
                return self._together(self.acp.receive(sender, message, now))
        return []

    def wake(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        if self.acp and self.acp.wake_at is not None and self.acp.wake_at <= now:
            effects = self._together(self.acp.wake(now))
        if self._beat_at is not None and self._beat_at <= now:
            effects += self._join_or_beat(now)
        return effects

    def _together(self, effects: list[Effect]) -> list[Effect]:
        """A voter's record is kept beside the node's own, in one."""
        return [
            Save(WorkerSaved(self._controller, effect.record))
            if isinstance(effect, Save)
            else effect
            for effect in effects
        ]

    def _join_or_beat(self, now: int) -> list[Effect]:
        if self.state == "joining" and self._give_up_at is not None and now >= self._give_up_at:
            self.state, self._beat_at = "failed", None
            return [Tell("join_failed", {"reason": self.reason or "no answer"})]
        return self._beat(now) if self._is_member else self._ask(now)

    def _ask(self, now: int) -> list[Effect]:
        self._beat_at = now + JOIN_RETRY
        if self._give_up_at is None:
            self._controller = _after(self._controller, self.config.peers)
        join = Join(self.config, self.certificate, self.resources)
        return [Send(self._controller, join, API_PORT)]

    def _on_joined(self, sender: str, answer: Joined, now: int) -> list[Effect]:
        objection = answer.certificate.objection(sender, now + self.offset)
        if objection:
            self.reason = f"TLS: {sender}'s {objection}"
            return []
        self._is_member, self.reason = answer.ok, answer.reason
        return self._beat(now) if answer.ok else []

    def _beat(self, now: int) -> list[Effect]:
        self._beat_at = now + HEARTBEAT
        beat = Heartbeat(now + self.offset)
        return [Send(peer, beat, GOSSIP_PORT) for peer in self.config.peers]

    def _on_reply(self, reply: HeartbeatReply, now: int) -> list[Effect]:
        self.synced_at = now
        if self.acp:
            self.acp.ignored = reply.quarantined
        wall = now + self.offset
        self.measured_offset = clock_offset(reply.originate, reply.wall, reply.wall, wall)
        if self.state != "joining":
            return []
        self.state, self.reason = "ready", None
        return [Tell("node_ready", {"node": self.config.node_id}), self._save()]

    def _save(self) -> Save:
        return Save(WorkerSaved(self._controller, self.acp.record if self.acp else None))


def _after(name: str, names: tuple[str, ...]) -> str:
    """The name that follows in a ring."""
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
