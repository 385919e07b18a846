"""PBA without a network: samples, windows, accuracy, confidence, a path's predictor, the schedule."""

import random
import subprocess
import sys
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.machine import Tell
from course.dwcp.mode import Mode
from course.dwcp.prediction import (
    Accuracy,
    Ewma,
    Forecast,
    Health,
    MovingAverage,
    Persistence,
    Predictor,
    Record,
    Route,
    Sample,
    Waiting,
    at_horizon,
    blend,
    confidence,
    decide,
    due,
    examples,
    expected_s,
    horizon_for,
    judge,
    quota_mbps,
    score,
    should_evacuate,
    split_by_time,
)
from course.dwcp.prediction.accuracy import KEPT, future_at, relative_error
from course.dwcp.prediction.confidence import steadiness
from course.dwcp.prediction.features import (
    ANCHOR_ALPHA,
    INTERVAL,
    WINDOW,
    Unit,
    fill_gaps,
    is_measurement,
    normalise,
    targets,
    view,
    window_of,
)
from course.dwcp.units import DAY, HOUR, MINUTE, SECOND

rates = st.floats(0.5, 5_000)
windows_of_rates = st.lists(rates, min_size=WINDOW, max_size=WINDOW)
samples = st.builds(Sample, st.floats(0.1, 1e4), st.floats(0.1, 500), st.floats(0, 1))
forecasts = st.builds(
    Forecast, st.floats(0.1, 1e4), st.floats(0.1, 500), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip


def path_of(values, rtt_ms=90.0):
    """Columns (n, 3) of a path with these rates."""
    out = np.zeros((len(values), 3))
    out[:, 0], out[:, 1] = values, rtt_ms
    return out


# windows


@given(windows_of_rates, st.sets(st.integers(0, WINDOW - 1), max_size=8))
def test_up_to_three_missing_samples_are_interpolated_and_four_are_too_many(values, missing):
    window = path_of(values).astype(np.float32)
    holed = window.copy()
    holed[sorted(missing)] = nan
    filled = fill_gaps(holed)
    if len(missing) > 3:
        assert filled is None
        return
    there = [i for i in range(WINDOW) if i not in missing]
    assert np.array_equal(filled[there], window[there])
    assert np.isfinite(filled).all()
    assert window.min() <= filled.min() and filled.max() <= window.max()


def test_a_gap_lies_on_the_line_between_its_neighbours():
    history = [Sample(float(i), 10, 0.0) for i in range(WINDOW)]
    holed = [None if i in (7, 30, 31) else s for i, s in enumerate(history)]
    assert np.allclose(window_of(holed, WINDOW, 3), window_of(history, WINDOW, 3))


def test_an_idle_link_is_no_measurement_and_a_dead_one_is():
    idle = Sample(0.0, 90, 0.0)
    assert not is_measurement(idle, busy=False)
    assert is_measurement(idle, busy=True)
    assert is_measurement(Sample(80.0, 90, 0.0), busy=False)


@pytest.mark.parametrize(
    "sample",
    [Sample(nan, 1, 0), Sample(inf, 1, 0), Sample(-1, 1, 0), Sample(1, -1, 0), Sample(1, 1, 1.01)],
)
def test_nonsense_is_no_measurement(sample):
    assert not is_measurement(sample)


@given(st.lists(samples, min_size=1, max_size=5))
def test_normalised_values_lie_between_0_and_1(some):
    scaled = normalise(np.array([[s.rate_mbps, s.rtt_ms, s.loss] for s in some]))
    assert scaled.dtype == np.float32 and scaled.min() >= 0 and scaled.max() <= 1


def test_the_units_are_the_published_ones():
    assert np.allclose(normalise(np.array([[500.0, 250.0, 0.05]])), [[0.5, 0.5, 0.05]])


@given(windows_of_rates, st.floats(0.2, 20))
def test_the_view_from_now_does_not_know_how_fast_a_path_is(values, factor):
    slow = np.maximum(path_of(values), 1e-9)[None]
    slow[..., 0] = np.clip(slow[..., 0], 5, 400)  # away from the floor of the logarithm
    fast = slow * [factor, 1, 1]
    assert np.allclose(view(slow).x, view(fast).x, atol=2e-3)


@given(windows_of_rates, st.floats(5, 5_000), st.floats(5, 400), st.floats(0, 0.9))
def test_an_answer_undoes_the_view(values, rate, rtt_ms, loss):
    seen = view(path_of(values)[None])
    rate = float(np.clip(rate, values[-1] / 2, values[-1] * 2))  # within the swing that is kept
    future = np.array([[[max(rate, 5), rtt_ms, loss]]])
    if not 1 / 15 < future[0, 0, 0] / np.mean(values[-5:]) < 15:
        return
    assert np.allclose(seen.answer(targets(seen, future)), future, rtol=2e-3, atol=1e-4)


def test_to_answer_zero_is_to_answer_an_ewma():
    history = [Sample(100.0 + i, 90.0 + i, 0.001) for i in range(WINDOW)]
    window = window_of(history, WINDOW, 3)[None]
    told = view(window).answer(np.zeros((1, 1, 3), dtype=np.float32))[0]
    assert np.allclose(told, Ewma(ANCHOR_ALPHA).level(window), rtol=1e-5)


def test_a_path_faster_than_the_unit_is_not_flattened():
    wave = path_of(2_000 + 900 * np.sin(np.arange(WINDOW)))[None]
    assert np.ptp(view(wave, Unit(1_000)).x[0, :, 0]) > 0.5


def test_a_horizon_is_the_mean_of_exactly_the_samples_after_the_window():
    cut = examples(path_of(np.arange(200.0)), (30, 300), stride=10)
    assert cut.windows[0, -1, 0] == 59 and cut.future[0, 0, 0] == np.mean(range(60, 66))
    assert cut.windows[3, -1, 0] == 89 and cut.future[3, 1, 0] == np.mean(range(90, 150))


def test_a_split_by_time_shares_no_sample():
    columns = path_of(np.arange(1_000.0))  # each sample is its own time
    earlier, later = split_by_time(columns, 0.3, (30, 300))
    assert earlier.windows[..., 0].max() < 700 <= later.windows[..., 0].min()
    # the means over 300 s of the last early windows end before the border as well
    assert earlier.future[-1, 1, 0] <= np.mean(range(640, 700))
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_by_time(columns, 1.0, (30,))
    with pytest.raises(ValueError, match="need 120"):
        examples(columns[:100], (300,))


# baselines and accuracy


@given(rates, st.sampled_from([Persistence(), MovingAverage(7), Ewma(0.2)]))
def test_a_baseline_forecasts_a_flat_path_exactly(rate, model):
    flat = path_of([rate] * WINDOW).astype(np.float32)[None]
    for horizon in (30, 300):
        assert np.allclose(at_horizon(model, flat, horizon)[0, 0], rate, rtol=1e-4)


def test_ewma_is_what_its_recursion_says():
    values = np.random.Generator(np.random.PCG64(1)).uniform(10, 100, WINDOW)
    expected = values[0]
    for value in values[1:]:
        expected = 0.3 * value + 0.7 * expected
    assert np.isclose(Ewma(0.3).level(path_of(values)[None].astype(np.float32))[0, 0], expected)


def test_within_twenty_percent_counts_and_beyond_does_not():
    truth = np.array([[100.0, 0, 0]] * 4)
    told = np.array([[80.0, 0, 0], [120, 0, 0], [79.9, 0, 0], [121, 0, 0]])
    assert score(told, truth).accuracy == 0.5
    assert score(told, truth).mae_mbps == round((20 + 20 + 20.1 + 21) / 4, 3)
    with pytest.raises(ValueError, match="need as many"):
        score(told[:2], truth)


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=60))
def test_the_running_accuracy_agrees_with_the_one_over_arrays(pairs):
    accuracy = Accuracy()
    for told, measured in pairs:
        accuracy = accuracy.judge(told, measured)
    arrays = np.zeros((2, len(pairs), 3))
    arrays[:, :, 0] = np.array(pairs).T
    assert abs(accuracy.share - score(*arrays).accuracy) < 1e-4 + 1 / len(pairs) * any(
        abs(relative_error(a, b) - 0.2) < 1e-5 for a, b in pairs
    )


