"""The logs of a lab: every line has its fields, and the lines of one request are found by its trace."""

import json
import re
from pathlib import Path

import pytest

from course.catalogue.events import COMPONENTS, LEVELS, event_kinds, kind_of
from course.lab import Lab
from course.telemetry.logs import FIRST, line, select

ROOT = Path(__file__).parent.parent.parent / "course"


@pytest.fixture(scope="module")
def lab():
    lab = Lab("day-1", 11)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.migration.start(vm="shop", target="worker-8")
    lab.migration.wait(vm="shop")
    lab.inject("link-cut", a="worker-8", b="worker-1", for_s=60)
    lab.migration.start(vm="shop", target="worker-1")
    lab.migration.wait(vm="shop")
    return lab


def test_every_line_is_one_json_object_with_the_fields_that_are_always_there(lab):
    rows = [json.loads(text) for text in lab.logs.lines().splitlines()]
    assert len(rows) == len(lab.world.history) + len(lab.world.notes)
    for row in rows:
        assert list(row)[: len(FIRST)] == list(FIRST)
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", row["time"])
        assert row["level"] in LEVELS and row["component"] in COMPONENTS
        assert row["cluster_id"]


def test_a_sentence_is_constant_and_its_values_are_fields(lab):
    by_event = {}
    for row in lab.logs.query():
        by_event.setdefault(row["event"], set()).add(row["msg"])
    assert all(len(sentences) == 1 for sentences in by_event.values())
    assert not any(re.search(r"\d", kind.msg) for kind in event_kinds().values())


def test_the_lines_of_one_request_are_found_on_all_nodes_by_its_trace(lab):
    trace = lab.traces()[0]
    rows = lab.logs.query(trace_id=trace.id)
    assert {"worker-1", "worker-8", lab.cluster.status()["leader"]} <= {r["node_id"] for r in rows}
    events = [row["event"] for row in rows]
    assert events[0] == "migration_started" and "migration_completed" in events
    assert all(row["migration_id"] == "mig-1-shop" for row in rows)
    assert {row["span_id"] for row in rows} <= {span.span_id for span in trace.spans}


def test_levels_select_themselves_and_what_is_louder(lab):
    everything = lab.logs.query()
    for number, level in enumerate(LEVELS):
        wanted = [row for row in everything if LEVELS.index(row["level"]) >= number]
        assert lab.logs.query(level=level) == wanted
    (failed,) = lab.logs.query(event="migration_failed")
    assert failed["level"] == "error" and failed["error_code"] == "TRANSPORT_UNAVAILABLE"
    assert failed["source_node"] == "worker-8"


def test_node_text_and_time_select(lab):
    rows = lab.logs.query(node="worker-8", text="PAUSED")
    assert [row["msg"] for row in rows] == ["The guest was paused"] * len(rows)
    (end,) = (e.at / 1e6 for e in lab.world.history if e.name == "migration_completed")
    before, after = lab.logs.query(until_s=end), lab.logs.query(since_s=end)
    assert before + after == lab.logs.query() and before and after
    assert after[0]["event"] in ("migration_completed", "guest_resumed")
    late = lab.logs.query()[-1]["time"]
    assert select(lab.logs.query(), since=late)[-1]["time"] == late


def test_slow_operations_are_found_by_their_duration(lab):
    rows = lab.logs.query(event="round_ended")
    slow = lab.logs.query(duration_ms_min=1_000)
    assert slow == [row for row in rows if row["duration_ms"] >= 1_000] and slow


def test_the_log_is_in_true_order_whatever_the_clocks_say():
    lab = Lab("day-1", 3)
    lab.inject("clock-skew", host="worker-2", ms=-3_600_000)
    lab.server.stop(host="worker-2")
    lab.server.start(host="worker-2")
    row = next(r for r in lab.logs.query(node="worker-2", event="service_stopped"))
    others = [r for r in lab.logs.query() if r["node_id"] != "worker-2"]
    assert row["time"] < others[0]["time"]


def test_the_audit_names_what_was_changed_and_not_what_was_looked_at(lab):
    assert [row["action"] for row in lab.logs.audit()] == [
        "vm create", "migration start", "migration start",
    ]  # fmt: skip


def test_a_wrong_question_is_answered_with_what_there_is(lab):
    with pytest.raises(ValueError, match="no node 'worker-99'; there are controller-1"):
        lab.logs.query(node="worker-99")
    with pytest.raises(ValueError, match="no level is 'loud'; there are debug, info, warn, error"):
        lab.logs.query(level="loud")


def test_every_event_that_the_code_tells_has_its_line_in_the_catalogue():
    told = set()
    for path in [*ROOT.glob("dwcp/**/*.py"), *ROOT.glob("lab/**/*.py")]:
        text = path.read_text("utf-8")
        told |= set(re.findall(r'\bTell\(\s*"([a-z_]+)"', text))
        told |= set(re.findall(r'\bworld\.tell\(\s*[\w.]+,\s*"([a-z_]+)"', text))
    assert len(told) > 40
    assert told <= set(event_kinds()), f"add to events.yaml: {told - set(event_kinds())}"
    assert kind_of("moon_landed").msg == "moon landed"


def test_text_is_looked_for_in_the_whole_line():
    record = {
        "time": "t",
        "level": "info",
        "node_id": "a",
        "msg": "The guest was paused",
        "vm_id": "é",
    }
    assert select([record], text="é") == [record] and "é" in line(record)
