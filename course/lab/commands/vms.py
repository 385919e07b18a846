"""VMs and their migrations."""

from statistics import median

from course.dwcp.placement import Vm
from course.dwcp.units import GIB, SECOND
from course.lab import memory, migrations
from course.lab.cluster import World
from course.lab.commands.lookups import (
    candidates,
    decide,
    host_named,
    host_with,
    migration_of,
    registry_of,
)
from course.lab.commands.registry import CommandError, Result, verb
from course.lab.hosts import Guest
from course.lab.mover import Mover

STRATEGIES = ("pre-copy", "stop-and-copy", "post-copy", "hybrid")


@verb("vm create")
def vm_create(
    world: World, name: str, memory_gb: float = 2, cpus: int = 2, dirty_mb_s: float = 4.0,
    node: str | None = None,
) -> Result:  # fmt: skip
    """Create a VM; the cluster chooses the worker unless `node` names one."""
    if not 0.25 <= memory_gb <= 64 or not 0 <= dirty_mb_s <= 1_000:
        raise CommandError("INVALID_REQUEST", "memory_gb is 0.25 to 64 here, dirty_mb_s 0 to 1,000")
    if migrations.host_with(world, name):
        raise CommandError("VM_ALREADY_EXISTS", f"a VM {name} runs already")
    chosen = host_named(world, node or candidates(world, Vm(name, cpus, memory_gb))[0])
    command = {"kind": "create", "vm": name, "node": chosen.name, "memory_gb": memory_gb}
    decide(world, command)
    workload = memory.Workload(dirty_mb_s=dirty_mb_s)
    image = memory.guest(memory_gb, workload, world.seeds.array(f"guest/{name}"))
    chosen.guests[name] = Guest(name, image, memory_gb, cpus)
    return vm_inspect(world, name)


@verb("vm inspect", kind="R")
def vm_inspect(world: World, vm: str) -> Result:
    """One VM: where it runs, its size, and the owner that the cluster agreed on."""
    host = host_with(world, vm)
    guest, owner = host.guests[vm], registry_of(world).owners[vm]
    return {
        "vm": vm,
        "node": host.name,
        "status": "running" if guest.running else "paused",
        "memory_gb": guest.memory_gb,
        "cpus": guest.cpus,
        "owner": owner.node,
        "owner_version": owner.version,
    }


@verb("migration start")
def migration_start(world: World, vm: str, target: str | None = None) -> Result:
    """Start a live migration; the cluster chooses the target unless one is named."""
    source = host_with(world, vm)
    running = world.migrations.get(vm)
    if running and not running.is_over:
        raise CommandError("VM_MIGRATING", f"{vm} is being moved to {running.target}")
    guest = source.guests[vm]
    wanted = Vm(vm, guest.cpus, guest.memory_gb)
    able = [name for name in candidates(world, wanted) if name != source.name]
    chosen = target or (able or [""])[0]
    if host_named(world, chosen).name not in able:
        raise CommandError("HOST_INCOMPATIBLE", f"{chosen} may not take {vm}", candidates=able)
    world.moves += 1
    migration = migrations.Migration(
        f"mig-{world.moves}-{vm}", vm, source.name, chosen,
        world.path(source.name, chosen), round(guest.memory_gb * GIB), world.now,
        limit=guest.limit, placed_for="" if target else "request",
    )  # fmt: skip
    world.migrations[vm] = migration
    world.every_migration.append(migration)
    world.env.process(Mover(world, migration).run())
    return {"id": migration.id, "source": source.name, "target": chosen}


@verb("migration status", kind="R")
def migration_status(world: World, vm: str) -> Result:
    """The latest migration of a VM, with its stages, rounds and decisions."""
    return migrations.as_rows(migration_of(world, vm))


@verb("migration wait", kind="R")
def migration_wait(world: World, vm: str, limit_s: float = 3_600) -> Result:
    """Let time pass until the migration of a VM is over, at most `limit_s`; its status."""
    migration = migration_of(world, vm)
    world.run_until(lambda: migration.is_over, round(limit_s * SECOND))
    return migrations.as_rows(migration)


