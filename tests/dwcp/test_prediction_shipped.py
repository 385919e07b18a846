"""The weights that are shipped are what they claim: size, worth, and answers that move."""

from importlib.resources import files

import numpy as np
import pytest

from course.dwcp.mode import Mode
from course.dwcp.prediction import (
    Ewma,
    Model,
    MovingAverage,
    Persistence,
    Predictor,
    Sample,
    at_horizon,
    judge,
    score,
)
from course.dwcp.prediction.accuracy import future_at
from course.dwcp.prediction.features import INTERVAL, RATE, RTT, examples, together
from course.lab.models import HORIZONS_S, RECIPES, load, paths
from course.lab.traffic import KINDS, Character, trace

PARAMETERS = {"internet": 129_507, "datacenter": 120_641}
BASELINES = [Persistence(), MovingAverage(5), Ewma(0.1), Ewma(0.3), Ewma(0.5)]


@pytest.fixture(scope="module")
def fresh():
    """Windows of paths that no training has seen, by recipe and kind."""
    return {
        name: {kind: paths(kind, "never trained on", 5, 5, 18, name) for kind in KINDS}
        for name in RECIPES
    }


@pytest.fixture(scope="module")
def told(fresh):
    """What the shipped models answer to them, all horizons."""
    return {
        name: {kind: load(name).predict_all(part.windows) for kind, part in parts.items()}
        for name, parts in fresh.items()
    }


def own_score(told, fresh, name, kinds, horizon):
    at = HORIZONS_S.index(horizon)
    answers = np.concatenate([told[name][kind][:, at] for kind in kinds])
    return score(answers, future_at(together([fresh[name][kind] for kind in kinds]), horizon))


def others(fresh, name, kinds, horizon):
    part = together([fresh[name][kind] for kind in kinds])
    return [
        score(at_horizon(model, part.windows, horizon), future_at(part, horizon))
        for model in BASELINES
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_model_has_the_published_size_and_a_small_file(name):
    assert load(name).only(30).parameters == PARAMETERS[name]
    assert load(name).horizons_s == HORIZONS_S
    assert len((files("course.lab") / "models" / f"{name}.npz").read_bytes()) < 600_000


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("horizon", HORIZONS_S)
def test_over_all_kinds_it_beats_every_baseline_by_both_measures(fresh, told, name, horizon):
    own = own_score(told, fresh, name, KINDS, horizon)
    for other in others(fresh, name, KINDS, horizon):
        assert own.mae_mbps < other.mae_mbps, (own, other)
        assert own.accuracy > other.accuracy, (own, other)


@pytest.mark.parametrize("kind", ["periodic", "volatile"])
@pytest.mark.parametrize("horizon", HORIZONS_S)
def test_on_paths_that_move_its_error_is_below_that_of_every_baseline(fresh, told, kind, horizon):
    own = own_score(told, fresh, "internet", [kind], horizon)
    assert own.mae_mbps < min(
        other.mae_mbps for other in others(fresh, "internet", [kind], horizon)
    )


@pytest.mark.parametrize("kind", ["stable", "linear"])
@pytest.mark.parametrize("horizon", HORIZONS_S)
def test_on_steady_paths_where_there_is_little_to_win_it_loses_little(fresh, told, kind, horizon):
    own = own_score(told, fresh, "internet", [kind], horizon)
    rest = others(fresh, "internet", [kind], horizon)
    assert own.mae_mbps < 1.1 * min(other.mae_mbps for other in rest)
    assert own.accuracy > max(other.accuracy for other in rest) - 0.01
    assert own.mae_mbps < rest[0].mae_mbps  # persistence


@pytest.mark.parametrize("name", RECIPES)
def test_it_passes_the_acceptance_that_a_retrained_model_must_pass(fresh, name):
    part = together([part.take(slice(0, None, 4)) for part in fresh[name].values()])
    verdict = judge(load(name), None, part, 120)
    assert verdict.accepted, verdict.objections


def test_a_rise_of_rtt_alone_lowers_the_forecast():
    """The one sign that comes before the rate falls: it is used, not only available."""
    window = examples(trace("volatile", "calm", 1, character=Character()).columns, (30,)).windows[0]
    warned = window.copy()
    warned[-8:, RTT] *= np.linspace(1.1, 2.2, 8)
    calm, wary = load().predict_all(np.stack([window, warned]))[:, 2, RATE]
    assert wary < 0.93 * calm


def test_scores_do_not_depend_on_how_fast_a_path_is(fresh):
    part = fresh["internet"]["periodic"]
    faster = part.windows * np.array([1.9, 1, 1], dtype=np.float32)
    ratio = load().predict_all(faster)[..., RATE] / load().predict_all(part.windows)[..., RATE]
    assert np.allclose(ratio, 1.9, rtol=0.01)


def test_what_was_read_can_be_written_and_read_again(fresh):
    model = load()
    again = Model.from_bytes(model.to_bytes())
    windows = fresh["internet"]["volatile"].windows[:200]
    assert np.array_equal(again.predict_all(windows), model.predict_all(windows))


def test_a_name_that_is_not_shipped_is_refused():
    with pytest.raises(ValueError, match="internet, datacenter"):
        load("satellite")


@pytest.mark.parametrize("mode", Mode)
def test_a_predictor_runs_on_the_shipped_models_in_every_mode(mode):
    models = {Mode.INTERNET: load("internet"), Mode.DATACENTER: load("datacenter")}
    path, now = Predictor("a-b", mode, models, 0), 0
    for sample in trace("stable", 8, 0.25, mode).samples():
        now += INTERVAL
        path.sample(sample, now)
    made = path.forecast(now)
    assert (
        made.model
        == {
            Mode.INTERNET: "internet-1",
            Mode.DATACENTER: "datacenter-1",
            Mode.HYBRID: "datacenter-1 + internet-1",
        }[mode]
    )
    assert made.usable and 0 < made.rate_mbps < 20_000 and 0 <= made.loss < 0.1


def test_a_path_that_stands_still_is_answered_with_numbers():
    path, now = Predictor("a-b", Mode.INTERNET, {Mode.INTERNET: load()}, 0), 0
    for _ in range(70):
        now += INTERVAL
        path.sample(Sample(0.0, 400.0, 1.0), now, busy=True)
    made = path.forecast(now)
    assert 0 <= made.rate_mbps < 1 and np.isfinite(made.rtt_ms) and not made.usable


def test_a_higher_confidence_is_right_more_often():
    """With an EWMA, which is quick: confidence is about the path and the record."""
    said = []
    for seed in range(4):
        path, now = trace("volatile", f"confidence {seed}", 3), 0
        predictor = Predictor("a-b", Mode.INTERNET, {Mode.INTERNET: Ewma()}, 0, horizon_s=60)
        for slot, sample in enumerate(path.part(0, len(path) - 12).samples()):
            now += INTERVAL
            predictor.sample(sample, now)
            made = predictor.forecast(now)
            came = path.rate_mbps[slot + 1 : slot + 13].mean()
            said.append((made.confidence, abs(made.rate_mbps / came - 1) <= 0.2))
    bands = [
        [hit for c, hit in said if low <= c < high]
        for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 2))
    ]
    shares = [float(np.mean(band)) for band in bands]
    assert shares[0] + 0.05 < shares[1] < shares[2], shares
