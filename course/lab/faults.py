"""Faults on demand, by name: each changes the world in one way, and says what it needs.

A scenario names them with their arguments, when they begin, and how long they last; so does
`lab.inject`. What a fault does to the cluster is never scripted: it follows from the protocol's
own code. A fault that can end returns the function that ends it.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course.dwcp.units import MS, SECOND
from course.lab import ailments, byzantine
from course.lab.cluster import World
from course.lab.hosts import DISK_WRITE, EPOCH, Host
from course.lab.links import Trouble
from course.lab.releases import bad_release

End = Callable[[], None]


def closed_ports(world: World, host: str, first: int, last: int) -> End:
    """The host's firewall refuses connections to ports `first` to `last`."""
    target, ports = world.hosts[host], set(range(first, last + 1))
    target.closed_ports |= ports
    return lambda: target.closed_ports.difference_update(ports)


def clock_skew(world: World, host: str, ms: int) -> End:
    """The host's clock is `ms` milliseconds ahead of true time; negative: behind."""
    target = world.hosts[host]

    def turn(offset: int) -> None:
        target.offset = offset
        if target.machine:
            target.machine.offset = EPOCH + offset

    turn(ms * MS)
    return lambda: turn(0)


def wrong_peer_name(world: World, host: str, name: str, written: str) -> None:
    """The host's configuration file has `written` where the controller's `name` should stand."""
    target = world.hosts[host]
    if target.config:
        peers = tuple(written if peer == name else peer for peer in target.config.peers)
        target.config = replace(target.config, peers=peers)


def wrong_cluster_id(world: World, host: str, written: str) -> None:
    """The host's configuration file names another cluster."""
    target = world.hosts[host]
    if target.config:
        target.config = replace(target.config, cluster_id=written)


def service_stopped(world: World, host: str) -> End:
    """The DWCP service on the host is down; its machine runs on."""
    target = world.hosts[host]
    world.stop(target)
    return lambda: None if target.is_up else world.start(target)


def crash(world: World, host: str) -> End:
    """The host loses power: its service and its guests end, its disk stays."""
    target = world.hosts[host]
    world.power(target, on=False)
    return lambda: world.power(target, on=True)


def pause(world: World, host: str) -> End:
    """The host is frozen, as by a stalled hypervisor; then it goes on as if nothing had been."""
    target = world.hosts[host]
    world.freeze(target, True)
    return lambda: world.freeze(target, False)


def slow_cpu(world: World, host: str, share: float) -> End:
    """The host's processors do `share` (0 to 1) of what they normally do."""
    target = _between(world.hosts[host], "share", share, 0.01, 1.0)
    target.cpu_speed = share
    return lambda: setattr(target, "cpu_speed", 1.0)


def slow_disk(world: World, host: str, ms: int) -> End:
    """A durable write takes `ms` milliseconds."""
    target = _between(world.hosts[host], "ms", ms, 1, 60_000)
    target.disk_write = ms * MS
    return lambda: setattr(target, "disk_write", DISK_WRITE)


def full_disk(world: World, host: str) -> End:
    """Nothing can be saved any more. What cannot be saved must not be promised: it stops."""
    target = world.hosts[host]
    target.disk_full = True
    return lambda: setattr(target, "disk_full", False)


def link_cut(world: World, a: str, b: str, both_ways: bool = True) -> End:
    """All packets from `a` to `b` are lost. Hosts or regions, several with commas."""
    trouble = Trouble(_group(world, a), _group(world, b), both_ways, cut=True)
    return _ail(world, f"cut {a} {b} {both_ways}", trouble)


def partition(world: World, region: str) -> End:
    """A region is cut off from all others."""
    there = _group(world, region)
    rest = frozenset(world.hosts) - there
    return _ail(world, f"partition {region}", Trouble(there, rest, cut=True))


def link_loss(world: World, a: str, b: str, loss: float) -> End:
    """A fraction `loss` of packets between `a` and `b` is lost, besides what the path loses."""
    _between(None, "loss", loss, 0.0, 1.0)
    trouble = Trouble(_group(world, a), _group(world, b), loss_added=loss)
    return _ail(world, f"loss {a} {b}", trouble)


def link_latency(world: World, a: str, b: str, ms: float) -> End:
    """The round trip between `a` and `b` takes `ms` milliseconds more."""
    _between(None, "ms", ms, 0.0, 60_000)
    trouble = Trouble(_group(world, a), _group(world, b), rtt_added_ms=ms)
    return _ail(world, f"latency {a} {b}", trouble)


def link_throttled(world: World, a: str, b: str, share: float) -> End:
    """The link between `a` and `b` carries `share` (0 to 1) of its capacity."""
    _between(None, "share", share, 0.001, 1.0)
    trouble = Trouble(_group(world, a), _group(world, b), capacity_share=share)
    return _ail(world, f"throttle {a} {b}", trouble)


