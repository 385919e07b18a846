"""How a metric of the lab comes to be: declared and fed in one place, in one small step.

Four shapes, by who keeps the number:

    @gauge("dwcp_vm_count", "VMs on this node.", "VMs", on="worker")
    def vm_count(node):                   # read at each scrape; None: nothing to say now
        return len(node.host.guests)

    @counter("dwcp_gossip_messages_total", "Messages.", labels=("direction",), on="worker")
    def messages(node):                   # the component counts by itself, since its start
        return {("sent",): node.machine.gossip.sent}

    ELECTIONS = tally("dwcp_raft_leader_elections_total", "Elections won.", on="controller")

    @on_tell("leader_elected")
    def elected(node, details):           # the component only tells, and the scrape counts
        ELECTIONS.add(node)

    LATENCY = histogram("dwcp_raft_commit_latency_seconds", "...", (0.01, 0.1), on="controller")
    LATENCY.observe(node, 0.02)

With labels, a reading is a dictionary from the tuple of their values to the number. To add a
family, write it so in the module of its kind (`system`, `moves`, `network`, `agreement`), or in a
new module that `course.lab.metrics` imports: it is then scraped, stored, served and checked.
Tallies and histograms are a process' memory: they are gone, and begin at 0, when it restarts.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from course.telemetry.families import Family

if TYPE_CHECKING:
    from course.lab.cluster import Proposal
    from course.lab.metrics.monitor import Monitor
    from course.lab.metrics.node import Node

Values = tuple[str, ...]
Reading = float | dict[Values, float] | None
Read = Callable[["Node"], Reading]

READ: dict[str, list[tuple[Family, Read]]] = {"controller": [], "worker": []}
KEPT: dict[str, list["Tally | Histogram"]] = {"controller": [], "worker": []}
DECLARED: list[Family] = []
TOLD: dict[str, list[Callable[["Node", dict[str, Any]], None]]] = {}
PROPOSED: list[Callable[["Node", "Proposal"], None]] = []
LOOKS: list[Callable[["Monitor", int], None]] = []


def _roles(on: str | None) -> tuple[str, ...]:
    return ("controller", "worker") if on is None else (on,)


def _reader(
    kind: str, name: str, help: str, unit: str, labels: Values, on: str | None
) -> Callable[[Read], Read]:
    family = Family(name, kind, help, unit, labels)
    DECLARED.append(family)

    def declare(read: Read) -> Read:
        for role in _roles(on):
            READ[role].append((family, read))
        return read

    return declare


def gauge(
    name: str, help: str, unit: str = "", labels: Values = (), on: str | None = None
) -> Callable[[Read], Read]:
    """Declare what the decorated function reads. `on` is a role; None: every node."""
    return _reader("gauge", name, help, unit, labels, on)


def counter(
    name: str, help: str, unit: str = "", labels: Values = (), on: str | None = None
) -> Callable[[Read], Read]:
    """Like `gauge`, for a number that only rises while the service runs."""
    return _reader("counter", name, help, unit, labels, on)


@dataclass(frozen=True, slots=True)
class Tally:
    """A counter that is kept for the node."""

    family: Family

    def add(self, node: "Node", *values: str, amount: float = 1.0) -> None:
        """It happened, `amount` times, with these label values."""
        kept = node.tallies.setdefault(self.family.name, {})
        kept[values] = kept.get(values, 0.0) + amount


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of observations under each bound, kept for the node."""

    family: Family

    def observe(self, node: "Node", value: float, *values: str) -> None:
        """One more observation. A value that equals a bound is under it (`le`)."""
        kept = node.histograms.setdefault(self.family.name, {})
        counts = kept.get(values)
        if counts is None:
            counts = kept[values] = [0.0] * (len(self.family.buckets) + 2)  # +Inf, then the sum
        counts[bisect_left(self.family.buckets, value)] += 1
        counts[-1] += value


Kept = TypeVar("Kept", Tally, Histogram)


def tally(
    name: str, help: str, unit: str = "", labels: Values = (), on: str | None = None
) -> Tally:
    """Declare a counter that is kept for the node."""
    return _keep(Tally(Family(name, "counter", help, unit, labels)), on)


def histogram(
    name: str,
    help: str,
    buckets: tuple[float, ...],
    unit: str = "seconds",
    labels: Values = (),
    on: str | None = None,
) -> Histogram:
    """Declare a histogram. A threshold of an alert must be one of its `buckets`."""
    return _keep(Histogram(Family(name, "histogram", help, unit, labels, buckets)), on)


def _keep(kept: Kept, on: str | None) -> Kept:
    DECLARED.append(kept.family)
    for role in _roles(on):
        KEPT[role].append(kept)
    return kept


def on_tell(event: str) -> Callable[[Any], Any]:
    """Call the decorated function, with node and details, when a machine tells this event."""

    def declare(function: Any) -> Any:
        TOLD.setdefault(event, []).append(function)
        return function

    return declare


def on_propose(function: Any) -> Any:
    """Call the decorated function, with the leader's node, when something is proposed."""
    PROPOSED.append(function)
    return function


def each_look(function: Any) -> Any:
    """Call the decorated function, with monitor and moment (us), before each scrape."""
    LOOKS.append(function)
    return function
