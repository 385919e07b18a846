"""Log lines as plain records, and how they are asked for.

A record has `time` (RFC 3339, UTC, of the node's own clock), `level`, `component`, `msg` (a
constant sentence), `node_id` and `cluster_id`, and the fields of its event. `trace_id` and
`span_id` are there in a request: by them the lines of one request are found on all nodes. Ids are
fields, not labels: a store that indexed by them would keep one stream a request. Read next:
`course.lab.logs`, where the records come from.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

LEVELS = ("debug", "info", "warn", "error")
FIRST = ("time", "level", "component", "msg", "node_id", "cluster_id")

Record = dict[str, Any]


def stamp(wall: int) -> str:
    """A clock in us since 1970 as RFC 3339 with nanoseconds.

    >>> stamp(1_728_032_400_123_456)
    '2024-10-04T09:00:00.123456000Z'
    """
    whole = datetime.fromtimestamp(wall // 1_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{wall % 1_000_000:06d}000Z"


def select(
    records: Iterable[Record], node: str | None = None, level: str | None = None,
    text: str | None = None, since: str | None = None, until: str | None = None, **fields: Any,
) -> list[Record]:  # fmt: skip
    """The records that fit all that is given, in their order.

    `level` and louder; `text` anywhere in the line, upper or lower case; `since` and `until` are
    times as in the records, the first included and the second not; `fields` equal, such as
    `event="migration_failed"`; `duration_ms_min=1000` asks for at least that. ValueError for a
    level that does not exist.
    """
    if level is not None and level not in LEVELS:
        raise ValueError(f"no level is {level!r}; there are {', '.join(LEVELS)}")
    loud = LEVELS[LEVELS.index(level) if level else 0 :]
    return [
        record
        for record in records
        if record["level"] in loud
        and node in (None, record["node_id"])
        and (since is None or record["time"] >= since)
        and (until is None or record["time"] < until)
        and (text is None or text.lower() in line(record).lower())
        and all(_fits(record, name, wanted) for name, wanted in fields.items())
    ]


def _fits(record: Record, name: str, wanted: Any) -> bool:
    if name.endswith("_min"):
        found = record.get(name.removesuffix("_min"))
        return isinstance(found, int | float) and found >= wanted
    return bool(record.get(name) == wanted)


def line(record: Record) -> str:
    """The record as its line: one JSON object."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def lines(records: Iterable[Record]) -> str:
    """A log as a text, one line a record; what Loki's agent reads."""
    return "".join(f"{line(record)}\n" for record in records)
