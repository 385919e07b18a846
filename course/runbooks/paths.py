"""Steps about what all moves share: disks of the log, timers, processors, settings, paths.

One thing is changed at a time, the old value is the way back (T03, T06, T15 to T17). What is
looked at is the path that was asked about, that of the VM's latest move, or one of each kind.
Before: `guests`. Next to read: `moves`.
"""

from collections import Counter
from math import ceil

from course.runbooks.looks import (
    Row,
    answers,
    failing,
    hosts,
    leader,
    middle,
    move,
    paths,
    settings,
    speed_mbps,
)
from course.runbooks.running import Act, Case, Plan, act, step

SLOW_WRITE_MS = 50
ELECTIONS_MAX, ROUND_TRIPS = 5, 10
BUSY, FREE = 0.90, 0.80
DRIFT = 0.20
"""Fewer nodes than this share differ from the rest by mistake; more, by intention."""
LOSSY = 0.005
NEAR_FULL, ROOM = 0.875, 1.3
"""Of the reorder buffer: what is under way comes near it; how much larger it is made."""
LEVELS = ((27, 19), (160, 9), (600, 5), (1_600, 3))
"""T17: below so many Mbps, that level."""
DEFAULT_LEVEL = 5


@step
def symptom(case: Case) -> Plan | str:
    """What is slow, by the figures of the latest move, or of the cluster."""
    latest = move(case)
    if latest:
        return (
            f"{latest['vm']}: {latest['status']}, {latest['duration_s']} s, {latest['rate_mbps']} "
            f"Mbps, wire reduction {latest['wire_reduction']}. {latest['error'] or ''}".strip()
        )
    open_checks = failing(case)
    return "; ".join(open_checks) if open_checks else "No VM was named, and cluster health passes."


@step
def slow_disk(case: Case) -> Plan | str:
    """A durable write takes longer than 50 ms, and a decision waits for those of a majority."""
    rows = [row["host"] for row in hosts(case, "controller")]
    tops = {name: case.look("host top", host=name) for name in rows}
    slow = [name for name, top in tops.items() if top["disk_write_ms"] > SLOW_WRITE_MS]
    fast = [name for name in rows if name not in slow]
    if not slow:
        return f"Every controller writes within {SLOW_WRITE_MS} ms."
    first = leader(case)
    if len(fast) > len(rows) // 2:
        return _led_elsewhere(first, slow, fast)
    found = f"Durable writes of {', '.join(slow)} are slow, and they are no minority."
    return Plan(found, tuple(act("host stop-job", host=name) for name in slow), _slow_commits, 90)


def _led_elsewhere(first: str | None, slow: list[str], fast: list[str]) -> Plan | str:
    """A slow minority holds nobody up, unless one of it leads."""
    if first not in slow:
        return (
            f"{', '.join(slow)} writes slowly and does not lead: a majority does not wait for it."
        )
    acts = (act("consensus failover", target=fast[0]),)
    back = (act("consensus failover", target=first),)
    return Plan(f"{first} leads, and its disk is slow.", acts, _slow_commits, 60, back)


def _slow_commits(case: Case) -> str:
    left = [row for row in failing(case) if row.startswith(("consensus", "controllers"))]
    return "; ".join(left)


