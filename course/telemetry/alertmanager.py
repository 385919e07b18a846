"""What Alertmanager makes of alerts that fire: who is told, when, and what is held back.

An alert comes in when it fires, and again when it is over. The tree of routes says who is told of
it; those of one route with equal `group_by` labels are one group. A group is told of `group_wait`
after its first alert came, and then looked at each `group_interval`: what is new or over since then
is told, and all of it again after `repeat_interval`. So "it is over" arrives up to one interval
late. What an inhibition rule names is left out while its source fires.

The file is Alertmanager's own (`course.catalogue.rules`, alertmanager.yml). Times are ms. Left out:
silences, time intervals, and what happens when a receiver does not answer. Read next: `rules`,
where the episodes come from.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from course.telemetry.rules import Episode, duration

_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"?([^"]*?)"?\s*')


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label compared with a text, or with a pattern that must fit all of its value."""

    label: str
    operator: str  # = != =~ !~
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """A label that is not there is compared as the empty text."""
        found = labels.get(self.label, "")
        same = re.fullmatch(self.value, found) if "~" in self.operator else found == self.value
        return bool(same) != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree; what it does not say is its parent's. `wait` and so on are ms."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] = ()
    wait: int = 30_000
    interval: int = 300_000
    repeat: int = 14_400_000
    goes_on: bool = False  # `continue`: the routes below this one are looked at too
    routes: tuple["Route", ...] = ()

    def fits(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.fits(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets that are equal to it in the labels `equal` are held back."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """An Alertmanager's file."""

    route: Route
    inhibitions: tuple[Inhibition, ...]


@dataclass(frozen=True, slots=True)
class Notification:
    """What one receiver was told at one moment."""

    at: int
    receiver: str
    firing: tuple[Episode, ...]
    resolved: tuple[Episode, ...]


def read(data: Mapping[str, Any]) -> Routing:
    """An Alertmanager's file from its plain data; ValueError says what is wrong with it."""
    root = data.get("route")
    if not isinstance(root, Mapping) or not root.get("receiver"):
        raise ValueError("alertmanager.yml needs a `route` with a `receiver`")
    route = _route(root, Route(root["receiver"]))
    known = {one["name"] for one in data.get("receivers", ())}
    unknown = {one.receiver for one in _all_of(route)} - known
    if unknown:
        raise ValueError(f"no receiver is called {min(unknown)}; there are {sorted(known)}")
    rules = tuple(
        Inhibition(_matchers(one, "source_matchers"), _matchers(one, "target_matchers"),
                   tuple(one.get("equal", ())))
        for one in data.get("inhibit_rules", ())
    )  # fmt: skip
    return Routing(route, rules)


def _route(data: Mapping[str, Any], above: Route) -> Route:
    def ms(key: str, inherited: int) -> int:
        return duration(data[key], key) if key in data else inherited

    own = Route(
        data.get("receiver", above.receiver), _matchers(data, "matchers"),
        tuple(data.get("group_by", above.group_by)), ms("group_wait", above.wait),
        ms("group_interval", above.interval), ms("repeat_interval", above.repeat),
        bool(data.get("continue", False)),
    )  # fmt: skip
    return replace(own, routes=tuple(_route(one, own) for one in data.get("routes", ())))


def _all_of(route: Route) -> Iterator[Route]:
    yield route
    for below in route.routes:
        yield from _all_of(below)


def _matchers(data: Mapping[str, Any], key: str) -> tuple[Matcher, ...]:
    found = []
    for text in data.get(key, ()):
        parts = _MATCHER.fullmatch(text)
        if parts is None:
            raise ValueError(f'{key}: {text!r} is no matcher; give one like severity="high"')
        found.append(Matcher(*parts.groups()))
    return tuple(found)


def receiving(route: Route, labels: Mapping[str, str]) -> list[Route]:
    """The routes that an alert with these labels takes; empty if it does not fit `route`."""
    if not route.fits(labels):
        return []
    found: list[Route] = []
    for below in route.routes:
        taken = receiving(below, labels)
        found += taken
        if taken and not below.goes_on:
            break
    return found or [route]


def notifications(routing: Routing, episodes: Iterable[Episode], until: int) -> list[Notification]:
    """Who was told what, up to the moment `until`, in the order of time."""
    came = [(one.firing_at, one) for one in episodes if one.firing_at is not None]
    fired = [one for at, one in sorted(came, key=lambda pair: pair[0]) if at <= until]
    groups: dict[tuple[Route, tuple[str, ...]], list[Episode]] = {}
    for one in fired:
        labels = dict(one.labels)
        for route in receiving(routing.route, labels):
            alike = tuple(labels.get(name, "") for name in route.group_by)
            groups.setdefault((route, alike), []).append(one)
    told = [
        notification
        for (route, _), group in groups.items()
        for notification in _life(routing, route, group, fired, until)
    ]
    return sorted(told, key=lambda one: (one.at, one.receiver))


def _life(
    routing: Routing, route: Route, coming: list[Episode], fired: Sequence[Episode], until: int
) -> Iterator[Notification]:
    """One group, look by look. When nothing is left in it, the next alert begins it anew."""
    inside: list[Episode] = []
    sent: Notification | None = None
    at = 0
    while coming or inside:
        if not inside:
            at = (coming[0].firing_at or 0) + route.wait
        if at > until:
            return
        inside += [one for one in coming if (one.firing_at or 0) <= at]
        coming = [one for one in coming if (one.firing_at or 0) > at]
        seen = [one for one in inside if not is_held_back(routing, one, fired, at)]
        firing = tuple(one for one in seen if one.state(at) == "firing")
        now = Notification(at, route.receiver, firing, tuple(o for o in seen if o not in firing))
        if _is_news(now, sent, route.repeat):
            sent = now
            yield now
        inside = [one for one in inside if one.state(at) == "firing"]
        at += route.interval


def is_held_back(routing: Routing, alert: Episode, fired: Iterable[Episode], at: int) -> bool:
    """Does an inhibition rule keep an alert from being told of at a moment?"""
    labels = dict(alert.labels)
    return any(
        all(matcher.fits(labels) for matcher in rule.targets)
        and all(matcher.fits(source) for matcher in rule.sources)
        and all(source.get(name, "") == labels.get(name, "") for name in rule.equal)
        for rule in routing.inhibitions
        for source in (dict(o.labels) for o in fired if o is not alert and o.state(at) == "firing")
    )


def _is_news(now: Notification, sent: Notification | None, repeat: int) -> bool:
    """New ones fire, others are over, or the last time is long ago."""
    before = sent.firing if sent else ()
    if any(one not in before for one in now.firing) or any(one in before for one in now.resolved):
        return True
    return bool(now.firing) and sent is not None and now.at - sent.at >= repeat
