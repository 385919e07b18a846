"""Signals of placing a VM that runs already and has to go elsewhere (T19)."""

from course.dwcp.placement import Vm
from course.lab.commands import CommandError
from course.lab.commands.lookups import candidates, host_with
from course.lab.hosts import Host
from course.lab.signals.looking import Case, signal
from course.lab.signals.spread import workers_of


@signal("vm")
def nodes_meeting_hard_needs(case: Case) -> int:
    """Workers besides its own that may take the VM as they are."""
    host = host_with(case.world, case.vm or "")
    guest = host.guests[case.vm or ""]
    try:
        able = candidates(case.world, Vm(guest.name, guest.cpus, guest.memory_gb))
    except CommandError as error:
        if error.code != "NO_FEASIBLE_NODE":
            raise
        return 0
    return sum(name != host.name for name in able)


@signal("vm")
def fits_if_defragmented(case: Case) -> bool:
    """Are its processors and its memory free on the ready workers in all, though not on one?"""
    host = host_with(case.world, case.vm or "")
    guest = host.guests[case.vm or ""]
    ready = {row["node"] for row in case.lab.node.list(status="ready")}
    others = [h for h in workers_of(case) if h is not host and h.name in ready]
    free_gb = sum(other.free_gb for other in others)
    return guest.cpus <= sum(map(_free_cpus, others)) and guest.memory_gb <= free_gb


def _free_cpus(host: Host) -> int:
    return host.cpus - sum(guest.cpus for guest in host.guests.values())
