"""Random series and random queries, from a seed: what the two evaluators are held equal on.

Times fall on a grid for half of the series, so that samples lie exactly on the ends of windows.
Values are dyadic, so that sums do not depend on their order.
"""

from random import Random

from course.telemetry.labels import labels
from course.telemetry.series import STALE, Store

SPAN_MS = 40 * 60 * 1000
STEP_MS = 15_000
BOUNDS = ("0.1", "0.5", "1", "5", "+Inf")
INSTANCES = ("a", "b", "c", "d")
JOBS = ("worker", "controller")


def random_store(random: Random, markers: bool) -> Store:
    """Counters, gauges and histograms with gaps, restarts and ends. `markers`: stale ones too."""
    store = Store()
    for job in JOBS:
        for instance in INSTANCES:
            for code in ("200", "500"):
                _counter(store, random, markers, job=job, instance=instance, code=code)
            _gauge(store, random, markers, "temperature", job=job, instance=instance)
            _histogram(store, random, markers, job=job, instance=instance)
    for instance in INSTANCES:
        _gauge(store, random, markers, "limit", instance=instance, zone=random.choice("xy"))
    _gauge(store, random, markers, "lonely", job="worker")
    return store


def _times(random: Random) -> list[int]:
    """Moments of scrapes, some missing, some series beginning late or ending early."""
    start = random.choice([0, 0, 0, random.randrange(SPAN_MS)])
    end = random.choice([SPAN_MS, SPAN_MS, random.randrange(SPAN_MS)])
    offset = random.choice([0, 0, random.randrange(STEP_MS)])
    missing = random.choice([0, 0.02, 0.3])
    times = [t + offset for t in range(0, SPAN_MS, STEP_MS) if start <= t <= end]
    times = [t for t in times if random.random() >= missing]
    if random.random() < 0.3:  # a gap longer than the look-back
        gap = random.randrange(SPAN_MS)
        times = [t for t in times if not gap < t < gap + 420_000]
    return times


def _write(store, random, markers, named, samples):
    ended = False
    for at, value in samples:
        if markers and random.random() < 0.03:
            store.append(named, at, STALE)
            ended = True
            continue
        if ended and random.random() < 0.5:
            continue
        ended = False
        store.append(named, at, value)


def _counter(store, random, markers, **values):
    total, samples = float(random.randrange(0, 1000)), []
    for at in _times(random):
        total = 0.0 if random.random() < 0.02 else total + random.choice([0, 1, 2, 7, 0.25, 300])
        samples.append((at, total))
    _write(store, random, markers, labels("requests_total", **values), samples)


def _gauge(store, random, markers, name, **values):
    odd = random.choice([0, 0, 0.05])
    samples = [
        (
            at,
            random.choice([float("nan"), float("inf"), float("-inf"), 0.0])
            if random.random() < odd
            else random.randrange(-4000, 40000) / 64,
        )
        for at in _times(random)
    ]
    _write(store, random, markers, labels(name, **values), samples)


def _histogram(store, random, markers, **values):
    counts, samples = [0] * len(BOUNDS), []
    for at in _times(random):
        if random.random() < 0.02:
            counts = [0] * len(BOUNDS)
        for _ in range(random.choice([0, 0, 1, 5])):
            first = random.randrange(len(BOUNDS))
            counts = [count + (i >= first) for i, count in enumerate(counts)]
        samples.append((at, list(counts)))
    seed = random.random()  # the buckets of one scrape share its fate
    for i, bound in enumerate(BOUNDS):
        named = labels("latency_seconds_bucket", le=bound, **values)
        _write(store, Random(seed), markers, named, [(at, c[i]) for at, c in samples])


