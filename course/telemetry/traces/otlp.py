"""Traces as OTLP in JSON, the format that an OpenTelemetry collector takes at /v1/traces.

The encoding is proto3's JSON with OTLP's two exceptions: ids are hexadecimal, enumerations are
numbers. 64-bit integers are text, as proto3 wants them. Spans that are not over are left out, for
OTLP knows none. `read` is the way back. Source: opentelemetry-proto, trace.proto 1.x.
"""

from collections.abc import Iterable
from typing import Any

from course.telemetry.traces.spans import Happening, Span, Trace

INTERNAL, ERROR = 1, 2  # SpanKind, StatusCode
NS = 1_000  # in one us


def write(traces: Iterable[Trace]) -> dict[str, Any]:
    """An ExportTraceServiceRequest as plain data."""
    by_resource: dict[tuple[tuple[str, Any], ...], list[Span]] = {}
    for trace in traces:
        for _, span in trace.walk():
            if not span.is_open:
                by_resource.setdefault(tuple(sorted(span.resource.items())), []).append(span)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(dict(resource))},
                "scopeSpans": [
                    {"scope": {"name": "course.lab"}, "spans": [_span(span) for span in spans]}
                ],
            }
            for resource, spans in by_resource.items()
        ]
    }


def _span(span: Span) -> dict[str, Any]:
    row: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id:
        row["parentSpanId"] = span.parent_id
    return {
        **row,
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(span.start * NS),
        "endTimeUnixNano": str(span.end * NS),
        "attributes": _attributes(span.attributes),
        "events": [
            {
                "timeUnixNano": str(event.at * NS),
                "name": event.name,
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        "links": [{"traceId": trace, "spanId": link} for trace, link in span.links],
        "status": {"code": ERROR, "message": span.error} if span.error else {},
    }


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}


def read(request: dict[str, Any]) -> list[Trace]:
    """The traces of an ExportTraceServiceRequest; ValueError says what is missing in it."""
    by_trace: dict[str, list[Span]] = {}
    try:
        for group in request["resourceSpans"]:
            resource = _read_attributes(group["resource"]["attributes"])
            for scope in group["scopeSpans"]:
                for row in scope["spans"]:
                    by_trace.setdefault(row["traceId"], []).append(_read_span(row, resource))
    except (KeyError, TypeError) as problem:
        raise ValueError(
            f"not OTLP: {problem!r}; it is resourceSpans, in each a resource and scopeSpans"
        ) from None
    return [Trace(spans) for spans in by_trace.values()]


def _read_span(row: dict[str, Any], resource: dict[str, Any]) -> Span:
    status = row.get("status", {})
    return Span(
        row["traceId"],
        row["spanId"],
        row.get("parentSpanId") or None,
        row["name"],
        int(row["startTimeUnixNano"]) // NS,
        int(row["endTimeUnixNano"]) // NS,
        resource,
        _read_attributes(row.get("attributes", ())),
        tuple(
            Happening(
                int(event["timeUnixNano"]) // NS,
                event["name"],
                _read_attributes(event.get("attributes", ())),
            )
            for event in row.get("events", ())
        ),
        tuple((link["traceId"], link["spanId"]) for link in row.get("links", ())),
        (status.get("message") or "failed") if status.get("code") == ERROR else None,
    )


def _read_attributes(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {row["key"]: _read_value(row["value"]) for row in rows}


def _read_value(value: dict[str, Any]) -> Any:
    kind, held = next(iter(value.items()))
    return int(held) if kind == "intValue" else held
