"""The state of the cluster as a thing to keep: exports, checksums, snapshots, backups, lag.

An export is the registry as canonical text, so equal states have equal checksums wherever they
were taken. Exports, snapshots and backups lie outside the cluster: a fault in it does not reach
them.
"""

import hashlib
import json
from copy import deepcopy
from typing import Any

from course.dwcp.node import Controller
from course.dwcp.registry import Registry
from course.dwcp.units import SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import clock_text, host_named, plain, registry_of, sync_lag_s
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import EPOCH, Host

LATE_S = 30.0
NO_STATE = ("evidence", "metrics")  # what else is kept by name


@verb("state-sync export", kind="R", scope="operate")
def state_sync_export(world: World, output: str) -> Result:
    """Write what the cluster has decided into a file, with its checksum."""
    return _keep(world, "export", output, registry_of(world))


@verb("state-sync verify", kind="R", scope="operate")
def state_sync_verify(world: World, checksum: str | None = None, node: str | None = None) -> Result:
    """The checksum of the state on a controller (the leader's, if none is named), compared.

    `checksum` is what is expected: a SHA-256, or the name of an export or snapshot, against which
    the differing keys are listed. Without one, the controllers are compared with the leader.
    """
    world.run(SECOND)
    registry = _registry_on(world, node) if node else registry_of(world)
    found = _content(registry)
    kept = world.kept.get(checksum or "")
    if kept and kept["kind"] in NO_STATE:
        raise CommandError("INVALID_REQUEST", f"{checksum} is {kept['kind']}, not a state")
    if kept:
        wanted = kept["content"]
    elif checksum:
        equal = checksum == _sha256(found)
        return _verdict(_sha256(found), checksum, equal, [])
    else:
        wanted = _content(registry_of(world))
    differing = _differing(wanted, found)
    return _verdict(_sha256(found), _sha256(wanted), not differing, differing)


@verb("state-sync lag-status", kind="R")
def state_sync_lag_status(world: World, show_all: bool = True) -> Result:
    """Seconds since each worker last heard from a controller; None: never."""
    rows: list[dict[str, Any]] = [
        {"node": h.name, "region": h.region, "lag_s": _rounded(sync_lag_s(world, h))}
        for h in world.of_role("worker")
    ]
    lags = [row["lag_s"] for row in rows if row["lag_s"] is not None]
    late = [row for row in rows if row["lag_s"] is None or row["lag_s"] > LATE_S]
    return {"max_seconds": max(lags, default=None), "nodes": rows if show_all else late}


@verb("cluster snapshot")
def cluster_snapshot(world: World, name: str) -> Result:
    """Keep state, versions and the inventory of VMs under a name."""
    row = _keep(world, "snapshot", name, registry_of(world))
    inventory = {
        guest.name: host.name for host in world.hosts.values() for guest in host.guests.values()
    }
    world.kept[name]["inventory"] = dict(sorted(inventory.items()))
    world.kept[name]["versions"] = {h.name: h.version for h in world.hosts.values()}
    return row | {"vms": len(inventory)}


@verb("backup create")
def backup_create(world: World, name: str) -> Result:
    """Back up the state; it is read back and its checksum compared before it counts."""
    row = _keep(world, "backup", name, registry_of(world))
    verified = _sha256(json.loads(json.dumps(world.kept[name]["content"]))) == row["sha256"]
    world.kept[name]["verified_at"] = row["at"] if verified else None
    return row | {"verified": verified}


@verb("backup list", kind="R")
def backup_list(world: World) -> Result:
    """Exports, snapshots and backups. An entry is no proof that it can be restored."""
    return [
        {"name": name, **{k: kept[k] for k in ("kind", "at", "size_bytes", "sha256")}}
        for name, kept in world.kept.items()
    ]


