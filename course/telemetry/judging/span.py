"""Is the span that somebody would work on the one that makes the whole faster?

A choice is judged by what it could save: the time that it has on the critical path. Any span that
could save nearly as much as the best is right.
"""

from collections.abc import Callable, Iterable
from typing import Any

from course.telemetry.traces.analysis import on_path_us
from course.telemetry.traces.spans import Trace

NEARLY = 0.9
"""Of the best one's saving: that is right too."""


def judge_span(choice: Any, trace: Trace) -> list[str]:
    """What is wrong with the name of a span as the one to work on; an empty list if nothing is."""
    names = list(dict.fromkeys(span.name for _, span in trace.walk()))
    if not isinstance(choice, str) or choice not in names:
        return [f"{choice!r} is no span of this trace; there are {', '.join(names)}"]
    path = on_path_us(trace)
    best, mine = max(path.values()), path.get(choice, 0)
    if mine >= NEARLY * best:
        return []
    whole, took = trace.root.duration, sum(span.duration for span in trace.named(choice))
    if _holds(trace, choice, mine):
        return [
            f"{choice} lasts {_s(took)}, and {_s(mine)} of that are its own: the rest is spans in "
            "it; which of those?"
        ]
    if not mine:
        return [
            f"{choice} lasts {_s(took)} beside others that end later: shortening it saves 0 s; "
            "walk back from the end of the request"
        ]
    return [
        f"{choice} has {_s(mine)} of the {_s(whole)} on the critical path; another one has "
        f"{_s(best)}"
    ]


def judge_spans(
    choose: Callable[[list[dict[str, Any]]], Any], traces: Iterable[Trace]
) -> list[str]:
    """The same for a function that chooses: from `Trace.rows`, trace by trace."""
    return [
        f"on trace {number}: {text}"
        for number, trace in enumerate(traces, 1)
        for text in judge_span(choose(trace.rows()), trace)
    ]


def _holds(trace: Trace, name: str, mine: int) -> bool:
    """Does it mostly hold others, some of which are on the path?"""
    path, inside = on_path_us(trace), set()
    waiting = list(trace.named(name))
    while waiting:
        children = trace.children(waiting.pop())
        waiting += children
        inside |= {child.name for child in children}
    return any(path.get(child, 0) > mine for child in inside)


def _s(us: int) -> str:
    return f"{us / 1e6:.3g} s"