def test_the_running_accuracy_forgets_after_a_thousand():
    accuracy = Accuracy()
    for _ in range(KEPT):
        accuracy = accuracy.judge(50, 100)
    assert accuracy.share == 0
    for _ in range(KEPT):
        accuracy = accuracy.judge(100, 100)
    assert accuracy.share == 1 and len(accuracy.errors) == KEPT
    assert Accuracy().share is None and Accuracy().recent_error is None


# confidence


@given(st.lists(st.floats(0, 1e4), max_size=20), st.lists(st.floats(0, 9), max_size=40))
def test_confidence_is_a_fraction_whatever_happened(values, errors):
    for mode in (Mode.INTERNET, Mode.DATACENTER):
        found = confidence(values, Accuracy(tuple(errors)), mode)
        assert (0.4 if mode is Mode.INTERNET else 0) <= found <= 1


def test_ordinary_jitter_leaves_confidence_and_a_perfect_record_does_not_exceed_one():
    jittery = [500 + 50 * (-1) ** i for i in range(10)]  # 10 % on 500 Mbps
    perfect = Accuracy((0.0,) * 1_000)
    assert steadiness(jittery, Mode.INTERNET) == 0.95
    assert confidence(jittery, perfect, Mode.INTERNET) == 0.95
    assert confidence([500] * 10, perfect, Mode.DATACENTER) == 1.0