@verb("vm inventory", kind="R")
def vm_inventory(world: World, since: str | None = None) -> Result:
    """Every VM with its owner and where it runs; `since` names a snapshot to compare with.

    A VM that is claimed twice, runs nowhere, or runs where nobody agreed is named.
    """
    registry = registry_of(world)
    places: dict[str, list[str]] = {vm: [] for vm in registry.vms}
    for host in world.hosts.values():
        for guest in host.guests.values():
            if guest.running:
                places.setdefault(guest.name, []).append(host.name)
    owners = {vm: owner.node for vm, owner in registry.owners.items()}
    row: dict[str, Any] = {
        "vms": len(places),
        "running": sum(len(where) == 1 for where in places.values()),
        "duplicates": sorted(vm for vm, where in places.items() if len(where) > 1),
        "nowhere": sorted(vm for vm, where in places.items() if not where),
        "misplaced": sorted(vm for vm, at in places.items() if at and at != [owners.get(vm)]),
    }
    if since is not None:
        before = _kept(world, since).get("inventory")
        if before is None:
            raise CommandError("INVALID_REQUEST", f"{since} is no snapshot: cluster snapshot")
        row["missing"] = sorted(set(before) - set(places))
        row["new"] = sorted(set(places) - set(before))
    return row


@verb("events list", kind="R")
def events_list(
    world: World, duration: int = 3_600, type: str | None = None, node: str | None = None
) -> Result:
    """What happened in the last `duration` seconds, by true time; `type` and `node` select."""
    since = world.now - duration * SECOND
    return [
        {"time": clock_text(EPOCH + e.at), "node": e.host, "type": e.name, **plain(e.details)}
        for e in world.history
        if e.at >= since and type in (None, e.name) and node in (None, e.host)
    ]


def _keep(world: World, kind: str, name: str, registry: Registry) -> dict[str, Any]:
    if not name or len(name) > 64:
        raise CommandError("INVALID_REQUEST", "a name has 1 to 64 characters")
    if name in world.kept:
        raise CommandError("INVALID_REQUEST", f"{name} is there already; nothing is overwritten")
    content = _content(registry)
    at = clock_text(EPOCH + world.now)
    size = len(_text(content))
    world.kept[name] = {"kind": kind, "at": at, "content": content, "size_bytes": size}
    world.kept[name]["sha256"] = _sha256(content)
    world.run(SECOND)
    return {"name": name, "at": at, "size_bytes": size, "sha256": _sha256(content)}


def _kept(world: World, name: str) -> dict[str, Any]:
    if name not in world.kept:
        known = ", ".join(world.kept) or "none"
        raise CommandError("INVALID_REQUEST", f"nothing is kept as {name!r}; there are {known}")
    return world.kept[name]


def _content(registry: Registry) -> dict[str, Any]:
    """What a registry says, without how it came to say it: no log indexes, no versions of rows."""
    owners = {vm: owner.node for vm, owner in registry.owners.items()}
    return deepcopy({"nodes": sorted(registry.nodes), "vms": registry.vms, "owners": owners})


def _text(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(_text(content)).hexdigest()


def state_of(host: Host) -> Registry:
    """What the copy on a controller's disk comes to: its snapshot, and every entry after it."""
    saved = host.saved
    registry = deepcopy(saved.snapshot.state) if saved.snapshot.state else Registry()
    for index, entry in enumerate(saved.log, saved.snapshot.index + 1):
        registry.apply(index, entry.command if isinstance(entry.command, dict) else None)
    return registry


def _registry_on(world: World, node: str) -> Registry:
    machine = host_named(world, node).machine
    if not isinstance(machine, Controller):
        raise CommandError("INVALID_REQUEST", f"{node} is no controller that runs")
    return machine.registry


def _differing(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    keys = [f"node {n}" for n in set(wanted["nodes"]) ^ set(found["nodes"])]
    for kind, one in (("vms", "vm"), ("owners", "owner of")):
        a, b = wanted[kind], found[kind]
        keys += [f"{one} {key}" for key in {*a, *b} if a.get(key) != b.get(key)]
    return sorted(keys)


def _verdict(found: str, expected: str, equal: bool, keys: list[str]) -> dict[str, Any]:
    return {"checksum": found, "expected": expected, "equal": equal, "differing": keys}


def _rounded(lag: float | None) -> float | None:
    return None if lag is None else round(lag, 2)
