"""Critical path, self time and export of traces, against slow versions that are plainly right."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.telemetry.traces import (
    Happening,
    Span,
    Trace,
    critical_path,
    jaeger,
    on_path_us,
    otlp,
    self_times,
    slowest,
)


def span(number, start, end, parent=None, name=None, **more):
    parent_id = None if parent is None else f"{parent:016x}"
    resource = {"service.name": "dwcp-worker", "node.id": f"worker-{number % 3}"}
    name = name or f"work_{number}"
    return Span("a" * 32, f"{number:016x}", parent_id, name, start, end, resource, **more)


@st.composite
def trees(draw):
    """A tree of up to 9 spans with whole times; children overlap, stick out or stand outside."""
    spans = [span(1, 0, draw(st.integers(1, 24)))]
    for number in range(2, draw(st.integers(1, 9)) + 1):
        start = draw(st.integers(-3, 24))
        end = start + draw(st.integers(0, 20))
        spans.append(span(number, start, end, draw(st.integers(1, number - 1))))
    return Trace(spans)


def last_at(trace, moment):
    """Whom do all wait for in [moment, moment + 1)? From the root down, the child that ends last."""
    found, low, high = trace.root, trace.root.start, trace.root.end
    while True:
        active = [
            child
            for child in trace.children(found)
            if max(child.start, low) <= moment < min(child.end, high)
        ]
        if not active:
            return found
        found = min(active, key=lambda child: (-child.end, child.start))
        low, high = max(low, found.start), min(high, found.end)


@given(trees())
def test_the_critical_path_is_at_each_moment_the_work_that_ends_last(trace):
    fast = {
        moment: part.span for part in critical_path(trace) for moment in range(part.start, part.end)
    }
    slow = {moment: last_at(trace, moment) for moment in range(trace.root.start, trace.root.end)}
    assert fast == slow


@given(trees())
def test_the_segments_of_the_path_touch_and_add_up_to_the_request(trace):
    path = critical_path(trace)
    assert path[0].start == trace.root.start and path[-1].end == trace.root.end
    assert all(a.end == b.start for a, b in pairwise(path))
    assert sum(on_path_us(trace).values()) == trace.root.duration


@given(trees())
def test_self_time_is_the_moments_in_which_no_child_runs(trace):
    for one in trace.spans:
        busy = {moment for child in trace.children(one) for moment in range(child.start, child.end)}
        alone = [moment for moment in range(one.start, one.end) if moment not in busy]
        assert self_times(trace)[one.span_id] == len(alone)


def migration():
    """Stages that overlap as in a transfer: 80 s, of which 65 s are sending."""
    return Trace(
        [
            span(1, 0, 80, name="memory_transfer"),
            span(2, 0, 15, 1, "compression"),
            span(3, 2, 12, 1, "deduplication"),
            span(4, 15, 80, 1, "amst_transmission", error="CODE: broke", links=(("b" * 32, "9"),),
                 attributes={"amst.streams": 8, "share": 0.5, "modelled": True, "why": "x"},
                 events=(Happening(20, "stream_failed", {"stream": 3}),)),
            span(5, 70, 79, 1, "decompression"),
        ]
    )  # fmt: skip


def test_what_runs_beside_the_slowest_work_is_not_on_the_path():
    assert on_path_us(migration()) == {"amst_transmission": 65, "compression": 15}
    assert slowest(migration()).name == "amst_transmission"


def test_a_trace_that_is_no_tree_is_refused_in_words():
    with pytest.raises(ValueError, match="one span without a parent"):
        Trace([span(1, 0, 1), span(2, 0, 1)])
    with pytest.raises(ValueError, match="here: none"):
        Trace([])
    with pytest.raises(ValueError, match="each other's parents"):
        Trace([span(1, 0, 1), span(2, 0, 1, 3), span(3, 0, 1, 2)])
    with pytest.raises(ValueError, match="same id"):
        Trace([span(1, 0, 1), span(2, 0, 1, 1), span(2, 0, 1, 1)])
    with pytest.raises(ValueError, match="no span is named 'nap'; there are memory_transfer"):
        migration().named("nap")


def test_otlp_reads_back_as_the_same_trace():
    (back,) = otlp.read(json.loads(json.dumps(otlp.write([migration()]))))
    assert sorted(back.spans, key=str) == sorted(migration().spans, key=str)


def test_otlp_writes_ids_in_hex_times_in_text_and_kinds_as_numbers():
    rows = otlp.write([migration()])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert rows[0]["traceId"] == "a" * 32 and rows[0]["startTimeUnixNano"] == "0"
    sent = next(
        row
        for group in otlp.write([migration()])["resourceSpans"]
        for row in group["scopeSpans"][0]["spans"]
        if row["name"] == "amst_transmission"
    )
    assert sent["endTimeUnixNano"] == "80000" and sent["kind"] == 1 and sent["status"]["code"] == 2
    assert {"key": "amst.streams", "value": {"intValue": "8"}} in sent["attributes"]


def test_what_is_not_otlp_is_refused_in_words():
    with pytest.raises(ValueError, match="not OTLP.*resourceSpans"):
        otlp.read({"spans": []})


def test_jaegers_json_has_processes_references_and_tags():
    (trace,) = jaeger.write([migration()])["data"]
    sent = next(s for s in trace["spans"] if s["operationName"] == "amst_transmission")
    kinds = [reference["refType"] for reference in sent["references"]]
    assert kinds == ["CHILD_OF", "FOLLOWS_FROM"] and sent["duration"] == 65
    assert {"key": "amst.streams", "type": "int64", "value": 8} in sent["tags"]
    assert {"key": "error", "type": "bool", "value": True} in sent["tags"]
    process = trace["processes"][sent["processID"]]
    assert process["serviceName"] == "dwcp-worker"
    assert {"key": "node.id", "type": "string", "value": "worker-1"} in process["tags"]


def test_spans_under_way_are_shown_and_not_exported():
    open_one = span(2, 1, 5, 1, is_open=True)
    trace = Trace([span(1, 0, 5), open_one])
    assert [row["open"] for row in trace.rows()] == [False, True]
    assert len(jaeger.write([trace])["data"][0]["spans"]) == 1
    assert len(otlp.write([trace])["resourceSpans"]) == 1
