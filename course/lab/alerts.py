"""Which alerts fire on a lab, and when each began and ended.

    lab.alerts.firing()      now, as rows
    lab.alerts.history()     everything since the lab began
    lab.alerts.told()        who was told of them, and when

The rules are the file that a real Prometheus loads (`course.catalogue.rules`), evaluated on the
lab's own samples up to the last scrape. They are looked at when somebody asks, and not while time
passes: the outcome is the same, since an alert changes nothing.
"""

from functools import cache
from typing import Any

from course.catalogue import rules as catalogue
from course.lab.metrics import Metrics, stamp
from course.telemetry import alertmanager, rules
from course.telemetry.labels import NAME
from course.telemetry.rules import Episode, Rule


@cache
def _known(name: str) -> tuple[Rule, ...]:
    return tuple(rules.read(catalogue.load(name)))


@cache
def _routing() -> alertmanager.Routing:
    return alertmanager.read(catalogue.routing())


class Alerts:
    """The alerts of one lab. Times are seconds since it began."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._until: int | None = None
        self._found: list[Episode] = []

    def firing(self, at_s: float | None = None) -> list[dict[str, Any]]:
        """The alerts that fire at a moment, now if none is given."""
        at = self._metrics.scraped_at if at_s is None else self._metrics.ms(at_s)
        return [_row(one) for one in self.episodes() if one.state(at) == "firing"]

    def history(self, alert: str | None = None) -> list[dict[str, Any]]:
        """Every time that an alert was active, also those that never fired; `alert` selects."""
        if alert is not None and alert not in catalogue.alert_names():
            names = ", ".join(catalogue.alert_names())
            raise ValueError(f"no alert {alert!r}; there are {names}")
        return [_row(one) for one in self.episodes() if alert in (None, one.alert)]

    def episodes(self) -> list[Episode]:
        """The same as values, with all labels, texts and times in ms since 1970."""
        end = self._metrics.scraped_at
        if self._until != end:
            self._found = self._evaluated(_known("alerts.yaml"))
            self._until = end
        return self._found

    def of_rule(self, text: dict[str, Any]) -> list[dict[str, Any]]:
        """What a rule of one's own would have done, given as the mapping of a rules file."""
        return [_row(one) for one in self._evaluated((rules.rule(text, interval=30_000),))]

    def told(self, *own: dict[str, Any]) -> list[dict[str, Any]]:
        """Whom Alertmanager told what, by the routes of the catalogue, in the order of time.

        `own` are rules of yours, as mappings of a rules file, loaded beside the catalogue's. The
        watchdog's minute by minute is left out. An alert is named with its node, if it has one.
        """
        mine = self._evaluated(tuple(rules.rule(text, interval=30_000) for text in own))
        end = self._metrics.scraped_at
        found = alertmanager.notifications(_routing(), [*self.episodes(), *mine], end)
        return [
            {
                "s": _seconds(one.at),
                "receiver": one.receiver,
                "firing": [_named(episode) for episode in one.firing],
                "resolved": [_named(episode) for episode in one.resolved],
            }
            for one in found
            if one.receiver != "watchdog"
        ]

    def _evaluated(self, known: tuple[Rule, ...]) -> list[Episode]:
        """From the first scrape on: before the first service was started, nothing was watched."""
        store = self._metrics.store
        first = min((series.first[0] for series in store.select("up")), default=None)
        return rules.episodes(store, known, first, self._metrics.scraped_at) if first else []


def _named(episode: Episode) -> str:
    return f"{episode.alert} {dict(episode.labels).get('node', '')}".strip()


def _row(episode: Episode) -> dict[str, Any]:
    own = {key: value for key, value in episode.labels if key not in (NAME, "alertname")}
    return {
        "alert": episode.alert,
        "severity": own.pop("severity", ""),
        "labels": own,
        "pending_s": _seconds(episode.pending_at),
        "firing_s": _seconds(episode.firing_at),
        "over_s": _seconds(episode.over_at),
        "value": episode.value,
        **episode.annotations,
    }


def _seconds(at: int | None) -> float | None:
    return None if at is None else (at - stamp(0)) / 1_000