@step
def short_timers(case: Case) -> Plan | str:
    """Elections follow one another because the timers are short for the way between controllers."""
    won = case.look("events list", duration=3_600, type="leader_elected")
    rows = [row["host"] for row in hosts(case, "controller")]
    if len(won) <= ELECTIONS_MAX:
        return f"{len(won)} elections in the last hour."
    rtt = max((row[b] or 0 for row in case.look("network latency", nodes=rows)
               for b in rows if b != row["node"]), default=0)  # fmt: skip
    if rtt <= SLOW_WRITE_MS:
        return f"{len(won)} elections, and the longest round trip is {rtt:g} ms. Tree T06."
    election = ceil(ROUND_TRIPS * rtt / 100) * 100
    return Plan(
        f"{len(won)} elections in the last hour at a round trip of {rtt:g} ms.",
        (act("raft set-timeout", election=election, heartbeat=election // 5),
         act("clock run", seconds=600)),
        _elections, 90, (act("raft set-timeout", election=300, heartbeat=100),),
    )  # fmt: skip


def _elections(case: Case) -> str:
    won = case.look("events list", duration=600, type="leader_elected")
    return f"{len(won)} elections in the last 600 s" if won else ""


@step
def busy_source(case: Case) -> Plan | str:
    """Something else takes the processors of a node from which VMs move."""
    names = [case.about[key] for key in ("node", "source") if key in case.about]
    held = case.look("vm inspect", vm=case.about["vm"]) if "vm" in case.about else None
    names += [held["node"]] if held else []
    busy = [n for n in names if answers(case, n) and _others(case, n) > BUSY]
    if not busy:
        return f"Not busy with something else: {', '.join(names) or 'no node or VM was named'}."
    acts = tuple(act("host stop-job", host=name) for name in busy)
    found = f"Something else takes the processors of {', '.join(busy)}."
    return Plan(found, acts, lambda c: _busy(c, busy))


def _others(case: Case, name: str) -> float:
    return float(case.look("host top", host=name)["cpu_others"])


def _busy(case: Case, names: list[str]) -> str:
    left = [name for name in names if _others(case, name) > FREE]
    return f"{', '.join(left)} is still busy" if left else ""


KNOBS = {
    "streams": ("amst set-streams", "count"),
    "congestion_control": ("amst set-cc", "algorithm"),
    "level": ("hde set-compression", "level"),
}
"""Setting -> the verb that sets it, and its argument."""


@step
def drifted_settings(case: Case) -> Plan | str:
    """A node differs from the fleet in a setting that somebody changed by hand."""
    rows = settings(case)
    acts, back, told = list[Act](), list[Act](), list[str]()
    for key, (verb, word) in KNOBS.items():
        usual, count = Counter(row[key] for row in rows).most_common(1)[0]
        odd = [row for row in rows if row[key] != usual]
        if odd and len(rows) - count < DRIFT * len(rows):
            acts += [act(verb, node=row["host"], **{word: usual}) for row in odd]
            back += [act(verb, node=row["host"], **{word: row[key]}) for row in odd]
            told += [f"{row['host']} {key} {row[key]}, not {usual}" for row in odd]
    if not acts:
        return f"No single node of {len(rows)} differs from the rest."
    return Plan(f"{'; '.join(told)}.", tuple(acts), _drifted, 30, tuple(back))


def _drifted(case: Case) -> str:
    rows = settings(case)
    odd = [key for key in KNOBS if len({row[key] for row in rows}) > 1]
    return f"nodes still differ in {', '.join(odd)}" if odd else ""


@step
def lossy_path(case: Case) -> Plan | str:
    """CUBIC takes every lost packet for congestion; where packets are lost, BBR does not."""
    cubic = [row["host"] for row in settings(case) if row["congestion_control"] == "cubic"]
    if not cubic:
        return "No node uses CUBIC."
    tests = [case.look("network test", source=a, target=b) for a, b in paths(case)]
    loss = max((found["loss"] for found in tests if found), default=0.0)
    if loss < LOSSY:
        return f"CUBIC on {len(cubic)} nodes, and no path loses {LOSSY:.1%}: it does no harm."
    acts = tuple(act("amst set-cc", algorithm="bbr2", node=name) for name in cubic)
    back = tuple(act("amst set-cc", algorithm="cubic", node=name) for name in cubic)
    return Plan(f"CUBIC on a path that loses {loss:.1%}.", acts, _cubic, 30, back)


def _cubic(case: Case) -> str:
    left = [row["host"] for row in settings(case) if row["congestion_control"] == "cubic"]
    return f"{', '.join(left)} still uses CUBIC" if left else ""


@step
def small_packets(case: Case) -> Plan | str:
    """Packets as large as the node sends do not pass: streams stand, nothing arrives."""
    large = []
    for source, target in paths(case):
        found = case.look("network test", source=source, target=target)
        mtu = case.look("host settings", host=source)["mtu"]
        if found and found["mtu"] < mtu:
            large.append((source, mtu, found["mtu"]))
    if not large:
        return "Every path that was looked at passes the packets that its source sends."
    acts = tuple(act("host set-mtu", host=name, mtu=new) for name, _, new in large)
    back = tuple(act("host set-mtu", host=name, mtu=old) for name, old, _ in large)
    told = ", ".join(f"{name} sends {old} bytes, {new} pass" for name, old, new in large)
    return Plan(
        f"{told}.", acts, lambda c: _not_set(c, "mtu", {n: new for n, _, new in large}), 0, back
    )


@step
def small_buffer(case: Case) -> Plan | str:
    """More is under way on the path than the reorder buffer holds."""
    wanted: dict[str, tuple[int, int]] = {}
    for source, target in paths(case):
        found = case.look("network test", source=source, target=target)
        under_way_mb = found["capacity_mbps"] / 8 * found["rtt_ms"] / 1_000 if found else 0
        for name in (source, target):
            held = case.look("host settings", host=name)["buffer_mb"]
            if under_way_mb > NEAR_FULL * held:
                wanted[name] = (held, ceil(under_way_mb * ROOM))
    if not wanted:
        return "What is under way on each path fits in the reorder buffer."
    acts = tuple(act("host set-buffer", host=name, mb=new) for name, (_, new) in wanted.items())
    back = tuple(act("host set-buffer", host=name, mb=old) for name, (old, _) in wanted.items())
    told = ", ".join(f"{name} has {old} MB, needs {new}" for name, (old, new) in wanted.items())
    new = {name: mb for name, (_, mb) in wanted.items()}
    found = f"The buffer is smaller than what is under way: {told}."
    return Plan(found, acts, lambda c: _not_set(c, "buffer_mb", new), 0, back)


def _not_set(case: Case, key: str, wanted: dict[str, int]) -> str:
    """Settings are read back."""
    rows = {name: case.look("host settings", host=name)[key] for name in wanted}
    left = [f"{name} {key} is {rows[name]}" for name in wanted if rows[name] != wanted[name]]
    return ", ".join(left)


@step
def high_level(case: Case) -> Plan | str:
    """A level of compression that the path is too fast for: the encoder is what one waits for."""
    high = [row for row in settings(case) if row["level"] > DEFAULT_LEVEL]
    if not high:
        return f"No node compresses at more than level {DEFAULT_LEVEL}."
    slowest = min(speed_mbps(case, a, b) for a, b in paths(case))
    fits = next((level for below, level in LEVELS if slowest < below), 1)
    wrong = [row for row in high if row["level"] > fits]
    if not wrong:
        return f"The slowest path carries {slowest:g} Mbps, for which the level is right (T17)."
    acts = tuple(act("hde set-compression", level=fits, node=row["host"]) for row in wrong)
    back = tuple(act("hde set-compression", level=r["level"], node=r["host"]) for r in wrong)
    found = f"Level {wrong[0]['level']} on {len(wrong)} nodes, and the slowest path carries "
    return Plan(f"{found}{slowest:g} Mbps.", acts, lambda c: _above(c, fits), 30, back)


def _above(case: Case, level: int) -> str:
    left = [row["host"] for row in settings(case) if row["level"] > level]
    return f"{', '.join(left)} is above level {level}" if left else ""


@step
def cold_store(case: Case) -> Plan | str:
    """A node's deduplication store is empty beside the others': pages travel that need not."""
    rows = settings(case)
    usual = middle([row["store_blocks"] for row in rows])
    cold = [row["host"] for row in rows if row["store_blocks"] < usual / 2]
    if not cold:
        return "Every store holds what the others hold."
    acts = tuple(act("host load-images", host=name) for name in cold)
    found = f"The store is cold on {', '.join(cold)}."
    return Plan(found, acts, lambda c: _cold(c, cold, usual), 30)


def _cold(case: Case, names: list[str], usual: float) -> str:
    rows: list[Row] = [case.look("host settings", host=name) for name in names]
    left = [row["host"] for row in rows if row["store_blocks"] < usual / 2]
    return f"the store of {', '.join(left)} is still cold" if left else ""
