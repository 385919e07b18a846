"""Was the forecast right? One definition of accuracy, and the error beside it.

Accuracy is the share of forecasts whose rate lies within 20 % of the mean that was then measured
over the horizon. Other figures go by the same name (one minus the relative error, R squared, a
bound on the error in Mbps), so a figure without its definition and its horizon says nothing.

`score` judges many forecasts at once, for benchmarks and the acceptance of a model. `Accuracy`
is the running judgement that a predictor keeps: a value with the last 1,000 relative errors.
Read next: `confidence`.
"""

from dataclasses import dataclass, replace

import numpy as np

from course.dwcp.prediction.features import RATE, Array, Examples

TOLERANCE = 0.20
KEPT = 1_000  # forecasts
RECENT = 20  # forecasts, for a judgement that reacts within minutes
ERROR_MAX = 9.99  # a forecast for a path that then stood still is infinitely wrong


def relative_error(forecast_mbps: float, measured_mbps: float) -> float:
    """|forecast - measured| / measured, rounded to 1e-6 and at most 9.99."""
    if forecast_mbps == measured_mbps:
        return 0.0
    if measured_mbps <= 0:
        return ERROR_MAX
    return round(min(ERROR_MAX, abs(forecast_mbps - measured_mbps) / measured_mbps), 6)


@dataclass(frozen=True, slots=True)
class Score:
    """How a set of forecasts did. `bias` is the mean of forecast minus measured."""

    forecasts: int
    accuracy: float
    mae_mbps: float
    relative_error: float
    bias_mbps: float


def score(forecasts: Array, future: Array) -> Score:
    """Judge N forecasts (N, 3) by what was measured, (N, 3)."""
    if len(forecasts) != len(future) or not len(future):
        raise ValueError(f"{len(forecasts)} forecasts and {len(future)} measurements; need as many")
    off = forecasts[:, RATE].astype(float) - future[:, RATE]
    relative = np.minimum(np.abs(off) / np.maximum(future[:, RATE], 1e-9), ERROR_MAX)
    return Score(
        len(off),
        round(float(np.mean(relative <= TOLERANCE)), 4),
        round(float(np.mean(np.abs(off))), 3),
        round(float(np.mean(relative)), 4),
        round(float(np.mean(off)), 3),
    )


def future_at(examples: Examples, horizon_s: int) -> Array:
    """The measured means over one horizon, (N, 3)."""
    return examples.future[:, examples.horizons_s.index(horizon_s)]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A value: each judgement returns the next. `errors` are relative, oldest first."""

    errors: tuple[float, ...] = ()

    def judge(self, forecast_mbps: float, measured_mbps: float) -> "Accuracy":
        """One forecast met its truth."""
        error = relative_error(forecast_mbps, measured_mbps)
        return replace(self, errors=(*self.errors[1 - KEPT :], error))

    @property
    def share(self) -> float | None:
        """Of the last 1,000 forecasts, those within 20 %; None before the first."""
        if not self.errors:
            return None
        return round(sum(error <= TOLERANCE for error in self.errors) / len(self.errors), 4)

    @property
    def recent_error(self) -> float | None:
        """The mean relative error of the last 20; None while there are fewer."""
        last = self.errors[-RECENT:]
        return round(sum(last) / RECENT, 4) if len(last) == RECENT else None
