"""Does a query give what one that is right gives?"""

from collections.abc import Iterable

import numpy as np

from course.telemetry import promql
from course.telemetry.judging.reasons import brief, emptiness
from course.telemetry.labels import Labels, nameless, show
from course.telemetry.promql import Answer, QueryError
from course.telemetry.promql.engine import parse
from course.telemetry.timeline import Timeline

MOMENTS = 12  # at which two queries are compared on a timeline
FACTORS = (
    (8, "bits and bytes"),
    (100, "a fraction and per cent"),
    (60, "per second and per minute"),
    (1e6, "bit/s and Mbps"),
    (1e3, "ms and s"),
)


def judge_query(
    text: str,
    reference: str,
    timelines: Iterable[Timeline],
    tolerance: float = 0.001,
    labels: bool = True,
) -> list[str]:
    """What is wrong with a query, beside one that is right; an empty list if nothing is.

    They are compared at 12 moments of each timeline. Values may differ by a share of `tolerance`.
    `labels`: the series must carry the same labels; otherwise only the values count.
    """
    for timeline in timelines:
        moments = np.linspace(timeline.start, timeline.end, MOMENTS + 1)[1:].astype(int)
        answered = False
        for at in moments.tolist():
            right = promql.query(timeline.store, reference, at)
            try:
                found = promql.query(timeline.store, text, at)
            except QueryError as error:
                return [str(error)]
            answered = answered or bool(right.lines)
            problem = _difference(timeline, found, right, text, tolerance, labels)
            if problem:
                return [f"on {timeline.name}, at {timeline.seconds(at):g} s: {problem}"]
        if not answered:
            raise ValueError(f"the reference says nothing on {timeline.name}: {reference}")
    return []


def _difference(
    timeline: Timeline, found: Answer, right: Answer, text: str, tolerance: float, labels: bool
) -> str | None:
    if not found.lines and right.lines:
        return f"it says nothing, where {brief(right)} is right" + emptiness(
            timeline.store, parse(text)
        )
    ours, theirs = ({nameless(line.labels): line.value for line in a.lines} for a in (found, right))
    if labels and ours.keys() != theirs.keys():
        return _other_labels([*ours], [*theirs])
    pairs = (
        [(ours[key], theirs[key]) for key in theirs]
        if labels
        else list(zip(sorted(ours.values()), sorted(theirs.values()), strict=False))
    )
    if len(found.lines) != len(right.lines):
        return f"it has {len(found.lines)} series, where {len(right.lines)} are right"
    for have, want in pairs:
        if not np.isclose(have, want, rtol=tolerance, atol=1e-12, equal_nan=True):
            return f"it says {have:g}, where {want:g} is right{_factor(have, want)}"
    return None


def _other_labels(ours: list[Labels], theirs: list[Labels]) -> str:
    keys = [sorted({key for labels in side for key, _ in labels}) for side in (ours, theirs)]
    if keys[0] != keys[1]:
        return (
            f"its series are told apart by {', '.join(keys[0]) or 'nothing'}, where "
            f"{', '.join(keys[1]) or 'nothing'} is right: look at `by` and `without`"
        )
    lacking = [labels for labels in theirs if labels not in ours]
    extra = [labels for labels in ours if labels not in theirs]
    if lacking:
        return f"it lacks {show(lacking[0])}: which matcher keeps it out?"
    return f"it has {show(extra[0])}, which does not belong there: which matcher lets it in?"


def _factor(have: float, want: float) -> str:
    """A hint if the two differ by a factor that units explain."""
    if not want or not have:
        return ""
    for factor, words in FACTORS:
        if np.isclose(have / want, factor, rtol=0.01) or np.isclose(want / have, factor, rtol=0.01):
            return f"; that is a factor of {factor:g}: {words}"
    return ""
