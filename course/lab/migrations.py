"""What is known of a migration in the lab, and how it reads in a report.

`mover.py` carries one out. Read next: mover.py.
"""

from dataclasses import dataclass, field
from typing import Any

from course.dwcp.encoding.frame import Stats
from course.dwcp.migration import Decision, Round
from course.dwcp.transport import DATA_PORTS
from course.dwcp.units import GIB, SECOND, seconds
from course.lab.cluster import World
from course.lab.hosts import Host
from course.lab.links import Leg, Path


@dataclass(slots=True)
class Migration:
    """What is known of one migration; times are us since the lab began, sizes are the VM's."""

    id: str
    vm: str
    source: str
    target: str
    path: Path
    memory: int
    started: int
    state: str = "pending"
    error: str | None = None
    ended: int | None = None
    paused_at: int | None = None
    downtime: int = 0
    streams: int = 0
    rate_mbps: float = 0.0
    stages: list[dict[str, Any]] = field(default_factory=list)  # name, start, end
    rounds: list[Round] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    forecasts: list[dict[str, Any]] = field(default_factory=list)
    compression_ratio: float = 0.0
    dedup_hit_rate: float = 0.0
    wire_reduction: float = 0.0
    by_type: dict[str, int] = field(default_factory=dict)  # wire bytes by frame type
    hashes_equal: bool | None = None
    limit: int = 300 * SECOND
    cancelled: str | None = None  # why a person wants it to end
    legs: list[Leg] = field(default_factory=list)  # what goes over the wire, piece by piece
    encoded: Stats | None = None  # what its encoder has done so far; pages of the image
    scale: int = 1  # pages of the VM for each page of the image
    ailment: str | None = None  # of its streams: refused, or stalled
    groups: int = 0  # of pages, compressed together, that its encoder sent
    modes: list[tuple[str, str]] = field(default_factory=list)  # changes of the path's: from, to
    placed_for: str = ""  # why ITP chose the target: request or evacuation; empty: a person did

    @property
    def is_over(self) -> bool:
        return self.state in ("completed", "failed", "cancelled")

    def wire_bytes(self, since: int, until: int) -> float:
        """Bytes on the wire between two moments, us."""
        return sum(leg.bytes_between(since, until) for leg in self.legs)


def data_ports(world: World, source: str, target: str) -> list[int]:
    """The AMST ports on which a connection from `source` to `target` opens."""
    return [port for port in DATA_PORTS if world.obstacle(target, port, source) is None]


def as_rows(migration: Migration) -> dict[str, Any]:
    """The migration as plain data, in the units that people read."""
    ended, started = migration.ended, migration.started
    took = None if ended is None else round(seconds(ended - started), 3)
    return {
        "id": migration.id,
        "vm": migration.vm,
        "status": migration.state,
        "error": migration.error,
        "source": migration.source,
        "target": migration.target,
        "mode": migration.path.mode.value,
        "memory_gb": migration.memory / GIB,
        "duration_s": took,
        "downtime_s": round(seconds(migration.downtime), 3),
        "streams": migration.streams,
        "rate_mbps": round(migration.rate_mbps, 1),
        "wire_gb": round(sum(r.wire for r in migration.rounds) / 1e9, 3),
        "compression_ratio": round(migration.compression_ratio, 3),
        "dedup_hit_rate": round(migration.dedup_hit_rate, 3),
        "wire_reduction": round(migration.wire_reduction, 3),
        "hashes_equal": migration.hashes_equal,
        "rounds": [
            {
                "round": number,
                "pages_mb": round(r.plain / 1e6, 1),
                "wire_mb": round(r.wire / 1e6, 1),
                "seconds": round(seconds(r.took), 3),
                "dirtied_mb": round(r.dirtied / 1e6, 1),
            }
            for number, r in enumerate(migration.rounds, 1)
        ],
        "stages": [
            {
                "stage": span["name"],
                "start_s": seconds(span["start"] - migration.started),
                "end_s": seconds(span["end"] - migration.started),
            }
            for span in migration.stages
        ],
        "forecasts": [
            {key: row[key] for key in ("rate_mbps", "confidence", "horizon_s", "decision", "model")}
            for row in migration.forecasts
        ],
        "decisions": [f"{d.action}: {d.why}" for d in migration.decisions],
    }


def host_with(world: World, vm: str) -> Host | None:
    """The host on which a VM is."""
    return next((host for host in world.hosts.values() if vm in host.guests), None)