def test_a_model_without_a_record_is_trusted_with_070_and_a_poor_one_with_less():
    assert confidence([100] * 10, Accuracy(), Mode.INTERNET) == 0.70
    assert confidence([100] * 10, Accuracy((0.0,) * 19), Mode.INTERNET) == 0.70
    poor = Accuracy((0.25,) * 100)
    assert confidence([100] * 10, poor, Mode.INTERNET) == 0.40
    assert confidence([100] * 10, poor, Mode.DATACENTER) == 0.0


@given(st.lists(forecasts, min_size=1, max_size=3))
def test_a_blend_lies_between_its_parts(parts):
    mixed = blend(parts)
    for name in ("rate_mbps", "rtt_ms", "loss", "confidence"):
        values = [getattr(part, name) for part in parts]
        assert min(values) - 0.006 <= getattr(mixed, name) <= max(values) + 0.006
    assert mixed.confidence <= max(part.confidence for part in parts) + 0.005


def test_the_more_confident_model_weighs_more_and_horizons_are_not_mixed():
    sure, unsure = Forecast(100, 10, 0, 0.9), Forecast(200, 20, 0, 0.3)
    assert blend([sure, unsure]).rate_mbps == 125.0
    assert blend([sure, unsure]).confidence == 0.75
    with pytest.raises(ValueError, match="30, 60"):
        blend([sure, replace(unsure, horizon_s=60)])


# the predictor of a path


class Told:
    """A model that answers what it was told to, and counts how often it was asked."""

    version, length, features, horizons_s = "told", WINDOW, 3, (30, 60)

    def __init__(self, rate=100.0):
        self.rate, self.asked = rate, 0

    def predict_all(self, windows):
        assert windows.shape[1:] == (WINDOW, 3) and np.isfinite(windows).all()
        self.asked += 1
        return np.full((len(windows), 2, 3), [self.rate, 90.0, 0.001], dtype=np.float32)


def predictor(model=None, mode=Mode.INTERNET, **options):
    models = {} if model is None else {Mode.INTERNET: model, Mode.DATACENTER: model}
    return Predictor("a-b", mode, models, 0, **options)


def feed(path, values, start=0, busy=True):
    """One sample every 5 s; returns the events and the time of the last."""
    events, now = [], start
    for value in values:
        now += INTERVAL
        if value is None:
            continue
        events += path.sample(Sample(value, 90.0, 0.001), now, busy)
    return events, now


def names(events):
    assert all(isinstance(event, Tell) for event in events)
    return [event.event for event in events]


def test_before_sixty_samples_and_without_a_model_the_fallback_answers():
    path = predictor(Told())
    assert path.forecast(0).rate_mbps == 100 and path.forecast(0).confidence == 0.35
    _, now = feed(path, [80.0] * 59)
    assert path.forecast(now).model == "fallback" and path.forecast(now).rate_mbps == 80
    feed(path, [80.0], now)
    assert path.forecast(now + INTERVAL).model == "told"
    bare = predictor()
    _, now = feed(bare, [80.0] * 100)
    assert bare.forecast(now).model == "fallback"


