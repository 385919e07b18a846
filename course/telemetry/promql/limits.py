"""What a query may cost. A query is input: it must not stop or exhaust who answers it.

Prometheus has such limits too (50 million samples), and RE2 in place of Python's `re`, whose time
may grow exponentially. So a repetition of something that repeats or branches is refused here.
"""

import re

from course.telemetry.promql.values import QueryError, UnsupportedError

TEXT_MAX = 5_000  # characters
MOMENTS_MAX = 1_000_000  # at which a subquery is evaluated
SAMPLES_MAX = 10_000_000  # that are held, or looked at, at once
_REPEATS = "*+{?"


def check_text(promql: str) -> None:
    """Refuse a text that is too long, or that the parser can read and not hand over."""
    if len(promql) > TEXT_MAX:
        raise QueryError(f"a query has at most {TEXT_MAX:,} characters, not {len(promql):,}")
    if re.search(r"@\s*-", promql):
        raise UnsupportedError("a time before 1970 after @")


def check_moments(count: int) -> None:
    """Refuse a subquery with too many steps."""
    if count > MOMENTS_MAX:
        raise QueryError(f"a subquery of {count:,} steps; at most {MOMENTS_MAX:,}: a longer step")


def check_samples(count: int) -> None:
    """Refuse to hold or look at too many samples."""
    if count > SAMPLES_MAX:
        raise QueryError(
            f"this would take {count:,} samples at once; at most {SAMPLES_MAX:,}: "
            "select fewer series, a shorter range, or a longer step"
        )


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression that may take exponential time."""
    inner = [False]  # for each open group: does it repeat or branch?
    at, closed = 0, False  # closed: is what stands before `at` a group that repeats or branches?
    while at < len(pattern):
        char = pattern[at]
        if char in _REPEATS and not (char == "?" and pattern[at - 1 : at] == "("):
            if closed and char != "?":
                raise UnsupportedError(f"a repetition of what repeats or branches, in {pattern!r}")
            inner[-1] = inner[-1] or char != "?"
        elif char == "|":
            inner[-1] = True
        closed = False
        if char == "\\":
            at += 1
        elif char == "[":
            at = _end_of_class(pattern, at)
        elif char == "(":
            inner.append(False)
        elif char == ")" and len(inner) > 1:
            closed = inner.pop()
            inner[-1] = inner[-1] or closed
        at += 1


def _end_of_class(pattern: str, at: int) -> int:
    """Where the class that begins at `at` ends; a bracket right after its beginning is a member."""
    end = at + 1 + pattern.startswith("^", at + 1)
    end += pattern.startswith("]", end)
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end
