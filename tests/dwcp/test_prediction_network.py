"""PBA's network: its size, its gradients against numbers, training, and a model as bytes."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.prediction import (
    Ewma,
    Model,
    Persistence,
    Settings,
    Shape,
    at_horizon,
    fit,
    score,
)
from course.dwcp.prediction import lstm as lstm_module
from course.dwcp.prediction.accuracy import future_at
from course.dwcp.prediction.features import examples, together
from course.dwcp.prediction.lstm import forward, new_lstm, step
from course.dwcp.prediction.network import Network, loss, new_network, run, slopes
from course.dwcp.prediction.train import Adam, Set, clip, train


def rng(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


def test_the_networks_have_the_published_number_of_parameters():
    course = Shape(3, (128, 64, 32), (), 3)
    datacenter = Shape(5, (128, 64), (32, 16), 1)
    large = Shape(5, (256, 128), (32, 16), 1)
    assert [s.parameters for s in (course, datacenter, large)] == [129_507, 120_641, 470_081]
    for shape in (course, datacenter):
        network = new_network(shape, rng())
        assert sum(array.size for array in network.arrays()) == shape.parameters
        assert network.shape == shape
        assert {array.dtype for array in network.arrays()} == {np.dtype(np.float32)}


def test_a_layer_does_at_every_step_what_the_cell_says():
    layer, x = new_lstm(3, 7, rng()), rng(2).standard_normal((11, 4, 3)).astype(np.float32)
    trail = forward(layer, x)
    h, c = np.zeros((2, 4, 7), dtype=np.float32)
    for t in range(11):
        h, c, gates = step(layer, x[t], h, c)
        assert np.allclose(h, trail.h[t + 1], atol=1e-6) and np.allclose(
            c, trail.c[t + 1], atol=1e-6
        )
        assert np.allclose(gates, trail.gates[t], atol=1e-6)


def test_a_cell_agrees_with_arithmetic_by_hand():
    """One unit, one input, all weights 1 and no bias: x = 1 from h = c = 0."""
    one = np.ones((1, 4))
    h, c, _ = step(lstm_module.Lstm(one, one, np.zeros(4)), np.ones((1, 1)), *np.zeros((2, 1, 1)))
    s, g = 1 / (1 + np.exp(-1)), np.tanh(1)
    assert np.isclose(c, s * g) and np.isclose(h, s * np.tanh(s * g))


def test_extreme_inputs_overflow_nothing():
    layer = new_lstm(3, 4, rng())
    x = np.full((5, 2, 3), 1e4, dtype=np.float32) * [[[1], [-1]]]
    assert np.isfinite(forward(layer, x.astype(np.float32)).h).all()


def test_a_window_is_answered_the_same_alone_and_in_a_crowd():
    network, x = new_network(Shape(3, (8, 4), (5,), 2), rng()), rng(3).standard_normal((9, 20, 3))
    x = x.astype(np.float32)
    network = network.with_arrays([a + np.float32(0.1) for a in network.arrays()])
    assert np.allclose(network.predict(x)[4], network.predict(x[4:5])[0], atol=1e-6)


# gradients


def in_float64(network):
    """Float32 cannot resolve a difference of 1e-6, so the check computes in float64."""
    dice = rng(9)
    return network.with_arrays([0.5 * dice.standard_normal(a.shape) for a in network.arrays()])


def worst_gradient_error(network, x, y, bend=None, dropout=0.0):
    """The largest relative difference between a gradient and a difference quotient."""

    def value(arrays):
        out, _ = run(network.with_arrays(arrays), x, dropout, rng(4))
        return loss(out, y, bend)[0]

    out, done = run(network, x, dropout, rng(4))
    found, worst, dice = slopes(network, done, loss(out, y, bend)[1]), 0.0, rng(5)
    for number, array in enumerate(network.arrays()):
        for flat in dice.choice(array.size, min(6, array.size), replace=False):
            at, values = np.unravel_index(flat, array.shape), []
            for change in (1e-6, -1e-6):
                arrays = [a.copy() for a in network.arrays()]
                arrays[number][at] += change
                values.append(value(arrays))
            numeric, own = (values[0] - values[1]) / 2e-6, found[number][at]
            worst = max(worst, abs(own - numeric) / (abs(own) + abs(numeric) + 1e-6))
    return worst


SHAPES = [Shape(3, (5,), (), 2), Shape(2, (4, 3), (5,), 2), Shape(3, (6, 4, 3), (4, 3), 1)]


def problem(shape, steps=12):
    dice = rng(6)
    network = in_float64(new_network(shape, dice))
    return (
        network,
        dice.standard_normal((4, steps, shape.inputs)),
        dice.standard_normal((4, shape.outputs)),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bend", "dropout"), [(None, 0.0), (0.3, 0.0), (None, 0.4)])
def test_backpropagation_agrees_with_difference_quotients(shape, bend, dropout):
    assert worst_gradient_error(*problem(shape), bend, dropout) < 1e-4


def test_the_gradient_check_notices_a_way_back_that_forgets(monkeypatch):
    """Planted: the memory cell's slope is not carried from one step to the one before."""
    right = lstm_module.backward

    def truncated(layer, trail, d_out):
        parts = [
            right(layer, replace_steps(trail, slice(t, t + 1)), d_out[t : t + 1])
            for t in range(len(d_out))
        ]
        total = [sum(arrays) for arrays in zip(*(p[0].arrays() for p in parts), strict=True)]
        return lstm_module.Lstm(*total), np.concatenate([p[1] for p in parts])

    monkeypatch.setattr(lstm_module, "backward", truncated)
    assert worst_gradient_error(*problem(SHAPES[0])) > 0.01


