"""CUBIC and BBR on a modelled path: what they promise, and what the broken forms of them do."""

from random import Random
from statistics import fmean

import pytest

from course.dwcp.transport import loss_limited_mbps
from course.dwcp.transport.bbr import CLEAN, CYCLE, LOSSY, Bbr, Gains, gains_for
from course.dwcp.transport.bbr2 import PHASES, Bbr2
from course.dwcp.transport.congestion import INITIAL_WINDOW, SEGMENT_SIZE, AckSample, LossSample
from course.dwcp.transport.cubic import (
    BETA,
    Cubic,
    after_loss,
    cubic_window,
    k_seconds,
    reno_window,
)  # fmt: skip
from course.dwcp.units import MS, SECOND
from course.lab.wire import Bottleneck, race

LOSSY_PATH = Bottleneck(20, 100 * MS, loss=0.005)
CLEAN_PATH = Bottleneck(20, 100 * MS)


def total(path, controls, seconds=20, seed=1):
    return race(path, controls, seconds * SECOND, seed).rate_mbps


def cubics(count):
    return [Cubic() for _ in range(count)]


# the path itself


def test_the_path_never_carries_more_than_its_rate_and_the_queue_is_finite():
    for controls in (cubics(8), [Bbr(Random(i)) for i in range(8)]):
        went = race(CLEAN_PATH, controls, 10 * SECOND, 1)
        assert went.rate_mbps <= CLEAN_PATH.rate_mbps
        assert went.queue_peak <= CLEAN_PATH.bdp + 1_500


def test_the_same_seed_gives_the_same_race():
    runs = [race(LOSSY_PATH, [Bbr2(Random(7)), Cubic()], 5 * SECOND, 3) for _ in range(2)]
    assert runs[0] == runs[1]
    assert race(LOSSY_PATH, [Bbr2(Random(7)), Cubic()], 5 * SECOND, 4) != runs[0]


class Constant:
    """The controller of the module's text: what a learner's own looks like."""

    name = "constant"

    def on_sent(self, now, size, in_flight): ...

    def on_ack(self, ack): ...

    def on_loss(self, loss): ...

    def window(self):
        return 64 * SEGMENT_SIZE

    def pacing_rate_mbps(self):
        return 5.0


def test_a_controller_of_ones_own_plugs_in_by_being_passed():
    assert total(CLEAN_PATH, [Constant()]) == pytest.approx(5, rel=0.02)


# what is promised


def test_bbr_fills_a_lossy_path_and_cubic_does_not():
    assert total(LOSSY_PATH, [Bbr2(Random(1))]) > 0.85 * 20
    assert total(LOSSY_PATH, [Bbr(Random(1))]) > 0.85 * 20
    assert total(LOSSY_PATH, cubics(1)) < 0.25 * 20


def test_n_cubic_streams_carry_about_n_times_what_one_does_while_loss_holds_them():
    wide = Bottleneck(100, 100 * MS, loss=0.005)
    one = fmean(total(wide, cubics(1), 30, seed) for seed in range(4))
    assert total(wide, cubics(8), 30) == pytest.approx(8 * one, rel=0.3)
    assert one == pytest.approx(loss_limited_mbps(100, 0.005), rel=0.35)


def test_on_a_clean_path_either_fills_the_link_and_more_streams_add_nothing():
    for controls in (cubics(1), cubics(8), [Bbr(Random(1))], [Bbr2(Random(1))]):
        assert total(CLEAN_PATH, controls) > 0.88 * 20


def test_above_two_percent_loss_bbr_2_gives_way_and_bbr_1_does_not():
    bad = Bottleneck(20, 100 * MS, loss=0.05)
    assert total(bad, [Bbr(Random(1))], 30) > 0.8 * 20
    assert total(bad, [Bbr2(Random(1))], 30) < 0.7 * 20


def test_bbr_2_keeps_a_shallow_queue_with_less_loss_than_bbr_1():
    shallow = Bottleneck(20, 50 * MS, queue=40_000)
    losses = [
        race(shallow, [make(Random(i)) for i in range(2)], 20 * SECOND, 1).loss
        for make in (Bbr, Bbr2)
    ]
    assert losses[1] < losses[0] / 2