@verb("migration test")
def migration_test(world: World, source: str, target: str) -> Result:
    """Move a small test VM from `source` to `target` and delete it; passed or not, with times."""
    name = f"test-{source}-{target}"
    vm_create(world, name, memory_gb=0.25, cpus=1, node=source)
    try:
        migration_start(world, name, target)
        status = migration_wait(world, name)
    finally:
        _delete(world, name)
    return {
        "passed": status["status"] == "completed",
        **{key: status[key] for key in ("source", "target", "duration_s", "streams", "error")},
    }


@verb("migration list", kind="R")
def migration_list(world: World, status: str | None = None) -> Result:
    """The latest migration of each VM; `status` selects."""
    keys = ("id", "vm", "status", "source", "target", "duration_s", "error")
    rows = [migrations.as_rows(m) for m in world.migrations.values()]
    return [{key: row[key] for key in keys} for row in rows if status in (None, row["status"])]


@verb("migration cancel")
def migration_cancel(world: World, vm: str, reason: str = "cancelled by the operator") -> Result:
    """End a migration; the VM runs on at its source. Not any more once ownership moves."""
    migration = migration_of(world, vm)
    at_switch = bool(migration.decisions) and migration.decisions[-1].action in ("agree", "run")
    moved = vm in world.hosts[migration.target].guests
    if migration.is_over or at_switch or moved:
        raise CommandError("MIGRATION_NOT_CANCELLABLE", f"{vm}'s migration is {migration.state}")
    migration.cancelled = reason
    world.notice()
    world.run_until(lambda: migration.is_over, 40 * SECOND)
    return migrations.as_rows(migration)


@verb("migration retry")
def migration_retry(
    world: World, vm: str, target: str | None = None, amst_streams: int | None = None
) -> Result:
    """Try a failed or cancelled migration again, to the same target unless one is named."""
    last = migration_of(world, vm)
    if last.state not in ("failed", "cancelled"):
        raise CommandError("INVALID_REQUEST", f"{vm}'s migration is {last.state}, not failed")
    if amst_streams is not None:
        if not 1 <= amst_streams <= 16:
            raise CommandError("INVALID_REQUEST", f"amst_streams is {amst_streams}; give 1 to 16")
        host_with(world, vm).streams = amst_streams
    return migration_start(world, vm, target or last.target) | {"retry_of": last.id}


@verb("migration set-timeout")
def migration_set_timeout(world: World, vm: str, timeout: int) -> Result:
    """Seconds for the running migration of a VM, or for its next one; twice what is expected."""
    if not 1 <= timeout <= 86_400:
        raise CommandError("INVALID_REQUEST", f"timeout is {timeout} s; give 1 to 86,400")
    host_with(world, vm).guests[vm].limit = timeout * SECOND
    running = world.migrations.get(vm)
    if running and not running.is_over:
        running.limit = timeout * SECOND
    return {"vm": vm, "timeout_s": timeout}


@verb("migration set-strategy")
def migration_set_strategy(world: World, vm: str, strategy: str) -> Result:
    """How the next migration of a VM goes: pre-copy, stop-and-copy, post-copy or hybrid.

    Post-copy, and hybrid once its rounds do not converge, lose the VM if the path is lost.
    """
    if strategy not in STRATEGIES:
        raise CommandError(
            "INVALID_REQUEST", f"no strategy {strategy!r}; there are {', '.join(STRATEGIES)}"
        )
    host_with(world, vm).guests[vm].strategy = strategy
    return {"vm": vm, "strategy": strategy}


@verb("migration set-compression")
def migration_set_compression(world: World, vm: str, level: int) -> Result:
    """Zstandard level of the next migrations of one VM, 1 to 19."""
    if not 1 <= level <= 19:
        raise CommandError("INVALID_REQUEST", f"level is {level}; give 1 to 19")
    host_with(world, vm).guests[vm].level = level
    return {"vm": vm, "level": level}


