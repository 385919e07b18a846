"""The spans of a lab: begun and ended when it does the work, on the node that does it.

Every span has the times of its own node's clock. A message that a controller sends within a span
carries that span's `traceparent`, as a header does; the receiver's work on it is a span of its own
and so is each voter's part of an agreement. Tracing looks on: it starts no timer and draws from a
random stream of its own, so a history is the same with and without it.

Read next: `story` (which spans a migration has), `course.telemetry.traces` (what a trace is).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from course.catalogue.errors import error_codes
from course.dwcp.consensus.messages import Append, Install
from course.lab.hosts import Host

if TYPE_CHECKING:
    from course.lab.cluster import World
    from course.telemetry.traces import Trace

WORK = {Append: "append_entries", Install: "install_snapshot"}
"""What a controller's work on a message is called."""


class Tracing:
    """The spans of one world. `current` is the `traceparent` of what is being done right now."""

    def __init__(self, world: "World", on: bool = True) -> None:
        self.world, self.on = world, on
        self.current: str | None = None
        self.caller: str | None = None  # the `traceparent` of who asks, from outside the lab
        self.request_id: str | None = None  # and what they call their request
        self.requests: dict[str, Open] = {}  # by VM, its latest migration
        self.spreading: list[Any] = []  # `spread.Spread`: of which moves not all nodes know yet
        self.askers: dict[str, Open] = {}  # by the header of a message, the span that waits
        self._sends = True
        self._recorder: Any = None

    @property
    def recorder(self) -> Any:
        """Made on first use: the SDK takes a third of a second to import."""
        if self._recorder is None:
            from course.telemetry.traces.recorder import Recorder

            self._recorder = Recorder(self.world.seeds.stream("traces"))
        return self._recorder

    def start(
        self, name: str, host: Host, parent: str | None = None, service: str = "",
        at: int | None = None, follows: "tuple[Open, ...]" = (), **attributes: Any,
    ) -> "Open":  # fmt: skip
        """Begin a span on a host, now unless `at` (us of the lab) says otherwise."""
        moment = host.wall(self.world.now if at is None else at)
        links = tuple(one.span for one in follows)
        span = self.recorder.start(
            name, moment, _resource(host, service), parent, dotted(attributes), links
        )
        return Open(self, host, span)

    @contextmanager
    def within(self, header: str | None) -> Iterator[None]:
        """What is sent and told in here belongs to a span."""
        before, self.current = self.current, header
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def asked(self, caller: str | None, request_id: str | None) -> Iterator[None]:
        """What is started in here is started for somebody outside."""
        self.caller, self.request_id = caller, request_id
        try:
            yield
        finally:
            self.caller = self.request_id = None

    # what the world says

    @property
    def carried(self) -> str | None:
        """The `traceparent` that goes with a message that is sent right now."""
        return self.current if self._sends else None

    def arrived(self, header: str, sender: str, host: Host, message: Any) -> "Open | None":
        """A message with a context: the answer that a span waits for, or work of a new span."""
        asker = self.askers.get(header)
        if asker and asker.host is host:
            asker.event("answer_received", node=sender)
            del self.askers[header]
            self.current, self._sends = asker.header, False  # what follows is not asked again
            return None
        if type(message) not in WORK:
            return None
        span = self.start(WORK[type(message)], host, header, component="acp")
        if asker:
            self.askers[span.header] = asker
        self.current = span.header
        return span

    def handled(self, span: "Open | None", took: int) -> None:
        """The message is dealt with, `took` us after it came: that is the disk."""
        self.current, self._sends = None, True
        if span:
            span.end(self.world.now + took)

    def look_around(self) -> None:
        """A round of gossip is over: perhaps all know of a move now."""
        self.spreading = [one for one in self.spreading if not one.is_over()]

    # looking in

    def traces(self) -> "list[Trace]":
        """All traces, oldest first. Spans under way end now, for who looks."""
        clocks = {host.name: host.wall(self.world.now) for host in self.world.hosts.values()}
        found: list[Trace] = self.recorder.traces(clocks)
        return found

    def trace(self, migration: str) -> "Trace":
        """The trace of a migration by its id, or of the latest one of a VM; ValueError if none."""
        found = self.traces()
        for trace in reversed(found):
            about = trace.root.attributes
            if migration in (about.get("migration.id"), about.get("vm.id")):
                return trace
        known = ", ".join(str(trace.root.attributes.get("migration.id")) for trace in found)
        raise ValueError(f"no trace of {migration!r}; there are {known or 'none yet'}")


class Open:
    """A span under way on a host. Times are us of the lab; it is stamped by the host's clock."""

    def __init__(self, tracing: Tracing, host: Host, span: Any) -> None:
        from course.telemetry.traces import recorder

        self.host, self.span = host, span
        self._tracing, self._by = tracing, recorder
        self.header: str = recorder.header(span)
        self.failed = False

    def event(self, name: str, **attributes: Any) -> None:
        """Something happened within it; nothing if it is over."""
        if self.span.is_recording():
            self._by.event(self.span, self._wall(None), name, **dotted(attributes))

    def set(self, **attributes: Any) -> None:
        """Put attributes on it."""
        if self.span.is_recording():
            self.span.set_attributes(dotted(attributes))

    def fail(self, message: str) -> None:
        """Mark it as failed; a code of the API at the message's start is its `error.code`."""
        code = message.split(":")[0]
        self.failed = True
        if self.span.is_recording():
            self._by.fail(
                self.span, self._wall(None), message, code if code in error_codes() else ""
            )

    def end(self, at: int | None = None) -> None:
        """It is over now, or at `at`."""
        self._by.finish(self.span, self._wall(at))

    def _wall(self, at: int | None) -> int:
        return self.host.wall(self._tracing.world.now if at is None else at)


def dotted(attributes: dict[str, Any]) -> dict[str, Any]:
    """Names as OpenTelemetry writes them: `vm_id` is vm.id. None is left out."""
    return {k.replace("_", ".", 1): v for k, v in attributes.items() if v is not None}


def _resource(host: Host, service: str) -> dict[str, Any]:
    cluster = host.config.cluster_id if host.config else ""
    return {
        "service.name": service or f"dwcp-{host.role}",
        "service.version": host.version,
        "node.id": host.name,
        "cluster.id": cluster,
        "region": host.region,
    }