class Queries:
    """Random queries of the supported subset, each correctly typed."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def one_of(self, *choices):
        return self.random.choice(choices)

    def query(self) -> str:
        return (
            self.scalar(2) if self.random.random() < 0.05 else self.vector(self.one_of(0, 1, 2, 3))
        )

    def duration(self) -> str:
        return self.one_of("15s", "30s", "1m", "2m", "5m", "7m30s", "10m", "1h")

    def matchers(self) -> str:
        chosen = [
            self.one_of(
                'job="worker"', 'job!="worker"', 'instance=~"a|b"', 'instance!~"a.*"', 'code="500"',
                'code=~"..."', 'nothing=""', 'instance=~".+"', 'job=~"(?i)WORKER"', 'zone="x"',
            )
            for _ in range(self.one_of(0, 0, 1, 1, 2))
        ]  # fmt: skip
        return "{" + ",".join(chosen) + "}" if chosen else ""

    def name(self) -> str:
        return self.one_of(
            "requests_total", "requests_total", "temperature", "limit", "lonely", "nowhere",
            "latency_seconds_bucket",
        )  # fmt: skip

    def moved(self) -> str:
        return self.one_of("", "", "", "", "", " offset 1m", " offset -30s", " @ 1200", " @ end()",
                           " @ start() offset 45s")  # fmt: skip

    def selector(self) -> str:
        return self.name() + self.matchers() + self.moved()

    def range(self) -> str:
        if self.random.random() < 0.15:
            step = self.one_of("", "30s", "1m")
            return f"({self.vector(1)})[{self.one_of('2m', '5m', '10m')}:{step}]{self.moved()}"
        return f"{self.name()}{self.matchers()}[{self.duration()}]{self.moved()}"

    def number(self) -> str:
        return self.one_of("0", "1", "2", "0.5", "-3", "100", "7.25", "1e6")

    def scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.number()
        return self.one_of(
            self.number,
            lambda: "time()",
            lambda: f"scalar({self.vector(depth - 1)})",
            lambda: (
                f"({self.scalar(depth - 1)} {self.one_of('+', '-', '*', '/', '%', '^', '> bool', '== bool')} {self.number()})"
            ),
        )()

    def over_time(self) -> str:
        name = self.one_of(
            "rate", "rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets",
            "count_over_time", "present_over_time", "last_over_time", "sum_over_time",
            "avg_over_time", "min_over_time", "max_over_time", "stddev_over_time",
            "stdvar_over_time", "absent_over_time",
        )  # fmt: skip
        return f"{name}({self.range()})"

    def labels(self) -> str:
        return ", ".join(
            self.random.sample(["job", "instance", "code", "zone", "le"], self.one_of(0, 1, 1, 2))
        )

    def grouping(self) -> str:
        return self.one_of("", f" {self.one_of('by', 'without')} ({self.labels()}) ")

    def aggregation(self, depth: int) -> str:
        op = self.one_of("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
        return self.one_of(
            lambda: f"{op}{self.grouping()}({self.vector(depth - 1)})",
            lambda: f"{op}{self.grouping()}({self.vector(depth - 1)})",
            lambda: (
                f"quantile{self.grouping()}({self.one_of('0', '0.5', '0.9', '1', '-1', '2')}, {self.vector(depth - 1)})"
            ),
            lambda: (
                f"{self.one_of('topk', 'bottomk')}{self.grouping()}({self.one_of('1', '2', '3', '0')}, temperature)"
            ),
            lambda: f'count_values{self.grouping()}("v", floor(temperature / 100))',
        )()

    def matching(self, sets: bool) -> str:
        how = self.one_of("on", "ignoring")
        some = self.one_of(
            "job", "instance", "code", "job, instance", "instance, zone", "code, le, zone, job", ""
        )
        side = (
            ""
            if sets
            else self.one_of(
                "", "", " group_left", " group_right", " group_left (zone)", " group_right (zone)"
            )
        )
        return self.one_of("", "", f" {how} ({some}){side}")

    def binary(self, depth: int) -> str:
        op = self.one_of("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")
        test = self.one_of("", " bool") if op in ("==", "!=", ">", "<", ">=", "<=") else ""
        union = self.one_of("and", "or", "unless")
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        return self.one_of(
            lambda: f"({left} {op}{test} {self.scalar(depth - 1)})",
            lambda: f"({self.scalar(depth - 1)} {op}{test} {right})",
            lambda: f"({left} {op}{test}{self.matching(False)} {right})",
            lambda: f"({left} {op}{test}{self.matching(False)} {right})",
            lambda: f"({left} {union}{self.matching(True)} {right})",
            lambda: (
                f"(requests_total / on (instance) group_left (zone) {self.one_of('limit', 'sum by (instance, zone) (limit)')})"
            ),
        )()

    def function(self, depth: int) -> str:
        inner = self.vector(depth - 1)
        return self.one_of(
            lambda: (
                f"{self.one_of('abs', 'ceil', 'floor', 'sgn', 'sqrt', 'exp', 'ln', 'log2', 'log10')}({inner})"
            ),
            lambda: f"round({inner})",
            lambda: f"round({inner}, {self.one_of('0.25', '5', '10')})",
            lambda: f"clamp({inner}, {self.number()}, {self.number()})",
            lambda: f"{self.one_of('clamp_min', 'clamp_max')}({inner}, {self.number()})",
            lambda: f"absent({inner})",
            lambda: f"{self.one_of('sort', 'sort_desc', 'timestamp', '-')}({inner})",
            lambda: (
                f'label_replace({inner}, "{self.one_of("zone", "job", "new")}", "{self.one_of("$1", "x-${1}", "", "$2")}", "{self.one_of("instance", "job", "code")}", "{self.one_of("(.).*", "(w.*)", "a", "")}")'
            ),
            lambda: f'label_join({inner}, "new", "-", "job", "instance")',
            lambda: f"vector({self.scalar(depth - 1)})",
            lambda: (
                f"histogram_quantile({self.one_of('0', '0.5', '0.95', '1', '1.5')}, {self.one_of('', 'sum by (le) ', 'sum by (job, le) ')}({self.one_of('rate', 'increase')}(latency_seconds_bucket{self.matchers()}[{self.duration()}])))"
            ),
            lambda: f"histogram_quantile(0.9, latency_seconds_bucket{self.matchers()})",
            lambda: f"quantile_over_time({self.one_of('0', '0.5', '0.99')}, {self.range()})",
            # Not with @: over a span 2.42 forgets samples of the fixed window there.
            lambda: f"predict_linear({self.range().split('@')[0]}, {self.one_of('60', '3600')})",
        )()

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.one_of(self.selector, self.selector, self.over_time)()
        return self.one_of(
            self.selector,
            self.over_time,
            lambda: self.aggregation(depth),
            lambda: self.aggregation(depth),
            lambda: self.binary(depth),
            lambda: self.function(depth),
        )()
