"""Spans made by the OpenTelemetry SDK, with times and ids from outside.

The SDK takes the time of day and random ids where nobody gives it any; here every start and end is
given, and ids come from a seeded stream, so that a replay has the same trace, id by id. Context
goes from node to node as W3C Trace Context's `traceparent`, read and written by the SDK. A
resource (service, node) has a tracer provider of its own, as on a real cluster, where each node
is a process. All is recorded: sampling is for production.

Times are us since 1970; the SDK counts ns.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, get_current_span
from opentelemetry.trace import Span as Recording
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status, StatusCode

from course.telemetry.traces.spans import Happening, Span, Trace

NS = 1_000  # in one us
_W3C = TraceContextTextMapPropagator()


class _SeededIds(IdGenerator):
    """Ids as the SDK wants them: never 0."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._rng.randrange(1, 1 << 64)

    def generate_trace_id(self) -> int:
        return self._rng.randrange(1, 1 << 128)


class _Keeping(SpanProcessor):
    """Keeps every span from its start, so that those under way can be seen too."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        self.spans.append(span)


class Recorder:
    """Starts and ends spans, and gives back what was recorded."""

    def __init__(self, ids: Random) -> None:
        self._ids, self._kept = _SeededIds(ids), _Keeping()
        self._tracers: dict[tuple[tuple[str, Any], ...], Any] = {}

    def start(
        self, name: str, at: int, resource: Mapping[str, Any], parent: str | None = None,
        attributes: Mapping[str, Any] | None = None, follows: tuple[Recording, ...] = (),
    ) -> Recording:  # fmt: skip
        """Begin a span at `at`. `parent` is a `traceparent`; None begins a trace.

        `follows` are spans that this one is linked to, such as the attempt that failed before.
        """
        return self._tracer(resource).start_span(  # type: ignore[no-any-return]
            name, context=_context(parent), attributes=attributes or {}, start_time=at * NS,
            links=[Link(span.get_span_context()) for span in follows],
        )  # fmt: skip

    def _tracer(self, resource: Mapping[str, Any]) -> Any:
        key = tuple(sorted(resource.items()))
        if key not in self._tracers:
            provider = TracerProvider(
                ALWAYS_ON, Resource(resource), shutdown_on_exit=False, id_generator=self._ids
            )
            provider.add_span_processor(self._kept)
            self._tracers[key] = provider.get_tracer("course.lab")
        return self._tracers[key]

    def spans(self, now: Mapping[str, int]) -> list[Span]:
        """All spans, in the order of their starts. `now`: by node, what its clock reads, in us."""
        return [_value(span, now) for span in self._kept.spans]

    def traces(self, now: Mapping[str, int]) -> list[Trace]:
        """A trace for each request, oldest first; a caller's own spans are not known here."""
        top: dict[str, str] = {}  # by span id, the span that its request began with
        requests: dict[str, list[Span]] = {}
        for span in self.spans(now):  # parents start before their children
            top[span.span_id] = top.get(str(span.parent_id), span.span_id)
            requests.setdefault(top[span.span_id], []).append(span)
        return [Trace(spans) for spans in requests.values()]


def header(span: Recording) -> str:
    """The `traceparent` that a message from within `span` carries."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    return carrier["traceparent"]


def ids(traceparent: str) -> tuple[str, str]:
    """Trace id and span id of a `traceparent`; ValueError if it is none."""
    found = _remote(traceparent)
    if not found.is_valid:
        raise ValueError(
            f"{traceparent!r} is no traceparent; one is 00-<32 hex digits>-<16 hex digits>-01"
        )
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"


def event(span: Recording, at: int, name: str, **attributes: Any) -> None:
    """Something that happened within `span`."""
    span.add_event(name, attributes, timestamp=at * NS)


def fail(span: Recording, at: int, message: str, code: str = "") -> None:
    """Mark the span as failed: an exception event, and the API's code if there is one."""
    span.set_status(Status(StatusCode.ERROR, message))
    event(span, at, "exception", **{"exception.message": message})
    if code:
        span.set_attribute("error.code", code)


def finish(span: Recording, at: int) -> None:
    """End the span at `at`."""
    if span.is_recording():
        span.end(at * NS)


def _context(parent: str | None) -> Context:
    """Never the process' own current context: that one belongs to whoever runs the lab."""
    if parent is None:
        return Context()
    return set_span_in_context(NonRecordingSpan(_remote(parent)), Context())


def _remote(traceparent: str) -> SpanContext:
    found = _W3C.extract({"traceparent": traceparent}, Context())
    return get_current_span(found).get_span_context()


def _value(span: ReadableSpan, now: Mapping[str, int]) -> Span:
    context, resource = span.get_span_context(), dict(span.resource.attributes)
    assert context is not None and span.start_time is not None
    is_open = span.end_time is None
    start = span.start_time // NS
    looked = now.get(str(resource.get("node.id")), start)
    failed = span.status.status_code is StatusCode.ERROR
    return Span(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        f"{span.parent.span_id:016x}" if span.parent else None,
        span.name,
        start,
        max(start, looked) if span.end_time is None else span.end_time // NS,
        resource,
        dict(span.attributes or {}),
        tuple(Happening(e.timestamp // NS, e.name, dict(e.attributes or {})) for e in span.events),
        tuple(
            (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links
        ),
        (span.status.description or "failed") if failed else None,
        is_open,
    )
