"""Signals of the control plane: consensus (T05), elections (T06), its loss (T13, T33)."""

from course.dwcp.consensus import majority
from course.dwcp.units import HOUR, MINUTE, MS, SECOND
from course.lab.cluster import Event, raft_of
from course.lab.commands import CommandError
from course.lab.hosts import EPOCH, Host
from course.lab.signals.cluster import controllers_majority
from course.lab.signals.looking import Case, signal

ELECTIONS_MAX = 5
OBSERVED_MIN = 10 * MINUTE
"""Elections are counted an hour from this much of observation on; less says nothing."""
CLOCK_MAX_MS = 500
PROBES = 5
DECIDES_S = 30
"""Within this time voters that work have decided something."""


def controllers_of(case: Case) -> list[Host]:
    """All controllers."""
    return case.world.of_role("controller")


def answers(case: Case, host: Host) -> bool:
    """Does the machine itself answer, whatever runs on it?"""
    return bool(case.lab.host.top(host=host.name)["answers"])


@signal()
def committed_last_minute(case: Case) -> bool:
    """Are probes committed, and do voters, where there are any, go on to decide?

    `cluster health` proposes probes, since an idle cluster commits nothing; voters are asked by
    their gateway.
    """
    if _probed(case)[0] == 0:
        return False
    if case.world.voting is None:
        return True
    before = case.lab.consensus.status()["decided"]
    case.lab.run(DECIDES_S)
    return bool(case.lab.consensus.status()["decided"] > before)


@signal()
def consensus_latency_s(case: Case) -> float | None:
    """The mean of the five probes of `cluster health`, s; None: not all were decided."""
    decided, took = _probed(case)
    return took / PROBES / SECOND if decided >= PROBES else None


def _probed(case: Case) -> tuple[int, int]:
    """Entries that `cluster health` got committed, and the us that it took."""
    before, began = _committed(case), case.world.now
    case.lab.cluster.health()
    return _committed(case) - before, case.world.now - began


def _committed(case: Case) -> int:
    members = [raft for host in controllers_of(case) if (raft := raft_of(host))]
    return max((raft.commit_index for raft in members), default=0)


def _elections(case: Case) -> list[Event]:
    """Elections won in the last hour, without the first of the cluster's life."""
    won = [event for event in case.world.history if event.name == "leader_elected"]
    return [event for event in won[1:] if event.at > case.world.now - HOUR]


@signal()
def elections_last_hour(case: Case) -> float:
    """Elections in the last hour; of a younger cluster, as many as an hour would have."""
    observed = min(HOUR, case.world.now)
    if observed < OBSERVED_MIN:
        return 0.0
    return round(len(_elections(case)) * HOUR / observed, 1)


@signal()
def changes_of_leader(case: Case) -> str:
    """Are there more than 5 elections an hour? The lab counts no view changes here."""
    return "elections" if elections_last_hour(case) > ELECTIONS_MAX else "neither"


@signal()
def voters_enough(case: Case) -> bool:
    """Are 2f + 1 voters there? True where no worker votes."""
    if case.world.voting is None:
        return True
    found = case.lab.consensus.pbft_status()
    return bool(found["present"] >= found["required"])


@signal()
def partitioned(case: Case) -> bool:
    """Are there groups of nodes that hear only themselves?"""
    return bool(case.lab.network.partition_detect()["partitioned"])


@signal()
def controller_rtt_or_jitter_ms(case: Case) -> float | None:
    """The longest round trip between controllers, ms; the lab's jitter is a tenth of it."""
    names = [host.name for host in controllers_of(case)]
    rows = case.lab.network.latency(nodes=names)
    found = [row[b] for row in rows for b in names if b != row["node"] and row[b] is not None]
    return max(found, default=None)


@signal()
def controller_movable(case: Case) -> bool:
    """A host of the lab stays in its region."""
    return False


@signal()
def leader_cpu(case: Case) -> float:
    """The largest share of CPU that others take on a controller that led in the last hour."""
    led = {event.host for event in case.world.history if event.name == "leader_elected"}
    return max((case.lab.host.top(host=name)["cpu_others"] for name in sorted(led)), default=0.0)


@signal()
def disk_write_ms(case: Case) -> float:
    """The slowest durable write of a controller, ms."""
    return float(max(host.disk_write / MS for host in controllers_of(case)))


@signal()
def one_node_starts_all(case: Case) -> bool | None:
    """Did one node win each election of the last hour? None: there was none."""
    won = _elections(case)
    return len({event.host for event in won}) == 1 if won else None


@signal()
def controller_hosts_answering(case: Case) -> str:
    """all, some or none of the controllers' machines."""
    found = [answers(case, host) for host in controllers_of(case)]
    return "all" if all(found) else "some" if any(found) else "none"


@signal()
def common_cause(case: Case) -> str:
    """What all controllers that answer and do not serve have in common: yes, no, or release."""
    down = [host for host in controllers_of(case) if host.powered and not host.is_up]
    if down and all(_ailing(case, host) for host in down):
        return "yes"
    installed = {event.host for event in case.world.history if event.name == "version_installed"}
    return "release" if down and all(_fell_over(case, h, installed) for h in down) else "no"


def _ailing(case: Case, host: Host) -> bool:
    """A full disk, a clock that is off, or a certificate that is not accepted."""
    wall = EPOCH + case.world.now
    refused = host.certificate is None or host.certificate.objection(host.name, wall) is not None
    return host.disk_full or refused or abs(host.offset) > CLOCK_MAX_MS * MS


def _fell_over(case: Case, host: Host, installed: set[str]) -> bool:
    crashes = [e for e in case.world.history if e.name == "service_crashed" and e.host == host.name]
    return host.name in installed and bool(crashes)


@signal()
def data_copied(case: Case) -> bool:
    """Is there a backup, a snapshot or an export?"""
    return bool(case.lab.backup.list())


@signal()
def majority_after_restart(case: Case) -> bool:
    """Do enough controllers agree on a leader now?"""
    found = case.lab.consensus.quorum_status()
    led = case.lab.cluster.status()["leader"] is not None
    return led and found["present"] >= found["required"]


@signal()
def majority_from_disks(case: Case) -> bool:
    """Have enough controllers that answer still a copy of the state on their disk?"""
    return len(_copies(case)) >= majority(len(controllers_of(case)))


@signal()
def best_copy_and_export(case: Case) -> bool:
    """Is there a copy to compare, and an export, snapshot or backup beside it?"""
    return bool(_copies(case)) and data_copied(case)


def _copies(case: Case) -> list[Host]:
    return [h for h in controllers_of(case) if h.saved is not None and answers(case, h)]


@signal()
def voters_trusted(case: Case) -> bool:
    """Do only controllers vote? They are under one administration; PBFT voters need not be."""
    return case.world.voting is None


@signal()
def voter_rtt_ms(case: Case) -> float | None:
    """The longest round trip between controllers, ms."""
    return controller_rtt_or_jitter_ms(case)


@signal()
def incident_or_rollout(case: Case) -> bool:
    """Is there a partition, no majority, or more than one version at work?"""
    try:
        versions = case.lab.upgrade.status()["versions"]
    except CommandError:
        return True
    return not controllers_majority(case) or len(versions) > 1 or partitioned(case)
