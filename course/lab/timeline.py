"""Time travel: a lab as it was at any moment, to look around in, or to go on differently from.

A moment is a scenario, a seed and a list of actions, so going back is doing the same again and
stopping earlier, even in the middle of a verb. What comes back is a whole lab: its state, its
logs, its paths, its machines. Nothing that is done there touches the lab it came from.
"""

from typing import Any

from course.dwcp.units import from_seconds
from course.lab import commands
from course.lab.journal import Lab


class _Reached(Exception):
    """The moment has come."""


def at(lab: Lab, seconds: float) -> Lab:
    """`lab` as it was `seconds` (virtual) after its beginning. Faults injected by hand are redone.

    Raises ValueError for a moment before the learner came or after now. One that a fault's end
    was called for by hand is not ended here.
    """
    moment = from_seconds(seconds)
    back = Lab(lab.scenario, lab.seed)
    if not back.world.now <= moment <= lab.world.now:
        span = f"{back.now_s:g} to {lab.now_s:g} s"
        raise ValueError(f"{seconds:g} s is not in this lab's time, which is {span}")
    if moment == back.world.now and not lab.journal():
        return back
    back.world.after(moment - back.world.now, _stop)
    try:
        _again(back, lab)
        back.world.run(moment - back.world.now + 1)
    except _Reached:
        pass
    return back


def events(lab: Lab, *names: str) -> list[dict[str, Any]]:
    """What happened, as rows: seconds, host, event, details; `names` select."""
    return [
        {"s": event.at / 1e6, "host": event.host, "event": event.name, "details": event.details}
        for event in lab.world.history
        if not names or event.name in names
    ]


def difference(before: Lab, after: Lab) -> list[dict[str, Any]]:
    """What two moments, or two ways on from one, differ in: node states, VMs, leader."""
    seen = [_picture(lab) for lab in (before, after)]
    keys = list(dict.fromkeys([*seen[0], *seen[1]]))
    rows = [{"what": key, "before": seen[0].get(key), "after": seen[1].get(key)} for key in keys]
    return [row for row in rows if row["before"] != row["after"]]


def _picture(lab: Lab) -> dict[str, Any]:
    """Looked at from outside of time: nothing is asked of the cluster, so nothing passes."""
    leader = lab.world.leader()
    found: dict[str, Any] = {"leader": leader.name if leader else None}
    for host in lab.world.hosts.values():
        found[f"{host.name} service"] = "active" if host.is_up else "inactive"
        for guest in host.guests.values():
            found[f"VM {guest.name}"] = f"{host.name}, {'running' if guest.running else 'paused'}"
    return found


def _again(back: Lab, lab: Lab) -> None:
    waiting = list(lab.experiments)
    for number, record in enumerate([*lab.journal(), None]):
        while waiting and waiting[0][0] == number:
            _, fault, arguments = waiting.pop(0)
            back.inject(fault, **arguments)
        if record is not None:
            try:
                back.do(record["verb"], **record["arguments"])
            except commands.CommandError:
                continue


def _stop() -> None:
    raise _Reached
