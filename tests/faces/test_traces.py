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


@pytest.fixture(scope="module")
def client():
    lab = Lab("day-1", 2)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.migration.start(vm="shop", target="worker-2")
    lab.migration.wait(vm="shop")
    lab.run(20)
    return TestClient(make_app(Served(lab, pace=0), Accounts(time.time)))


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
