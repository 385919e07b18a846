"""Signals of a path between two nodes: what it carries, and what limits it (T03, T15-T17).

The path is the case's source and target, or that of its VM's latest migration.
"""

import numpy as np

from course.dwcp.encoding.zstd import compression_ratio, compressor
from course.dwcp.units import PAGE_SIZE
from course.lab.commands.lookups import host_with
from course.lab.links import Path, rate_mbps
from course.lab.signals.looking import Case, signal
from course.lab.signals.moves import migration_in, tested

EQUAL = 0.9
"""A transfer as fast as this share of the speed test is as fast as the path."""
SPEEDTEST_S = 10
LOSS_MAX = 0.05
SAMPLE_PAGES = 64 * 1024 * 1024 // PAGE_SIZE


def ends(case: Case) -> tuple[str, str]:
    """Source and target; raises CommandError if neither they nor a moved VM are given."""
    if case.source and case.target:
        return case.source, case.target
    migration = migration_in(case)
    return migration.source, migration.target


def _path(case: Case) -> Path:
    return case.world.path(*ends(case))


@signal()
def loss(case: Case) -> float:
    """Share of packets that the path loses."""
    source, target = ends(case)
    return float(case.lab.network.test(source=source, target=target)["loss"])


@signal()
def rtt_ms(case: Case) -> float:
    """The path's round trip, ms."""
    return _path(case).rtt_ms


@signal()
def speedtest_mbps(case: Case) -> float:
    """What the path carries by many connections at once, Mbps."""
    source, target = ends(case)
    found = case.lab.network.speedtest(source=source, target=target, duration=SPEEDTEST_S)
    return float(found["mbps"])


@signal()
def usable_mbps(case: Case) -> float:
    """What a transfer may get of it, Mbps."""
    return speedtest_mbps(case)


@signal()
def gain_of_doubling(case: Case) -> float | None:
    """How many times the rate of 4 streams a small test migration has with 8."""
    source, target = ends(case)
    with_4, with_8 = (tested(case, source, target, streams).rate_mbps for streams in (4, 8))
    return round(with_8 / with_4, 2) if with_4 else None


@signal()
def loss_with_8(case: Case) -> float:
    """The path's loss; in the lab streams do not add to it."""
    return _path(case).loss


@signal()
def speedtest_equals_transfer(case: Case) -> bool:
    """Does a test migration get at least 90 % of what the speed test finds?"""
    return tested(case, *ends(case)).rate_mbps >= EQUAL * speedtest_mbps(case)


@signal()
def cpu_busiest(case: Case) -> float:
    """The larger share of CPU that others take, of source and target."""
    return max(float(case.lab.host.top(host=name)["cpu_others"]) for name in ends(case))


@signal()
def cpu_free_source(case: Case) -> float:
    """The share of the source's CPU that nobody else takes."""
    return 1 - float(case.lab.host.top(host=ends(case)[0])["cpu_others"])


@signal()
def in_flight_mb(case: Case) -> float:
    """Rate times round trip, MB: what the reorder buffer must hold."""
    source = case.world.hosts[ends(case)[0]]
    path = _path(case)
    rate = rate_mbps(path, source.streams, source.congestion_control)
    return round(rate * 1e6 / 8 * path.rtt_ms / 1e3 / 1e6, 2)


@signal()
def lossy_or_congested(case: Case) -> bool:
    """Does it lose more than 5 %, or take twice its least round trip, as a full queue does?"""
    path, least = _path(case), case.world.plain_path(*ends(case))
    return path.loss > LOSS_MAX or path.rtt_ms >= 2 * least.rtt_ms


@signal("vm")
def sample_ratio(case: Case) -> float:
    """What level 1 removes of up to 64 MB of the VM's memory, without its empty pages."""
    memory = host_with(case.world, case.vm or "").guests[case.vm or ""].memory
    pages = np.frombuffer(memory.image, np.uint8).reshape(-1, PAGE_SIZE)[:SAMPLE_PAGES]
    sample = pages[pages.any(axis=1)].tobytes()
    return compression_ratio(len(sample), len(compressor(1).compress(sample)))
