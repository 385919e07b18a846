"""Judging a learner's alert rule or query by what it says, not by how it is written.

A timeline is a history that the learner has not seen: one with a fault, one without, one where the
fault takes the series themselves away. A rule has to fire on the first, in time and not before, to
be over afterwards, and to be silent on the second. A query has to give what the reference query
gives, at several moments of each. What is wrong comes back as sentences that say where to look; an
empty list is a pass. Text goes in and text comes out, so this can be used in a test cell:

    assert not (wrong := judge_rule(rule, timelines, within_s=180)), wrong[0]

A panel is judged by the values and colours that one would see, the choice of a span by the time
that it could save. Read next: `rule`, `query`, `panel`, `span`, `reasons`.
"""

from course.telemetry.judging.panel import judge_dashboard, judge_panel
from course.telemetry.judging.query import judge_query
from course.telemetry.judging.rule import judge_rule
from course.telemetry.judging.span import judge_span, judge_spans
from course.telemetry.timeline import Timeline

__all__ = [
    "Timeline",
    "judge_dashboard",
    "judge_panel",
    "judge_query",
    "judge_rule",
    "judge_span",
    "judge_spans",
]
