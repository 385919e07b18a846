"""Metric families: what a node promises to measure, declared before it is measured.

A family is one name with its type, unit, help and labels. A counter only rises and its name ends
in `_total`; a gauge is whatever it is now; a histogram counts observations under each bound and
is three kinds of series: `_bucket` with the label `le`, `_sum` and `_count`. Units are base units
(seconds, bytes, ratio). Left out: summaries, state sets and native histograms, which DWCP does
not export. Those of DWCP itself are declared where they are fed, in `course.lab.metrics`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from course.telemetry.labels import LABEL_NAME, METRIC_NAME, NAME, Labels, get, show

KINDS = ("counter", "gauge", "histogram")
# Put on by whoever scrapes, not by whoever measures: no family declares them.
TARGET_LABELS = frozenset({"job", "instance", "cluster", "node", "region"})


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `labels` are those the exporter sets itself; `buckets` rise, without +Inf."""

    name: str
    kind: str
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        problem = _name_problem(self) or _shape_problem(self)
        if problem:
            raise ValueError(f"family {self.name!r}: {problem}")

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names its samples carry."""
        if self.kind == "histogram":
            return tuple(self.name + end for end in ("_bucket", "_sum", "_count"))
        return (self.name,)


def _name_problem(family: Family) -> str:
    if not METRIC_NAME.fullmatch(family.name):
        return "a metric name has letters, digits, _ and :, and no digit first"
    if family.kind not in KINDS:
        return f"type {family.kind!r} is none of {', '.join(KINDS)}"
    if family.kind == "counter" and not family.name.endswith("_total"):
        return "a counter's name ends in _total"
    if family.kind != "counter" and family.name.endswith("_total"):
        return f"a name ending in _total is a counter's, and this is a {family.kind}"
    return ""


def _shape_problem(family: Family) -> str:
    bad = [name for name in family.labels if not LABEL_NAME.fullmatch(name)]
    if bad:
        return f"{bad[0]!r} is no label name"
    if "le" in family.labels:
        return "the label le belongs to the buckets of a histogram and is not declared"
    if (family.kind == "histogram") != bool(family.buckets):
        return "a histogram has buckets, and nothing else has"
    if any(low >= high for low, high in zip(family.buckets, family.buckets[1:], strict=False)):
        return f"the buckets must rise: {family.buckets}"
    if family.buckets and family.buckets[-1] == float("inf"):
        return "the +Inf bucket is always there and is not declared"
    return ""


@dataclass(frozen=True)
class Families:
    """A set of families, found by the name of a sample."""

    all: tuple[Family, ...]
    _by_series: dict[str, Family] = field(init=False, repr=False, compare=False)

    def __init__(self, families: Iterable[Family]) -> None:
        object.__setattr__(self, "all", tuple(families))
        by_series: dict[str, Family] = {}
        for family in self.all:
            for name in family.series_names:
                if name in by_series:
                    raise ValueError(
                        f"families {by_series[name].name!r} and {family.name!r} both write {name}"
                    )
                by_series[name] = family
        object.__setattr__(self, "_by_series", by_series)

    def of(self, series_name: str) -> Family:
        """The family that writes `series_name`."""
        family = self._by_series.get(series_name)
        if family is None:
            bare = next((f for f in self.all if f.name == series_name), None)
            hint = f"; a histogram writes {', '.join(bare.series_names)}" if bare else ""
            raise ValueError(f"no declared metric writes {series_name!r}{hint}")
        return family

    def check(self, labels: Labels) -> Family:
        """The family of a series, after holding its labels against the declaration."""
        name = get(labels, NAME)
        family = self.of(name)
        wanted = set(family.labels) | ({"le"} if name.endswith("_bucket") else set())
        given = {key for key, _ in labels} - {NAME} - TARGET_LABELS
        if given - wanted:
            raise ValueError(
                f"{show(labels)}: {name} has no label {_list(given - wanted)}; it has "
                f"{_list(wanted) or 'none'}"
            )
        return family

    def is_counter(self, series_name: str) -> bool:
        """May the series only rise? Counters, and all three kinds of series of a histogram."""
        family = self._by_series.get(series_name)
        return family is not None and family.kind != "gauge"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
