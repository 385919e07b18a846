"""Texts of alerts: the part of Go's templates that alert rules need.

`{{ $value }}`, `{{ $labels.node }}`, and either of them through `humanize`, `humanizePercentage` or
`humanizeDuration`. Anything else in braces is an error that names it: a text that is not expanded
misleads. Numbers look as Prometheus prints them.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TAG = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_PREFIXES = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")


@dataclass(frozen=True, slots=True)
class Template:
    """What a text may speak of: the labels and the value of one alert."""

    labels: Mapping[str, str]
    value: float

    def expand(self, text: str) -> str:
        """The text with its tags replaced; ValueError names a tag that is not known."""
        return _TAG.sub(lambda found: self._tag(found.group(1)), text)

    def _tag(self, inside: str) -> str:
        what, *pipes = (part.strip() for part in inside.split("|"))
        if what == "$value":
            result: str | float = self.value
        elif what.startswith("$labels."):
            result = self.labels.get(what.removeprefix("$labels."), "")
        else:
            raise ValueError(f"{{{{ {inside} }}}}: give $value or $labels.NAME")
        for pipe in pipes:
            if pipe not in PIPES:
                raise ValueError(f"{{{{ {inside} }}}}: {pipe!r} is none of {', '.join(PIPES)}")
            result = PIPES[pipe](float(result))
        return result if isinstance(result, str) else number(result)


def number(value: float) -> str:
    """A float as Go prints it with %v: shortest, with an exponent from 1e21 on."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e21:
        return repr(value)
    return str(int(value)) if value == int(value) else repr(value)


def humanize(value: float) -> str:
    """1234567 -> 1.235M: four digits, metric prefixes."""
    if value == 0 or math.isnan(value) or math.isinf(value):
        return _short(value)
    prefix, scaled = "", value
    if abs(value) >= 1:
        for prefix_up in _PREFIXES:
            if abs(scaled) < 1_000:
                break
            prefix, scaled = prefix_up, scaled / 1_000
    else:
        for prefix_down in _SMALL:
            if abs(scaled) >= 1:
                break
            prefix, scaled = prefix_down, scaled * 1_000
    return _short(scaled) + prefix


def humanize_percentage(value: float) -> str:
    """0.8912 -> 89.12%."""
    return f"{_short(value * 100)}%"


def humanize_duration(value: float) -> str:
    """3661 -> 1h 1m 1s; seconds."""
    if math.isnan(value) or math.isinf(value):
        return _short(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        return _short_with(value, ("s", "ms", "us", "ns"))
    sign, left = ("-" if value < 0 else ""), int(abs(value))
    days, hours, minutes, seconds = (
        left // 86_400, left // 3_600 % 24, left // 60 % 60, left % 60,
    )  # fmt: skip
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{_short(value)}s"


def _short_with(value: float, units: tuple[str, ...]) -> str:
    for unit in units:
        if abs(value) >= 1:
            return _short(value) + unit
        value *= 1_000
    return _short(value) + "ps"


def _short(value: float) -> str:
    """Go's %.4g."""
    if math.isnan(value) or math.isinf(value):
        return number(value)
    return f"{value:.4g}"


PIPES: dict[str, Callable[[float], str]] = {
    "humanize": humanize,
    "humanizePercentage": humanize_percentage,
    "humanizeDuration": humanize_duration,
}