def replace_steps(trail, cut):
    states = slice(cut.start, cut.stop + 1)
    return replace(
        trail, x=trail.x[cut], gates=trail.gates[cut], c=trail.c[states], h=trail.h[states],
        tanh_c=trail.tanh_c[cut],
    )  # fmt: skip


@pytest.mark.parametrize("gate", range(4))
def test_the_gradient_check_notices_one_wrong_gate(monkeypatch, gate):
    right = lstm_module.backward

    def wrong(layer, trail, d_out):
        gradient, d_x = right(layer, trail, d_out)
        gradient.w[:, gate * layer.units : (gate + 1) * layer.units] *= 1.01
        return gradient, d_x

    monkeypatch.setattr(lstm_module, "backward", wrong)
    assert worst_gradient_error(*problem(SHAPES[0])) > 0.003


def test_dropout_keeps_the_mean_and_is_off_outside_training():
    network = new_network(Shape(3, (400, 4), (), 1), rng())
    x = rng(2).standard_normal((8, 5, 3)).astype(np.float32)
    _, done = run(network, x, 0.2, rng())
    assert abs(done.masks[0].mean() - 1) < 0.02 and np.isclose(
        (done.masks[0] == 0).mean(), 0.2, atol=0.02
    )
    assert run(network, x, 0.2)[1].masks == (None, None)


# training


@given(st.floats(0.01, 10), st.integers(1, 5))
def test_a_clipped_gradient_keeps_its_direction_and_is_no_longer_than_allowed(length, seed):
    gradients = [rng(seed).standard_normal(s) for s in ((3, 4), (5,))]
    cut = clip(gradients, length)
    total = np.sqrt(sum(np.sum(g**2) for g in cut))
    assert total <= length * 1.000001
    ratio = cut[0] / gradients[0]
    assert np.allclose(ratio, ratio.flat[0]) and np.allclose(cut[1], gradients[1] * ratio.flat[0])


def test_adams_first_step_is_the_learning_rate_against_the_sign():
    """Kingma and Ba: with the bias taken out, the first step is the rate whatever the size."""
    weights = [np.array([1.0, 1.0, 1.0])]
    Adam(0.1).update(weights, [np.array([5.0, -0.001, 0.0])])
    assert np.allclose(weights[0], [0.9, 1.1, 1.0], atol=1e-4)


