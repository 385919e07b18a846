"""What can be measured on a lab: metrics by name, PromQL, pages, history.

    lab.metrics.query("sum(up)").value          one answer, now
    lab.metrics.range("sum by (node) (rate(dwcp_amst_bytes_transmitted_total[5m]))")    a table

Sampled every 15 s of virtual time; what was never fed is not there. Which families there are, and
how one is added: `declare`. Which published ones the lab cannot feed, and why: docs/monitoring.md.
"""

from functools import cache
from typing import Any

from course.catalogue import rules
from course.lab.cluster import World
from course.lab.metrics import agreement, gossip, moves, network, placing, savings, system, voters
from course.lab.metrics.declare import DECLARED
from course.lab.metrics.monitor import INTERVAL, Monitor, stamp
from course.telemetry import exposition, promql
from course.telemetry.families import Family
from course.telemetry.promql import Answer
from course.telemetry.rules import Rule, read, record
from course.telemetry.series import Store
from course.telemetry.timeline import Timeline

__all__ = [
    "Metrics",
    "Monitor",
    "agreement",
    "gossip",
    "moves",
    "network",
    "placing",
    "savings",
    "stamp",
    "system",
    "voters",
]

INTERVAL_S = INTERVAL // 1_000_000


@cache
def _recording() -> tuple[Rule, ...]:
    return tuple(read(rules.load("recording.yaml")))


class Metrics:
    """The metrics of one lab. Times are seconds since the lab began, as everywhere in it."""

    def __init__(self, world: World) -> None:
        self.monitor = Monitor(world)
        self._recorded = stamp(0)  # up to when the recording rules have been evaluated, ms

    @property
    def store(self) -> Store:
        """All series with all samples, the recorded ones too; times in ms since 1970."""
        record(self.monitor.store, _recording(), self._recorded + 1, self.scraped_at)
        self._recorded = self.scraped_at
        return self.monitor.store

    @property
    def scraped_at(self) -> int:
        """When the nodes were last scraped, ms since 1970."""
        return stamp(self.monitor.looks_at - INTERVAL)

    def families(self) -> list[Family]:
        """Every metric that is fed, with type, unit, labels and meaning."""
        return list(DECLARED)

    def query(self, expression: str, at_s: float | None = None) -> Answer:
        """What a PromQL expression says at a moment, now if none is given."""
        return promql.query(self.store, expression, self.ms(at_s))

    def range(
        self,
        expression: str,
        start_s: float = 0.0,
        end_s: float | None = None,
        step_s: float = INTERVAL_S,
    ) -> Any:
        """What it says over a span, as a pandas frame: a row a step (s), a column a series."""
        return self.answers(expression, start_s, end_s, step_s).frame(origin=stamp(0))

    def answers(
        self, expression: str, start_s: float, end_s: float | None, step_s: float
    ) -> Answer:
        """The same as plain lines, with times in ms since 1970."""
        start, end = self.ms(start_s), self.ms(end_s)
        return promql.query_range(self.store, expression, start, end, round(step_s * 1_000))

    def ms(self, at_s: float | None) -> int:
        """A moment in seconds of the lab as a timestamp; None: now."""
        return stamp(self.monitor.world.now if at_s is None else round(at_s * 1_000_000))

    def page(self, node: str) -> str | None:
        """The page that the node serves now, in Prometheus' text format; None: it does not answer.

        Raises ValueError for a node that is not there.
        """
        if node not in self.monitor.nodes:
            raise ValueError(f"no node {node!r}; there are {', '.join(self.monitor.nodes)}")
        return self.monitor.page(node)

    def timeline(self, name: str, fault_s: tuple[float, float] | None = None) -> Timeline:
        """The history so far, to judge a rule or a query on; `fault_s`: from when to when."""
        fault = (self.ms(fault_s[0]), self.ms(fault_s[1])) if fault_s else None
        store = self.store
        start = min((one.first[0] for one in store.select("up")), default=stamp(0))
        return Timeline(name, store, start, self.scraped_at, fault)

    def openmetrics(self) -> str:
        """The whole history as OpenMetrics with timestamps: what promtool makes blocks of."""
        return exposition.openmetrics(self.store)