def test_a_forecast_has_a_horizon_that_covers_what_was_asked_or_says_that_it_does_not():
    path = predictor(Told())
    _, now = feed(path, [80.0] * 60)
    assert [path.forecast(now, h).horizon_s for h in (None, 30, 31, 60, 300)] == [
        30,
        30,
        60,
        60,
        60,
    ]
    assert path.forecast(now, 60).valid_until == now + 60 * SECOND
    with pytest.raises(ValueError, match="30 to 300"):
        predictor(horizon_s=600)


def test_three_gaps_leave_the_model_and_the_fourth_brings_the_fallback_until_they_have_passed():
    path = predictor(Told())
    _, now = feed(path, [80.0] * 60)
    _, now = feed(path, [None, None, None, 80.0], now)
    assert path.forecast(now).model == "told"
    _, now = feed(path, [None, 80.0], now)
    assert path.forecast(now).model == "fallback"
    _, now = feed(path, [80.0] * 54, now)
    assert path.forecast(now).model == "fallback"
    _, now = feed(path, [80.0] * 1, now)
    assert path.forecast(now).model == "told"


def test_a_predictor_that_is_woken_counts_a_gap_by_itself():
    path = predictor(Told())
    _, now = feed(path, [80.0] * 60)
    for _ in range(3):
        assert path.wake_at == now + INTERVAL * 3 // 2
        now = path.wake_at
        path.wake(now)
        assert path.forecast(now).model == "told"
        now -= INTERVAL // 2
    path.wake(path.wake_at)
    assert path.forecast(path.wake_at - 1).model == "fallback"


def test_an_idle_link_and_a_liar_leave_gaps_and_are_told_of():
    path = predictor(Told())
    _, now = feed(path, [80.0] * 60)
    effects = path.sample(Sample(0.0, 90.0, 0.0), now + INTERVAL, busy=False)
    assert effects[0] == Tell("sample_refused", {"path": "a-b", "why": "idle"})
    effects = path.sample(Sample(nan, 90.0, 0.0), now + 2 * INTERVAL)
    assert effects[0] == Tell("sample_refused", {"path": "a-b", "why": "nonsense"})
    effects = path.sample(Sample(80.0, 90.0, 0.0), now + 2 * INTERVAL + SECOND)
    assert effects == [Tell("sample_refused", {"path": "a-b", "why": "early"})]
    assert path.status().measured == 58 and path.status().kept == 60


def test_a_forecast_is_judged_by_the_mean_over_its_horizon_when_it_has_passed():
    path = predictor(Told(rate=100.0))
    _, now = feed(path, [50.0] * 60)
    events, _ = feed(path, [110.0, 120.0, 130.0, 110.0, 120.0, 130.0], now)
    judged = [event.details for event in events if event.event == "forecast_judged"]
    assert judged[0]["measured_mbps"] == 120.0 and judged[0]["horizon_s"] == 30
    assert path.record.of(Mode.INTERNET, 30).errors == (round(20 / 120, 6),)
    assert path.record.of(Mode.INTERNET, 60).errors == ()


def test_a_horizon_of_which_half_was_not_measured_judges_nothing():
    path = predictor(Told())
    _, now = feed(path, [50.0] * 60)
    events, _ = feed(path, [None, None, None, None, 50.0, 50.0], now)
    assert "forecast_judged" not in names(events)


def test_paths_of_one_controller_may_share_a_record():
    record = Record()
    one, other = (predictor(Told(100.0), record=record) for _ in range(2))
    feed(one, [100.0] * 100)
    feed(other, [200.0] * 100)
    share = record.of(Mode.INTERNET, 30).share
    assert share == 0.5


def test_hybrid_mode_blends_two_models_and_judges_each_by_itself():
    models = {Mode.INTERNET: Told(80.0), Mode.DATACENTER: Told(120.0)}
    path = Predictor("a-b", Mode.HYBRID, models, 0)
    _, now = feed(path, [120.0] * 60)
    assert path.forecast(now).rate_mbps == 100.0 and path.forecast(now).model == "told + told"
    _, now = feed(path, [120.0] * 60, now)
    assert path.record.of(Mode.DATACENTER, 30).share == 1.0
    assert path.record.of(Mode.INTERNET, 30).share == 0.0
    assert path.forecast(now).rate_mbps > 105  # the better model has taken over


