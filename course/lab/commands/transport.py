"""How transfers go: streams, congestion control, compression; what is set and what is seen."""

from typing import Any

from course.dwcp.prediction import Predictor
from course.lab.cluster import World
from course.lab.commands.lookups import host_named, migration_of
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import Host
from course.lab.migrations import Migration

ACCURACY_MIN = 0.70
HORIZONS_S = (30, 60, 120, 300)
SEGMENT = 1_448  # bytes of payload in a TCP segment of 1,500


@verb("amst status", kind="R")
def amst_status(world: World, node: str | None = None, migration: str | None = None) -> Result:
    """Streams and rate of transfers under way, and their share of the link.

    `node` or `migration` (a VM or a migration's id) selects.
    """
    if migration is not None:
        return _transfer_row(_named(world, migration))
    name = host_named(world, node).name if node else None
    return [
        _transfer_row(m)
        for m in world.migrations.values()
        if not m.is_over and m.streams and name in (None, m.source, m.target)
    ]


@verb("amst stream-status", kind="R")
def amst_stream_status(world: World, node: str) -> Result:
    """Each stream of a node's transfers: rate, loss and expected retransmissions a second.

    The lab's wire model shares a path evenly, so `imbalance` is 0 unless a path ails one stream.
    """
    name = host_named(world, node).name
    rows = []
    for m in world.migrations.values():
        if m.is_over or not m.streams or name not in (m.source, m.target):
            continue
        each = m.rate_mbps / m.streams
        again = each * 1e6 / 8 / SEGMENT * m.path.loss
        rows += [
            {
                "migration": m.id,
                "stream": number,
                "rate_mbps": round(each, 2),
                "loss": m.path.loss,
                "retransmissions_s": round(again, 2),
            }
            for number in range(m.streams)
        ]
    return {"streams": rows, "imbalance": 0.0 if rows else None}


@verb("amst set-streams")
def amst_set_streams(world: World, count: int, node: str | None = None) -> Result:
    """Streams of new transfers, 1 to 16; on all nodes if none is named."""
    if not 1 <= count <= 16:
        raise CommandError("INVALID_REQUEST", f"count is {count}; a worker has 16 data ports")
    return _set(world, node, "streams", count)


@verb("amst set-cc")
def amst_set_cc(world: World, algorithm: str, node: str | None = None) -> Result:
    """Congestion control of new streams: bbr2, bbr or cubic."""
    if algorithm not in ("bbr2", "bbr", "cubic"):
        raise CommandError("INVALID_REQUEST", f"algorithm {algorithm!r}; bbr2, bbr or cubic")
    return _set(world, node, "congestion_control", algorithm)


@verb("hde set-compression")
def hde_set_compression(world: World, level: int, node: str | None = None) -> Result:
    """Zstandard level of new migrations, 1 to 19."""
    if not 1 <= level <= 19:
        raise CommandError("INVALID_REQUEST", f"level is {level}; give 1 to 19")
    return _set(world, node, "level", level)


@verb("pba predictions", kind="R")
def pba_predictions(world: World, node: str) -> Result:
    """What PBA expects of the paths from a node to other regions, for 30 to 300 s."""
    rows = []
    for region, predictor in _predictors(world, node):
        for horizon in HORIZONS_S:
            made = predictor.forecast(world.now, horizon)
            row = {"region": region, "asked_s": horizon, "horizon_s": made.horizon_s}
            row |= {"rate_mbps": made.rate_mbps, "rtt_ms": made.rtt_ms, "loss": made.loss}
            usable = made.usable and made.horizon_s >= horizon
            rows.append(row | {"confidence": made.confidence, "usable": usable})
    return rows


@verb("pba metrics", kind="R")
def pba_metrics(world: World, node: str) -> Result:
    """How good the forecasts were so far: the share within 20 % of what came, by horizon."""
    return [
        {
            "region": region,
            "horizon_s": horizon,
            "accuracy": None if share is None else round(share, 3),
            "target": ACCURACY_MIN,
        }
        for region, predictor in _predictors(world, node)
        for _, horizon, share in predictor.status().accuracy
    ]


def _predictors(world: World, node: str) -> list[tuple[str, Predictor]]:
    host = host_named(world, node)
    if world.weather is None:
        raise CommandError(
            "INVALID_REQUEST", "the links of this scenario never vary: there is nothing to predict"
        )
    found = []
    for region in dict.fromkeys(h.region for h in world.hosts.values()):
        peer = next(h for h in world.hosts.values() if h.region == region)
        if region != host.region:
            plain = world.plain_path(node, peer.name)
            made = world.weather.predictor(plain, host.region, region, world.now)
            found.append((region, made))
    return found


def _named(world: World, name: str) -> Migration:
    found = [m for m in world.migrations.values() if name in (m.id, m.vm)]
    return found[0] if found else migration_of(world, name)


def _transfer_row(m: Migration) -> dict[str, Any]:
    moving = not m.is_over and m.streams > 0
    rate = m.rate_mbps if moving else 0.0
    return {
        "migration": m.id,
        "vm": m.vm,
        "status": m.state,
        "source": m.source,
        "target": m.target,
        "streams": m.streams,
        "rate_mbps": round(rate, 1),
        "link_mbps": m.path.capacity_mbps,
        "link_share": round(rate / m.path.capacity_mbps, 3),
        "sent_gb": round(sum(r.wire for r in m.rounds) / 1e9, 3),
    }


def _set(world: World, node: str | None, name: str, value: Any) -> Result:
    targets: list[Host] = [host_named(world, node)] if node else world.of_role("worker")
    for host in targets:
        setattr(host, name, value)
    return [{"node": host.name, name: value} for host in targets]
