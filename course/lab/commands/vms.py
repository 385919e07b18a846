"""VMs and their migrations."""

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


@verb("vm create")
def vm_create(
    world: World, name: str, memory_gb: float = 2, cpus: int = 2, dirty_mb_s: float = 4.0,
    node: str | None = None,
) -> Result:  # fmt: skip
    """Create a VM; the cluster chooses the worker unless `node` names one."""
    if not 0.25 <= memory_gb <= 4 or not 0 <= dirty_mb_s <= 1_000:
        raise CommandError("INVALID_REQUEST", "memory_gb is 0.25 to 4 here, dirty_mb_s 0 to 1,000")
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
    migration = migrations.Migration(
        f"mig-{len(world.migrations) + 1}-{vm}", vm, source.name, chosen,
        world.path(source.name, chosen), round(guest.memory_gb * GIB), world.now,
    )  # fmt: skip
    world.migrations[vm] = migration
    world.env.process(migrations.Mover(world, migration).run())
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


def _delete(world: World, vm: str) -> None:
    decide(world, {"kind": "delete", "vm": vm})
    del host_with(world, vm).guests[vm]
