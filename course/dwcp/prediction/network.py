"""The network: LSTM layers on top of each other, dense layers behind the last step, a loss.

    internet    60 x 3 -> LSTM 128, 64, 32 -> dense 3 for each horizon
    datacenter  30 x 5 -> LSTM 128, 64 -> dense 32, 16 -> dense 1 for each horizon

With one horizon that is 129,507 and 120,641 numbers. The shipped networks answer four horizons
(30, 60, 120, 300 s) from the same layers, so their last layer is four times as wide.

Dropout (Srivastava and others 2014) is applied to what one layer hands to the next and never from
one step to the next (Zaremba, Sutskever and Vinyals 2014). Arithmetic is float32; a network of
float64 weights computes in float64, which the gradient check uses. Read next: `train`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from course.dwcp.prediction import lstm
from course.dwcp.prediction.lstm import Array, Lstm, Trail, new_lstm


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide everything is; `lstm` and `dense` are the widths of the hidden layers."""

    inputs: int = 3
    lstm: tuple[int, ...] = (128, 64, 32)
    dense: tuple[int, ...] = ()
    outputs: int = 3

    @property
    def parameters(self) -> int:
        """How many numbers are to be learned.

        >>> Shape().parameters
        129507
        >>> Shape(inputs=5, lstm=(128, 64), dense=(32, 16), outputs=1).parameters
        120641
        """
        total, width = 0, self.inputs
        for units in self.lstm:
            total, width = total + 4 * (units * (width + units) + units), units
        for units in (*self.dense, self.outputs):
            total, width = total + width * units + units, units
        return total


@dataclass(frozen=True, slots=True)
class Dense:
    """y = x w + b."""

    w: Array  # (I, O)
    b: Array  # (O,)

    def arrays(self) -> list[Array]:
        return [self.w, self.b]


@dataclass(frozen=True, slots=True)
class Network:
    """A value: weights by layer. Training makes another one."""

    lstm: tuple[Lstm, ...]
    dense: tuple[Dense, ...]  # all but the last are followed by max(0, x)

    def arrays(self) -> list[Array]:
        """All weights in order of layers; gradients come in the same order."""
        recurrent = [array for layer in self.lstm for array in layer.arrays()]
        return recurrent + [array for layer in self.dense for array in layer.arrays()]

    def with_arrays(self, arrays: Sequence[Array]) -> "Network":
        """The same network with other numbers."""
        rest = iter(arrays)
        layers = tuple(Lstm(next(rest), next(rest), next(rest)) for _ in self.lstm)
        return Network(layers, tuple(Dense(next(rest), next(rest)) for _ in self.dense))

    @property
    def shape(self) -> Shape:
        widths = tuple(len(layer.b) for layer in self.dense)
        inputs = len(self.lstm[0].w)
        return Shape(inputs, tuple(layer.units for layer in self.lstm), widths[:-1], widths[-1])

    def outputs_only(self, columns: Sequence[int]) -> "Network":
        """The same network with some of its outputs: the last layer's other columns go."""
        *before, last = self.dense
        chosen = list(columns)
        return Network(self.lstm, (*before, Dense(last.w[:, chosen], last.b[chosen])))

    def predict(self, x: Array) -> Array:
        """Outputs (B, O) for windows (B, T, I)."""
        return run(self, x)[0]


def new_network(shape: Shape, rng: np.random.Generator) -> Network:
    """Weights to start from. The last layer starts at 0: the first answer is "no change"."""
    widths = (shape.inputs, *shape.lstm)
    layers = tuple(new_lstm(a, b, rng) for a, b in pairwise(widths))
    widths = (shape.lstm[-1], *shape.dense, shape.outputs)
    dense = []
    for a, b in pairwise(widths):
        weights = rng.standard_normal((a, b)) * np.sqrt(2 / a)  # He and others 2015
        dense.append(Dense(weights.astype(np.float32), np.zeros(b, dtype=np.float32)))
    dense[-1] = Dense(np.zeros_like(dense[-1].w), dense[-1].b)
    return Network(layers, tuple(dense))


@dataclass(frozen=True, slots=True)
class Run:
    """What one pass forward leaves for the pass back."""

    trails: tuple[Trail, ...]
    masks: tuple[Array | None, ...]  # dropout behind each LSTM layer, (T, B, H)
    dense_in: tuple[Array, ...]  # what went into each dense layer, (B, I)


def run(
    network: Network, x: Array, dropout: float = 0.0, rng: np.random.Generator | None = None
) -> tuple[Array, Run]:
    """Outputs (B, O) for x (B, T, I). With `rng`, dropout is on: that is training."""
    flow = np.ascontiguousarray(x.transpose(1, 0, 2))  # (T, B, I): steps first
    trails, masks = [], []
    for layer in network.lstm:
        trail = lstm.forward(layer, flow)
        mask = _mask(trail.h[1:].shape, dropout, rng, flow.dtype)
        flow = trail.h[1:] if mask is None else trail.h[1:] * mask
        trails.append(trail)
        masks.append(mask)
    out, dense_in = flow[-1], []  # (B, H): what the last layer says after the last step
    for number, dense in enumerate(network.dense):
        out = np.maximum(out, 0) if number else out
        dense_in.append(out)
        out = out @ dense.w + dense.b
    return out, Run(tuple(trails), tuple(masks), tuple(dense_in))


def slopes(network: Network, done: Run, d_out: Array) -> list[Array]:
    """The gradients of all weights, in the order of `arrays()`; d_out is (B, O)."""
    found: list[Array] = []
    for number in reversed(range(len(network.dense))):
        came_in = done.dense_in[number]
        found = [came_in.T @ d_out, d_out.sum(axis=0), *found]
        d_out = d_out @ network.dense[number].w.T
        if number:
            d_out = d_out * (came_in > 0)
    d_flow = np.zeros_like(done.trails[-1].h[1:])  # (T, B, H): only the last step was used
    d_flow[-1] = d_out
    for layer, trail, mask in reversed(
        list(zip(network.lstm, done.trails, done.masks, strict=True))
    ):
        gradient, d_flow = lstm.backward(layer, trail, d_flow if mask is None else d_flow * mask)
        found = [*gradient.arrays(), *found]
    return found


def loss(out: Array, wanted: Array, bend: float | None = None) -> tuple[float, Array]:
    """Mean squared error, and its slope in `out`; both (B, O).

    With `bend` it is Huber's loss (1964): squared up to an error of `bend`, straight beyond, so
    that the few windows in which a path collapses do not outweigh the many in which it does not.
    """
    off = out - wanted
    if bend is None:
        return float(np.mean(off**2)), 2 * off / off.size
    square = np.minimum(np.abs(off), bend)
    value = float(np.mean(square * (2 * np.abs(off) - square)))
    return value, 2 * np.clip(off, -bend, bend) / off.size


def _mask(
    shape: tuple[int, ...], dropout: float, rng: np.random.Generator | None, dtype: np.dtype
) -> Array | None:
    """0 for what is dropped; the rest is raised so that the mean stays as it was."""
    if rng is None or dropout <= 0:
        return None
    kept = rng.random(shape, dtype=np.float32) >= dropout
    return kept.astype(dtype) / dtype.type(1 - dropout)