def link_capped(world: World, a: str, b: str, mbps: float) -> End:
    """The link between `a` and `b` carries `mbps` for all streams together."""
    _between(None, "mbps", mbps, 0.1, 100_000)
    trouble = Trouble(_group(world, a), _group(world, b), capacity_mbps=mbps)
    return _ail(world, f"cap {a} {b}", trouble)


def stream_throttled(world: World, a: str, b: str, mbps: float) -> End:
    """Each connection between `a` and `b` gets at most `mbps`, however many there are."""
    _between(None, "mbps", mbps, 0.1, 100_000)
    trouble = Trouble(_group(world, a), _group(world, b), stream_mbps=mbps)
    return _ail(world, f"stream {a} {b}", trouble)


def link_mtu(world: World, a: str, b: str, mtu: int) -> End:
    """Packets of more than `mtu` bytes between `a` and `b` vanish, and nobody is told."""
    _between(None, "mtu", mtu, 576, 9_000)
    return _ail(world, f"mtu {a} {b}", Trouble(_group(world, a), _group(world, b), mtu=mtu))


def link_flapping(world: World, a: str, b: str, down_s: float, up_s: float) -> End:
    """The link between `a` and `b` is down for `down_s` seconds, up for `up_s`, and so on."""
    _between(None, "down_s", down_s, 0.1, 3_600), _between(None, "up_s", up_s, 0.1, 3_600)
    trouble = Trouble(_group(world, a), _group(world, b), cut=True)
    name, over = f"flap {a} {b}", [False]

    def turn(down: bool) -> None:
        if over[0]:
            return
        world.ail(name, trouble if down else None)
        world.after(round((down_s if down else up_s) * SECOND), lambda: turn(not down))

    def end() -> None:
        over[0] = True
        world.ail(name, None)

    turn(True)
    return end


FAULTS: dict[str, Callable[..., End | None]] = {
    "closed-ports": closed_ports,
    "clock-skew": clock_skew,
    "wrong-peer-name": wrong_peer_name,
    "wrong-cluster-id": wrong_cluster_id,
    "service-stopped": service_stopped,
    "crash": crash,
    "pause": pause,
    "slow-cpu": slow_cpu,
    "slow-disk": slow_disk,
    "full-disk": full_disk,
    "link-cut": link_cut,
    "partition": partition,
    "link-loss": link_loss,
    "link-latency": link_latency,
    "link-throttled": link_throttled,
    "link-capped": link_capped,
    "stream-throttled": stream_throttled,
    "link-flapping": link_flapping,
    "bad-release": bad_release,
    "link-mtu": link_mtu,
    "busy-guest": ailments.busy_guest,
    "encrypted-guest": ailments.encrypted_guest,
    "cold-store": ailments.cold_store,
    "failing-memory": ailments.failing_memory,
    "expired-certificate": ailments.expired_certificate,
    "no-tenant-network": ailments.no_tenant_network,
    "duplicate-guest": ailments.duplicate_guest,
    **byzantine.FAULTS,
}


def inject(
    world: World, fault: str, at_s: float = 0.0, for_s: float | None = None, **arguments: Any
) -> End | None:
    """Apply a fault by name, `at_s` seconds from now, for `for_s` seconds or until it is ended.

    Raises ValueError that lists the names, the hosts or the arguments.
    """
    if fault not in FAULTS:
        raise ValueError(f"no fault is named {fault!r}; there are {', '.join(FAULTS)}")
    function = FAULTS[fault]
    try:
        inspect.signature(function).bind(world, **arguments)
    except TypeError as error:
        wanted = ", ".join(list(inspect.signature(function).parameters)[1:])
        raise ValueError(f"{fault}: {error}; it takes {wanted}") from None
    if "host" in arguments and arguments["host"] not in world.hosts:
        raise ValueError(f"no host {arguments['host']!r}; there are {', '.join(world.hosts)}")

    def begin() -> End | None:
        end = function(world, **arguments)
        if for_s is not None:
            if end is None:
                raise ValueError(f"{fault} does not end by itself; leave for_s out")
            world.after(round(for_s * SECOND), end)
        return end

    if at_s <= 0:
        return begin()
    world.after(round(at_s * SECOND), lambda: (begin(), None)[1])
    return None


def _group(world: World, names: str) -> frozenset[str]:
    """Hosts by name or by region; "all" is everybody."""
    if names == "all":
        return frozenset(world.hosts)
    found: list[str] = []
    for name in (part.strip() for part in names.split(",")):
        region = [host.name for host in world.hosts.values() if host.region == name]
        if not region and name not in world.hosts:
            known = sorted({host.region for host in world.hosts.values()})
            raise ValueError(f"no host or region {name!r}; regions are {', '.join(known)}")
        found += region or [name]
    return frozenset(found)


def _ail(world: World, name: str, trouble: Trouble) -> End:
    world.ail(name, trouble)
    return lambda: world.ail(name, None)


def _between(host: Host | None, name: str, value: float, low: float, high: float) -> Any:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; give {low:g} to {high:g}")
    return host
