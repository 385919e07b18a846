"""Does an alert rule fire when it should, and only then?"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from course.telemetry import rules
from course.telemetry.judging.reasons import why
from course.telemetry.promql import QueryError
from course.telemetry.rules import Episode, Rule, RuleError
from course.telemetry.timeline import Timeline

EVALUATION_MS = 30_000


def judge_rule(
    text: str | Mapping[str, Any],
    timelines: Iterable[Timeline],
    within_s: float,
    needs: Iterable[str] = (),
) -> list[str]:
    """What is wrong with an alert rule; an empty list if nothing is.

    `text` is the rule as YAML or as a mapping. `within_s`: it has to fire so many seconds after a
    fault's beginning, and to be over as many after its end. `needs` are labels and annotations
    that it must carry, such as severity or runbook.
    """
    try:
        rule = rules.rule(_mapping(text), EVALUATION_MS)
    except RuleError as error:
        return [str(error)]
    if rule.kind != "alert":
        return [f"{rule.name} records a series and alerts nobody: it needs `alert`, not `record`"]
    missing = [name for name in needs if not (rule.labels.get(name) or rule.annotations.get(name))]
    found = [f"{rule.name} has no {name}; who is paged needs it" for name in missing]
    for timeline in timelines:
        try:
            found += _on_timeline(rule, timeline, round(within_s * 1_000))
        except (QueryError, ValueError) as error:
            return [*found, f"on {timeline.name}: {error}"]
    return found


def _mapping(text: str | Mapping[str, Any]) -> Any:
    if not isinstance(text, str):
        return text
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RuleError(f"this is no YAML: {error}") from None
    return data[0] if isinstance(data, list) and len(data) == 1 else data


def _on_timeline(rule: Rule, timeline: Timeline, within: int) -> Iterator[str]:
    episodes = rules.episodes(timeline.store, [rule], timeline.start, timeline.end)
    firing = [(one.firing_at, one) for one in episodes if one.firing_at is not None]
    if timeline.fault is None:
        if firing:
            at, one = firing[0]
            yield (
                f"on {timeline.name}, where nothing is wrong, it fires after "
                f"{timeline.seconds(at):g} s: {why(rule.expression, timeline, one.pending_at)}"
            )
        return
    begin, end = timeline.fault
    early = [at for at, _ in firing if at < begin]
    if early:
        yield (
            f"on {timeline.name} it fires after {timeline.seconds(early[0]):g} s, before anything "
            f"is wrong: {why(rule.expression, timeline, early[0])}"
        )
    due = [(at, one) for at, one in firing if begin <= at <= begin + within]
    if not due:
        yield _silent(rule, timeline, episodes, within)
    elif end + within <= timeline.end and any(
        one.over_at is None or one.over_at > end + within for _, one in due
    ):
        yield (
            f"on {timeline.name} it still fires {within / 1_000:g} s after the fault is over; "
            "a long window keeps what is past in sight"
        )


def _silent(rule: Rule, timeline: Timeline, episodes: list[Episode], within: int) -> str:
    """Why it did not fire in time."""
    begin, end = timeline.fault or (timeline.start, timeline.end)
    where = f"on {timeline.name} it does not fire within {within / 1_000:g} s of the fault"
    active = [e for e in episodes if (e.over_at or timeline.end) > begin and e.pending_at <= end]
    if active:
        longest = max((e.over_at or timeline.end) - e.pending_at for e in active) / 1_000
        return (
            f"{where}: its condition holds, for {longest:g} s, and `for` is {rule.hold / 1_000:g} s"
        )
    return f"{where}: {why(rule.expression, timeline, min(begin + within, end))}"
