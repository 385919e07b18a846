"""Where to look next while a cluster is brought up."""

from course.lab.journal import Lab
from course.lab.signals.nodes import OFFSET_MAX_MS


def advice(lab: Lab) -> str:
    """Where to look next: the first thing that is not right yet.

    It names the command whose output shows the cause, and not the cause.
    """
    controllers = [row for row in lab.node.list() if row["role"] == "controller"]
    down = [row["node"] for row in controllers if row["status"] == "down"]
    if down:
        return f"No service is active on {', '.join(down)}: start it (server start)."
    if lab.cluster.status()["leader"] is None:
        return "Nobody leads. Bootstrap, and read whom each controller cannot reach, and why."
    if any(row["status"] != "ready" for row in controllers):
        return "A controller does not follow the leader: compare the configuration files."
    waiting = [row for row in lab.node.list() if row["status"] != "ready"]
    if waiting:
        first = waiting[0]
        return f"{first['node']} is {first['status']}: {first['reason'] or 'has it been started?'}"
    if any(abs(row["clock_offset_ms"]) >= OFFSET_MAX_MS for row in lab.host.list()):
        return "All nodes are ready, and yet a clock is off: host list."
    if not lab.cluster.health()["healthy"]:
        return "All nodes are ready, and yet a check fails: cluster health says which."
    return "Nothing is left to do here: hand in the journal."