def test_adam_finds_the_bottom_of_a_narrow_valley():
    weights, adam = [np.array([3.0, -2.0])], Adam(0.05)
    for _ in range(2_000):
        adam.update(weights, [weights[0] * [1.0, 1_000.0]])
    assert np.abs(weights[0]).max() < 1e-3


def echo(count, seed, lag=12):
    """A sequence of which the answer is the value `lag` steps ago: only memory solves it."""
    x = rng(seed).standard_normal((count, 20, 1)).astype(np.float32)
    return Set(x, x[:, -1 - lag])


def test_a_small_network_learns_to_remember_twelve_steps():
    found = train(
        new_network(Shape(1, (16,), (), 1), rng()), echo(1_500, 1), echo(300, 2), rng(3),
        Settings(epochs=12, learning_rate=0.02, dropout=0.0, final_share=0.1),
    )  # fmt: skip
    assert found.epochs[0].held_out > 0.5 and found.best.held_out < 0.1


def test_training_is_the_same_for_the_same_rng_and_leaves_its_input_alone():
    network = new_network(Shape(1, (4,), (), 1), rng())
    before = [array.copy() for array in network.arrays()]
    ways = [
        train(network, echo(100, 1), echo(50, 2), rng(seed), Settings(epochs=3))
        for seed in (3, 3, 4)
    ]
    assert ways[0].epochs == ways[1].epochs != ways[2].epochs
    assert all(np.array_equal(a, b) for a, b in zip(before, network.arrays(), strict=True))


def test_training_stops_when_the_held_out_error_no_longer_falls_and_keeps_the_best():
    noise = Set(echo(60, 1).x, rng(7).standard_normal((60, 1)).astype(np.float32))
    other = Set(echo(60, 2).x, rng(8).standard_normal((60, 1)).astype(np.float32))
    done = train(
        new_network(Shape(1, (12,), (), 1), rng()), noise, other, rng(3),
        Settings(epochs=200, patience=5, learning_rate=0.03, dropout=0.0),
    )  # fmt: skip
    assert len(done.epochs) < 200
    assert done.epochs[-1].number - done.best.number == 5
    kept = float(np.mean((done.network.predict(other.x) - other.y) ** 2))
    assert np.isclose(kept, done.best.held_out, rtol=1e-5)


def test_training_without_examples_is_refused():
    with pytest.raises(ValueError, match="need both"):
        train(new_network(Shape(1, (2,), (), 1), rng()), echo(0, 1), echo(5, 2), rng())


def waves(count, seed, steps=400):
    """Rates that swing with a period of 60 to 150 s, some noise, RTT in step."""
    dice, parts = rng(seed), []
    for _ in range(count):
        at = 2 * np.pi * np.arange(steps) * 5 / dice.uniform(60, 150) + dice.uniform(0, 6)
        rate = (
            dice.uniform(50, 500)
            * (1 + 0.4 * np.sin(at))
            * np.exp(0.03 * dice.standard_normal(steps))
        )
        columns = np.stack([rate, 90 - 20 * np.sin(at), np.full(steps, 0.001)], axis=1)
        parts.append(examples(columns, (30, 60), stride=9))
    return together(parts)


@pytest.fixture(scope="module")
def small():
    """A network of 6,000 parameters, trained for some seconds on paths that swing."""
    return fit(
        waves(40, 1), waves(10, 2), Shape(3, (24, 16), (), 3), rng(),
        Settings(epochs=12, batch=32, learning_rate=0.006, final_share=0.1, dropout=0.0, bend=0.3),
        version="small",
    )  # fmt: skip


def test_a_short_training_lowers_the_error_on_other_paths_below_the_baselines(small):
    model, done = small
    assert done.best.held_out < 0.4 * done.epochs[0].held_out
    fresh = waves(12, 77)
    for horizon in (30, 60):
        truth = future_at(fresh, horizon)
        own, *others = (
            score(at_horizon(m, fresh.windows, horizon), truth)
            for m in (model, Persistence(), Ewma(0.1), Ewma(0.3))
        )
        assert own.mae_mbps < 0.5 * min(other.mae_mbps for other in others), (own, others)
        assert own.accuracy > max(other.accuracy for other in others) + 0.1


