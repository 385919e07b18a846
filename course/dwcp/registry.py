"""The registry: what the cluster has decided so far, computed from the committed log.

The same log gives the same registry on every controller, because `apply` looks at nothing else.
Commands are plain dictionaries with a `kind`. A command that the present state forbids (a stale
owner version, an id that is taken) is refused here, on every controller alike: the log may hold
it, the registry does not.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs a VM. `version` rises with every change: a claim with an older one is stale."""

    node: str
    version: int


@dataclass(slots=True)
class Registry:
    """State after `applied` log entries. `refused` maps log index to the reason."""

    applied: int = 0
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    vms: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)  # by VM: a move in progress
    exclusions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by node: until when, why
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

    def excluded(self, node: str, now: int) -> str | None:
        """Why no new VM may go to a node now; None: one may."""
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
}
