"""Workers tell each other what they know: in a healthy lab, cut in two, with a node that is gone."""

import pytest

from course.lab import Lab
from course.lab.commands import CommandError
from course.lab.links import Trouble


@pytest.fixture
def lab():
    return Lab("day-1", seed=3)


def lags(lab):
    return {row["node"]: row["lag_s"] for row in lab.gossip.status()["nodes"]}


def cut_regions(lab):
    sides = {}
    for host in lab.world.hosts.values():
        sides.setdefault(host.region, []).append(host.name)
    here, there = (frozenset(names) for names in sides.values())
    lab.world.ail("between", Trouble(here, there, cut=True))


def test_a_healthy_worker_has_nine_peers_and_is_a_few_seconds_behind(lab):
    rows = lab.gossip.status()["nodes"]
    assert len(rows) == 10 and all(row["peers"] == 9 for row in rows)
    assert all(0 < row["lag_s"] < 5 for row in rows)
    before = lab.gossip.status(node="worker-1")["nodes"][0]
    lab.run(100)
    after = lab.gossip.status(node="worker-1")["nodes"][0]
    assert after["sent"] - before["sent"] == 600
    assert 500 < after["received"] - before["received"] < 700


def test_where_a_vm_runs_is_known_to_all_within_seconds(lab):
    lab.vm.create(name="web", memory_gb=1, node="worker-2")
    lab.run(6)
    for host in lab.world.of_role("worker"):
        assert lab.world.gossip.known(host)["worker-2"] == {"web": "running"}
    lab.migration.start(vm="web", target="worker-9")
    lab.run(120)
    known = lab.world.gossip.known(lab.world.hosts["worker-5"])
    assert known["worker-9"] == {"web": "running"} and known["worker-2"] == {}


def test_a_partition_shows_as_lag_and_fewer_peers_and_healing_ends_both(lab):
    cut_regions(lab)
    lab.run(45)
    assert min(lags(lab).values()) > 40
    row = lab.gossip.status(node="worker-1")["nodes"][0]
    assert row["peers"] == 5 and row["behind"] in {f"worker-{i}" for i in range(7, 11)}
    lab.world.ail("between", None)
    lab.run(40)
    assert max(lags(lab).values()) < 5


def test_who_is_down_makes_all_others_wait_until_it_is_removed(lab):
    lab.world.power(lab.world.hosts["worker-4"], False)
    lab.run(30)
    found = lab.gossip.status()["nodes"]
    assert {row["behind"] for row in found if row["node"] != "worker-4"} == {"worker-4"}
    assert min(row["lag_s"] for row in found) > 25
    lab.world.power(lab.world.hosts["worker-4"], True)
    lab.run(40)
    assert max(lags(lab).values()) < 5


def test_a_closed_gossip_port_hears_nothing_and_is_heard(lab):
    lab.world.hosts["worker-3"].closed_ports.add(8083)
    lab.run(40)
    found = lags(lab)
    assert found.pop("worker-3") > 35
    assert max(found.values()) < 5


def test_a_small_fanout_makes_news_slow_and_nonsense_is_refused(lab):
    lab.run(60)
    usual = max(lags(lab).values())
    assert lab.gossip.set_fanout(fanout=1) == {"fanout": 1, "before": 6}
    lab.run(60)
    assert max(lags(lab).values()) > usual
    for nonsense in (0, 65, "six"):
        with pytest.raises(CommandError, match="give (1 to 64|a whole number)"):
            lab.gossip.set_fanout(fanout=nonsense)
    with pytest.raises(CommandError, match="no worker"):
        lab.gossip.status(node="controller-1")
    assert lab.state_sync.conflicts() == {"conflicts": 0, "nodes": {}}


def test_peers_messages_and_conflicts_are_metrics(lab):
    lab.run(300)
    assert lab.metrics.query("min(dwcp_gossip_peers)").value == 9
    sent = 'sum(rate(dwcp_gossip_messages_total{direction="sent"}[2m]))'
    assert lab.metrics.query(sent).value == pytest.approx(60, rel=0.05)
    assert lab.metrics.query("sum(dwcp_crdt_conflicts_total)").value == 0