# a model as bytes


def test_a_model_survives_its_bytes(small):
    model, windows = small[0], waves(1, 5).windows
    again = Model.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert (again.horizons_s, again.version, again.unit) == ((30, 60), "small", model.unit)
    told, kept = model.predict_all(windows), again.predict_all(windows)
    assert np.allclose(told, kept, rtol=5e-3, atol=1e-4)  # float16 keeps three digits


def test_one_horizon_of_a_model_is_a_model_with_the_same_answers(small):
    windows = waves(1, 5).windows
    alone = small[0].only(60)
    assert alone.parameters == Shape(3, (24, 16), (), 3).parameters
    assert np.allclose(
        alone.predict_all(windows)[:, 0], small[0].predict_all(windows)[:, 1], rtol=1e-5
    )


def test_a_model_refuses_windows_of_another_shape(small):
    with pytest.raises(ValueError, match="60 samples of 3 columns"):
        small[0].predict_all(np.zeros((1, 30, 3), dtype=np.float32))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_are_refused_or_still_a_model_of_numbers(small, data):
    whole = bytearray(small[0].to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, 400))
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(whole[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])
    try:
        model = Model.from_bytes(cut)
    except ValueError as error:
        assert "not a model" in str(error)
        return
    assert all(np.isfinite(array).all() for array in model.network.arrays())


@given(st.binary(max_size=300))
def test_rubbish_is_not_a_model(data):
    with pytest.raises(ValueError, match="not a model"):
        Model.from_bytes(data)


def rezipped(model, change):
    """The model's bytes with `change(name, array's bytes)` applied and every checksum right."""
    out, honest = io.BytesIO(), zipfile.ZipFile(io.BytesIO(model.to_bytes()))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in honest.namelist():
            archive.writestr(name, change(name, honest.read(name)))
    return out.getvalue()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_behind_a_right_checksum_is_refused_or_still_a_model_of_numbers(small, data):
    victim = data.draw(
        st.sampled_from(["about.npy", "mean.npy", "spread.npy", "w00.npy", "w07.npy"])
    )

    def flip(name, content):
        if name != victim:
            return content
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 127))
        return content[:place] + data.draw(st.binary(min_size=1, max_size=1)) + content[place + 1 :]

    try:
        model = Model.from_bytes(rezipped(small[0], flip))
    except ValueError as error:
        assert "not a model" in str(error)
        return
    assert all(np.isfinite(array).all() for array in model.network.arrays())
    assert model.length > 0 and all(horizon > 0 for horizon in model.horizons_s)


def test_a_model_that_states_terabytes_is_refused_before_it_gets_them(small):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (3_000_000, 1_000_000), "fortran_order": False, "descr": "<f2"}
    )

    def lie(name, content):
        return header.getvalue() + bytes(576) if name == "w00.npy" else content

    with pytest.raises(ValueError, match=r"\(3000000, 1000000\) float16 in 704 bytes"):
        Model.from_bytes(rezipped(small[0], lie))
    with pytest.raises(ValueError, match="unpacks to more"):
        Model.from_bytes(rezipped(small[0], lambda name, content: bytes(2_000_000)))


def test_weights_that_are_not_numbers_are_refused(small):
    arrays = [array.copy() for array in small[0].network.arrays()]
    arrays[1][0, 0] = np.nan
    broken = replace(small[0], network=small[0].network.with_arrays(arrays))
    with pytest.raises(ValueError, match="not a number"):
        Model.from_bytes(broken.to_bytes())


def test_a_network_is_a_value():
    network = new_network(Shape(1, (2,), (), 1), rng())
    assert isinstance(network.with_arrays(network.arrays()), Network)
    with pytest.raises(AttributeError):
        network.lstm = ()
