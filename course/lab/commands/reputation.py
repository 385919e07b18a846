"""Who may be trusted: scores, quarantine and release, and what the signs say about an attack.

Scores are decided by the controllers (`course.dwcp.registry`); these verbs read them, and put a
person's quarantine or release before the cluster like any other decision.
"""

from collections import Counter
from itertools import combinations
from typing import Any

from course.dwcp.consensus.evidence import agreement_rate, disagrees_too_often
from course.dwcp.consensus.reputation import Reputation
from course.dwcp.consensus.suspicion import suspicion, verdict
from course.dwcp.registry import Standing
from course.dwcp.units import SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import (
    clock_text,
    decide,
    host_named,
    node_status,
    registry_of,
)
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import EPOCH, Host

SORTS = ("score", "node", "votes", "incorrect")
REASON_WORDS = 2
BAN_MAX = 365 * 86_400  # seconds


@verb("reputation list", kind="R")
def reputation_list(
    world: World, threshold: float = 1.0, sort: str = "score", limit: int = 100
) -> Result:
    """Workers with a score up to `threshold`, the lowest first; `sort` is a column."""
    if sort not in SORTS or not 0 <= threshold <= 1 or limit < 1:
        raise CommandError(
            "INVALID_REQUEST",
            f"threshold {threshold}, sort {sort!r}, limit {limit}; give 0 to 1, one of "
            f"{', '.join(SORTS)}, and 1 or more",
        )
    rows = [_row(world, host) for host in world.of_role("worker")]
    down = -1 if sort in ("votes", "incorrect") else 1
    by = (lambda row: row["node"]) if sort == "node" else (lambda row: down * row[sort])
    return sorted((row for row in rows if row["score"] <= threshold), key=by)[:limit]


@verb("reputation analyze", kind="R")
def reputation_analyze(world: World, node: str, duration: int = 3_600) -> Result:
    """One worker: every judged vote of the last `duration` s, agreement, suspicion now, signs.

    `hardware_gb` is the memory that it joined with, `reported_gb` what it reports now: more than
    there is cannot be true.
    """
    host = _worker(world, node)
    votes = votes_of(world, node, duration)
    wrong_at = [at for at, command in judgements(world, duration) if node in command["wrong"]]
    right = [vote["vote"] == "correct" for vote in votes if vote["vote"] != "silent"]
    signs = signs_of(world, node)
    now = suspicion([(kind, world.now - at) for kind, at in signs])
    return {
        **_row(world, host),
        "agreement": agreement_rate(right),
        "below_95_of_500": disagrees_too_often(right),
        "suspicion": now,
        "verdict": verdict(now),
        "signs": sorted({kind for kind, _ in signs}),
        "first_sign": _text(min([*(at for _, at in signs), *wrong_at], default=None)),
        **_claims(world, host),
        "history": votes,
    }


@verb("reputation analyze-attack", kind="R")
def reputation_analyze_attack(world: World, duration: int = 3_600) -> Result:
    """Who votes wrongly, what signs there are, what those nodes have in common, who lies together.

    `together` are pairs of voters that signed the same false commit, by how often.
    """
    rows = [reputation_analyze(world, host.name, duration) for host in world.of_role("worker")]
    suspects = [row for row in rows if _is_suspect(row)]
    hosts = [world.hosts[row["node"]] for row in suspects]
    voters = world.voting.voters if world.voting else ()
    return {
        "nodes": [row["node"] for row in suspects],
        "signs": {r["node"]: r["signs"] for r in suspects},
        "regions": sorted({host.region for host in hosts}),
        "versions": sorted({host.version for host in hosts}),
        "voters": sum(row["node"] in voters for row in suspects),
        "f": (len(voters) - 1) // 3 if voters else 0,
        "together": _together(world, duration),
    }


@verb("reputation quarantine", kind="S")
def reputation_quarantine(world: World, node: str, reason: str) -> Result:
    """Its votes are not heard and it gets no new VMs. Refused if too few voters would be left."""
    host = _worker(world, node)
    _check_reason(reason)
    broken = registry_of(world).would_break(node)
    if broken:
        raise CommandError("QUORUM_WOULD_BREAK", f"{node}: {broken}")
    decide(world, {"kind": "quarantine", "node": node, "reason": reason, "by": "person"})
    _heartbeats(world)
    return _row(world, host)


@verb("reputation quarantine-bulk", kind="S")
def reputation_quarantine_bulk(world: World, threshold: float, reason: str) -> Result:
    """All workers below a score, the lowest first, until too few voters would be left."""
    rows = []
    for row in reputation_list(world, threshold):
        if row["score"] >= threshold or row["status"] == "quarantined":
            continue
        try:
            rows.append(reputation_quarantine(world, row["node"], reason))
        except CommandError as error:
            rows.append(row | {"reason": str(error)})
    return rows


