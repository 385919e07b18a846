"""A served lab gives its traces and logs to other programs, in their formats."""

import json
import time

import pytest
from fastapi.testclient import TestClient

from course.faces.served import Served
from course.faces.service import make_app
from course.faces.tokens import Accounts
from course.lab import Lab
from course.telemetry.traces import otlp

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def client():
    lab = Lab("day-1", 2)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.migration.start(vm="shop", target="worker-2")
    lab.migration.wait(vm="shop")
    lab.run(20)
    accounts = Accounts(time.time)
    token, _ = accounts.issue("administrator")
    client = TestClient(make_app(Served(lab, pace=0), accounts))
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_jaegers_page_and_a_collector_get_the_same_trace(client):
    *_, trace = client.get("/lab/traces").json()["data"]
    *_, same = otlp.read(client.get("/lab/traces", params={"shape": "otlp"}).json())
    assert trace["traceID"] == same.id and len(trace["spans"]) == len(same.spans) >= 20


def test_a_log_is_lines_of_json_that_can_be_narrowed(client):
    lines = client.get("/lab/logs", params={"text": "migration", "level": "info"}).text.splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert "migration_started" in events and "committed" not in events


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/lab/traces?shape=zipkin", "there are jaeger, otlp"),
        ("/lab/logs?level=loud", "there are debug"),
        ("/lab/logs?node=worker-99", "there are controller-1"),
    ],
)
def test_a_wrong_question_is_refused_in_words(client, path, said):
    answer = client.get(path)
    assert answer.status_code == 422 and said in answer.text


def test_a_callers_trace_goes_on_in_the_lab_and_its_request_id_is_in_the_log(client):
    asked = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "req-42"}
    for target in ("worker-3", "worker-4"):  # two requests of one trace are two trees
        start = {"verb": "migration start", "arguments": {"vm": "shop", "target": target}}
        assert client.post("/lab/do", json=start, headers=asked).status_code == 200
        client.post("/lab/do", json={"verb": "migration wait", "arguments": {"vm": "shop"}})
    client.post("/lab/do", json={"verb": "clock run", "arguments": {"seconds": 20}})
    mine = [t for t in client.get("/lab/traces").json()["data"] if t["traceID"] == TRACE]
    assert len(mine) == 2
    assert [t["spans"][0]["references"][0]["spanID"] for t in mine] == [SPAN, SPAN]
    lines = [json.loads(row) for row in client.get("/lab/logs?text=req-42").text.splitlines()]
    assert {row["trace_id"] for row in lines} == {TRACE}
    assert {row["event"] for row in lines} >= {"migration_started", "migration_completed"}
    assert len({row["migration_id"] for row in lines}) == 2


def test_a_broken_traceparent_begins_a_trace_of_its_own(client):
    start = {"verb": "migration start", "arguments": {"vm": "shop", "target": "worker-5"}}
    answer = client.post("/lab/do", json=start, headers={"traceparent": "00-nonsense-1-01"})
    assert answer.status_code == 200
    client.post("/lab/do", json={"verb": "migration wait", "arguments": {"vm": "shop"}})
    assert client.get("/lab/traces").json()["data"][-1]["traceID"] not in ("", TRACE)
