"""A trace as a value: spans that form a tree, as OpenTelemetry defines them.

Times are whole microseconds since 1970, each by the clock of the node that the span is of. Clocks
differ: spans of two nodes are ordered by who called whom, not by their times. A span that is not
over has `is_open`, and its `end` is the moment at which was looked. Read next: `analysis`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Happening:
    """A moment within a span: OpenTelemetry calls it an event. `at` is us since 1970."""

    at: int
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work. Ids are hexadecimal, 32 and 16 digits; `error` None: it went well."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: int
    end: int
    resource: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: tuple[Happening, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (trace id, span id) of what this one follows
    error: str | None = None
    is_open: bool = False

    @property
    def service(self) -> str:
        return str(self.resource.get("service.name", ""))

    @property
    def node(self) -> str:
        return str(self.resource.get("node.id", ""))

    @property
    def duration(self) -> int:
        """us, never below 0."""
        return max(0, self.end - self.start)


class Trace:
    """The spans of one request. ValueError if they do not form one tree."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        self._by_id = {span.span_id: span for span in self.spans}
        self._children: dict[str, list[Span]] = {}
        roots = [span for span in self.spans if span.parent_id not in self._by_id]
        if len(roots) != 1:
            found = ", ".join(span.name for span in roots) or "none"
            raise ValueError(f"a trace has one span without a parent in it; here: {found}")
        if len(self._by_id) < len(self.spans):
            raise ValueError("two spans of the trace have the same id")
        self.root = roots[0]
        for span in self.spans:
            if span is not self.root:
                self._children.setdefault(str(span.parent_id), []).append(span)
        if sum(1 for _ in self.walk()) < len(self.spans):
            raise ValueError("some spans of the trace are each other's parents")

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def id(self) -> str:
        return self.root.trace_id

    def children(self, span: Span) -> list[Span]:
        """In the order in which they started."""
        return sorted(self._children.get(span.span_id, ()), key=lambda child: child.start)

    def walk(self) -> Iterator[tuple[int, Span]]:
        """(depth, span), parents before children, as a waterfall lists them."""
        waiting = [(0, self.root)]
        while waiting:
            depth, span = waiting.pop()
            yield depth, span
            waiting += [(depth + 1, child) for child in reversed(self.children(span))]

    def named(self, name: str) -> list[Span]:
        """All spans of a name, in the order of `walk`; ValueError if there are none."""
        found = [span for _, span in self.walk() if span.name == name]
        if not found:
            names = ", ".join(dict.fromkeys(span.name for _, span in self.walk()))
            raise ValueError(f"no span is named {name!r}; there are {names}")
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows for tables and figures; seconds count from the start of the request."""
        return [
            {
                "span": span.name,
                "depth": depth,
                "service": span.service,
                "node": span.node,
                "start_s": (span.start - self.root.start) / 1e6,
                "duration_s": span.duration / 1e6,
                "error": span.error,
                "open": span.is_open,
                "span_id": span.span_id,
                "attributes": dict(span.attributes),
            }
            for depth, span in self.walk()
        ]