def test_a_model_that_is_wrong_loses_the_right_to_be_used():
    path = predictor(Told(rate=300.0))
    _, now = feed(path, [100.0] * 60)
    assert path.forecast(now).usable
    _, now = feed(path, [100.0] * 40, now)
    assert not path.forecast(now).usable


@pytest.mark.parametrize("seed", range(20))
def test_whatever_arrives_whenever_a_predictor_answers_sensibly(seed):
    dice, path = random.Random(seed), predictor(Ewma())
    now = 0
    for _ in range(400):
        now += dice.choice([0, SECOND, INTERVAL, INTERVAL, INTERVAL, 3 * INTERVAL, HOUR])
        act = dice.random()
        if act < 0.8:
            value = dice.choice([100.0, 90.0, 0.0, nan, -5.0, 1e9])
            path.sample(Sample(value, dice.choice([80.0, inf]), 0.0), now, dice.random() < 0.8)
        elif path.wake_at is not None and act < 0.9:
            now = max(now, path.wake_at)
            path.wake(now)
        assert names(path.receive("x", "rubbish", now)) == ["message_from_stranger"]
        made, status = path.forecast(now, dice.choice([30, 60, 300])), path.status()
        assert np.isfinite([made.rate_mbps, made.rtt_ms, made.loss]).all(), seed
        assert 0 <= made.confidence <= 1 and made.rate_mbps >= 0, seed
        assert status.measured <= status.kept <= WINDOW and status.pending <= 4 * WINDOW, seed


def test_the_same_samples_give_the_same_history():
    def history():
        path = predictor(Ewma())
        dice = random.Random(5)
        return [*feed(path, [dice.uniform(50, 90) for _ in range(200)])[0], path.status()]

    assert history() == history()


def test_time_does_not_run_backwards_for_a_predictor():
    path = predictor()
    feed(path, [80.0])
    with pytest.raises(ValueError, match="before the last slot"):
        path.sample(Sample(80, 90, 0), now=0)


# schedule


def test_two_gigabytes_at_70_percent_reduction_take_52_seconds_at_100_mbps():
    assert expected_s(2 * 2**30, 0.70, 100) == 51.54
    assert expected_s(1, 0.0, 0) == inf
    waiting = Waiting(2 * 2**30, 0.70, asked_at=0)
    assert [horizon_for(waiting, rate) for rate in (1_000, 100, 1)] == [30, 52, 300]


def falling(**changes):
    return replace(Forecast(50, 90, 0.0, confidence=0.8, horizon_s=60), **changes)


WAITING = Waiting(2 * 2**30, 0.70, asked_at=0)  # 52 s at 100 Mbps, 103 s at 50 Mbps


@pytest.mark.parametrize(
    ("waiting", "forecast", "now", "start"),
    [
        (WAITING, falling(), 0, False),
        (WAITING, falling(confidence=0.49), 0, True),
        (WAITING, falling(rate_mbps=70), 0, True),
        (WAITING, falling(rate_mbps=69.9), 0, False),
        (WAITING, falling(horizon_s=120), 0, True),  # done within the horizon, slowly
        (WAITING, falling(horizon_s=30), 0, True),  # silent about 22 of 52 s
        (replace(WAITING, deferrals=2), falling(), 0, False),
        (replace(WAITING, deferrals=3), falling(), 0, True),
        (WAITING, falling(), 10 * MINUTE - 1, False),
        (WAITING, falling(), 10 * MINUTE, True),
    ],
)
def test_every_doubt_starts_a_transfer(waiting, forecast, now, start):
    decision = decide(waiting, forecast, rate_mbps_now=100, now=now)
    assert decision.start is start, decision.reason
    assert (decision.again_at is None) == start


@given(st.integers(0, 2**36), st.floats(0, 1), st.floats(1, 1e4), st.data())
def test_no_transfer_waits_longer_than_ten_minutes_or_three_deferrals(size, saved, rate, data):
    waiting, now = Waiting(size, saved, asked_at=0), 0
    while True:
        forecast = data.draw(
            st.builds(falling, rate_mbps=st.floats(0, 1e4), horizon_s=st.just(300))
        )
        decision = decide(waiting, forecast, rate, now)
        if decision.start:
            break
        assert now < decision.again_at <= 10 * MINUTE
        waiting, now = waiting.deferred(), decision.again_at
    assert waiting.deferrals <= 3 and now <= 10 * MINUTE