def test_two_bbr_streams_share_a_link_within_a_factor_of_three():
    rates = race(CLEAN_PATH, [Bbr2(Random(i)) for i in range(2)], 40 * SECOND, 1).rates_mbps
    assert max(rates) < 3 * min(rates)


# BBR, step by step


def states(control, path=CLEAN_PATH, seconds=25):
    return [point.state for point in race(path, [control], seconds * SECOND, 1).points]


def test_bbr_goes_from_startup_through_drain_to_probing():
    seen = list(dict.fromkeys(states(Bbr2(Random(1)))))
    assert seen[:2] == ["startup", "drain"]
    assert {"cruise", "refill", "up"} <= set(seen)


def test_startup_ends_within_two_seconds_and_never_comes_back():
    seen = states(Bbr(Random(1)))
    assert "startup" not in seen[20:]


def test_after_startup_the_gains_average_one():
    assert fmean(CYCLE) == 1.0
    control, gains = Bbr2(Random(1)), []
    inner = control.pacing_gain

    def noted():
        gains.append(inner())
        return gains[-1]

    control.pacing_gain = noted
    race(CLEAN_PATH, [control], 20 * SECOND, 1)
    assert fmean(gains[len(gains) // 4 :]) == pytest.approx(1.0, abs=0.03)


def test_the_minimum_round_trip_is_looked_for_again_on_a_clock_of_its_own():
    """With a standing queue of others the old minimum ages, whatever the phases do."""
    for make in (Bbr, Bbr2):
        control = make(Random(1))
        for step in range(1, 2_000):  # every ack 10 ms after the last, and the path got longer
            now = step * 10 * MS
            rtt = (50 if step < 10 else 80) * MS
            control.on_ack(ack(now, rtt, step))
            if control.state == "probe_rtt":
                break
        assert now == pytest.approx(10 * SECOND, abs=200 * MS)
        assert control.window() <= max(4 * SEGMENT_SIZE, control.bdp(0.5))


def ack(now, rtt, step, rate=10.0, in_flight=60_000, lost=0):
    size = SEGMENT_SIZE
    before = max(0, step - rtt // (10 * MS))
    return AckSample(
        now, size, rtt, rate, step * size, before * size, in_flight, in_flight, lost, False
    )


def test_too_much_loss_while_probing_bounds_what_is_in_flight():
    control = Bbr2(Random(1))
    race(CLEAN_PATH, [control], 6 * SECOND, 1)
    control.state, control._probing = "up", True
    control.on_loss(LossSample(6 * SECOND, 1_460, 5 * SECOND, 100_000, 100_000, 1_999))
    assert control.state == "up"  # 2 % and no more
    control.on_loss(LossSample(6 * SECOND, 1_460, 5 * SECOND, 100_000, 100_000, 2_001))
    assert control.state == "down"
    assert control.inflight_hi == max(100_000, 0.7 * control.bdp())


def test_the_published_gains_are_the_defaults():
    assert Gains() == Gains(2.77, 0.35, 2.0, 10 * SECOND, 0.02, 0.7, 0.15)
    assert (CLEAN.startup, CLEAN.window, CLEAN.probe_rtt_interval) == (2.89, 2.5, 15 * SECOND)
    assert (LOSSY.startup, LOSSY.window, LOSSY.probe_rtt_interval) == (2.5, 1.5, 5 * SECOND)
    assert [gains_for(loss) for loss in (0.0, 0.02, 0.06)] == [CLEAN, Gains(), LOSSY]
    assert PHASES["up"] == 1.25 and 0.75 <= PHASES["down"] <= 0.9


class ForeverStartup(Bbr):
    """D-15: the gain 2.77 multiplies the measured rate for ever."""

    def pacing_gain(self):
        return 2.77


def test_a_gain_of_two_and_three_quarters_for_ever_does_not_pace():
    shallow = Bottleneck(20, 100 * MS, queue=60_000)
    honest = race(shallow, [Bbr(Random(1))], 15 * SECOND, 1)
    broken = race(shallow, [ForeverStartup(Random(1))], 15 * SECOND, 1)
    assert broken.loss > 3 * honest.loss
    standing = [point.queue for point in broken.points[50:]]
    assert fmean(standing) > 3 * fmean(point.queue for point in honest.points[50:])


class LeavesStartupAtOnce(Bbr):
    """D-16: the current rate is always below 1.25 x the maximum that it is part of."""

    def _check_full(self, ack):
        self._full = self._full or ack.rate_mbps < 1.25 * self.rate_mbps


def test_startup_that_compares_the_rate_with_its_own_maximum_ends_at_the_first_ack():
    fast = Bottleneck(200, 100 * MS)
    went = [
        race(fast, [make(Random(1))], 2 * SECOND, 1).rate_mbps
        for make in (Bbr, LeavesStartupAtOnce)
    ]
    assert went[1] < went[0] / 5


class ProbesOnThePhaseClock(Bbr):
    """D-16: the age of the minimum is counted by a clock that every phase starts anew."""

    def _learn_rtt(self, ack):
        self._rtt_min_at = max(self._rtt_min_at, self._phase_at)
        return super()._learn_rtt(ack)


def test_a_phase_clock_never_sees_that_the_path_got_longer():
    ends = []
    for make in (Bbr, ProbesOnThePhaseClock):
        control = make(Random(1))
        for step in range(1, 3_000):
            rtt = (50 if step < 100 else 80) * MS
            control.on_ack(ack(step * 10 * MS, rtt, step, lost=1))
        ends.append(control.rtt_min)
    assert ends == [80 * MS, 50 * MS]


# CUBIC, by its formulas


def test_the_curve_starts_at_seven_tenths_and_is_back_after_k():
    for w_max in (10, 100, 5_000):
        assert cubic_window(0, w_max) == pytest.approx(BETA * w_max)
        assert cubic_window(k_seconds(w_max), w_max) == pytest.approx(w_max)
    assert k_seconds(100) == pytest.approx(75 ** (1 / 3))


def test_the_reno_estimate_grows_by_the_round_trip():
    assert reno_window(1.0, 0.1, 100) - 70 == pytest.approx(3 * 0.3 / 1.7 * 10)
    assert reno_window(1.0, 0.01, 100) - 70 == pytest.approx(3 * 0.3 / 1.7 * 100)


def test_fast_convergence_leaves_eighty_five_percent():
    assert after_loss(100, 90) == (100, 70)
    assert after_loss(80, 100) == (pytest.approx(68), pytest.approx(56))
    assert after_loss(4, 100)[1] == 4  # the smallest window


def as_published_fast_convergence(window):
    """D-17: (2 - beta) / 2 with the beta that is the part that stays."""
    return window * (2 - 0.7) / 2


def test_the_published_fast_convergence_aims_below_the_window_that_it_just_set():
    assert as_published_fast_convergence(80) < 80 * BETA < after_loss(80, 100)[0]


class WithoutRoundTrip(Cubic):
    """D-17: W_est grows with the time, not with the round trips."""

    def on_ack(self, ack):
        real, self._rtt_min = self._rtt_min, 0
        super().on_ack(AckSample(**{**_fields(ack), "rtt": SECOND}))
        self._rtt_min = real


def _fields(sample):
    return {name: getattr(sample, name) for name in sample.__slots__}


def test_without_the_round_trip_a_short_lossy_path_is_left_empty():
    short = Bottleneck(50, 10 * MS, loss=0.005)
    honest, broken = (
        fmean(total(short, [make()], 10, seed) for seed in range(3))
        for make in (Cubic, WithoutRoundTrip)
    )
    assert broken < 0.8 * honest


class NoSlowStart(Cubic):
    """D-17: on the curve from the first ack, with a maximum of 0."""

    def __init__(self):
        super().__init__()
        self._threshold = 0.0


def test_without_slow_start_the_first_seconds_are_lost():
    long = Bottleneck(100, 100 * MS)
    assert total(long, [NoSlowStart()], 3) < total(long, cubics(1), 3) / 3


def test_a_window_full_of_losses_is_one_cut():
    control = Cubic()
    before = control.window()
    assert before == INITIAL_WINDOW
    for _ in range(5):
        control.on_loss(LossSample(100 * MS, 1_460, 50 * MS, 0, 14_600, 1_460))
    assert control.window() == round(before * BETA)
    control.on_loss(LossSample(300 * MS, 1_460, 200 * MS, 0, 14_600, 1_460))
    assert control.window() < before * BETA
