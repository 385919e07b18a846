"""Byzantine faults: voters that lie, a state that was spoiled, a node that boasts.

Each sets one trick (see `liars`), or spoils one thing. What follows is the protocol's: the other
voters notice, the leader judges, the registry's score falls. They last until they are ended or
the host is reinstalled; a restart does not help, since the disk holds the cause.
"""

from collections.abc import Callable

from course.dwcp.consensus.canonical import digest
from course.dwcp.units import MS
from course.dwcp.voting import Ballot
from course.dwcp.worker import Worker
from course.lab.cluster import World
from course.lab.hosts import Host
from course.lab.liars import Liar, Trick

End = Callable[[], None]
BOAST_MAX_GB = 4_096


def vote_manipulation(world: World, host: str, every: int = 1) -> End:
    """The voter signs commits for something that nobody proposed, at each `every`-th number."""
    if not 1 <= every <= 1_000:
        raise ValueError(f"every is {every}; give 1 to 1,000 decisions")
    return _deviate(world, [host], Trick("vote-manipulation", every))


def equivocation(world: World, host: str) -> End:
    """The voter signs one thing for one half of the voters, and another for the rest."""
    return _deviate(world, [host], Trick("equivocation"))


def silent_voter(world: World, host: str) -> End:
    """The voter hears everything, sends its heartbeats, and never votes."""
    return _deviate(world, [host], Trick("silent-voter"))


def delayed_votes(world: World, host: str, ms: int) -> End:
    """Whatever the voter says to voters and gateway comes `ms` milliseconds late."""
    if not 1 <= ms <= 60_000:
        raise ValueError(f"ms is {ms}; give 1 to 60,000")
    return _deviate(world, [host], Trick("delayed-votes", delay=ms * MS))


def collusion(world: World, hosts: str) -> End:
    """Several voters, with commas, sign the same false commits together."""
    names = [name.strip() for name in hosts.split(",")]
    if len({*names}) < 2:
        raise ValueError(f"hosts is {hosts!r}; a plot needs two voters, with a comma")
    return _deviate(world, names, Trick("collusion", plan=hosts))


def state_corruption(world: World, host: str) -> None:
    """What the voter's decisions came to is spoiled in its memory; its next checkpoint shows it."""
    voter = _ballot(_voter(world, host)).voter
    voter.ledger.state = (voter.ledger.executed, digest(("spoiled", host)))


def false_metrics(world: World, host: str, memory_gb: int) -> End:
    """The worker reports that its memory is `memory_gb`; placement, which looks at it, believes."""
    target = world.hosts[host]
    if target.role != "worker" or not 1 <= memory_gb <= BOAST_MAX_GB:
        raise ValueError(f"{host}, {memory_gb} GB: give a worker and 1 to {BOAST_MAX_GB:,} GB")
    target.reported_gb = memory_gb
    return lambda: setattr(target, "reported_gb", None)


FAULTS: dict[str, Callable[..., End | None]] = {
    "vote-manipulation": vote_manipulation,
    "equivocation": equivocation,
    "silent-voter": silent_voter,
    "delayed-votes": delayed_votes,
    "collusion": collusion,
    "state-corruption": state_corruption,
    "false-metrics": false_metrics,
}


def _deviate(world: World, names: list[str], trick: Trick) -> End:
    voters = [_voter(world, name) for name in names]
    for host in voters:
        host.lies = trick
        _replace(world, host)

    def end() -> None:
        for host in voters:
            host.lies = None
            _replace(world, host)

    return end


def _replace(world: World, host: Host) -> None:
    """Put a liar in the place of the ballot of a service that runs, or an honest one again."""
    if host.machine is None:
        return  # as it starts, it will be what the disk says
    assert world.voting and isinstance(host.machine, Worker)
    host.machine.acp = world.voting.ballot_around(_ballot(host).voter, host)


def _voter(world: World, name: str) -> Host:
    voters = world.voting.voters if world.voting else ()
    if name not in voters:
        known = ", ".join(voters) or "none: this scenario declares none under `voting`"
        raise ValueError(f"{name!r} is no voter; there are {known}")
    return world.hosts[name]


def _ballot(host: Host) -> Ballot | Liar:
    machine = host.machine
    if not isinstance(machine, Worker) or not isinstance(machine.acp, Ballot):
        raise ValueError(f"{host.name} does not run, so it holds nothing to spoil")
    return machine.acp
