"""The choice of an algorithm as a classifier: multinomial logistic regression.

The averages of `choice` need a few dozen groups before they are right for a link. A classifier
learns the border once, from measured groups of many links: features in, a probability for each
algorithm out (Bishop 2006, section 4.3.4). It is accepted only if it agrees with the measured
best in 90 % of held-out groups and loses at most 3 % of time; else the averages stay in charge.
"""

from dataclasses import dataclass

import numpy as np

AGREEMENT_MIN, TIME_LOST_MAX = 0.90, 0.03


@dataclass(frozen=True, slots=True)
class Classifier:
    """`weights` has shape (features + 1, classes); the last row is the bias."""

    weights: np.ndarray
    mean: np.ndarray  # (features,), of the training part
    spread: np.ndarray

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Shape (rows, classes) for features of shape (rows, features)."""
        return _softmax(_with_bias((x - self.mean) / self.spread) @ self.weights)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The most likely class of each row, shape (rows,)."""
        return np.argmax(np.round(self.probabilities(x), 9), axis=1)


def fit(
    x: np.ndarray, labels: np.ndarray, classes: int, steps: int = 2_000, rate: float = 1.0
) -> Classifier:
    """Gradient descent on the mean cross-entropy, from zero weights: the same data, the same fit.

    `x` has shape (rows, features); `labels`, shape (rows,), are whole numbers below `classes`.
    """
    if len(x) != len(labels) or not len(x):
        raise ValueError(f"{len(x)} rows and {len(labels)} labels; give one label a row, and a row")
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    inputs, wanted = _with_bias((x - mean) / spread), np.eye(classes)[labels]
    weights = np.zeros((inputs.shape[1], classes))
    for _ in range(steps):
        error = _softmax(inputs @ weights) - wanted  # (rows, classes)
        weights -= rate * (inputs.T @ error / len(inputs) + 1e-4 * weights)
    return Classifier(weights, mean, spread)


def accepted(predicted: np.ndarray, times: np.ndarray) -> bool:
    """Good enough? `times` are seconds, shape (rows, classes), measured for every algorithm."""
    best = times.min(axis=1)
    taken = times[np.arange(len(times)), predicted]
    agreement = float(np.mean(np.isclose(taken, best)))
    return agreement >= AGREEMENT_MIN and float(taken.sum() / best.sum() - 1) <= TIME_LOST_MAX


def _with_bias(x: np.ndarray) -> np.ndarray:
    return np.hstack([x, np.ones((len(x), 1))])


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
