"""Rules as Prometheus evaluates them: recording rules, and alerts that are pending, then firing.

A rule is evaluated every `interval`. Each series of an alert's answer is one alert: pending from
its first evaluation on, firing when it was there at every evaluation for `hold`, over when it is
missing at one. So an alert fires up to one interval after `for` has passed, and a condition that
flickers never fires. What an alert has done is an `Episode`.

The whole span is evaluated at once, since nothing that a rule does changes what it sees. Left out:
`keep_firing_for`, rules that read the results of recording rules of the same evaluation.
Read next: `templates` (the texts), `promql.engine`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from reprlib import repr as shortened  # what is refused may be huge
from typing import Any

import numpy as np

from course.telemetry import promql, templates
from course.telemetry.labels import LABEL_NAME, METRIC_NAME, NAME, Labels, make, nameless
from course.telemetry.promql import QueryError
from course.telemetry.promql.engine import milliseconds, parse
from course.telemetry.series import Store

DEFAULT_INTERVAL_MS = 60_000
_KEYS = ("alert", "record", "expr", "for", "labels", "annotations")


class RuleError(ValueError):
    """A rule is not one; the text says which, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert, or a recording rule. `hold` and `interval` are in ms."""

    kind: str  # alert or record
    name: str
    expression: str
    interval: int = DEFAULT_INTERVAL_MS
    hold: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an alert was active; times in ms. None: not yet, or never."""

    alert: str
    labels: Labels  # of the series, with those of the rule
    pending_at: int
    firing_at: int | None
    over_at: int | None
    value: float  # at the last evaluation at which it was there
    annotations: dict[str, str]

    def state(self, at: int) -> str:
        """What it is at a moment: inactive, pending or firing."""
        if at < self.pending_at or (self.over_at is not None and at >= self.over_at):
            return "inactive"
        return "firing" if self.firing_at is not None and at >= self.firing_at else "pending"


def read(data: Any) -> list[Rule]:
    """The rules of a rules file's plain data; RuleError says what is wrong with it."""
    if not isinstance(data, dict) or not isinstance(data.get("groups"), list):
        raise RuleError("a rules file is a mapping with a list under `groups`")
    return [rule for group in data["groups"] for rule in _group(group)]


def _group(group: Any) -> Iterator[Rule]:
    if not isinstance(group, dict) or not isinstance(group.get("rules"), list):
        raise RuleError("a group is a mapping with a `name` and a list of `rules`")
    interval = duration(group.get("interval", "1m"), f"interval of group {group.get('name')}")
    yield from (rule(one, interval) for one in group["rules"])


def rule(data: Any, interval: int = DEFAULT_INTERVAL_MS) -> Rule:
    """One rule from its plain data, checked as Prometheus would check it on loading."""
    if not isinstance(data, dict):
        raise RuleError(f"a rule is a mapping with `alert` and `expr`, not {shortened(data)}")
    if unknown := set(data) - set(_KEYS):
        raise RuleError(
            f"a rule has no {', '.join(sorted(map(str, unknown)))}; it has {', '.join(_KEYS)}"
        )
    kind = "alert" if "alert" in data else "record"
    name, expression = data.get(kind), data.get("expr")
    if not isinstance(name, str) or not name:
        raise RuleError("a rule needs a name under `alert`, or under `record`")
    if kind == "record" and not METRIC_NAME.fullmatch(name):
        raise RuleError(f"{name!r} is no metric name, so nothing can be recorded under it")
    if not isinstance(expression, str):
        raise RuleError(
            f"{name}: `expr` is a PromQL expression as text, not {shortened(expression)}"
        )
    if kind == "record" and set(data) & {"for", "annotations"}:
        raise RuleError(f"{name}: a recording rule has neither `for` nor `annotations`")
    labels, annotations = (_texts(data, key, name) for key in ("labels", "annotations"))
    try:
        parse(expression)
    except QueryError as error:
        raise RuleError(f"{name}: {error}") from None
    hold = duration(data.get("for", "0s"), f"`for` of {name}")
    return Rule(kind, name, expression.strip(), interval, hold, labels, annotations)


