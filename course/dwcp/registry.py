"""The registry: what the cluster has decided so far, computed from the committed log.

The same log gives the same registry on every controller, because `apply` looks at nothing else.
Commands are plain dictionaries with a `kind`. A command that the present state forbids (a stale
owner version, an id that is taken) is refused here, on every controller alike: the log may hold
it, the registry does not.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from course.dwcp.consensus.quorum import byzantine_quorum
from course.dwcp.consensus.reputation import Reputation
from course.dwcp.units import DAY

RELEASED_AT = 0.70
"""Score after a release: normal, and one error from being watched."""
JUDGED_KEPT = 1_000
"""Decisions of which it is known that they are judged; older ones are refused."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs a VM. `version` rises with every change: a claim with an older one is stale."""

    node: str
    version: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a voter: its score, and how many of its votes were what."""

    score: float = 1.0
    correct: int = 0
    wrong: int = 0
    silent: int = 0
    voted_at: int | None = None  # us, wall clock of the leader that judged

    def judged(self, verdict: str, at: int) -> "Standing":
        """One more vote was correct, wrong or silent. Silence is counted and costs nothing."""
        moved = replace(self, **{verdict: getattr(self, verdict) + 1})
        if verdict == "silent":
            return moved
        score = Reputation(self.score_at(at)).vote(verdict == "correct").score
        return replace(moved, score=score, voted_at=at)

    def score_at(self, at: int) -> float:
        """The score at wall time `at`, us: whole days without a vote have worn it off."""
        if self.voted_at is None:
            return self.score
        return Reputation(self.score).idle(max(0, at - self.voted_at) // DAY).score


@dataclass(slots=True)
class Registry:
    """State after `applied` log entries. `refused` maps log index to the reason."""

    applied: int = 0
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    vms: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)  # by VM: a move in progress
    exclusions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by node: until when, why
    voters: tuple[str, ...] = ()  # workers that decide by PBFT
    standing: dict[str, Standing] = field(default_factory=dict)
    quarantined: dict[str, dict[str, Any]] = field(default_factory=dict)  # by node: why, by whom
    bans: dict[str, dict[str, Any]] = field(default_factory=dict)  # by node: until when, why
    judged: dict[int, None] = field(default_factory=dict)  # decisions of which votes are counted
    refused: dict[int, str] = field(default_factory=dict)

    def apply(self, index: int, command: dict[str, Any] | None) -> None:
        """Apply the committed `command` at `index`; None is a leader's empty first entry."""
        assert index == self.applied + 1, "log entries are applied in order, each once"
        self.applied = index
        if command is None or command["kind"] == "probe":
            return
        reason = _APPLY[command["kind"]](self, command)
        if reason:
            self.refused[index] = reason

    def _join(self, command: dict[str, Any]) -> str | None:
        if command["node"] in self.nodes:
            return f"node id {command['node']} is in use"
        self.nodes[command["node"]] = _without(command, "kind", "node")
        return None

    def _create(self, command: dict[str, Any]) -> str | None:
        if command["vm"] in self.vms:
            return f"VM {command['vm']} exists"
        if command["node"] in self.quarantined:
            return (
                f"{command['node']} is in quarantine: {self.quarantined[command['node']]['reason']}"
            )
        self.vms[command["vm"]] = _without(command, "kind", "vm")
        self.owners[command["vm"]] = Owner(command["node"], 1)
        return None

    def _delete(self, command: dict[str, Any]) -> str | None:
        if command["vm"] in self.intents or self.vms.pop(command["vm"], None) is None:
            return f"VM {command['vm']} does not exist, or is being moved"
        del self.owners[command["vm"]]
        return None

    def _intend(self, command: dict[str, Any]) -> str | None:
        owner = self.owners.get(command["vm"])
        if owner != Owner(command["source"], command["version"]):
            return f"{command['vm']} is owned by {owner}, the intent was made for an older owner"
        if command["vm"] in self.intents:
            return f"{command['vm']} is being moved already"
        self.intents[command["vm"]] = command
        return None

    def _own(self, command: dict[str, Any]) -> str | None:
        """Ownership moves in a second commit, after the target has proved that it holds all."""
        intent = self.intents.pop(command["vm"], None)
        if intent is None or intent["target"] != command["node"]:
            return f"no agreed intent moves {command['vm']} to {command['node']}"
        self.owners[command["vm"]] = Owner(command["node"], intent["version"] + 1)
        return None

    def _exclude(self, command: dict[str, Any]) -> str | None:
        """No new VMs on a node until `until` (us of the cluster's time); None: until included."""
        if command["node"] not in self.nodes:
            return f"{command['node']} is not in the cluster"
        self.exclusions[command["node"]] = _without(command, "kind", "node")
        return None

    def _include(self, command: dict[str, Any]) -> str | None:
        self.exclusions.pop(command["node"], None)
        return None

    def _remove(self, command: dict[str, Any]) -> str | None:
        """A node leaves for good. One that owns a VM cannot: the VM would be nobody's."""
        node = command["node"]
        owned = [vm for vm, owner in self.owners.items() if owner.node == node]
        if node not in self.nodes:
            return f"{node} is not in the cluster"
        if owned:
            return f"{node} still owns {', '.join(owned)}"
        del self.nodes[node]
        self.exclusions.pop(node, None)
        return None

    def _judge(self, command: dict[str, Any]) -> str | None:
        """Votes move scores; who falls below 0.30 is quarantined, while a quorum is left.

        Who is in quarantine is not heard, so nothing is said about its votes.
        """
        number, newest = command["number"], max(self.judged, default=0)
        if number in self.judged or number <= newest - JUDGED_KEPT:
            return f"decision {number} is judged already"
        self.judged[number] = None
        for old in [n for n in self.judged if n <= max(newest, number) - JUDGED_KEPT]:
            del self.judged[old]
        for verdict in ("correct", "wrong", "silent"):
            for node in (n for n in command[verdict] if n not in self.quarantined):
                standing = self.standing.get(node, Standing())
                self.standing[node] = standing.judged(verdict, command["at"])
                self._quarantine_if_fallen(node)
        return None

    def _quarantine_if_fallen(self, node: str) -> None:
        score = self.standing[node].score
        if Reputation(score).band == "quarantined" and self.would_break(node) is None:
            self.quarantined[node] = {"reason": f"score {score:.2f}", "by": "score"}

    def _quarantine(self, command: dict[str, Any]) -> str | None:
        """No votes, no new VMs. Refused when too few voters would be left to decide."""
        node = command["node"]
        if node not in self.nodes:
            return f"{node} is not in the cluster"
        if node in self.quarantined:
            return f"{node} is in quarantine already"
        broken = self.would_break(node)
        if broken:
            return broken
        self.quarantined[node] = _without(command, "kind", "node")
        return None

    def _release(self, command: dict[str, Any]) -> str | None:
        """Back after its cause is known. The score starts where watching ends, not at the top."""
        node = command["node"]
        if self.quarantined.pop(node, None) is None:
            return f"{node} is not in quarantine"
        standing = self.standing.get(node, Standing())
        # The days in quarantine wear nothing off: nobody heard its votes.
        self.standing[node] = replace(standing, score=RELEASED_AT, voted_at=None)
        return None

    def _ban(self, command: dict[str, Any]) -> str | None:
        """An identity does not come in again until `until`, us of the cluster's time."""
        self.bans[command["node"]] = _without(command, "kind", "node")
        return None

    def banned(self, node: str, now: int) -> str | None:
        """Why a node may not join now; None: it may."""
        ban = self.bans.get(node)
        return f"{node} is banned: {ban['reason']}" if ban and now < ban["until"] else None

    def would_break(self, node: str) -> str | None:
        """Why quarantining `node` would end agreement: fewer voters than a quorum are left."""
        left = [v for v in self.voters if v not in self.quarantined and v != node]
        need = byzantine_quorum(len(self.voters)) if self.voters else 0
        if node not in self.voters or len(left) >= need:
            return None
        return f"{len(left)} voters would be left, and {need} of {len(self.voters)} must agree"

    def excluded(self, node: str, now: int) -> str | None:
        """Why no new VM may go to a node now; None: one may."""
        if node in self.quarantined:
            return f"in quarantine: {self.quarantined[node]['reason']}"
        if node in self.standing and Reputation(self.standing[node].score).band == "restricted":
            return f"restricted: score {self.standing[node].score:.2f}"
        row = self.exclusions.get(node)
        if row is None or (row["until"] is not None and now >= row["until"]):
            return None
        return str(row["reason"])

    def _abandon(self, command: dict[str, Any]) -> str | None:
        self.intents.pop(command["vm"], None)
        return None


def _without(command: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key not in keys}


_APPLY = {
    "join": Registry._join,
    "create": Registry._create,
    "delete": Registry._delete,
    "intend": Registry._intend,
    "own": Registry._own,
    "abandon": Registry._abandon,
    "exclude": Registry._exclude,
    "include": Registry._include,
    "remove": Registry._remove,
    "judge": Registry._judge,
    "quarantine": Registry._quarantine,
    "release": Registry._release,
    "ban": Registry._ban,
}
