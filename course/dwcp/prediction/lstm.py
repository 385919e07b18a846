"""One LSTM layer: the cell, its way through time, and the way back. NumPy, and nothing hidden.

An LSTM (Hochreiter and Schmidhuber 1997; the forget gate is Gers, Schmidhuber and Cummins 2000)
reads a sequence and carries two vectors along: c, what it remembers, and h, what it says.

    i, f, o = sigmoid(W x + U h + b)     let in, keep, let out
    g       = tanh(W x + U h + b)        what could be let in
    c       = f * c + i * g
    h       = o * tanh(c)

Because c is *added to* and not multiplied by a matrix, what the layer learned of a mistake 60
steps later comes back without fading (the gates decide); that is the point of the design.

Shapes: T steps, B windows at once, I inputs, H units. The four gates lie side by side in one
matrix of 4 H columns, in the order i, f, o, g. Left out: peepholes, and everything that an LSTM
library adds. Read next: `network`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Lstm:
    """The weights of one layer: 4 x (H x (I + H) + H) numbers."""

    w: Array  # (I, 4H) from the input
    u: Array  # (H, 4H) from the last step's h
    b: Array  # (4H,)

    @property
    def units(self) -> int:
        return len(self.u)

    def arrays(self) -> list[Array]:
        return [self.w, self.u, self.b]


@dataclass(frozen=True, slots=True)
class Trail:
    """What the way forward leaves behind, for the way back."""

    x: Array  # (T, B, I)
    gates: Array  # (T, B, 4H) after sigmoid and tanh
    c: Array  # (T + 1, B, H); c[0] is 0
    h: Array  # (T + 1, B, H); h[0] is 0
    tanh_c: Array  # (T, B, H)


def new_lstm(inputs: int, units: int, rng: np.random.Generator) -> Lstm:
    """Weights to start from: Glorot uniform for W, orthogonal for U, forget gates open.

    A forget gate that starts at sigmoid(1) = 0.73 lets early gradients through (Jozefowicz,
    Zaremba and Sutskever 2015).
    """
    limit = np.sqrt(6 / (inputs + units))
    w = rng.uniform(-limit, limit, (inputs, 4 * units))
    squares = [np.linalg.qr(rng.standard_normal((units, units)))[0] for _ in range(4)]
    b = np.zeros(4 * units)
    b[units : 2 * units] = 1.0
    return Lstm(
        w.astype(np.float32), np.concatenate(squares, axis=1).astype(np.float32),
        b.astype(np.float32),
    )  # fmt: skip


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), written with tanh so that no exponential overflows."""
    return 0.5 * np.tanh(0.5 * a) + 0.5


def step(layer: Lstm, x: Array, h: Array, c: Array) -> tuple[Array, Array, Array]:
    """One cell, once: x (B, I), h and c (B, H) -> new h, new c, and the gates (B, 4H).

    This is the definition; `forward` does the same for all steps and keeps a trail.
    """
    n = layer.units
    a = x @ layer.w + h @ layer.u + layer.b  # (B, 4H)
    i, f, o = (sigmoid(a[:, k * n : (k + 1) * n]) for k in range(3))
    g = np.tanh(a[:, 3 * n :])
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, c, np.concatenate([i, f, o, g], axis=1)


def forward(layer: Lstm, x: Array) -> Trail:
    """Through all T steps of x (T, B, I), from h = c = 0. The outputs are `trail.h[1:]`."""
    (steps, batch, inputs), n = x.shape, layer.units
    # W x does not depend on h: one product for all steps, instead of T small ones.
    gates = (x.reshape(-1, inputs) @ layer.w + layer.b).reshape(steps, batch, 4 * n)
    c = np.zeros((steps + 1, batch, n), dtype=gates.dtype)
    h, tanh_c = np.zeros_like(c), np.empty_like(c[1:])
    for t in range(steps):
        a = gates[t]  # (B, 4H), turned from a sum into gates in place
        a += h[t] @ layer.u
        a[:, : 3 * n] = sigmoid(a[:, : 3 * n])
        np.tanh(a[:, 3 * n :], out=a[:, 3 * n :])
        i, f, o, g = (a[:, k * n : (k + 1) * n] for k in range(4))
        c[t + 1] = f * c[t] + i * g
        np.tanh(c[t + 1], out=tanh_c[t])
        h[t + 1] = o * tanh_c[t]
    return Trail(x, gates, c, h, tanh_c)


def backward(layer: Lstm, trail: Trail, d_out: Array) -> tuple[Lstm, Array]:
    """Backpropagation through time: d_out (T, B, H), the loss's slope in every output, gives
    the slopes in the weights (as an `Lstm` of gradients) and in x (T, B, I).
    """
    steps, batch, n = d_out.shape
    d_a = np.empty_like(trail.gates)  # (T, B, 4H) slopes before sigmoid and tanh
    d_h: Array = np.zeros((batch, n), dtype=d_a.dtype)
    d_c: Array = np.zeros_like(d_h)
    for t in reversed(range(steps)):
        i, f, o, g = (trail.gates[t][:, k * n : (k + 1) * n] for k in range(4))
        d_h = d_h + d_out[t]
        d_c = d_c + d_h * o * (1 - trail.tanh_c[t] ** 2)
        d_a[t, :, :n] = d_c * g * i * (1 - i)
        d_a[t, :, n : 2 * n] = d_c * trail.c[t] * f * (1 - f)
        d_a[t, :, 2 * n : 3 * n] = d_h * trail.tanh_c[t] * o * (1 - o)
        d_a[t, :, 3 * n :] = d_c * i * (1 - g**2)
        d_c = d_c * f
        d_h = d_a[t] @ layer.u.T
    flat = d_a.reshape(-1, 4 * n)  # (T B, 4H): again one product for all steps
    x, h = trail.x.reshape(-1, trail.x.shape[2]), trail.h[:-1].reshape(-1, n)
    slopes = Lstm(x.T @ flat, h.T @ flat, flat.sum(axis=0))
    return slopes, (flat @ layer.w.T).reshape(trail.x.shape)


def demo() -> None:
    """What the gates are for: a cell set by hand that remembers the last pulse it was shown."""
    w, u, b = np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4)
    w[0] = [20, -20, 0, 3]  # a pulse opens i, closes f, and sets g
    b[:] = [-10, 10, 10, 0]  # without one: let nothing in, keep everything, say it
    layer = Lstm(w, u, b)
    h: Array = np.zeros((1, 1))
    c: Array = np.zeros((1, 1))
    for x in (0.0, 1.0, 0.0, 0.0, 0.6, 0.0, 0.0):
        h, c, gates = step(layer, np.array([[x]]), h, c)
        i, f, o, g = gates[0]
        print(f"x {x:.1f}  i {i:.2f}  f {f:.2f}  o {o:.2f}  g {g:.2f}  c {c[0, 0]:.2f}")


if __name__ == "__main__":
    demo()