@verb("migration defer")
def migration_defer(world: World, vm: str, delay: int, target: str | None = None) -> Result:
    """Start a migration `delay` seconds from now; what is then not possible is in the events."""
    source = host_with(world, vm)
    if not 1 <= delay <= 86_400:
        raise CommandError("INVALID_REQUEST", f"delay is {delay} s; give 1 to 86,400")

    def begin() -> None:
        try:
            migration_start(world, vm, target)
        except CommandError as error:
            world.tell(source, "migration_not_started", {"vm": vm, "error": str(error)})

    world.after(delay * SECOND, begin)
    return {"vm": vm, "status": "deferred", "starts_in_s": delay}


@verb("migration benchmark")
def migration_benchmark(world: World, source: str, target: str, iterations: int = 3) -> Result:
    """Move a test VM several times; median and spread of the durations in seconds."""
    if not 1 <= iterations <= 20:
        raise CommandError("INVALID_REQUEST", f"iterations is {iterations}; give 1 to 20")
    rows = [migration_test(world, source, target) for _ in range(iterations)]
    took = sorted(row["duration_s"] for row in rows if row["passed"])
    return {
        "passed": len(took),
        "failed": iterations - len(took),
        "median_s": round(median(took), 3) if took else None,
        "spread_s": round(took[-1] - took[0], 3) if took else None,
    }


@verb("vm list", kind="R")
def vm_list(world: World, node: str | None = None) -> Result:
    """Every VM with its node, size and state."""
    hosts = [host_named(world, node)] if node else world.of_role("worker")
    return [
        {
            "vm": guest.name,
            "node": host.name,
            "status": "running" if guest.running else "paused",
            "memory_gb": guest.memory_gb,
            "cpus": guest.cpus,
        }
        for host in hosts
        for guest in host.guests.values()
    ]


@verb("vm count", kind="R")
def vm_count(world: World, node: str | None = None) -> Result:
    """VMs on a node; without one, and on a controller, all that the cluster manages."""
    if node and host_named(world, node).role == "worker":
        return {"vms": len(world.hosts[node].guests)}
    return {"vms": len(registry_of(world).vms)}


@verb("vm stop", kind="S")
def vm_stop(world: World, vm: str) -> Result:
    """Shut a VM down. What it had in memory is gone; its disk stays."""
    return _switch(world, vm, on=False)


@verb("vm start")
def vm_start(world: World, vm: str) -> Result:
    """Boot a VM that does not run, on the node that owns it; it takes 15 s."""
    host = host_with(world, vm)
    if not host.is_up:
        raise CommandError("HOST_INCOMPATIBLE", f"no service runs on {host.name}")
    if not host.guests[vm].running:
        world.run(15 * SECOND)
    return _switch(world, vm, on=True)


def _switch(world: World, vm: str, on: bool) -> Result:
    running = world.migrations.get(vm)
    if running and not running.is_over:
        raise CommandError("VM_MIGRATING", f"{vm} is being moved to {running.target}")
    host = host_with(world, vm)
    guest = host.guests[vm]
    registry_of(world)  # without a leader nothing is asked of a node
    if guest.running != on:
        guest.running = on
        world.tell(host, "guest_started" if on else "guest_stopped", {"vm": vm})
    return vm_inspect(world, vm)


@verb("vm delete", kind="D", scope="operate")
def vm_delete(world: World, vm: str) -> Result:
    """Delete a VM, or the entry of one that runs nowhere. Not while it is being moved."""
    if vm not in registry_of(world).vms:
        host_with(world, vm)  # refuses, in words
    running = world.migrations.get(vm)
    if running and not running.is_over:
        raise CommandError("VM_MIGRATING", f"{vm} is being moved to {running.target}")
    _delete(world, vm)
    return {"vm": vm, "status": "deleted"}


def _delete(world: World, vm: str) -> None:
    decide(world, {"kind": "delete", "vm": vm})
    for host in world.hosts.values():
        host.guests.pop(vm, None)
