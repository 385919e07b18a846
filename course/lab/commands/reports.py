"""What an operator hands in: does a VM answer, how its moves went, and what was decided and why."""

import csv
import io
from statistics import median
from typing import Any

from course.dwcp.units import GIB, SECOND, seconds
from course.lab.cluster import World
from course.lab.commands.lookups import host_with, migration_of
from course.lab.commands.network import reaches
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.migrations import Migration

RECORDS = ("alert", "decision", "cause", "slowest", "proposal", "note")
RUN_KEYS = (
    "id", "status", "mode", "duration_s", "downtime_s", "bytes_before", "bytes_after",
    "throughput_mbps", "streams", "compression_ratio", "wire_reduction",
)  # fmt: skip


@verb("vm probe", kind="R")
def vm_probe(world: World, vm: str) -> Result:
    """Does a VM answer? Asked from one other node of each region, as its users would."""
    host = host_with(world, vm)
    world.run(SECOND)
    alive = host.guests[vm].running and host.powered and not host.frozen and host.tenant_network
    asked = {}
    for region in dict.fromkeys(h.region for h in world.hosts.values()):
        peer = next((h for h in world.hosts.values() if h.region == region and h is not host), None)
        if peer is not None:
            there_and_back = reaches(world, peer.name, host.name)
            there_and_back = there_and_back and not world.is_cut(host.name, peer.name)
            asked[region] = alive and there_and_back
    return {"vm": vm, "node": host.name, "answers": all(asked.values()), "from": asked}


@verb("migration report", kind="R")
def migration_report(world: World, vm: str) -> Result:
    """All moves of a VM that are over: each, the medians of those completed, and a CSV."""
    migration_of(world, vm)
    over = [m for m in world.every_migration if m.vm == vm and m.is_over]
    rows = [_run(m) for m in over]
    done = [row for row in rows if row["status"] == "completed"]
    return {
        "vm": vm,
        "completed": len(done),
        "failed": len(rows) - len(done),
        "median_duration_s": _middle(done, "duration_s"),
        "median_downtime_s": _middle(done, "downtime_s"),
        "longest_duration_s": max((row["duration_s"] for row in done), default=None),
        "longest_downtime_s": max((row["downtime_s"] for row in done), default=None),
        "least_compression_ratio": min((row["compression_ratio"] for row in done), default=None),
        "least_wire_reduction": min((row["wire_reduction"] for row in done), default=None),
        "runs": rows,
        "csv": _csv(rows),
    }


@verb("incident record")
def incident_record(world: World, kind: str, text: str) -> Result:
    """Put on record what was found or decided, with its time: decision, cause, slowest, ..."""
    if kind not in RECORDS:
        raise CommandError("INVALID_REQUEST", f"no kind {kind!r}; there are {', '.join(RECORDS)}")
    if not 1 <= len(text.strip()) <= 1_000:
        raise CommandError("INVALID_REQUEST", "a text has 1 to 1,000 characters")
    alerts = [row["at_s"] for row in world.records if row["kind"] == "alert"]
    now_s = round(seconds(world.now), 1)
    row = {"at_s": now_s, "kind": kind, "text": text.strip()}
    row["after_alert_s"] = round(now_s - alerts[0], 1) if alerts else None
    world.records.append(row)
    return row


@verb("incident list", kind="R")
def incident_list(world: World, kind: str | None = None) -> Result:
    """What is on record, the last first; `kind` selects."""
    return [dict(row) for row in reversed(world.records) if kind in (None, row["kind"])]


def _run(m: Migration) -> dict[str, Any]:
    took = seconds((m.ended or m.started) - m.started)
    wire = sum(done.wire for done in m.rounds)
    moving = sum(done.took for done in m.rounds)
    rate = wire * 8 / (moving / SECOND) / 1e6 if moving else 0.0
    values = (
        m.id, m.state, m.path.mode.value, round(took, 3), round(seconds(m.downtime), 3), m.memory,
        wire, round(rate, 1), m.streams, round(m.compression_ratio, 3), round(m.wire_reduction, 3),
    )  # fmt: skip
    return dict(zip(RUN_KEYS, values, strict=True)) | {"memory_gb": m.memory / GIB}


def _middle(rows: list[dict[str, Any]], key: str) -> float | None:
    return round(median(row[key] for row in rows), 3) if rows else None


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, RUN_KEYS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
