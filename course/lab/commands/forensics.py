"""Evidence before repair: what is kept of a node, how it is proved, and its new system.

A bundle lies outside the cluster. Each item has the SHA-256 of its canonical text, and the bundle
that of all items, so a later change shows. Items come in the order in which they would be lost.
"""

import hashlib
import json
from typing import Any

from course.dwcp.consensus.canonical import encode
from course.dwcp.registry import Registry
from course.dwcp.units import MINUTE, MS, SECOND
from course.dwcp.worker import Worker
from course.lab import memory
from course.lab.cluster import World
from course.lab.commands.lookups import clock_text, host_named, node_row, registry_of
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.commands.reputation import judgements
from course.lab.hosts import EPOCH, Host

REINSTALL = 5 * MINUTE
LOGS = 500


@verb("node forensics", kind="R", scope="operate")
def node_forensics(world: World, node: str, output: str, collect_logs: bool = True) -> Result:
    """Collect what shows how a node behaved, with hashes, before anything on it is changed."""
    host = host_named(world, node)
    if not output or len(output) > 64 or output in world.kept:
        raise CommandError("INVALID_REQUEST", f"output is {output!r}: a new name, 1 to 64 letters")
    found = _collected(world, host) if collect_logs else _signed_by(world, host)
    items = [{"item": name, "source": source, "content": text} for name, source, text in found]
    for item in items:
        item["sha256"] = _sha256(item["content"])
    at = clock_text(EPOCH + world.now)
    world.kept[output] = {
        "kind": "evidence", "at": at, "content": items, "node": node,
        "size_bytes": len(_text(items)), "sha256": _sha256(items),
        "clock_offset_ms": host.offset / MS,
    }  # fmt: skip
    world.run(30 * SECOND)
    return node_evidence(world, output)


@verb("node evidence", kind="R")
def node_evidence(world: World, name: str) -> Result:
    """A bundle, read again: is each item, and the whole, still what was collected?

    `log_end` is the term and index of the last entry in a controller's copy of the state.
    """
    kept = world.kept.get(name)
    if kept is None or kept["kind"] != "evidence":
        known = [n for n, k in world.kept.items() if k["kind"] == "evidence"]
        raise CommandError(
            "INVALID_REQUEST", f"no evidence {name!r}; there is {', '.join(known) or 'none'}"
        )
    items = kept["content"]
    whole = all(_sha256(item["content"]) == item["sha256"] for item in items)
    return {
        "name": name,
        "node": kept["node"],
        "at": kept["at"],
        "clock_offset_ms": kept["clock_offset_ms"],
        "sha256": kept["sha256"],
        "verified": whole and _sha256(items) == kept["sha256"],
        "shows_deviation": any(
            item["item"] == "disk image" and not item["content"]["as_released"] for item in items
        ),
        "signed_messages": sum(len(item["content"]) for item in items if _is_signed(item)),
        "log_end": next(
            (i["content"]["ends"] for i in items if i["item"] == "data directory" and i["content"]),
            None,
        ),
        "items": [
            {k: item[k] for k in ("item", "source", "sha256")}
            | {"size_bytes": len(_text(item["content"]))}
            for item in items
        ],
    }


@verb("host reinstall", kind="D", scope="admin")
def host_reinstall(world: World, host: str) -> Result:
    """A clean system, keys and certificate on a worker; it joins again. All that was on it is gone.

    It takes 5 minutes. A voter must be in quarantine: it will have forgotten what it promised.
    """
    target = host_named(world, host)
    if target.role != "worker":
        raise CommandError("INVALID_REQUEST", f"{host} is a controller: cluster add-controller")
    if target.guests:
        raise CommandError("NODE_NOT_EMPTY", f"{host} still runs {', '.join(target.guests)}")
    votes = world.voting is not None and host in world.voting.voters
    if votes and host not in registry_of(world).quarantined:
        raise CommandError("INVALID_REQUEST", f"{host} votes: reputation quarantine first")
    if target.is_up:
        world.stop(target)
    target.lies, target.reported_gb, target.saved = None, None, None
    target.store = dict(memory.os_blocks())
    world.run(REINSTALL)
    world.certify(target)
    world.tell(target, "host_reinstalled", {})
    world.start(target)
    machine, config = target.machine, target.config
    assert isinstance(machine, Worker) and config
    world.command(target, lambda: machine.join(config.peers[0], world.now))
    world.run(10 * SECOND)
    return node_row(world, target)