def test_a_quota_is_a_share_of_what_is_expected_and_nothing_if_nobody_knows():
    assert quota_mbps(Forecast(100, 90, 0, 0.6), transfers=4) == 20.0
    assert quota_mbps(Forecast(100, 90, 0, 0.4), transfers=4) is None
    with pytest.raises(ValueError, match="at least 1"):
        quota_mbps(Forecast(100, 90, 0, 0.6), transfers=0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Waiting(1, 1.5, 0)


def test_guests_are_moved_away_only_on_a_forecast_that_is_well_trusted():
    assert should_evacuate(Forecast(49, 90, 0, 0.8))
    assert should_evacuate(Forecast(500, 90, 0.06, 0.8))
    assert not should_evacuate(Forecast(49, 90, 0, 0.79))
    assert not should_evacuate(Forecast(50, 90, 0.05, 1.0))


# retraining


def test_retraining_waits_for_samples_telemetry_and_a_day_on_the_new_route():
    fine = Health(trained_at=0, accuracy=0.8, samples=20_000, complete=1.0)
    assert due(fine, 2 * DAY) == (False, "the model is young and accurate")
    assert due(fine, 7 * DAY + 1)[0]
    assert due(replace(fine, accuracy=0.69), DAY)[0]
    assert not due(replace(fine, accuracy=0.69, samples=9_999), DAY)[0]
    assert "telemetry" in due(replace(fine, accuracy=0.69, complete=0.9), DAY)[1]
    moved = replace(fine, route_changed_at=DAY)
    assert not due(moved, 2 * DAY - 1)[0] and due(moved, 2 * DAY)[0]
    assert not due(replace(moved, accuracy=0.1), 2 * DAY - 1)[0]  # poor, but it must still wait
    assert not due(replace(moved, trained_at=2 * DAY), 3 * DAY)[0]


def test_a_new_route_is_noticed_within_ten_minutes_and_a_queue_is_not_one():
    route, dice = Route(), random.Random(1)
    for slot in range(3 * 720):
        queue = 200 if slot % 300 > 200 else 0  # RTT is raised for 8 of every 25 minutes
        base = 90 if slot < 2_000 else 120
        route = route.sample(
            base + queue * (slot % 60 > 5) + dice.expovariate(0.5), slot * INTERVAL
        )
        assert (route.changed_at is None) or slot >= 2_000
    assert route.changed_at <= (2_000 + 3 * WINDOW) * INTERVAL


class Constant(Told):
    """The stub that was once reported as a model: 100 Mbps, whatever it sees."""

    def predict_all(self, windows):
        return super().predict_all(np.nan_to_num(windows))


class Oracle(Told):
    """Knows the answer to these examples, and nothing else; `noise` spoils it."""

    def __init__(self, day, noise=0.0):
        self.day, self.noise = day, noise

    def predict_all(self, windows):
        return self.day.future * np.float32(1 + self.noise)


def last_day(spread=1.0):
    dice = np.random.Generator(np.random.PCG64(3))
    noise = 4 * dice.standard_normal(1_000)
    return examples(path_of(100 + spread * noise), Told.horizons_s, stride=5)


def test_a_constant_is_not_accepted_even_where_it_is_nearly_always_right():
    verdict = judge(Constant(100.0), None, last_day())
    assert verdict.new.accuracy == 1.0 and verdict.new.mae_mbps < verdict.persistence.mae_mbps
    assert verdict.objections == ("it answers nearly the same whatever it is shown",)


def test_a_new_model_must_beat_persistence_and_the_old_model():
    day = last_day()
    assert judge(Oracle(day), None, day).accepted
    assert judge(Oracle(day, 0.001), Oracle(day, 0.01), day).accepted
    worse = judge(Oracle(day, 0.02), Oracle(day, 0.01), day)
    assert not worse.accepted and "the old model" in worse.objections[0]
    assert not judge(Oracle(day, 0.5), None, day).accepted
    assert not judge(Persistence(), None, day).accepted


def test_a_model_that_answers_with_no_number_is_refused_and_raises_nothing():
    assert not judge(Told(nan), None, last_day()).accepted
    assert future_at(last_day(), 60).shape == (len(last_day()), 3)


@pytest.mark.parametrize("module", ["predictor", "lstm"])
def test_the_demos_run(module):
    code = f"from course.dwcp.prediction.{module} import demo; demo()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 7
