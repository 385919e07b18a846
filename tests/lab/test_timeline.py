"""Going back: any moment, also in the middle of a verb, and other ways on from there."""

import pytest

from course.lab import Lab
from course.lab.timeline import at, difference, events


@pytest.fixture(scope="module")
def lived():
    """A lab with a move, a crash and a repair behind it."""
    lab = Lab("day-1", seed=8)
    lab.vm.create(name="shop", memory_gb=1, node="worker-1")
    lab.migration.start(vm="shop", target="worker-8")
    lab.migration.wait(vm="shop")
    lab.run(10)
    lab.inject("crash", host="worker-3")
    lab.run(60)
    lab.host.reboot(host="worker-3")
    return lab


def test_the_history_up_to_a_moment_is_the_same(lived):
    for share in (0.2, 0.5, 0.9, 1.0):
        begin = at(lived, Lab("day-1", seed=8).now_s).now_s
        moment = begin + share * (lived.now_s - begin)
        back = at(lived, moment)
        assert back.now_s == pytest.approx(moment, abs=1e-5)
        assert events(back) == [row for row in events(lived) if row["s"] <= back.now_s]


def test_the_middle_of_a_migration_can_be_looked_at(lived):
    status = lived.migration.status(vm="shop")
    started = next(r["s"] for r in events(lived, "guest_paused")) - 1
    back = at(lived, started)
    assert back.migration.status(vm="shop")["status"] == "in_progress"
    assert back.vm.inspect(vm="shop")["node"] == "worker-1"
    assert status["status"] == "completed"


def test_what_is_done_there_does_not_change_what_was(lived):
    print_before, now = lived.fingerprint(), lived.now_s
    started = next(r["s"] for r in events(lived, "guest_paused")) - 1
    back = at(lived, started)
    back.migration.cancel(vm="shop")
    back.run(30)
    assert (lived.fingerprint(), lived.now_s) == (print_before, now)
    rows = {row["what"]: (row["before"], row["after"]) for row in difference(back, lived)}
    assert rows["VM shop"] == ("worker-1, running", "worker-8, running")


def test_a_fault_by_hand_is_there_again(lived):
    crashed = next(r["s"] for r in events(lived, "service_stopped"))
    before, after = at(lived, crashed - 1), at(lived, crashed + 1)
    changed = {row["what"]: row["after"] for row in difference(before, after)}
    assert changed == {"worker-3 service": "inactive"}


@pytest.mark.parametrize("seconds", [-1, 0, 1e9])
def test_a_moment_outside_of_its_time_is_refused(lived, seconds):
    with pytest.raises(ValueError, match="is not in this lab's time"):
        at(lived, seconds)
