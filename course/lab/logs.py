"""The logs of a lab: what happened, as records with the ids of the traces they belong to.

They are made from the history and its notes when somebody asks; nothing is stored twice. Each
record has the time of its own node's clock, and they stand in the order of true time. Which event
has which level and sentence is in the catalogue (`events.yaml`).

    lab.logs.query(level="warn")
    lab.logs.query(trace_id=lab.trace("shop").id)
    lab.logs.query(node="worker-1", text="refused", since_s=60)
"""

from collections.abc import Iterator
from heapq import merge
from typing import TYPE_CHECKING, Any

from course.catalogue.errors import error_codes
from course.catalogue.events import kind_of
from course.dwcp.units import MS, SECOND
from course.lab.cluster import Event, World
from course.telemetry import logs
from course.telemetry.logs import Record

if TYPE_CHECKING:
    from course.lab.journal import Lab

NAMES = {
    "vm": "vm_id", "id": "migration_id", "streams": "amst_streams", "level": "compression_level",
    "original": "bytes_original", "wire": "bytes_wire",
}  # fmt: skip
"""What a field of an event is called in the log, where that differs."""


ABOUT = ("vm.id", "migration.id", "source.node", "target.node", "network.mode", "request.id")
"""Attributes of a request that stand on each of its lines."""


class Logs:
    """The log store of one lab."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab

    def query(
        self, node: str | None = None, level: str | None = None, text: str | None = None,
        since_s: float = 0.0, until_s: float | None = None, **fields: Any,
    ) -> list[Record]:  # fmt: skip
        """The records that fit all that is given; see `course.telemetry.logs.select`.

        `since_s` and `until_s` are seconds of true time since the lab began. ValueError for a
        node or a level that does not exist.
        """
        if node is not None and node not in self._world.hosts:
            raise ValueError(f"no node {node!r}; there are {', '.join(self._world.hosts)}")
        until = self._world.now + 1 if until_s is None else round(until_s * SECOND)
        since = round(since_s * SECOND)
        about = self._about()
        records = (_record(self._world, e, about) for e in self._events() if since <= e.at < until)
        return logs.select(records, node, level, text, **fields)

    def lines(self) -> str:
        """The whole log, one JSON object a line."""
        about = self._about()
        return logs.lines(_record(self._world, event, about) for event in self._events())

    def audit(self) -> list[Record]:
        """Who changed what: the operator's verbs that are not only looking, in their order."""
        from course.lab.commands import KINDS

        return [
            {
                "at_s": row["at_us"] / SECOND,
                "actor": "operator",
                "action": row["verb"],
                "object": ", ".join(f"{k}={v}" for k, v in row["arguments"].items()),
            }
            for row in self._lab.journal()
            if KINDS.get(row["verb"], "C") != "R" and row["verb"] != "clock run"
        ]

    @property
    def _world(self) -> World:
        return self._lab.world

    def _about(self) -> dict[str, Record]:
        """By span id: what the request that the span belongs to is about."""
        return {
            span.span_id: {
                name.replace(".", "_"): trace.root.attributes[name]
                for name in ABOUT
                if name in trace.root.attributes
            }
            for trace in self._lab.traces()
            for span in trace.spans
        }

    def _events(self) -> Iterator[Event]:
        return merge(self._world.history, self._world.notes, key=lambda event: event.at)


def _record(world: World, event: Event, about: dict[str, Record]) -> Record:
    kind, config = kind_of(event.name), world.hosts[event.host].config
    record: Record = {
        "time": logs.stamp(event.wall),
        "level": kind.level,
        "component": kind.component,
        "msg": kind.msg,
        "node_id": event.host,
        "cluster_id": config.cluster_id if config else "",
        "event": event.name,
    }
    if event.trace:
        _, record["trace_id"], record["span_id"], _ = event.trace.split("-")
        record |= about.get(record["span_id"], {})
    return record | dict(_fields(event))


def _fields(event: Event) -> Iterator[tuple[str, Any]]:
    for name, value in event.details.items():
        if name == "took":
            yield "duration_ms", value / MS
        elif value is None or isinstance(value, bool | int | float | str):
            yield NAMES.get(name, name), value
        elif isinstance(value, dict | list | tuple):
            yield NAMES.get(name, name), str(value)
        if name == "error" and str(value).split(":")[0] in error_codes():
            yield "error_code", str(value).split(":")[0]
