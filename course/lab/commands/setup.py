"""A cluster as a scenario begins with it: hosts prepared, or deployed and up."""

from course.dwcp.units import MINUTE, SECOND
from course.lab import memory
from course.lab.cluster import World
from course.lab.commands.machines import CLUSTER_ID, server_init
from course.lab.commands.nodes import cluster_bootstrap, node_join


def prepare(world: World) -> None:
    """Configuration files and certificates are in place, nothing runs."""
    world.run(MINUTE)  # the hosts have been up for a while when the certificates are issued
    for host in world.hosts.values():
        server_init(world, host.name)
        world.certify(host)
        if host.role == "worker":
            host.store = memory.os_blocks()


def deploy(world: World) -> None:
    """A cluster that is up: all the steps that day 1 teaches, done right."""
    prepare(world)
    for host in world.hosts.values():
        world.start(host)
    world.run(SECOND)
    controllers = [host.name for host in world.of_role("controller")]
    cluster_bootstrap(world, CLUSTER_ID, controllers)
    for host in world.of_role("worker"):
        node_join(world, host.name, controllers[0])
    world.run(30 * SECOND)
