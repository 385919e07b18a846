"""Traces in Jaeger's JSON: what its query API answers and its page "JSON File" opens.

Times are us. A resource becomes a process, a parent a reference CHILD_OF, a link FOLLOWS_FROM.
Spans that are not over are left out.
"""

from collections.abc import Iterable
from typing import Any

from course.telemetry.traces.spans import Span, Trace

TYPES = {bool: "bool", int: "int64", float: "float64"}


def write(traces: Iterable[Trace]) -> dict[str, Any]:
    """The traces as plain data."""
    return {
        "data": [_trace(trace) for trace in traces],
        "total": 0, "limit": 0, "offset": 0, "errors": None,
    }  # fmt: skip


def _trace(trace: Trace) -> dict[str, Any]:
    spans = [span for _, span in trace.walk() if not span.is_open]
    processes: dict[tuple[tuple[str, Any], ...], str] = {}
    for span in spans:
        processes.setdefault(_key(span), f"p{len(processes) + 1}")
    return {
        "traceID": trace.id,
        "spans": [_span(span, processes[_key(span)]) for span in spans],
        "processes": {
            name: {
                "serviceName": dict(key).get("service.name", ""),
                "tags": _tags({k: v for k, v in key if k != "service.name"}),
            }
            for key, name in processes.items()
        },
        "warnings": None,
    }


def _key(span: Span) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(span.resource.items()))


def _span(span: Span, process: str) -> dict[str, Any]:
    parent = [("CHILD_OF", span.trace_id, span.parent_id)] if span.parent_id else []
    links = [("FOLLOWS_FROM", trace, other) for trace, other in span.links]
    failed = {"error": True, "otel.status_description": span.error} if span.error else {}
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": [
            {"refType": kind, "traceID": trace, "spanID": other}
            for kind, trace, other in [*parent, *links]
        ],
        "startTime": span.start,
        "duration": span.duration,
        "tags": _tags({**span.attributes, **failed}),
        "logs": [
            {"timestamp": event.at, "fields": _tags({"event": event.name, **event.attributes})}
            for event in span.events
        ],
        "processID": process,
        "warnings": None,
    }


def _tags(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "type": TYPES.get(type(value), "string"), "value": value}
        for key, value in values.items()
    ]
