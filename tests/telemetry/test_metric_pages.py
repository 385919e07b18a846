"""A served lab as Prometheus sees it: pages, targets, rules, and a real one that scrapes."""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
import uvicorn
from fastapi.testclient import TestClient

from course.faces.served import Served
from course.faces.service import make_app
from course.faces.tokens import Accounts
from course.lab import Lab
from course.telemetry import reading


class Site:
    def __init__(self):
        self.lab = Lab("day-1", 4)
        self.accounts = Accounts(time.time)
        self.served = Served(self.lab, pace=0)
        self.app = make_app(self.served, self.accounts)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def read(self, path):
        token, _ = self.accounts.issue("viewer")
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def site():
    made = Site()
    made.lab.run(60)
    return made


def test_a_page_is_in_the_text_format_and_says_so(site):
    answer = site.client.get("/metrics/worker-1")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    page = reading.read(answer.text)
    assert page.types["dwcp_vm_count"] == "gauge"
    assert {"dwcp_vm_count", "dwcp_migration_total"} <= set(page.types)


def test_a_node_that_is_down_or_not_there_has_no_page(site):
    assert site.client.get("/metrics/worker-99").status_code == 404
    end = site.lab.inject("pause", host="worker-2")
    assert site.client.get("/metrics/worker-2").status_code == 503
    end()
    assert site.client.get("/metrics/worker-2").status_code == 200


def test_every_node_is_a_target_with_its_labels(site):
    targets = site.client.get("/lab/targets").json()
    assert len(targets) == 13
    labels = {t["labels"]["node"]: t["labels"] for t in targets}
    assert labels["worker-7"]["region"] == "eu-west"
    assert labels["controller-1"]["job"] == "dwcp-controller"
    assert labels["controller-1"]["__metrics_path__"] == "/metrics/controller-1"


def test_the_api_gives_the_samples_of_a_metric_by_its_short_name(site):
    body = site.read("/v3/metrics?name=vm_count&duration=1m&node=worker-1").json()
    assert body["metric"] == "dwcp_vm_count"
    assert {point["labels"]["node"] for point in body["data_points"]} == {"worker-1"}
    wrong = site.read("/v3/metrics?name=vm_counts")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "METRIC_NOT_FOUND")
    assert site.client.get("/v3/metrics?name=vm_count").status_code == 401
    names = {row["name"] for row in site.read("/v3/metrics/catalog").json()["metrics"]}
    assert "dwcp_raft_term" in names


def test_the_api_tells_which_alerts_fire_and_since_when(site):
    (row,) = site.read("/v3/alerts").json()["alerts"]
    assert (row["name"], row["severity"], row["scenarios"]) == ("Watchdog", "none", ["OBS-01"])
    assert row["since"].startswith("2024-10-04T09:01")
    assert site.read("/v3/alerts?severity=critical").json() == {"alerts": []}


def test_the_rules_and_the_history_can_be_fetched(site):
    assert "ControllerClusterDegraded" in site.client.get("/lab/rules/alerts.yaml").text
    assert site.client.get("/lab/rules/passwords.yaml").status_code == 404
    history = site.client.get("/lab/history.txt").text
    assert history.endswith("# EOF\n") and reading.read_store(history).names()


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_a_real_prometheus_scrapes_the_lab_and_loads_its_rules(site, tmp_path):
    port, own = _free_port(), _free_port()
    server = uvicorn.Server(uvicorn.Config(site.app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    _until(lambda: server.started)
    config = site.client.get("/lab/prometheus.yml").text.replace("http://testserver", url)
    (tmp_path / "prometheus.yml").write_text(config.replace("15s", "1s"), "utf-8")
    for name in ("alerts.yaml", "recording.yaml"):
        (tmp_path / name).write_text(site.client.get(f"/lab/rules/{name}").text, "utf-8")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = site.lab.inject("crash", host="worker-9")
    try:
        _until(lambda: _ask(own, "sum(up)") == 12)
        assert _ask(own, 'sum(up{job="dwcp-controller"})') == 3
        assert _ask(own, "max(dwcp_cluster_workers_registered)") == 10
        assert _ask(own, 'up{node="worker-9", instance="worker-9:8084"}') == 0
    finally:
        process.terminate()
        process.wait(20)
        end()
        server.should_exit = True
        thread.join(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ask(port: int, query: str) -> float | None:
    try:
        address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.request.quote(query)}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return None
    return float(result[0]["value"][1]) if result else None


def _until(reached, limit_s: float = 40.0) -> None:
    deadline = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.2)
