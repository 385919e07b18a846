"""The simulated paths: the same for the same seed, like measured ones, and not rigged."""

from dataclasses import replace

import numpy as np
import pytest

from course.dwcp.mode import Mode
from course.dwcp.prediction import Persistence, Route, at_horizon, examples, score
from course.dwcp.prediction.accuracy import future_at
from course.dwcp.prediction.features import is_measurement, together
from course.lab.traffic import INTERVAL_S, KINDS, Character, trace

QUIET = Character(
    noise=0.0, daily_share=0.0, sessions_per_hour=0.0, episodes_per_hour=0.0, steps_per_day=0.0,
    routes_per_day=0.0,
)  # fmt: skip


def only(**changes):
    return replace(QUIET, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_path(kind):
    one, again, other = (trace(kind, seed, 2) for seed in (1, 1, 2))
    assert np.array_equal(one.columns, again.columns) and one.happenings == again.happenings
    assert not np.array_equal(one.columns, other.columns)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_a_measurement(kind, mode):
    path = trace(kind, 3, 6, mode)
    assert len(path) == 6 * 3_600 // INTERVAL_S
    assert all(is_measurement(sample, busy=False) for sample in path.samples())
    assert path.rate_mbps.min() > 0 and path.loss.min() >= 0 and path.loss.max() < 0.2


def test_a_longer_trace_and_an_unknown_kind():
    assert len(trace("stable", 1, 1).part(0, 100)) == 100
    with pytest.raises(ValueError, match="stable, linear, periodic, volatile"):
        trace("calm", 1)
    with pytest.raises(ValueError, match="more than 0 hours"):
        trace("stable", 1, 0)


def test_a_part_that_is_switched_off_does_nothing():
    path = trace("quiet", 1, 4, character=QUIET)
    assert np.ptp(path.rate_mbps) == 0 and not path.happenings


def test_a_part_has_dice_of_its_own():
    """More noise changes no session and no episode."""
    calm, loud = (trace("x", 1, 4, character=only(noise=n, episodes_per_hour=3)) for n in (0, 0.1))
    assert calm.happenings == loud.happenings


def test_rtt_rises_before_the_rate_falls_and_some_queues_drain_without_a_fall():
    falls = drains = 0
    for seed in range(8):
        path = trace("x", seed, 8, character=only(episodes_per_hour=1.5))
        begins = [h.at_s for h in path.happenings if h.what == "queue"]
        for at, following in zip(begins, [*begins[1:], 8 * 3_600], strict=True):
            fall = [h.at_s for h in path.happenings if h.what == "fall" and at < h.at_s < following]
            drains += not fall
            if not fall or following - at < 900 or at < 900:
                continue
            before, then = int((at - 60) / INTERVAL_S), int((fall[0] - 10) / INTERVAL_S)
            quiet = path.rtt_ms[before - 12 : before]
            if path.rate_mbps[before - 12 : before].min() < path.rate_mbps.max():
                continue  # the episode before is not quite over
            assert path.rtt_ms[then] > quiet.max(), (seed, at)
            assert path.rate_mbps[then] > 0.99 * path.rate_mbps[before], (seed, at)
            assert path.rate_mbps[then + 10] < 0.75 * path.rate_mbps[before], (seed, at)
            falls += 1
    assert falls > 20 and drains > 10


def test_a_new_route_moves_rtt_for_good():
    path = trace("x", 5, 24, character=only(routes_per_day=2))
    changes = [h.at_s for h in path.happenings if h.what == "route"]
    assert changes
    at = int(changes[0] / INTERVAL_S)
    floor_before, floor_after = path.rtt_ms[:at].min(), path.rtt_ms[at + 1 :].min()
    assert abs(floor_after / floor_before - 1) > 0.1


def test_the_day_has_a_busy_evening():
    path = trace("x", 2, 24, character=only(daily_share=0.3))
    evening = path.rate_mbps[np.abs(path.hour - 20) < 1].mean()
    morning = path.rate_mbps[np.abs(path.hour - 8) < 1].mean()
    assert 0.65 < evening / morning < 0.75


def test_the_kinds_are_as_hard_as_their_names_and_steady_paths_leave_nothing_to_gain():
    """Persistence alone: what is left for a model is the rest."""
    found = {}
    for kind in KINDS:
        some = together(
            [examples(trace(kind, f"k{n}", 6).columns, (30, 300), stride=20) for n in range(6)]
        )
        found[kind] = [
            score(at_horizon(Persistence(), some.windows, h), future_at(some, h)).accuracy
            for h in (30, 300)
        ]
    assert min(found["stable"][0], found["linear"][0]) > 0.97
    assert 0.6 < found["volatile"][0] < 0.9 and found["volatile"][1] < 0.7
    assert found["periodic"][0] < found["linear"][0] and found["periodic"][1] < 0.6


def test_a_new_route_is_noticed_on_simulated_paths_and_noise_is_not_one():
    for seed in range(4):
        path = trace("x", f"route {seed}", 24, character=replace(KINDS["stable"], routes_per_day=1))
        changes = [h.at_s for h in path.happenings if h.what == "route"]
        route, noticed = Route(), []
        for slot, rtt_ms in enumerate(path.rtt_ms):
            before, route = route, route.sample(float(rtt_ms), slot * INTERVAL_S)
            if route.changed_at != before.changed_at:
                noticed.append(route.changed_at)
        assert all(any(0 <= at - change <= 900 for at in noticed) for change in changes), seed
        assert len(noticed) <= len(changes), seed
