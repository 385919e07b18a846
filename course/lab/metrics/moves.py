"""Metrics of migrations, exported by the source, as it sees them.

Every end counts as completed: success and failed add up to it. A migration that a person cancels
ends with the code CANCELLED. Labels are bounded: three modes, four sizes, the codes of the API; the
one exception is the table metric of the last hour's durations.
"""

from collections.abc import Iterator
from statistics import fmean

from course.catalogue.errors import error_codes
from course.dwcp.units import GIB, HOUR, PAGE_SIZE, SECOND
from course.lab.metrics.declare import each_look, gauge, histogram, tally
from course.lab.metrics.monitor import Monitor
from course.lab.metrics.node import Node
from course.lab.migrations import Migration

SIZES = ((4, "2gb"), (16, "8gb"), (64, "32gb"))
WINDOW = 10 * SECOND  # over which a rate is a mean

ACCEPTED = tally("dwcp_migration_total", "Accepted migrations.", on="worker")
COMPLETED = tally(
    "dwcp_migration_completed_total",
    "Migrations that reached an end, good or bad.",
    labels=("mode",),
    on="worker",
)
SUCCESS = tally(
    "dwcp_migration_success_total", "Migrations that succeeded.", labels=("mode",), on="worker"
)
FAILED = tally(
    "dwcp_migration_failed_total",
    "Migrations that failed or were cancelled, by the API's code.",
    labels=("mode", "code"),
    on="worker",
)
DEFERRED = tally(
    "dwcp_migration_deferred_total",
    "Times that a migration was put off.",
    labels=("reason",),
    on="worker",
)
DURATION = histogram(
    "dwcp_migration_duration_seconds",
    "From the accepted request to the guest on its target, of those that succeeded.",
    (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 720, 900, 1800, 3600, 7200),
    labels=("vm_size", "mode", "source_region", "target_region"),
    on="worker",
)
DOWNTIME = histogram(
    "dwcp_migration_downtime_seconds",
    "For how long the guest stood still, of migrations that succeeded.",
    (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 40, 60, 120),
    labels=("vm_size", "mode"),
    on="worker",
)
ROUNDS = histogram(
    "dwcp_migration_rounds",
    "Rounds of pre-copy, of migrations that succeeded.",
    (1, 2, 3, 5, 8, 10, 12, 16, 20, 30),
    unit="rounds",
    labels=("vm_size",),
    on="worker",
)


def vm_size(memory: int) -> str:
    """The class of a VM with so many bytes of memory."""
    return next((name for gib, name in SIZES if memory <= gib * GIB), "other")


@each_look
def follow(monitor: Monitor, moment: int) -> None:
    """Count what began and what ended since the last look."""
    seen = monitor.notes.get("migrations", 0)
    began = monitor.world.every_migration[seen:]
    monitor.notes["migrations"] = seen + len(began)
    under_way: list[Migration] = [*monitor.notes.get("under way", ()), *began]
    for migration in began:
        ACCEPTED.add(monitor.nodes[migration.source])
    for node in monitor.nodes.values():
        node.notes["moving"] = []
    for migration in under_way:
        node = monitor.nodes[migration.source]
        _deferrals(node, migration)
        node.notes["moving"].append(migration)
        if migration.is_over:
            _ended(monitor, node, migration)
    monitor.notes["under way"] = [m for m in under_way if not m.is_over]


def _deferrals(node: Node, migration: Migration) -> None:
    """Each forecast but the last one led to another wait."""
    count = len(migration.forecasts) - (migration.state != "deferred")
    known = node.notes.get(("deferrals", migration.id), 0)
    if count > known:
        DEFERRED.add(node, "forecast", amount=count - known)
        node.notes["deferrals", migration.id] = count


def _ended(monitor: Monitor, node: Node, migration: Migration) -> None:
    mode, size = migration.path.mode.value, vm_size(migration.memory)
    ended, took = migration.ended or 0, ((migration.ended or 0) - migration.started) / SECOND
    COMPLETED.add(node, mode)
    node.notes.setdefault("ends", []).append((ended, migration, took))
    if migration.state != "completed":
        FAILED.add(node, mode, _code(migration))
        return
    SUCCESS.add(node, mode)
    regions = (monitor.nodes[name].host.region for name in (migration.source, migration.target))
    DURATION.observe(node, took, size, mode, *regions)
    DOWNTIME.observe(node, migration.downtime / SECOND, size, mode)
    ROUNDS.observe(node, len(migration.rounds), size)


def _code(migration: Migration) -> str:
    """The API's code in front of the error's text; text without one is an internal error."""
    if migration.state == "cancelled":
        return "CANCELLED"
    word = (migration.error or "").split(":")[0]
    return word if word in error_codes() or word == "MIGRATION_TIMEOUT" else "INTERNAL_ERROR"


def moving(node: Node) -> list[Migration]:
    """The migrations from this node that were under way at the last look."""
    return [m for m in node.notes.get("moving", ()) if not m.is_over]


def sending(node: Node) -> list[Migration]:
    """Those of them that have streams open."""
    return [m for m in moving(node) if m.state == "in_progress"]


def mbps(migrations: list[Migration], now: int) -> float:
    """What they put on the wire together, as a mean of the last 10 s."""
    return sum(m.wire_bytes(now - WINDOW, now) for m in migrations) * 8 / WINDOW


def by_mode(migrations: list[Migration]) -> Iterator[tuple[tuple[str, ...], list[Migration]]]:
    """Label values, and the migrations of that mode."""
    modes = dict.fromkeys(m.path.mode.value for m in migrations)
    return (((mode,), [m for m in migrations if m.path.mode.value == mode]) for mode in modes)


@gauge("dwcp_migration_active", "Migrations under way from this node.", on="worker")
def active(node: Node) -> float:
    return len(moving(node))


@gauge(
    "dwcp_migration_success_rate",
    "Share of the migrations that ended well, of those that ended in the last hour.",
    "ratio",
    on="worker",
)
def success_rate(node: Node) -> float | None:
    ends = _last_hour(node)
    return fmean(m.state == "completed" for _, m, _ in ends) if ends else None


@gauge(
    "dwcp_migration_bandwidth_mbps",
    "Mean of what a migration puts on the wire, over the last 10 s; absent while none does.",
    labels=("mode",),
    on="worker",
)
def bandwidth(node: Node) -> dict[tuple[str, ...], float]:
    groups = by_mode(sending(node))
    return {mode: mbps(group, node.now) / len(group) for mode, group in groups}


@gauge(
    "dwcp_migration_remaining_bytes",
    "Guest memory that is dirty, so still to be sent; absent while no memory moves.",
    "bytes",
    on="worker",
)
def remaining(node: Node) -> float | None:
    guests = node.host.guests
    dirty = [
        len(guests[m.vm].memory.dirty) * PAGE_SIZE * m.scale
        for m in sending(node)
        if m.vm in guests
    ]
    return sum(dirty) if dirty else None


@gauge(
    "dwcp_migration_last_duration_seconds",
    "Durations of the last hour's migrations; for a table, do not aggregate over it.",
    "seconds",
    ("vm", "migration"),
    on="worker",
)
def last_durations(node: Node) -> dict[tuple[str, ...], float]:
    return {(m.vm, m.id): took for _, m, took in _last_hour(node) if m.state == "completed"}


def _last_hour(node: Node) -> list[tuple[int, Migration, float]]:
    ends = [end for end in node.notes.get("ends", ()) if end[0] > node.now - HOUR]
    node.notes["ends"] = ends
    return ends
