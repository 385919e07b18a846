"""What one does on the machines themselves: clocks, firewalls, configuration files, services."""

from course.dwcp.node import Config
from course.dwcp.units import MS, SECOND
from course.lab.cluster import World
from course.lab.commands.lookups import configured, host_named
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import DISK_WRITE, EPOCH

CLUSTER_ID = "lab"


@verb("clock run")
def clock_run(world: World, seconds: float) -> None:
    """Let virtual time pass, at most a day at once."""
    if not 0 < seconds <= 86_400:
        raise CommandError("INVALID_REQUEST", f"seconds is {seconds}; give 0 to 86,400")
    world.run(round(seconds * SECOND))


@verb("host list", kind="R")
def host_list(world: World) -> Result:
    """Every host with its size, its clock against true time, and whether DWCP runs on it."""
    return [
        {
            "host": host.name,
            "role": host.role,
            "region": host.region,
            "cpus": host.cpus,
            "memory_gb": host.memory_gb,
            "clock_offset_ms": host.offset / MS,
            "version": host.version,
            "service": "active" if host.is_up else "inactive",
        }
        for host in world.hosts.values()
    ]


@verb("host top", kind="R")
def host_top(world: World, host: str) -> Result:
    """What else runs on a host, how full its disk is, and how long a durable write takes."""
    target = host_named(world, host)
    world.run(SECOND)
    return {
        "host": host,
        "answers": target.powered and not target.frozen,
        "cpu_others": round(1 - target.cpu_speed, 2),
        "disk_used": 1.0 if target.disk_full else 0.42,
        "disk_write_ms": target.disk_write / MS,
        "memory_gb": target.memory_gb,
        "free_gb": round(target.free_gb, 2),
        "service_gb": round(target.service_gb, 2),
    }


@verb("host stop-job", kind="S")
def host_stop_job(world: World, host: str) -> Result:
    """End what takes a host's processors or its disk from DWCP: a backup, a scan, a build."""
    target = host_named(world, host)
    target.cpu_speed, target.disk_write = 1.0, DISK_WRITE
    world.notice()
    world.run(SECOND)
    return host_top(world, host)


@verb("host free-disk")
def host_free_disk(world: World, host: str) -> Result:
    """Remove old logs and core files, so that there is room again."""
    host_named(world, host).disk_full = False
    world.run(10 * SECOND)
    return host_top(world, host)


@verb("host reboot", kind="S")
def host_reboot(world: World, host: str) -> Result:
    """Turn a host off and on again, 45 s. Its VMs end with it; its services start at boot."""
    target = host_named(world, host)
    world.power(target, on=False)
    world.run(45 * SECOND)
    world.power(target, on=True)
    return {"host": host, "service": "active" if target.is_up else "inactive"}


@verb("host sync-clock")
def host_sync_clock(world: World, host: str) -> Result:
    """Set the host's clock by NTP."""
    target = host_named(world, host)
    before, target.offset = target.offset, 0
    if target.machine:
        target.machine.offset = EPOCH
    world.run(SECOND)
    return {"host": host, "clock_offset_ms": 0.0, "was_ms": before / MS}


@verb("host open-ports")
def host_open_ports(world: World, host: str, first: int, last: int) -> Result:
    """Allow incoming connections to ports `first` to `last` in the host's firewall."""
    target = host_named(world, host)
    if not 1 <= first <= last <= 65_535:
        raise CommandError("INVALID_REQUEST", f"ports {first} to {last} are no range of ports")
    target.closed_ports -= set(range(first, last + 1))
    return {"host": host, "closed": sorted(target.closed_ports)}


@verb("server init")
def server_init(
    world: World, host: str, cluster_id: str = CLUSTER_ID, peers: list[str] | None = None
) -> Result:
    """Write the host's configuration file; an existing one is overwritten."""
    target = host_named(world, host)
    controllers = tuple(peers or [h.name for h in world.of_role("controller")])
    target.config = Config(cluster_id, host, target.region, controllers, target.version)
    return server_config(world, host)


@verb("server config", kind="R")
def server_config(world: World, host: str) -> Result:
    """What stands in the host's configuration file, under its keys."""
    target = configured(world, host)
    config = target.config
    assert config
    key = "consensus.peers" if target.role == "controller" else "cluster.controllers"
    return {
        "cluster.id": config.cluster_id,
        "node.id": config.node_id,
        "node.region": config.region,
        key: list(config.peers),
    }


@verb("server start", kind="S")
def server_start(world: World, host: str) -> Result:
    """Start the DWCP service on a host, or start it again."""
    target = configured(world, host)
    if target.is_up:
        world.stop(target)
    try:
        world.start(target)
    except ValueError as error:
        raise CommandError("INVALID_REQUEST", str(error)) from None
    world.run(100 * MS)
    return {"host": host, "service": "active", "version": target.version}


@verb("server stop", kind="S")
def server_stop(world: World, host: str) -> Result:
    """Stop the DWCP service on a host."""
    target = host_named(world, host)
    target.restarts += 1  # whoever was about to start it again leaves it
    if target.is_up:
        world.stop(target)
    return {"host": host, "service": "inactive"}
