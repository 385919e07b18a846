"""The lab as an operator has it, and the journal of what was done.

Every verb goes through `Lab.do`, which keeps it as a plain record. A scenario, a seed and a
journal give the same history again, in any process: that is how work in the lab is graded. What
is submitted are actions, never results, so there is no result to forge.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course.catalogue import scenarios
from course.lab import commands, faults, gossip, releases
from course.lab.alerts import Alerts
from course.lab.cluster import World
from course.lab.hosts import Host
from course.lab.links import Path
from course.lab.metrics import Metrics
from course.lab.seeds import Seeds
from course.lab.voters import Voting
from course.lab.weather import Weather

if TYPE_CHECKING:
    from course.lab.logs import Logs
    from course.telemetry.traces import Trace

DAY_S = 86_400
COMMANDS_MAX, REPLAY_MAX_S = 5_000, 3 * DAY_S
"""Longest journal that is replayed: actions, and virtual seconds."""


class Lab:
    """A cluster. Verbs read as on the command line: `lab.node.join(...)` is "node join"."""

    def __init__(self, scenario: str = "day-1", seed: int | str = 1, traced: bool = True) -> None:
        self.scenario, self.seed = scenario, seed
        self.world = _world(scenarios.load(scenario), Seeds(seed))
        self.world.tracing.on = traced
        self.metrics = Metrics(self.world)
        self.alerts = Alerts(self.metrics)
        self._journal: list[dict[str, Any]] = []
        self.experiments: list[
            tuple[int, str, dict[str, Any]]
        ] = []  # injected after how many verbs
        if scenarios.load(scenario)["deployed"]:
            commands.deploy(self.world)
        else:
            commands.prepare(self.world)
        self._stage("before")
        for fault in scenarios.load(scenario)["faults"]:
            faults.inject(self.world, **fault)
        self._stage("then")
        self.began_s = self.now_s
        """When the learner came, virtual seconds."""

    def _stage(self, part: str) -> None:
        """What happened before the learner came; it is not the learner's, so not in the journal."""
        for action in scenarios.load(self.scenario).get(part, ()):
            try:
                commands.run(self.world, action["do"], action.get("with", {}))
            except commands.CommandError as error:
                if action.get("fails") not in (error.code, "any"):
                    raise

    def do(self, verb: str, /, **arguments: Any) -> Any:
        """Carry out one verb, such as "node join", and keep it in the journal.

        A verb that fails is kept too: it may have cost time, and it was done.
        """
        at = self.world.now
        self._journal.append({"at_us": at, "verb": verb, "arguments": arguments})
        return commands.run(self.world, verb, arguments)

    def run(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass."""
        self.do("clock run", seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        """Like `run`, for a clock that runs by itself: one record for a stretch, not one a tick."""
        last = self._journal[-1] if self._journal else {}
        if last.get("verb") != "clock run" or last["arguments"]["seconds"] + seconds > DAY_S:
            self.run(seconds)
            return
        commands.run(self.world, "clock run", {"seconds": seconds})
        whole = last["arguments"]["seconds"] + seconds
        last["arguments"] = {"seconds": round(whole, 6)}

    def inject(self, fault: str, **arguments: Any) -> Callable[[], None] | None:
        """Break something on purpose; for experiments, and not part of the journal.

        `at_s` and `for_s` say when, in seconds from now, and for how long. What is returned ends
        the fault, if it can end.
        """
        end = faults.inject(self.world, fault, **arguments)
        self.experiments.append((len(self._journal), fault, arguments))
        return end

    def journal(self) -> list[dict[str, Any]]:
        """What was done so far, as plain records; see `replay`."""
        return [dict(record) for record in self._journal]

    @property
    def now_s(self) -> float:
        """Virtual seconds since the lab began."""
        return self.world.now / 1e6

    def traces(self) -> "list[Trace]":
        """A trace for each migration so far, oldest first; see `course.telemetry.traces`."""
        return self.world.tracing.traces()

    def trace(self, migration: str) -> "Trace":
        """The trace of a migration by its id, or of the latest one of a VM."""
        return self.world.tracing.trace(migration)

    @property
    def logs(self) -> "Logs":
        """What the nodes wrote; see `course.lab.logs`."""
        from course.lab.logs import Logs

        return Logs(self)

    def fingerprint(self) -> str:
        """A hash of all that happened: equal for equal scenario, seed and journal."""
        digest = hashlib.sha256()
        for event in self.world.history:
            digest.update(f"{event.at} {event.host} {event.name} {event.details}\n".encode())
        return digest.hexdigest()

    def __getattr__(self, name: str) -> "Group":
        group = name.replace("_", "-")
        if group in commands.groups():
            return Group(self, group)
        raise AttributeError(
            f"a lab has no {group!r}; groups of verbs are {', '.join(commands.groups())}"
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(group.replace("-", "_") for group in commands.groups())]


class Group:
    """The verbs of one group, as functions: `lab.node.list()` is the verb "node list"."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab, self._name = lab, name

    def __getattr__(self, word: str) -> Callable[..., Any]:
        verb = f"{self._name} {word.replace('_', '-')}"
        known = commands.lookup(verb)

        def act(**arguments: Any) -> Any:
            return self._lab.do(verb, **arguments)

        act.__doc__ = known.__doc__
        return act

    def __dir__(self) -> list[str]:
        return commands.words(self._name)


def replay(
    journal: list[dict[str, Any]], scenario: str, seed: int | str, timed: bool = False
) -> Lab:
    """A fresh lab on which the actions of `journal` were done again, in their order.

    `timed`: none before its own time, as what a score looks at takes time and is in no journal.
    Raises ValueError for what is not a journal. A verb that fails, fails here as it did there.
    """
    if not isinstance(journal, list) or len(journal) > COMMANDS_MAX:
        raise ValueError(f"a journal is a list of at most {COMMANDS_MAX:,} records")
    for number, record in enumerate(journal, 1):
        _check(number, record)
    lab = Lab(scenario, seed)
    for number, record in enumerate(journal, 1):
        if timed:
            wait_until(lab, record.get("at_us"))
        try:
            lab.do(record["verb"], **record["arguments"])
        except commands.CommandError:
            continue
        if lab.now_s - lab.began_s > REPLAY_MAX_S:
            raise ValueError(f"record {number} of the journal is more than 3 days after the first")
    return lab


def wait_until(lab: Lab, at_us: Any) -> None:
    """Let time pass up to `at_us`, unless it is past; ValueError for what is no time."""
    if not isinstance(at_us, int) or isinstance(at_us, bool):
        raise ValueError(f"a time is a whole number of microseconds, not {at_us!r}")
    if at_us / 1e6 - lab.began_s > REPLAY_MAX_S:
        raise ValueError(f"{at_us} us is more than 3 days after the first record")
    if at_us > lab.world.now:
        commands.run(lab.world, "clock run", {"seconds": (at_us - lab.world.now) / 1e6})


def _check(number: int, record: Any) -> None:
    """Is this a record of a journal? Whether the verb exists and fits is the lab's matter."""
    if not isinstance(record, dict) or not {"verb", "arguments"} <= set(record):
        raise ValueError(f"record {number} of the journal needs a verb and its arguments")
    verb, arguments = record["verb"], record["arguments"]
    named = isinstance(arguments, dict) and all(isinstance(key, str) for key in arguments)
    if not isinstance(verb, str) or not named:
        raise ValueError(f"record {number} of the journal: a verb is text, arguments are named")


def _world(scenario: dict[str, Any], seeds: Seeds) -> World:
    hosts: list[Host] = []
    size = scenario.get("hosts", {"cpus": 4, "memory_gb": 8})
    for role in ("controller", "worker"):
        for region, counts in scenario["regions"].items():
            for _ in range(counts.get(f"{role}s", 0)):
                number = 1 + sum(host.role == role for host in hosts)
                hosts.append(Host(f"{role}-{number}", role, region, **size))
    inside, between = dict(scenario["links"]["inside"]), dict(scenario["links"]["between"])
    kind = between.pop("varies", None)
    world = World(hosts, Path(**inside), Path(**between), seeds)
    world.weather = Weather(kind, seeds) if kind else None
    world.voting = Voting(scenario["voting"], seeds) if "voting" in scenario else None
    world.on_start.append(lambda host: releases.suffer(world, host))
    world.gossip = gossip.start(world)
    return world
