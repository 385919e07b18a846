import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.mode import Detector, Mode, classify
from course.dwcp.units import SECOND


def run(rtts, capacity=1_000, **settings):
    path = Detector(**settings)
    for second, rtt_ms in enumerate(rtts):
        path = path.sample(rtt_ms, capacity).evaluate(second * SECOND)
    return path


def test_the_borders_are_those_of_the_table():
    table = {
        (9.99, 1_000): Mode.DATACENTER,
        (10, 1_000): Mode.HYBRID,
        (50, 1_000): Mode.HYBRID,
        (50.1, 1_000): Mode.INTERNET,
        (5, 999): Mode.INTERNET,
    }
    assert {key: classify(*key) for key in table} == table


def test_a_measured_gigabit_counts_as_a_gigabit():
    assert classify(0.5, 940, measured=True) is Mode.DATACENTER
    assert classify(0.5, 899, measured=True) is Mode.INTERNET


def test_a_path_starts_in_hybrid_and_dwells_a_minute():
    assert run([5] * 60).mode is Mode.HYBRID
    assert run([5] * 62).mode is Mode.DATACENTER


def test_datacenter_is_left_only_above_12_ms_and_internet_only_below_40_ms():
    assert run([11.9] * 200, mode=Mode.DATACENTER).mode is Mode.DATACENTER
    assert run([12.1] * 200, mode=Mode.DATACENTER).mode is Mode.HYBRID
    assert run([40.1] * 200, mode=Mode.INTERNET).mode is Mode.INTERNET
    assert run([39.9] * 200, mode=Mode.INTERNET).mode is Mode.HYBRID


def test_a_single_spike_changes_nothing():
    assert run([5] * 100 + [500] + [5] * 100, mode=Mode.DATACENTER).changes == 0


@given(st.lists(st.floats(0.1, 600), min_size=1, max_size=600))
def test_no_path_changes_more_than_once_a_minute(rtts):
    assert run(rtts).changes <= len(rtts) / 60


def lossy(losses, **settings):
    path = Detector(**settings)
    for second, loss in enumerate(losses):
        path = path.sample(2.0, 1_000, loss).evaluate(second * SECOND)
    return path


def test_loss_has_a_vote_and_a_burst_has_not():
    assert lossy([0.002] * 200, mode=Mode.DATACENTER).mode is Mode.HYBRID
    assert lossy([0.02] * 200, mode=Mode.DATACENTER).mode is Mode.INTERNET
    burst = [0.0] * 100 + [0.5] + [0.0] * 100
    assert lossy(burst, mode=Mode.DATACENTER).changes == 0


def test_a_forced_mode_stays_until_it_is_released():
    path = run([5] * 62).force(Mode.INTERNET, 62 * SECOND)
    for second in range(63, 300):
        path = path.sample(5, 1_000).evaluate(second * SECOND)
    assert path.mode is Mode.INTERNET and path.changes == 2
    path = path.force(None, 300 * SECOND).sample(5, 1_000).evaluate(300 * SECOND)
    assert path.mode is Mode.DATACENTER


def test_a_path_that_cannot_be_is_refused():
    for bad in ({"rtt_ms": -1}, {"capacity_mbps": 0}, {"loss": 1.5}):
        with pytest.raises(ValueError, match="a path has"):
            classify(**{"rtt_ms": 1, "capacity_mbps": 1, **bad})
