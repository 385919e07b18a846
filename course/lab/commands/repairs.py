"""What is mended on the machines themselves, beyond services, disks and firewalls (`machines`)."""

from course.dwcp.units import MS, SECOND
from course.lab import memory
from course.lab.cluster import World
from course.lab.commands.lookups import clock_text, host_named, registry_of
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import EPOCH, Host


@verb("host settings", kind="R")
def host_settings(world: World, host: str) -> Result:
    """What is set on a worker for its transfers: streams, control, level, packets, buffer."""
    target = _worker(world, host)
    return {
        "host": host,
        "streams": target.streams,
        "congestion_control": target.congestion_control,
        "level": target.level,
        "mtu": target.mtu,
        "buffer_mb": target.buffer_mb,
        "store_blocks": len(target.store),
        "tenant_network": target.tenant_network,
    }


@verb("host set-mtu")
def host_set_mtu(world: World, host: str, mtu: int) -> Result:
    """The largest packet that a host sends, in bytes; at most what the path lets through."""
    if not 576 <= mtu <= 9_000:
        raise CommandError("INVALID_REQUEST", f"mtu is {mtu}; give 576 to 9,000")
    _worker(world, host).mtu = mtu
    world.run(SECOND)
    world.notice()
    return host_settings(world, host)


@verb("host set-buffer")
def host_set_buffer(world: World, host: str, mb: int) -> Result:
    """Room for packets out of order, MB: the path's rate times its round trip, on both ends."""
    if not 1 <= mb <= 1_024:
        raise CommandError("INVALID_REQUEST", f"mb is {mb}; give 1 to 1,024")
    _worker(world, host).buffer_mb = mb
    return host_settings(world, host)


@verb("host load-images")
def host_load_images(world: World, host: str) -> Result:
    """Read the base images into a worker's deduplication store; it takes a minute."""
    target = _worker(world, host)
    target.store |= memory.os_blocks()
    world.run(60 * SECOND)
    return host_settings(world, host)


@verb("host attach-network", kind="S")
def host_attach_network(world: World, host: str) -> Result:
    """Extend the guests' networks to a worker."""
    _worker(world, host).tenant_network = True
    world.run(5 * SECOND)
    return host_settings(world, host)


@verb("host certificate", kind="R")
def host_certificate(world: World, host: str) -> Result:
    """Until when a host's certificate is valid, in days from now by true time; negative: it was."""
    target = host_named(world, host)
    if target.certificate is None:
        raise CommandError("INVALID_REQUEST", f"{host} has no certificate: host issue-certificate")
    left = target.certificate.not_before + target.certificate.lifetime - EPOCH - world.now
    begins = target.certificate.not_before - EPOCH
    return {
        "host": host,
        "days_left": round(left / (86_400 * SECOND), 2),
        "valid_from": clock_text(EPOCH + begins),
    }


@verb("host issue-certificate")
def host_issue_certificate(world: World, host: str) -> Result:
    """Issue a new certificate, valid from now; the service uses it from its next start."""
    world.certify(host_named(world, host))
    world.run(SECOND)
    return host_certificate(world, host)


@verb("host end-copy", kind="D")
def host_end_copy(world: World, host: str, vm: str) -> Result:
    """Fence and end a VM on a host that does not own it. The owner's is never ended this way."""
    target = host_named(world, host)
    if vm not in target.guests:
        held = ", ".join(target.guests) or "none"
        raise CommandError("VM_NOT_FOUND", f"{vm} is not on {host}; it has {held}")
    owner = registry_of(world).owners.get(vm)
    if owner and owner.node == host:
        raise CommandError("INVALID_REQUEST", f"{host} owns {vm}: end the other copy")
    del target.guests[vm]
    world.tell(target, "copy_ended", {"vm": vm})
    world.run(100 * MS)
    return {"host": host, "vm": vm, "owner": owner.node if owner else None}


def _worker(world: World, name: str) -> Host:
    host = host_named(world, name)
    if host.role != "worker":
        raise CommandError("INVALID_REQUEST", f"{name} is a controller; this is about workers")
    return host
