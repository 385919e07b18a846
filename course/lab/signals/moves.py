"""Signals of one migration: why it failed (T02) or is slow (T03), why the guest stood (T04)."""

from itertools import pairwise

from course.dwcp.placement import Vm
from course.dwcp.units import GIB, SECOND, seconds
from course.lab.commands.lookups import candidates, migration_of
from course.lab.hosts import Guest, Host
from course.lab.migrations import Migration, data_ports
from course.lab.signals.looking import Case, signal

EXPECTED = ((0, 0), (2, 90), (8, 360), (32, 1_800))
"""(GB, s): the upper ends of the published bands across the internet; between them, a line."""
STAGES = {"placement": "placement", "prediction": "prediction", "consensus": "consensus",
          "reservation": "transfer", "transfer": "transfer"}  # fmt: skip
ENDINGS = {"TIMEOUT": "timeout", "agreed": "approval"}
"""Part of a migration's error -> how it ended."""


def migration_in(case: Case) -> Migration:
    """The latest migration of the VM; raises CommandError if there was none."""
    return migration_of(case.world, case.vm or "")


def ends_of(case: Case) -> tuple[Host, Host]:
    """Its source and its target."""
    migration = migration_in(case)
    return case.world.hosts[migration.source], case.world.hosts[migration.target]


@signal("vm")
def error(case: Case) -> str | None:
    """What it says of its end."""
    return migration_in(case).error


@signal("vm")
def open_stage(case: Case) -> str | None:
    """The last stage that was opened; None: none that the tree knows."""
    stages = migration_in(case).stages
    return STAGES.get(stages[-1]["name"]) if stages else None


@signal("vm")
def bytes_reached_target(case: Case) -> bool:
    """Did it come to the transfer of memory?"""
    return any(stage["name"] == "transfer" for stage in migration_in(case).stages)


@signal("vm")
def data_ports_open(case: Case) -> int:
    """Data ports of the target that the source can connect to, of 16."""
    migration = migration_in(case)
    return len(data_ports(case.world, migration.source, migration.target))


@signal("vm")
def target_accepts(case: Case) -> bool:
    """Is the target one of those that placement would give the VM?"""
    guest = _guest(case)
    able = candidates(case.world, Vm(guest.name, guest.cpus, guest.memory_gb))
    return migration_in(case).target in able


@signal("vm")
def ended_by(case: Case) -> str | None:
    """timeout, integrity, approval or downtime; None: something else, or it succeeded."""
    migration = migration_in(case)
    if migration.hashes_equal is False:
        return "integrity"
    for part, ending in ENDINGS.items():
        if part in (migration.error or ""):
            return ending
    return "downtime" if migration.downtime > _guest(case).max_downtime else None


@signal("vm")
def same_dictionary_and_version(case: Case) -> bool:
    """Have source and target one version? The lab's encoder uses no trained dictionary."""
    source, target = ends_of(case)
    return source.version == target.version


@signal("vm")
def one_node_in_all_failures(case: Case) -> bool:
    """Is one node part of every migration that failed by its hash, of two or more?"""
    pairs = [
        {m.source, m.target}
        for m in case.world.every_migration
        if m.state == "failed" and m.hashes_equal is False
    ]
    return len(pairs) > 1 and bool(set.intersection(*pairs))


@signal("vm")
def expected_s(case: Case) -> float:
    """What a VM of this size takes at most when all is well, s."""
    size = migration_in(case).memory / GIB
    for (low, low_s), (high, high_s) in pairwise(EXPECTED):
        if size <= high:
            return low_s + (high_s - low_s) * (size - low) / (high - low)
    return EXPECTED[-1][1] * size / EXPECTED[-1][0]


@signal("vm")
def limit_s(case: Case) -> float:
    """The limit of its next attempt, s."""
    return seconds(_guest(case).limit)


@signal("vm")
def limit_too_short(case: Case) -> bool:
    """Is the limit less than twice what is expected?"""
    return limit_s(case) < 2 * expected_s(case)


@signal("vm")
def throughput_mbps(case: Case) -> float:
    """Bytes on the wire in its first round; of a small test on the same path if it has none."""
    migration = migration_in(case)
    if not migration.rounds:
        migration = tested(case, migration.source, migration.target)
    if not migration.rounds:
        return 0.0
    first = migration.rounds[0]
    return round(first.wire * 8 / (first.took / SECOND) / 1e6, 2)


def tested(case: Case, source: str, target: str, streams: int | None = None) -> Migration:
    """A small test migration, with `streams` if they are given."""
    before = case.world.hosts[source].streams
    case.lab.amst.set_streams(count=streams or before, node=source)
    case.lab.migration.test(source=source, target=target)
    case.lab.amst.set_streams(count=before, node=source)
    return case.world.migrations[f"test-{source}-{target}"]


@signal("vm")
def wire_reduction(case: Case) -> float:
    """What encoding saved in all, 0 to 1."""
    return migration_in(case).wire_reduction


@signal("vm")
def memory_gb(case: Case) -> float:
    """The VM's memory, GB."""
    return migration_in(case).memory / GIB


@signal("vm")
def downtime_s(case: Case) -> float:
    """How long the guest stood still, s."""
    return seconds(migration_in(case).downtime)


@signal("vm")
def pre_copy_rounds(case: Case) -> int:
    """Rounds while the guest ran; 0 if it was stopped first."""
    stopped_first = _guest(case).strategy == "stop-and-copy"
    return 0 if stopped_first else len(migration_in(case).rounds)


@signal("vm")
def compression_ratio(case: Case) -> float:
    """What the compressor removed, 0 to 1."""
    return migration_in(case).compression_ratio


@signal("vm")
def target_busiest(case: Case) -> float:
    """The larger share of the target that is taken, of CPU by others and of memory."""
    target = ends_of(case)[1]
    top = case.lab.host.top(host=target.name)
    return max(top["cpu_others"], 1 - top["free_gb"] / top["memory_gb"])


@signal("vm")
def jump_in_last_round(case: Case) -> bool:
    """Is the path now congested, as `network congestion-detect` judges it?"""
    source, target = ends_of(case)
    rows = case.lab.network.congestion_detect(node=source.name)
    return any(row["congested"] for row in rows if row["region"] == target.region)


def _guest(case: Case) -> Guest:
    source, target = ends_of(case)
    name = case.vm or ""
    return source.guests.get(name) or target.guests[name]
