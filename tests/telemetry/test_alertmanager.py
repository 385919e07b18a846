"""Alertmanager's part: routes as amtool takes them, and who is told when."""

import random
import shutil
import subprocess

import pytest

from course.catalogue import rules as catalogue
from course.lab import Lab
from course.telemetry import alertmanager
from course.telemetry.labels import make
from course.telemetry.rules import Episode
from tests.telemetry.test_rules import FOLDER

ROUTING = alertmanager.read(catalogue.routing())
MINUTE = 60_000
MINE = {
    "alert": "WorkerSilent", "expr": 'up{job="dwcp-worker"} == 0', "for": "1m",
    "labels": {"severity": "high"},
}  # fmt: skip


def episode(alert, severity, firing_at, over_at=None, pending_at=0, **labels):
    own = make({"alertname": alert, "severity": severity, **labels})
    return Episode(alert, own, pending_at, firing_at, over_at, 1.0, {})


def told(*episodes, receiver, until=120 * MINUTE):
    found = alertmanager.notifications(ROUTING, episodes, until)
    return [
        (one.at, [e.alert for e in one.firing], [e.alert for e in one.resolved])
        for one in found
        if one.receiver == receiver
    ]


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed")
@pytest.mark.parametrize("seed", range(8))
def test_routes_are_taken_as_amtool_takes_them(seed):
    rng = random.Random(seed)
    labels = {
        "alertname": rng.choice(["Watchdog", "WorkersNotReady", "Mine"]),
        "severity": rng.choice(["critical", "high", "medium", "low", "none", "highest"]),
    }
    ours = [one.receiver for one in alertmanager.receiving(ROUTING.route, labels)]
    pairs = [f"{name}={value}" for name, value in labels.items()]
    config = f"--config.file={FOLDER / 'alertmanager.yml'}"
    done = subprocess.run(
        ["amtool", "config", "routes", "test", config, *pairs], capture_output=True, text=True
    )
    assert done.stdout.strip() == ",".join(ours), (labels, done.stderr)


def test_a_page_waits_for_its_group_and_the_end_is_told_an_interval_later():
    one = episode("Mine", "high", 3 * MINUTE, 7 * MINUTE)
    assert told(one, receiver="page") == [
        (3 * MINUTE + 30_000, ["Mine"], []),
        (8 * MINUTE + 30_000, [], ["Mine"]),
    ]


def test_a_critical_page_does_not_wait():
    one = episode("Mine", "critical", 3 * MINUTE)
    assert told(one, receiver="page", until=4 * MINUTE) == [(3 * MINUTE, ["Mine"], [])]


def test_a_second_alert_of_a_group_is_told_at_the_next_look_and_of_another_group_at_once():
    first = episode("Mine", "high", MINUTE, region="us-east", node="worker-1")
    second = episode("Mine", "high", 2 * MINUTE, region="us-east", node="worker-2")
    elsewhere = episode("Mine", "high", 2 * MINUTE, region="eu-west", node="worker-7")
    found = told(first, second, elsewhere, receiver="page", until=8 * MINUTE)
    assert [(at, len(firing)) for at, firing, _ in found] == [
        (MINUTE + 30_000, 1),
        (2 * MINUTE + 30_000, 1),
        (6 * MINUTE + 30_000, 2),
    ]


def test_an_alert_that_is_over_before_its_group_was_told_is_never_heard_of():
    assert told(episode("Mine", "high", MINUTE, MINUTE + 20_000), receiver="page") == []
    assert told(episode("Mine", "high", None, MINUTE), receiver="page") == []


def test_what_goes_on_is_told_again_after_the_repeat_interval():
    found = told(episode("Mine", "critical", 0), receiver="page", until=61 * MINUTE)
    assert [at // MINUTE for at, _, _ in found] == [0, 30, 60]


def test_a_consequence_is_held_back_while_its_cause_fires_and_told_afterwards():
    cause = episode("ControllerClusterDegraded", "critical", 0, 20 * MINUTE, cluster="lab")
    effect = episode("StateSyncLagHigh", "medium", MINUTE, 40 * MINUTE, cluster="lab")
    other = episode("StateSyncLagHigh", "medium", MINUTE, 40 * MINUTE, cluster="other")
    chat = told(cause, effect, other, receiver="chat")
    assert ["StateSyncLagHigh"] in [firing for at, firing, _ in chat if at == MINUTE + 30_000]
    assert [at for at, firing, _ in chat if firing == ["StateSyncLagHigh"]] == [
        MINUTE + 30_000,  # the other cluster's
        21 * MINUTE + 30_000,
    ]


def test_a_file_that_is_none_is_refused_in_words():
    with pytest.raises(ValueError, match="needs a `route` with a `receiver`"):
        alertmanager.read({})
    with pytest.raises(ValueError, match="no receiver is called b"):
        route = {"receiver": "a", "routes": [{"receiver": "b"}]}
        alertmanager.read({"route": route, "receivers": [{"name": "a"}]})
    with pytest.raises(ValueError, match="is no matcher"):
        route = {"receiver": "a", "routes": [{"matchers": ["severity"]}]}
        alertmanager.read({"route": route, "receivers": [{"name": "a"}]})


def test_a_lab_says_who_was_told_of_a_rule_of_ones_own():
    lab = Lab("lab-2-alert", 1)
    lab.run(120)
    lab.host.reboot(host="worker-5")
    lab.run(300)
    page = [row for row in lab.alerts.told(MINE) if row["receiver"] == "page"]
    assert [(row["firing"], row["resolved"]) for row in page] == [
        (["WorkerSilent worker-5"], []),
        ([], ["WorkerSilent worker-5"]),
    ]
    (alert,) = lab.alerts.of_rule(MINE)
    assert alert["over_s"] < page[1]["s"] == page[0]["s"] + 300
    assert not any("WorkerSilent" in str(row) for row in lab.alerts.told())
