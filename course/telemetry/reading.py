"""Reading metrics text back: the page of a scrape, or OpenMetrics with timestamps.

Both formats are read by one function, since they differ in little: OpenMetrics ends in `# EOF` and
counts time in seconds, the older format in milliseconds. Left out: exemplars, summaries' meaning,
native histograms. A line that cannot be read is an error with its number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from course.telemetry.labels import NAME, Labels, make, metric_name
from course.telemetry.series import Store

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LABEL = rf"\s*[a-zA-Z_][a-zA-Z0-9_]*\s*=\s*{_QUOTED}\s*"
_LINE = re.compile(rf"({_NAME})\s*(\{{(?:{_LABEL},)*(?:{_LABEL})?\}})?\s*(\S+)(?:\s+(\S+))?\s*")
_PAIR = re.compile(rf"([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*({_QUOTED})")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: `at` is in ms, None if the line has no timestamp."""

    labels: Labels
    value: float
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a text holds: its samples, and types, help texts and units by family name."""

    samples: tuple[Sample, ...]
    types: dict[str, str]
    help: dict[str, str]
    units: dict[str, str]


def read(text: str) -> Page:
    """Read either format; ValueError with the number of the first line that is wrong."""
    lines = text.split("\n")
    with_eof = any(line.strip() == "# EOF" for line in lines)
    notes: dict[str, dict[str, str]] = {"TYPE": {}, "HELP": {}, "UNIT": {}}
    samples = []
    for number, line in _meaningful(lines):
        if line.startswith("#"):
            _note(line, notes)
            continue
        try:
            samples.append(_sample(line, 1000.0 if with_eof else 1.0))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return Page(tuple(samples), notes["TYPE"], notes["HELP"], notes["UNIT"])


def _meaningful(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if line.strip() == "# EOF":
            if any(rest.strip() for rest in lines[number:]):
                raise ValueError(f"line {number}: there is text after # EOF")
            return
        if line.strip():
            yield number, line.strip()


def _note(line: str, notes: dict[str, dict[str, str]]) -> None:
    words = line[1:].strip().split(" ", 2)
    if len(words) > 1 and words[0] in notes:
        text = words[2] if len(words) > 2 else ""
        notes[words[0]][words[1]] = _unescaped(text) if words[0] == "HELP" else text


def _sample(line: str, unit_ms: float) -> Sample:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f'{line!r} is not of the form name{{label="value"}} value timestamp')
    name, inner, value, at = found.groups()
    pairs = [(key, _unescaped(text[1:-1])) for key, text in _PAIR.findall(inner or "")]
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise ValueError(f"{line!r} gives a label twice")
    when = None if at is None else round(_number(at) * unit_ms)
    return Sample(make({NAME: name, **labels}), _number(value), when)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _unescaped(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: _ESCAPES[found.group()], text)


def read_store(text: str) -> Store:
    """A store from OpenMetrics text; ValueError if a sample has no timestamp."""
    store = Store()
    for sample in read(text).samples:
        if sample.at is None:
            raise ValueError(f"a sample of {metric_name(sample.labels)} has no timestamp")
        store.append(sample.labels, sample.at, sample.value)
    return store
