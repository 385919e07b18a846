"""What workers tell each other (ASS): status, fanout, and writes that were lost."""

from course.lab.cluster import World
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.gossip import WORKERS_MAX, Gossip

FANOUT_MAX = 64


@verb("gossip status", kind="R")
def gossip_status(world: World, node: str | None = None) -> Result:
    """Of each worker, or one: peers, messages since its start, keys, lag in s, of whom.

    The lag is about every member: who is gone for good makes it grow until it is removed.
    """
    gossip = gossip_of(world)
    names = [host.name for host in gossip.workers]
    if node is not None and node not in names:
        raise CommandError("INVALID_REQUEST", f"{node} is no worker; there are {', '.join(names)}")
    rows = [gossip.row(host) for host in gossip.workers if node in (None, host.name)]
    return {"fanout": gossip.mesh.fanout, "rounds": gossip.mesh.rounds, "nodes": rows}


@verb("gossip set-fanout")
def gossip_set_fanout(world: World, fanout: int) -> Result:
    """How many peers each worker tells in a round. Below 3 news may take long, or not arrive."""
    if not isinstance(fanout, int) or not 1 <= fanout <= FANOUT_MAX:
        raise CommandError("INVALID_REQUEST", f"fanout is {fanout}; give 1 to {FANOUT_MAX}")
    gossip = gossip_of(world)
    before, gossip.mesh.fanout = gossip.mesh.fanout, fanout
    return {"fanout": fanout, "before": before}


@verb("state-sync conflicts", kind="R")
def state_sync_conflicts(world: World) -> Result:
    """Writes that were lost to one whose writer had not seen them, by the node that lost them."""
    rows = [gossip_of(world).row(host) for host in gossip_of(world).workers]
    counts = {row["node"]: row["conflicts"] for row in rows if row["conflicts"]}
    return {"conflicts": sum(counts.values()), "nodes": counts}


def gossip_of(world: World) -> Gossip:
    """The workers' gossip; raises CommandError where there is none."""
    if world.gossip is None:
        raise CommandError(
            "INVALID_REQUEST", f"gossip is followed among 1 to {WORKERS_MAX} workers"
        )
    return world.gossip
