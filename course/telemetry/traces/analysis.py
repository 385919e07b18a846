"""Where the time of a trace went: critical path, self time, slowest span.

The critical path answers: what would have to be faster for the whole to be over sooner? At each
moment it is the work that is under way and ends last, looked for from the root downwards. Work
that runs beside it is not on the path: making that faster saves nothing. So the parts of the path
add up to the duration of the root, however much the children overlap.

It is found by walking back from the end (as in Uber's CRISP, Zhang et al. 2022, and in Jaeger),
which visits each span once. Children are cut to their parent's time. Times are us.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from course.telemetry.traces.spans import Span, Trace


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the critical path: from `start` to `end` (us) all wait for `span`."""

    span: Span
    start: int
    end: int

    @property
    def duration(self) -> int:
        return self.end - self.start


def critical_path(trace: Trace) -> list[Segment]:
    """The path in the order of time; the segments touch and add up to the root's duration."""
    root = trace.root
    return list(_walked_back(trace, root, root.start, root.end))[::-1]


def _walked_back(trace: Trace, span: Span, start: int, until: int) -> Iterator[Segment]:
    """The path through `span` between `start` and `until`, last segment first."""
    at = until
    # Those that end last first. One that spans `at` ends later than one that ended before `at`.
    for child in sorted(trace.children(span), key=lambda c: (-c.end, c.start)):
        begins, ends = max(child.start, start), min(child.end, at)
        if ends <= begins:
            continue
        if ends < at:
            yield Segment(span, ends, at)
        yield from _walked_back(trace, child, begins, ends)
        at = begins
    if start < at:
        yield Segment(span, start, at)


def on_path_us(trace: Trace) -> dict[str, int]:
    """By name of span: us on the critical path, most first. It is the most that a faster one saves.

    A name that is missing is not on the path: shortening it gains nothing.
    """
    sums: dict[str, int] = {}
    for part in critical_path(trace):
        sums[part.span.name] = sums.get(part.span.name, 0) + part.duration
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def self_times(trace: Trace) -> dict[str, int]:
    """By span id: us in which none of its children ran."""
    return {span.span_id: _self_time(trace, span) for span in trace.spans}


def _self_time(trace: Trace, span: Span) -> int:
    covered, reached = 0, span.start
    for child in trace.children(span):
        begins, ends = max(child.start, reached), min(child.end, span.end)
        if ends > begins:
            covered, reached = covered + ends - begins, ends
    return span.duration - covered


def slowest(trace: Trace) -> Span:
    """The span with the longest time on the critical path that no child explains."""
    sums: dict[str, int] = {}
    for part in critical_path(trace):
        sums[part.span.span_id] = sums.get(part.span.span_id, 0) + part.duration
    return max((span for _, span in trace.walk()), key=lambda span: sums.get(span.span_id, 0))