def _collected(world: World, host: Host) -> list[tuple[str, str, Any]]:
    """(item, where from, content), the most volatile first."""
    registry = _registry(world)
    kept = registry.quarantined.get(host.name, {})
    row = {"node": registry.nodes.get(host.name), "quarantine": {k: kept.get(k) for k in WHY}}
    return [
        ("voter", host.name, _voter(host)),
        *_signed_by(world, host),
        ("registry", "leader", _plain(row)),
        ("data directory", host.name, _data(host)),
        ("log", host.name, _log(world, host)),
        ("disk image", host.name, _image(host)),
        ("configuration", host.name, _plain(host.config)),
    ]


WHY = ("reason", "by")


def _registry(world: World) -> Registry:
    """What the leader has decided; without a leader nothing, since evidence cannot wait for one."""
    return registry_of(world) if world.leader() else Registry()


def _data(host: Host) -> Any:
    """A controller's copy of the state, as on its disk, and where it ends; None: it has none."""
    if host.role != "controller" or host.saved is None:
        return None
    log, snapshot = host.saved.log, host.saved.snapshot
    ends = {"term": log[-1].term if log else snapshot.term, "index": snapshot.index + len(log)}
    return {"ends": ends, "saved": _plain(host.saved)}


def _voter(host: Host) -> Any:
    """What its voter holds in memory; None: it does not run, or does not vote."""
    acp = host.machine.acp if isinstance(host.machine, Worker) else None
    voter = getattr(acp, "voter", None)
    return _plain(voter.status()) if voter else None


def _signed_by(world: World, host: Host) -> list[tuple[str, str, Any]]:
    """False votes and proofs, as anyone can check them: what was signed, and the signature."""
    false = [
        vote
        for _, command in judgements(world, world.now // SECOND)
        for vote in command["false"]
        if vote.signer == host.name
    ]
    proofs = {
        encode(event.details["proof"]): None
        for event in world.history
        if event.name in ("misbehaved", "node_quarantined")
        and event.details["node"] == host.name
        and "proof" in event.details
    }
    kept = _registry(world).quarantined.get(host.name, {}).get("proof")
    if kept is not None:
        proofs[encode(kept)] = None
    return [
        ("false votes", "controllers' log", [encode(vote).hex() for vote in false]),
        ("proofs", "voters, controllers' log", [proof.hex() for proof in proofs]),
    ]


def _log(world: World, host: Host) -> list[dict[str, Any]]:
    """Its own log lines, the last 500; those from before a reinstallation are gone."""
    lines = [event for event in world.history if event.host == host.name]
    wiped = [i for i, event in enumerate(lines) if event.name == "host_reinstalled"]
    return [
        {"time": clock_text(event.wall), "event": event.name, "details": str(event.details)}
        for event in lines[wiped[-1] if wiped else 0 :][-LOGS:]
    ]


def _image(host: Host) -> dict[str, Any]:
    """A liar's program is not the one that was released; a spoiled memory leaves no such trace."""
    return {"version": host.version, "as_released": host.lies is None}


def _is_signed(item: dict[str, Any]) -> bool:
    return item["item"] in ("false votes", "proofs")


def _plain(value: Any) -> str:
    """Text that stays; what it is of may change later."""
    return repr(value)


def _text(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: Any) -> str:
    return hashlib.sha256(_text(content)).hexdigest()
