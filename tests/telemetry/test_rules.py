"""The alert and recording rules: what promtool says of them, and the embedded evaluator the same."""

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from course.catalogue import entries
from course.catalogue import rules as catalogue
from course.telemetry import notation, promql, rules
from course.telemetry.labels import labels
from course.telemetry.rules import RuleError
from course.telemetry.series import Store

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / "course" / "catalogue" / "rules"
SUITE = yaml.safe_load((HERE / "alerts.test.yaml").read_text("utf-8"))
MINUTE = 60_000
OF_MONITORING = {"MonitoringBlind", "Watchdog"}  # about monitoring itself, besides the twenty

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed: tests/install-packages"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_promtool
def test_promtool_accepts_both_files():
    done = run("promtool", "check", "rules", *(str(FOLDER / name) for name in catalogue.NAMES))
    assert done.returncode == 0, done.stderr
    assert "24 rules found" in done.stdout and "18 rules found" in done.stdout


@needs_promtool
def test_promtool_proves_the_alerts():
    done = run("promtool", "test", "rules", str(HERE / "alerts.test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def with_alerts(store: Store, end: int) -> Store:
    """The store with the series ALERTS, as the embedded evaluator finds them."""
    step = rules.duration(SUITE["evaluation_interval"], "")
    known = [
        rules.rule(rule, step)
        for group in catalogue.load("alerts.yaml")["groups"]
        for rule in group["rules"]
    ]
    for episode in rules.episodes(store, known, 0, end):
        changes = [episode.pending_at, episode.firing_at, episode.over_at, end + 1]
        changes = sorted({at for at in changes if at is not None})
        for begin, over in pairwise(changes):
            state = episode.state(begin)
            if state != "inactive":
                named = labels("ALERTS", **dict(episode.labels), alertstate=state)
                for at in range(begin, over, step):
                    store.derive(named, at, 1.0)
                store.end(named, over)
    return store


@pytest.mark.parametrize("test", SUITE["tests"], ids=lambda test: test["name"])
def test_the_embedded_evaluator_finds_the_same(test):
    store = Store()
    for series in test.get("input_series", ()):
        notation.load(store, series["series"], series["values"], 15_000)
    moments = [notation.duration(probe["eval_time"]) for probe in test["promql_expr_test"]]
    with_alerts(store, max(moments))
    for probe, at in zip(test["promql_expr_test"], moments, strict=True):
        found = promql.query(store, probe["expr"], at)
        assert found.value == probe["exp_samples"][0]["value"], (probe["expr"], probe["eval_time"])
    for expected in test.get("alert_rule_test", ()):
        at = notation.duration(expected["eval_time"])
        known = [
            r for r in rules.read(catalogue.load("alerts.yaml")) if r.name == expected["alertname"]
        ]
        firing = [e for e in rules.episodes(store, known, 0, at) if e.state(at) == "firing"]
        assert [e.annotations for e in firing] == [
            a["exp_annotations"] for a in expected["exp_alerts"]
        ]


def test_every_alert_has_a_test_in_which_it_fires():
    fires = {
        test["name"].split(",")[0]
        for test in SUITE["tests"]
        if any(probe["exp_samples"][0]["value"] for probe in test["promql_expr_test"])
    }
    assert set(catalogue.alert_names()) == fires


def test_the_twenty_alerts_are_those_that_the_entries_of_the_catalogue_lead_to():
    known = {name: entries.load(name) for name in entries.names()}
    for group in catalogue.load("alerts.yaml")["groups"]:
        for rule in group["rules"]:
            runbook = known[rule["annotations"]["runbook"]]
            assert rule["annotations"]["tree"] == runbook.tree
            if rule["alert"] not in OF_MONITORING:
                assert rule["alert"] in runbook.alerts
    named = {alert for entry in known.values() for alert in entry.alerts}
    assert named | OF_MONITORING == set(catalogue.alert_names())
    assert len(named - OF_MONITORING) == 20


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed")
@pytest.mark.parametrize(
    ("alert", "receivers"),
    [
        ("alertname=ControllerClusterDegraded severity=critical", "page,chat"),
        ("alertname=ClusterPartitioned severity=high", "page,chat"),
        ("alertname=WorkersNotReady severity=medium", "chat"),
        ("alertname=StreamsLow severity=low", "ticket"),
        ("alertname=Watchdog severity=none", "watchdog"),
        ("alertname=SomethingElse", "ticket"),
    ],
)
def test_alertmanager_sends_each_severity_where_it_belongs(alert, receivers):
    config = f"--config.file={FOLDER / 'alertmanager.yml'}"
    done = run("amtool", "config", "routes", "test", config, *alert.split())
    assert (done.returncode, done.stdout.strip()) == (0, receivers), done.stderr


def store_of(values: str, step: int = 15_000) -> Store:
    store = Store()
    notation.load(store, "down", values, step)
    return store


def test_an_alert_is_pending_then_firing_then_over():
    rule = rules.rule({"alert": "Down", "expr": "down > 0", "for": "1m"}, interval=30_000)
    (found,) = rules.episodes(store_of("0x3 1x9 0x9"), [rule], 0, 6 * MINUTE)
    assert (found.pending_at, found.firing_at, found.over_at) == (60_000, 120_000, 210_000)
    assert [found.state(at) for at in (59_999, 60_000, 120_000, 210_000)] == [
        "inactive", "pending", "firing", "inactive",
    ]  # fmt: skip


def test_a_condition_that_flickers_never_fires():
    rule = rules.rule({"alert": "Down", "expr": "down > 0", "for": "1m"}, interval=15_000)
    found = rules.episodes(store_of("1 1 1 0 1 1 1 0 1 1 1 0"), [rule], 0, 2 * MINUTE)
    assert len(found) == 3
    assert not any(episode.firing_at for episode in found)


def test_a_recorded_series_ends_where_its_expression_has_no_answer():
    store = store_of("1 1 stale _ 1 1")
    rule = rules.rule({"record": "job:down", "expr": "down"}, interval=15_000)
    rules.record(store, [rule], 0, 75_000)
    assert promql.query(store, "job:down", 15_000)
    assert not promql.query(store, "job:down", 30_000)
    assert promql.query(store, "job:down", 60_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"expr": "up"}, "needs a name"),
        ({"alert": "A"}, "PromQL expression as text"),
        ({"alert": "A", "expr": "sum("}, "A: 'sum\\('"),
        ({"alert": "A", "expr": "up", "for": "soon"}, "duration such as 5m"),
        ({"alert": "A", "expr": "up", "hold": "5m"}, "has no hold"),
        ({"record": "not-a-name", "expr": "up"}, "no metric name"),
        ({"record": "a:b", "expr": "up", "for": "5m"}, "neither `for`"),
        ({"alert": "A", "expr": "up", "labels": {"severity": 1}}, "label names to texts"),
        ("up < 1", "is a mapping"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_the_reason(data, words):
    with pytest.raises(RuleError, match=words):
        rules.rule(data)