def _texts(data: dict[str, Any], key: str, name: str) -> dict[str, str]:
    found = data.get(key) or {}
    fits = isinstance(found, dict) and all(
        isinstance(k, str) and LABEL_NAME.fullmatch(k) and isinstance(v, str)
        for k, v in found.items()
    )
    if not fits:
        raise RuleError(f"{name}: `{key}` maps label names to texts, not {shortened(found)}")
    return dict(found)


def duration(text: Any, what: str) -> int:
    """A duration such as 5m or 1h30m in ms."""
    try:
        return milliseconds(parse(f"x[{text}]").range) if text not in ("0s", "0m") else 0  # type: ignore[attr-defined]
    except (QueryError, AttributeError):
        raise RuleError(f"{what} is {shortened(text)}; give a duration such as 5m") from None


def moments(rule: Rule, start: int, end: int) -> np.ndarray:
    """When the rule is evaluated between `start` and `end`, ms: at multiples of its interval."""
    first = -(-start // rule.interval) * rule.interval
    return np.arange(first, end + 1, rule.interval, dtype=np.int64)


def record(store: Store, rules: Iterable[Rule], start: int, end: int) -> None:
    """Put the results of the recording rules into the store."""
    for one in rules:
        times = moments(one, start, end)
        if one.kind != "record" or not len(times):
            continue
        for labels, at, values in _series(store, one, times):
            named = make({**dict(nameless(labels)), NAME: one.name, **one.labels})
            _derive(store, named, at, values, times)


def _derive(
    store: Store, named: Labels, at: np.ndarray, values: np.ndarray, times: np.ndarray
) -> None:
    """Samples where there is a result; where it goes missing, the series ends."""
    found = dict(zip(at.tolist(), values.tolist(), strict=True))
    for moment in times.tolist():
        if moment in found:
            store.derive(named, moment, found[moment])
        else:
            store.end(named, moment)


def episodes(store: Store, rules: Iterable[Rule], start: int, end: int) -> list[Episode]:
    """What the alerts did between two moments, ms, in the order of their beginning."""
    found = [
        episode
        for one in rules
        if one.kind == "alert"
        for episode in _episodes(store, one, moments(one, start, end))
    ]
    return sorted(found, key=lambda one: (one.pending_at, one.alert, one.labels))


def _episodes(store: Store, rule: Rule, times: np.ndarray) -> Iterator[Episode]:
    if not len(times):
        return
    for labels, at, values in _series(store, rule, times):
        where = np.searchsorted(times, at)
        for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(where) > 1) + 1):
            yield _episode(rule, labels, at[run], values[run], times)


def _episode(
    rule: Rule, labels: Labels, at: np.ndarray, values: np.ndarray, times: np.ndarray
) -> Episode:
    """One stretch of evaluations at which the condition held without a gap."""
    pending, held = int(at[0]), np.flatnonzero(at - at[0] >= rule.hold)
    after = np.searchsorted(times, at[-1]) + 1
    value, own = float(values[-1]), dict(nameless(labels))
    expand = templates.Template(own, value).expand
    named = {key: expand(text) for key, text in rule.labels.items()}
    return Episode(
        rule.name,
        make({**own, **named, "alertname": rule.name}),
        pending,
        int(at[held[0]]) if len(held) else None,
        int(times[after]) if after < len(times) else None,
        value,
        {key: expand(text) for key, text in rule.annotations.items()},
    )


def _series(
    store: Store, rule: Rule, times: np.ndarray
) -> Iterator[tuple[Labels, np.ndarray, np.ndarray]]:
    """Labels, moments and values of each series of the rule's answer."""
    limit = promql.answer.POINTS_MAX
    parts = [times[i : i + limit] for i in range(0, len(times), limit)]
    found: dict[Labels, list[tuple[np.ndarray, np.ndarray]]] = {}
    for part in parts:
        answer = promql.query_range(
            store, rule.expression, int(part[0]), int(part[-1]), rule.interval
        )
        for line in answer.lines:
            found.setdefault(line.labels, []).append((line.times, line.values))
    for labels, pieces in found.items():
        at, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
        yield labels, at, values
