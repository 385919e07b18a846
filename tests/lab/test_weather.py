"""Links that vary: the same on every run, measured, forecast, and felt by a transfer."""

import pytest

from course.lab import Lab, replay
from course.lab.commands import CommandError


def capacity(lab, target="worker-8"):
    return lab.network.test(source="worker-1", target=target)["capacity_mbps"]


def test_long_links_vary_and_short_ones_do_not():
    lab = Lab("changing-paths", 1)
    seen = []
    for _ in range(12):
        seen.append(capacity(lab))
        assert capacity(lab, "worker-2") == 1000
        lab.run(300)
    assert len(set(seen)) > 6 and 0 < min(seen) < max(seen) <= 300


def test_one_seed_gives_one_weather_and_a_journal_replays():
    lab = Lab("changing-paths", 7)
    lab.vm.create(name="shop", memory_gb=0.5, node="worker-1")
    lab.migration.start(vm="shop", target="worker-8")
    status = lab.migration.wait(vm="shop")
    again = replay(lab.journal(), "changing-paths", 7)
    assert again.fingerprint() == lab.fingerprint()
    assert again.migration.status(vm="shop") == status
    assert capacity(Lab("changing-paths", 8)) != capacity(Lab("changing-paths", 7))


def test_a_transfer_feels_the_change_while_it_runs():
    lab = Lab("changing-paths", 2)
    lab.vm.create(name="shop", memory_gb=4, node="worker-1")
    lab.migration.start(vm="shop", target="worker-8")
    rates = set()
    while lab.migration.status(vm="shop")["status"] not in ("completed", "failed"):
        lab.run(5)
        rates.add(lab.migration.status(vm="shop")["rate_mbps"])
    assert len(rates) > 4


def test_a_forecast_is_there_from_the_beginning_and_its_record_grows():
    lab = Lab("changing-paths", 3)
    rows = lab.pba.predictions(node="worker-1")
    assert [row["asked_s"] for row in rows] == [30, 60, 120, 300]
    assert rows[0]["rate_mbps"] > 0 and rows[0]["confidence"] > 0.35
    lab.run(1_800)
    (short, *_) = lab.pba.metrics(node="worker-1")
    assert short["horizon_s"] == 30 and 0.4 < short["accuracy"] <= 1


def test_asking_for_a_forecast_changes_nothing():
    asked, silent = Lab("changing-paths", 4), Lab("changing-paths", 4)
    for _ in range(3):
        asked.pba.predictions(node="worker-1")
        asked.run(100)
        silent.run(100)
    assert asked.fingerprint() == silent.fingerprint()
    assert asked.pba.predictions(node="worker-1") == silent.pba.predictions(node="worker-1")


def test_a_migration_says_what_was_expected_and_why_it_started():
    lab = Lab("changing-paths", 5)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.migration.start(vm="shop", target="worker-8")
    (row,) = lab.migration.wait(vm="shop")["forecasts"]
    assert row["model"] == "internet-1" and row["decision"]


def test_where_nothing_varies_there_is_nothing_to_predict():
    with pytest.raises(CommandError, match="never vary"):
        Lab("day-1", 1).pba.predictions(node="worker-1")
