"""Forecasts that need no training. A model that does not beat them is decoration.

    persistence      the next minutes are like the last sample
    moving average   ... like the mean of the last n samples
    EWMA             ... like a mean in which older samples fade by (1 - alpha) each

All of them answer a level, so their answer is the same for every horizon; but they are *scored*
with the horizon of the model beside them, against the mean over it. A forecast for 300 s that is
compared with a persistence of 5 s has been compared with nothing.

They have the shape of a model (`Predicts`), so they can stand where one is expected: that is what
`prediction.pba.model.type` chooses. Read next: `accuracy`.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from course.dwcp.prediction.features import TARGETS, WINDOW, Array, fading
from course.dwcp.prediction.forecast import FALLBACK_SAMPLES

HORIZONS_S = (30, 60, 120, 300)


class Predicts(Protocol):
    """What a predictor needs of a model, trained or not."""

    @property
    def version(self) -> str: ...  # told with every forecast

    @property
    def length(self) -> int: ...  # samples in a window

    @property
    def features(self) -> int: ...  # columns of a window

    @property
    def horizons_s(self) -> tuple[int, ...]: ...  # rising

    def predict_all(self, windows: Array) -> Array:
        """Windows (N, T, F) in Mbps, ms, fractions -> rate, RTT, loss by horizon (N, H, 3)."""
        ...


class Level:
    """The next minutes have one level, whatever the horizon."""

    horizons_s = HORIZONS_S

    def level(self, windows: Array) -> Array:
        """Windows (N, T, F) -> (N, 3)."""
        raise NotImplementedError

    def predict_all(self, windows: Array) -> Array:
        return np.repeat(self.level(windows)[:, None], len(self.horizons_s), axis=1)


@dataclass(frozen=True)
class Persistence(Level):
    """Next = last."""

    length: int = 1
    features: int = TARGETS

    @property
    def version(self) -> str:
        return "persistence"

    def level(self, windows: Array) -> Array:
        return windows[:, -1, :TARGETS]


@dataclass(frozen=True)
class MovingAverage(Level):
    """Next = the mean of the last `length` samples."""

    length: int = FALLBACK_SAMPLES
    features: int = TARGETS

    @property
    def version(self) -> str:
        return f"moving average of {self.length}"

    def level(self, windows: Array) -> Array:
        return windows[:, -self.length :, :TARGETS].mean(axis=1)


@dataclass(frozen=True)
class Ewma(Level):
    """Next = alpha x last + (1 - alpha) x what was expected before; it begins at the first."""

    alpha: float = 0.3
    length: int = WINDOW
    features: int = TARGETS

    @property
    def version(self) -> str:
        return f"EWMA {self.alpha:g}"

    def level(self, windows: Array) -> Array:
        weights = fading(self.alpha, windows.shape[1])
        return np.einsum("t,ntk->nk", weights, windows[..., :TARGETS])


def at_horizon(model: Predicts, windows: Array, horizon_s: int) -> Array:
    """The forecasts (N, 3) of the shortest horizon that covers `horizon_s`, or of the longest."""
    return model.predict_all(windows)[:, model.horizons_s.index(covering(model, horizon_s))]


def covering(model: Predicts, horizon_s: int) -> int:
    """The shortest of a model's horizons that is at least so long, or the longest it has."""
    enough = [horizon for horizon in model.horizons_s if horizon >= horizon_s]
    return min(enough) if enough else max(model.horizons_s)
