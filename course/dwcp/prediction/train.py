"""Training: Adam, batches, a clipped gradient, and stopping before the network learns noise.

Adam is Kingma and Ba (2015). The gradient of all weights together is cut to a length of 1: in
60 steps through time a few windows can otherwise outweigh all others (Pascanu, Mikolov and Bengio
2013). After each epoch the loss on held-out examples is taken; the weights that did best there
are kept, and ten epochs without a better one end the training.

Held out means *later*: a random split would put a window into the test whose neighbour, five
seconds apart and 59 samples alike, is in training. `split_by_time` leaves a gap as well, so that
no future of a training window reaches into the test.

Same examples, same rng, same machine: same weights. (Matrix products may differ in the last digit
between processors.) Read next: `model`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from course.dwcp.prediction.features import WINDOW, Examples, examples
from course.dwcp.prediction.lstm import Array
from course.dwcp.prediction.network import Network, loss, run, slopes


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of a training. `gradient_max` is the length the gradient is cut to."""

    epochs: int = 50
    patience: int = 10
    batch: int = 32
    learning_rate: float = 0.001
    final_share: float = 1.0  # the learning rate falls to this share, along a cosine
    dropout: float = 0.2
    gradient_max: float = 1.0
    bend: float | None = None  # None: squared error; a number: Huber's loss, straight beyond it


@dataclass(frozen=True, slots=True)
class Set:
    """Inputs and wanted outputs of a network."""

    x: Array  # (N, T, I)
    y: Array  # (N, O)

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True)
class Epoch:
    """The mean loss over an epoch (dropout on) and on the held-out examples after it (off)."""

    number: int
    training: float
    held_out: float


@dataclass(frozen=True, slots=True)
class Trained:
    """The best network, and how it came about."""

    network: Network
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        return min(self.epochs, key=lambda epoch: (epoch.held_out, epoch.number))


@dataclass(slots=True)
class Adam:
    """One running mean of the gradient and one of its square, for each weight."""

    learning_rate: float = 0.001
    decay: float = 0.9
    decay_square: float = 0.999
    steps: int = 0
    mean: list[Array] = field(default_factory=list)
    square: list[Array] = field(default_factory=list)

    def update(self, weights: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Move the weights, in place, against the gradient."""
        if not self.mean:
            self.mean = [np.zeros_like(w) for w in weights]
            self.square = [np.zeros_like(w) for w in weights]
        self.steps += 1
        # Both means start at 0; dividing by 1 - decay^steps takes that bias out (section 3).
        size = self.learning_rate / (1 - self.decay**self.steps)
        unbias = 1 / (1 - self.decay_square**self.steps)
        for w, g, m, v in zip(weights, gradients, self.mean, self.square, strict=True):
            m += (1 - self.decay) * (g - m)
            v += (1 - self.decay_square) * (g * g - v)
            w -= size * m / (np.sqrt(v * unbias) + 1e-8)


def train(
    network: Network, training: Set, held_out: Set, rng: np.random.Generator,
    settings: Settings = Settings(), watch: Callable[[Epoch], None] | None = None,
) -> Trained:  # fmt: skip
    """Train a copy of `network`; `watch` is called after every epoch.

    Raises ValueError if there is nothing to train or to test on, RuntimeError if the loss is no
    longer a number.
    """
    if not len(training) or not len(held_out):
        raise ValueError(f"{len(training)} examples to train, {len(held_out)} held out; need both")
    weights = [array.copy() for array in network.arrays()]
    network, adam = network.with_arrays(weights), Adam(settings.learning_rate)
    best, epochs = weights, list[Epoch]()
    for number in range(settings.epochs):
        adam.learning_rate = _learning_rate(settings, number)
        mean = _epoch(network, weights, adam, training, rng, settings)
        epochs.append(Epoch(number + 1, mean, held_out_loss(network, held_out, settings.bend)))
        if watch:
            watch(epochs[-1])
        if not np.isfinite(epochs[-1].held_out):
            raise RuntimeError(f"the loss is {epochs[-1].held_out} after epoch {number + 1}")
        latest = Trained(network, tuple(epochs)).best
        if latest is epochs[-1]:
            best = [array.copy() for array in weights]
        elif epochs[-1].number - latest.number >= settings.patience:
            break
    return Trained(network.with_arrays(best), tuple(epochs))


def held_out_loss(network: Network, held_out: Set, bend: float | None, batch: int = 512) -> float:
    """The mean loss without dropout."""
    total = 0.0
    for first in range(0, len(held_out), batch):
        cut = slice(first, first + batch)
        part, _ = loss(network.predict(held_out.x[cut]), held_out.y[cut], bend)
        total += part * len(held_out.x[cut])
    return total / len(held_out)


def split_by_time(
    columns: NDArray[np.floating], held_out: float, horizons_s: Sequence[int],
    length: int = WINDOW, stride: int = 1, features: int = 3,
) -> tuple[Examples, Examples]:  # fmt: skip
    """Windows of the earlier part of a path's history (n, F), and of its last share `held_out`.

    No sample is in both, neither in a window nor in what came after one.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is {held_out}; give a share between 0 and 1")
    border = round(len(columns) * (1 - held_out))
    shapes = {"length": length, "stride": stride, "features": features}
    earlier, later = columns[:border], columns[border:]
    return examples(earlier, horizons_s, **shapes), examples(later, horizons_s, **shapes)


def clip(gradients: Sequence[Array], length: float) -> list[Array]:
    """The gradients, shortened together if their common length is above `length`."""
    now = float(np.sqrt(sum(float(np.vdot(g, g)) for g in gradients)))
    return list(gradients) if now <= length else [g * (length / now) for g in gradients]


def _epoch(
    network: Network, weights: list[Array], adam: Adam, training: Set, rng: np.random.Generator,
    settings: Settings,
) -> float:  # fmt: skip
    """All training examples once, in a new order; returns the mean loss."""
    order, total = rng.permutation(len(training)), 0.0
    for first in range(0, len(order), settings.batch):
        which = order[first : first + settings.batch]
        out, done = run(network, training.x[which], settings.dropout, rng)
        value, d_out = loss(out, training.y[which], settings.bend)
        adam.update(weights, clip(slopes(network, done, d_out), settings.gradient_max))
        total += value * len(which)
    return total / len(order)


def _learning_rate(settings: Settings, number: int) -> float:
    along = 0.5 * (1 + np.cos(np.pi * number / max(1, settings.epochs - 1)))  # 1 down to 0
    share = settings.final_share + (1 - settings.final_share) * float(along)
    return settings.learning_rate * share
