"""One scraped node: what it exposes now, and the series that its samples go into."""

from collections.abc import Iterator
from typing import Any

from course.lab.cluster import World
from course.lab.hosts import Host
from course.lab.metrics.declare import KEPT, READ, Tally, Values
from course.telemetry.exposition import number
from course.telemetry.families import Family
from course.telemetry.labels import NAME, Labels, make
from course.telemetry.series import STALE, Series, Store

METRICS_PORT = 8084
Key = tuple[str, Values, str]  # the name of the series, its label values, and `le`


class Node:
    """A host as a target. `now` (us) is the moment at which it is being read."""

    def __init__(self, host: Host, world: World) -> None:
        self.host, self.world = host, world
        self.regions: dict[str, list[Host]] = {}  # every host by its region
        for one in world.hosts.values():
            self.regions.setdefault(one.region, []).append(one)
        self.now = 0
        self.begin()
        self._series: dict[Key, Series] = {}
        self._live: dict[Key, Series] = {}
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

    def samples(self) -> Iterator[tuple[Family, Key, float]]:
        """All that it exposes now."""
        for family, read in READ[self.host.role]:
            reading = read(self)
            if isinstance(reading, dict):
                for values, value in reading.items():
                    yield family, (family.name, values, ""), value
            elif reading is not None:
                yield family, (family.name, (), ""), reading
        for kept in KEPT[self.host.role]:
            name = kept.family.name
            for values, total in self.tallies.get(name, {}).items():
                yield kept.family, (name, values, ""), total
            for values, counts in self.histograms.get(name, {}).items():
                yield from _histogram(kept.family, values, counts)

    def scrape(self, store: Store, at: int) -> None:
        """Put its samples into the store at `at` (ms); a series that is not there any more ends."""
        live: dict[Key, Series] = {}
        for family, key, value in self.samples():
            series = self._series.get(key)
            if series is None:
                labels = make({**self.target, **dict(labels_of(family, key))})
                series = self._series[key] = store.series(labels)
            if key not in self._live and family.kind != "gauge" and self._scraped_at is not None:
                _begin_at_zero(series, self._scraped_at)
            series.append(at, float(value))
            live[key] = series
        self._end(at, live)
        self._scraped_at = at

    def vanish(self, at: int) -> None:
        """It does not answer: all its series end."""
        self._end(at, {})
        self._scraped_at = None

    def _end(self, at: int, live: dict[Key, Series]) -> None:
        for key, series in self._live.items():
            if key not in live:
                series.append(at, STALE)
        self._live = live


def labels_of(family: Family, key: Key) -> Labels:
    """The labels of a sample as the node itself gives them."""
    name, values, le = key
    pairs = {NAME: name, **dict(zip(family.labels, values, strict=True))}
    return make({**pairs, "le": le} if le else pairs)


def _begin_at_zero(series: Series, at: int) -> None:
    """A counter that appears late was 0 at the scrape before, or its first step would be unseen.

    Prometheus does the same with the created timestamp of OpenMetrics, where that is switched on.
    """
    if series.last is None or series.last[0] < at:
        series.append(at, 0.0)


_BOUNDS: dict[tuple[float, ...], list[str]] = {}


def _histogram(
    family: Family, values: Values, counts: list[float]
) -> Iterator[tuple[Family, Key, float]]:
    bounds = _BOUNDS.get(family.buckets)
    if bounds is None:
        bounds = _BOUNDS[family.buckets] = [*map(number, family.buckets), "+Inf"]
    bucket, running = f"{family.name}_bucket", 0.0
    for bound, count in zip(bounds, counts, strict=False):
        running += count
        yield family, (bucket, values, bound), running
    yield family, (f"{family.name}_count", values, ""), running
    yield family, (f"{family.name}_sum", values, ""), counts[-1]
