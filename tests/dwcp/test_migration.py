import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.migration import PreCopy, Round, downtime_target
from course.dwcp.mode import Mode
from course.dwcp.units import GIB, MS, SECOND


def drive(machine, rate, dirty, saving=0.7, consent=True):
    """Copy rounds over a link of `rate` bytes/s with `dirty` bytes/s until the machine is done."""
    todo, decision = machine.memory, None
    for _ in range(60):
        wire = round(todo * (1 - saving))
        took = round(wire / rate * SECOND)
        slowed = 0 if machine.phase == "stop_copy" else dirty * (1 - machine.throttle)
        dirtied = min(machine.memory, round(slowed * took / SECOND))
        decision = machine.copied(Round(todo, wire, took, dirtied))
        if decision.action not in ("copy_dirty", "throttle", "pause_and_copy"):
            return decision
        todo = dirtied
    raise AssertionError("sixty rounds and no end")


def test_a_quiet_guest_is_paused_after_its_first_round():
    machine = PreCopy(2 * GIB, Mode.INTERNET)
    assert drive(machine, rate=12e6, dirty=1e6).action == "verify"
    assert len(machine.rounds) == 2


def test_a_guest_that_writes_faster_than_the_link_is_slowed_down_and_then_left_alone():
    machine = PreCopy(2 * GIB, Mode.INTERNET, limit=SECOND, target=100 * MS)
    decision = drive(machine, rate=12e6, dirty=500e6)
    assert (decision.action, machine.phase) == ("resume", "failed")
    assert machine.throttle == 0.8


def test_nothing_runs_on_the_target_before_equal_memory_and_agreement():
    machine = PreCopy(GIB, Mode.DATACENTER)
    drive(machine, rate=117e6, dirty=1e6)
    with pytest.raises(AssertionError):
        machine.agreed()
    assert machine.verified(equal=True).action == "agree"
    assert machine.agreed().action == "run"
    with pytest.raises(AssertionError):
        machine.fail("too late")


def test_different_memory_fails_and_the_source_goes_on():
    machine = PreCopy(GIB, Mode.DATACENTER)
    drive(machine, rate=117e6, dirty=1e6)
    assert machine.verified(equal=False).action == "resume"


@given(
    st.floats(1e6, 1e9), st.floats(0, 1e9), st.floats(0, 0.95), st.sampled_from(list(Mode)),
    st.sampled_from([1, 2, 8, 32]),
)  # fmt: skip
def test_every_migration_ends_and_never_plans_to_exceed_its_limit(rate, dirty, saving, mode, gb):
    machine = PreCopy(gb * GIB, mode)
    decision = drive(machine, rate, dirty, saving)
    assert decision.action in ("verify", "resume")
    if decision.action == "verify":
        paused_after = machine.rounds[-2]
        expected = paused_after.dirtied * paused_after.took / max(1, paused_after.plain)
        assert expected + machine.fixed <= machine.limit + MS


def test_targets_grow_with_the_mode_and_the_size():
    assert downtime_target(2 * GIB, Mode.DATACENTER) == 500 * MS
    assert downtime_target(32 * GIB, Mode.INTERNET) == 20 * SECOND
