"""Metrics as text: the page that a node serves, and a whole history for backfill.

`page` writes the Prometheus text format 0.0.4: one value a series, no timestamps, what a scrape
reads. `openmetrics` writes OpenMetrics text with a timestamp on every sample and `# EOF` at the
end, what `promtool tsdb create-blocks-from openmetrics` reads. Two differences matter: OpenMetrics
names a counter's family without `_total`, and counts time in seconds. Neither can hold a stale
marker; `openmetrics` leaves them out, so a series that ended lives on for the look-back.
`reading` reads both back.
"""

import math
from collections.abc import Iterable, Iterator

from course.telemetry.families import Families, Family
from course.telemetry.labels import Labels, metric_name, nameless, quoted
from course.telemetry.series import Series, Store, is_stale

PAGE_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def number(value: float) -> str:
    """A float in both formats; it reads back as the same float."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def page(families: Families, samples: Iterable[tuple[Labels, float]]) -> str:
    """The metrics page of one moment. ValueError if a sample is not what its family declares."""
    by_family: dict[str, list[str]] = {}
    for labels, value in samples:
        family = families.check(labels)
        by_family.setdefault(family.name, []).append(f"{series(labels)} {number(value)}")
    lines = (
        line
        for family in families.all
        if family.name in by_family
        for line in [*_header(family), *by_family[family.name]]
    )
    return "".join(f"{line}\n" for line in lines)


def _header(family: Family) -> Iterator[str]:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {text}"
    yield f"# TYPE {family.name} {family.kind}"


def series(labels: Labels) -> str:
    """The series as a line of either format begins: `name{a="b",c="d"}`."""
    inner = ",".join(f"{name}={quoted(value)}" for name, value in nameless(labels))
    return f"{metric_name(labels)}{{{inner}}}" if inner else metric_name(labels)


def openmetrics(store: Store) -> str:
    """All samples of the store with their timestamps, family by family."""
    grouped: dict[str, list[Series]] = {}
    headers: dict[str, list[str]] = {}
    for one in store.select():
        name, header = _openmetrics_family(store.families, metric_name(one.labels))
        headers[name] = header
        grouped.setdefault(name, []).append(one)
    lines = (line for name in grouped for line in [*headers[name], *_history(grouped[name])])
    return "".join(f"{line}\n" for line in lines) + "# EOF\n"


def _history(group: list[Series]) -> Iterator[str]:
    for one in group:
        start = series(one.labels)
        for at, value in one.samples():
            if not is_stale(value):
                yield f"{start} {number(value)} {seconds(at)}"


def seconds(at: int) -> str:
    """Milliseconds as seconds that are the same milliseconds again, rounded or cut off."""
    whole, rest = divmod(at, 1000)
    text = f"{whole}.{rest:03d}" if rest else str(whole)
    # promtool cuts off: 1.001 s would be 1000 ms, for 1.001 * 1000 is 1000.9999999999999.
    return text if int(float(text) * 1000) == at else text + "1"


def _openmetrics_family(families: Families | None, sample_name: str) -> tuple[str, list[str]]:
    """The family that OpenMetrics puts a series under, and its header lines."""
    try:
        family = families.of(sample_name) if families else None
    except ValueError:
        family = None
    if family is None:
        return sample_name, [f"# TYPE {sample_name} unknown"]
    name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
    header = [f"# TYPE {name} {family.kind}"]
    if family.unit and name.endswith(f"_{family.unit}"):
        header.append(f"# UNIT {name} {family.unit}")
    text = family.help.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return name, [*header, f"# HELP {name} {text}"]
