"""The short notation for series in Prometheus' own tests: `up{job="a"} 0+10x100 _ stale`.

A list of values, one a step from time 0. `0+10x3` is 0 10 20 30 (the first and three more),
`5x2` is 5 5 5, `_` is no sample, `_x3` three times none, `stale` ends the series.
"""

import re
from collections.abc import Iterator

from course.telemetry.labels import Labels
from course.telemetry.promql.engine import parse
from course.telemetry.reading import read
from course.telemetry.series import STALE, Store

_FLOAT = r"[+-]?(?:inf|nan|\d*\.?\d+(?:e[+-]?\d+)?|\d+\.)"
_TOKEN = re.compile(
    rf"(?P<gap>_)(?:x(?P<gaps>\d+))?"
    rf"|(?P<stale>stale)"
    rf"|(?P<start>{_FLOAT})(?:(?P<step>[+-](?:{_FLOAT}))?x(?P<times>\d+))?",
    re.IGNORECASE,
)


def values(text: str) -> list[float | None]:
    """The values of a series, None where there is no sample."""
    return [value for token in text.split() for value in _expanded(token)]


def _expanded(token: str) -> Iterator[float | None]:
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ValueError(f"{token!r} is not a value, start+stepxtimes, _ or stale")
    if found["gap"]:
        yield from [None] * int(found["gaps"] or 1)
    elif found["stale"]:
        yield STALE
    else:
        start, step = float(found["start"]), float(found["step"] or 0)
        for _ in range(int(found["times"] or 0) + 1):
            yield start
            start += step


def labels(text: str) -> Labels:
    """The label set that a series or an expected result is written as; `{}` has none."""
    if text.strip() in ("", "{}"):
        return ()
    if text.strip().startswith("{"):
        found = read("x" + text.strip() + " 0").samples[0].labels
        return tuple(pair for pair in found if pair != ("__name__", "x"))
    return read(text.strip() + " 0").samples[0].labels


def split(line: str) -> tuple[str, str]:
    """A line into its series and its values."""
    end = line.rindex("}") + 1 if "}" in line else len(line.split()[0])
    return line[:end], line[end:].strip()


def load(store: Store, series: str, text: str, step: int) -> None:
    """Put the values of a series into the store, one each `step` ms from 0."""
    named = labels(series)
    for number, value in enumerate(values(text)):
        if value is not None:
            store.append(named, number * step, value)


def duration(text: str) -> int:
    """A duration like `1m30s` in ms."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return round(float(text) * 1000)
    node = parse(f"x[{text}]")
    return round(node.range.total_seconds() * 1000)  # type: ignore[attr-defined]