@verb("reputation release", kind="S")
def reputation_release(world: World, node: str, reason: str, approved_by: str) -> Result:
    """Out of quarantine, after the cause is known; a second person approves. Score 0.70."""
    host = _worker(world, node)
    _check_reason(reason)
    if not approved_by.strip():
        raise CommandError("SECOND_APPROVAL_REQUIRED", "approved_by names the second person")
    if node not in registry_of(world).quarantined:
        raise CommandError("INVALID_REQUEST", f"{node} is not in quarantine: reputation list")
    decide(world, {"kind": "release", "node": node, "reason": reason, "approved_by": approved_by})
    _heartbeats(world)
    return _row(world, host)


@verb("reputation ban", kind="S", scope="admin")
def reputation_ban(world: World, nodes: list[str], duration: int, reason: str) -> Result:
    """Identities that may not join for `duration` seconds. A member is put out by node remove."""
    hosts = [_worker(world, node) for node in nodes]
    _check_reason(reason)
    if not hosts or not 1 <= duration <= BAN_MAX:
        raise CommandError(
            "INVALID_REQUEST",
            f"{len(hosts)} nodes for {duration} s; name one or more, for 1 to {BAN_MAX:,} s",
        )
    until = world.now + duration * SECOND
    for host in hosts:
        decide(world, {"kind": "ban", "node": host.name, "until": until, "reason": reason})
    return [{"node": h.name, "until": _text(until), "status": node_status(world, h)} for h in hosts]


def judgements(world: World, duration: int) -> list[tuple[int, dict[str, Any]]]:
    """(when in us, command) of each decision judged in the last `duration` s, each once."""
    since = world.now - duration * SECOND
    found: dict[int, tuple[int, dict[str, Any]]] = {}
    for event in world.history:
        command = event.details.get("command") if event.name == "committed" else None
        if event.at >= since and isinstance(command, dict) and command["kind"] == "judge":
            found.setdefault(command["number"], (event.at, command))
    return list(found.values())


def votes_of(world: World, node: str, duration: int) -> list[dict[str, Any]]:
    """A voter's judged votes in the last `duration` s: time, number, correct, wrong or silent."""
    return [
        {"time": _text(at), "number": command["number"], "vote": vote}
        for at, command in judgements(world, duration)
        for vote in ("correct", "wrong", "silent")
        if node in command[vote]
    ]


def signs_of(world: World, node: str) -> list[tuple[str, int]]:
    """(kind, when in us) of all that voters noticed about a voter; a sign counts once a second."""
    signs: dict[tuple[str, int], int] = {}
    for event in world.history:
        if event.name == "misbehaved" and event.details["node"] == node:
            signs.setdefault((event.details["kind"], event.at // SECOND), event.at)
        if event.name == "node_quarantined" and event.details["node"] == node:
            kind = "equivocation"  # found by the jury, which put two halves together
            if event.details["reason"].startswith(kind):
                signs.setdefault((kind, event.at // SECOND), event.at)
    return [(kind, at) for (kind, _), at in signs.items()]


def _row(world: World, host: Host) -> dict[str, Any]:
    registry = registry_of(world)
    standing = registry.standing.get(host.name, Standing())
    score = standing.score_at(EPOCH + world.now)
    kept = registry.quarantined.get(host.name)
    band = Reputation(score).band
    return {
        "node": host.name,
        "score": round(score, 4),
        "votes": standing.correct + standing.wrong,
        "incorrect": standing.wrong,
        "silent": standing.silent,
        # A voter below 0.30 is still heard where its quarantine would end agreement.
        "status": "quarantined" if kept else "restricted" if band == "quarantined" else band,
        "reason": kept["reason"] if kept else None,
    }


def _is_suspect(row: dict[str, Any]) -> bool:
    told = row["incorrect"] or row["signs"] or row["above_hardware"]
    return bool(told) or row["status"] == "quarantined"


def _claims(world: World, host: Host) -> dict[str, Any]:
    declared = registry_of(world).nodes.get(host.name, {}).get("memory_gb")
    reported = host.reported_gb or host.memory_gb
    false = declared is not None and reported > declared
    return {"hardware_gb": declared, "reported_gb": reported, "above_hardware": false}


def _together(world: World, duration: int) -> dict[str, int]:
    said: dict[tuple[int, bytes], list[str]] = {}
    for _, command in judgements(world, duration):
        for vote in command["false"]:
            said.setdefault((vote.body.number, vote.body.digest), []).append(vote.signer)
    pairs = Counter(f"{a} {b}" for names in said.values() for a, b in combinations(names, 2))
    return dict(sorted(pairs.items()))


def _heartbeats(world: World) -> None:
    """Voters learn of a quarantine from the next answer to their heartbeats."""
    world.run(6 * SECOND)


def _check_reason(reason: str) -> None:
    if len(reason.split()) < REASON_WORDS:
        raise CommandError("INVALID_REQUEST", f"reason is {reason!r}; say in a few words why")


def _worker(world: World, name: str) -> Host:
    host = host_named(world, name)
    if host.role != "worker":
        raise CommandError("INVALID_REQUEST", f"{name} is a controller; scores are of workers")
    return host


def _text(at: int | None) -> str | None:
    return None if at is None else clock_text(EPOCH + at)
