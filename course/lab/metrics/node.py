"""One scraped node: what it exposes now, and the series that its samples go into."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from course.lab.cluster import World
from course.lab.hosts import Host
from course.lab.metrics.declare import KEPT, READ, Tally, Values
from course.telemetry.exposition import number
from course.telemetry.families import Family
from course.telemetry.labels import NAME, Labels, make
from course.telemetry.series import STALE, Series, Store

METRICS_PORT = 8084
Group = tuple[str, Values]  # the name of a family, and label values


class Node:
    """A host as a target. `now` (us) is the moment at which it is being read."""

    def __init__(self, host: Host, world: World) -> None:
        self.host, self.world = host, world
        self.regions: dict[str, list[Host]] = {}  # every host by its region
        for one in world.hosts.values():
            self.regions.setdefault(one.region, []).append(one)
        self.now = 0
        self.begin()
        self._series: dict[Group, list[Series]] = {}
        self._live: dict[Group, list[Series]] = {}
        self._scraped_at: int | None = None  # ms; None: not since the service started

    def begin(self) -> None:
        """The service starts: what the process counted before is gone."""
        self.tallies: dict[str, dict[Values, float]] = {}
        self.histograms: dict[str, dict[Values, list[float]]] = {}
        self.notes: dict[Any, Any] = {}  # what a feed has to remember until the next look
        self._scraped_at = None
        for kept in KEPT[self.host.role]:
            if not kept.family.labels:
                if isinstance(kept, Tally):
                    self.tallies[kept.family.name] = {(): 0.0}
                else:
                    self.histograms[kept.family.name] = {(): [0.0] * (len(kept.family.buckets) + 2)}

    @property
    def machine(self) -> Any:
        """The controller or worker that runs on it; only asked while it answers."""
        return self.host.machine

    @property
    def answers(self) -> bool:
        """Does its metrics page open? The monitor has a way of its own to every node."""
        host = self.host
        reachable = host.is_up and host.powered and not host.frozen
        return reachable and METRICS_PORT not in host.closed_ports

    @property
    def target(self) -> dict[str, str]:
        """The labels that a scrape adds."""
        host = self.host
        assert host.config
        return {
            "job": f"dwcp-{host.role}",
            "instance": f"{host.name}:{METRICS_PORT}",
            "cluster": host.config.cluster_id,
            "node": host.name,
            "region": host.region,
        }

    def samples(self) -> Iterator[tuple[Family, Values, list[float]]]:
        """All that it exposes now: of each group of series the label values, and its numbers.

        A gauge or counter is a group of one, a histogram has its buckets, count and sum.
        """
        for family, read in READ[self.host.role]:
            reading = read(self)
            if isinstance(reading, dict):
                for values, value in reading.items():
                    yield family, values, [value]
            elif reading is not None:
                yield family, (), [reading]
        for kept in KEPT[self.host.role]:
            name = kept.family.name
            for values, total in self.tallies.get(name, {}).items():
                yield kept.family, values, [total]
            for values, counts in self.histograms.get(name, {}).items():
                running = list(accumulate(counts[:-1]))
                yield kept.family, values, [*running, running[-1], counts[-1]]

    def scrape(self, store: Store, at: int) -> None:
        """Put its samples into the store at `at` (ms); a series that is not there any more ends."""
        live: dict[Group, list[Series]] = {}
        for family, values, numbers in self.samples():
            group = (family.name, values)
            series = self._series.get(group)
            if series is None:
                target = self.target
                named = [make({**target, **dict(one)}) for one in labels_of(family, values)]
                series = self._series[group] = [store.series(labels) for labels in named]
            if group not in self._live and family.kind != "gauge" and self._scraped_at is not None:
                _begin_at_zero(series, self._scraped_at)
            for one, value in zip(series, numbers, strict=True):
                one.append(at, value)
            live[group] = series
        self._end(at, live)
        self._scraped_at = at

    def vanish(self, at: int) -> None:
        """It does not answer: all its series end."""
        self._end(at, {})
        self._scraped_at = None

    def _end(self, at: int, live: dict[Group, list[Series]]) -> None:
        for group, ended in self._live.items():
            if group not in live:
                for series in ended:
                    series.append(at, STALE)
        self._live = live


def labels_of(family: Family, values: Values) -> list[Labels]:
    """The labels of a group of series as the node gives them, in the order of its numbers."""
    pairs = dict(zip(family.labels, values, strict=True))
    if family.kind != "histogram":
        return [make({NAME: family.name, **pairs})]
    bounds = [*map(number, family.buckets), "+Inf"]
    buckets = [make({NAME: f"{family.name}_bucket", **pairs, "le": bound}) for bound in bounds]
    ends = [make({NAME: f"{family.name}{end}", **pairs}) for end in ("_count", "_sum")]
    return [*buckets, *ends]


def _begin_at_zero(group: list[Series], at: int) -> None:
    """A counter that appears late was 0 at the scrape before, or its first step would be unseen.

    Prometheus does the same with the created timestamp of OpenMetrics, where that is switched on.
    """
    for series in group:
        if series.last is None or series.last[0] < at:
            series.append(at, 0.0)
