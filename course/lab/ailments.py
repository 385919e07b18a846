"""Faults of guests, stores, certificates and packets; `faults` has those of hosts and links.

Each changes one thing in the world and says what. What follows is not scripted: a page that was
spoiled is found by the comparison of hashes, a cold store by the bytes that have to travel.
"""

from collections.abc import Callable
from dataclasses import replace

from course.dwcp.node import Certificate
from course.dwcp.units import DAY
from course.lab.cluster import World
from course.lab.hosts import EPOCH, Guest
from course.lab.memory import GuestMemory

End = Callable[[], None]


def busy_guest(world: World, vm: str, mb_s: float) -> End:
    """A program in the guest rewrites all of its memory, evenly, at `mb_s` MB/s."""
    if not 0 < mb_s <= 1_000:
        raise ValueError(f"mb_s is {mb_s}; give 0 to 1,000")
    memory = _guest(world, vm).memory
    calm = memory.workload
    memory.workload = replace(calm, dirty_mb_s=mb_s, hot_share=1.0)

    def end() -> None:
        _guest(world, vm).memory.workload = calm

    return end


def encrypted_guest(world: World, vm: str) -> None:
    """The guest encrypts its memory: nothing in it repeats, and nothing can be compressed."""
    memory = _guest(world, vm).memory
    memory.image[:] = memory.rng.bytes(len(memory.image))


def cold_store(world: World, host: str) -> None:
    """The worker's deduplication store is empty, as after a new disk."""
    world.hosts[host].store.clear()


def failing_memory(world: World, host: str) -> End:
    """The host's memory spoils what is written into it; nothing reports it."""
    target = world.hosts[host]
    target.bad_memory = True
    return lambda: setattr(target, "bad_memory", False)


def expired_certificate(world: World, host: str, days: int = 1) -> None:
    """The host's certificate ran out `days` days ago. It is looked at when the node joins."""
    lifetime = Certificate(host, 0).lifetime
    began = EPOCH + world.now - lifetime - days * DAY
    world.hosts[host].certificate = Certificate(host, began)


def no_tenant_network(world: World, host: str) -> End:
    """The guests' networks end before this host: a VM runs there, and nobody reaches it."""
    target = world.hosts[host]
    target.tenant_network = False
    return lambda: setattr(target, "tenant_network", True)


def duplicate_guest(world: World, vm: str, host: str) -> None:
    """Somebody started an old copy of the VM on `host` by hand. The cluster knows nothing of it."""
    original = _guest(world, vm)
    old = original.memory
    copy = GuestMemory(bytearray(old.image), old.workload, old.rng, old.scale)
    if vm in world.hosts[host].guests:
        raise ValueError(f"{vm} is on {host} already; name another host")
    world.hosts[host].guests[vm] = replace(original, memory=copy)


def _guest(world: World, vm: str) -> Guest:
    for host in world.hosts.values():
        if vm in host.guests:
            return host.guests[vm]
    known = [name for host in world.hosts.values() for name in host.guests]
    raise ValueError(f"no VM {vm!r}; there are {', '.join(known) or 'none'}: create it `before`")
