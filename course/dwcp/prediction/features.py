"""From samples to what a network sees: windows, gaps, normalisation, and the view from now.

A window is 60 samples, one every 5 s: five minutes. Its columns are rate (Mbps), RTT (ms) and
loss (a fraction), in a datacenter also jitter (ms) and the hour of the day. Three rules come
before any arithmetic:

- An idle link's rate of 0 is not a measurement, it is a missing one. So is nonsense.
- Up to 3 missing samples in a window are interpolated; more make the window invalid.
- Each column is divided by a fixed unit (1,000 Mbps, 500 ms) and clipped to [0, 1].

The network does not see the level of a path, only how it moved: each column relative to an
*anchor*, as a logarithm. The anchor is an EWMA that halves the weight of each older sample. The
network answers in the same terms: by which factor will the mean over the horizon differ from the
anchor? So an untrained network that answers 0 is that EWMA, what it learns is a correction to it,
and one network serves paths of 20 and of 900 Mbps. Left out: weekday and provider index.
Read next: `lstm`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from course.dwcp.prediction.forecast import Sample
from course.dwcp.units import SECOND

Array = NDArray[np.float32]

INTERVAL = 5 * SECOND
INTERVAL_S = INTERVAL // SECOND
WINDOW = 60  # samples
GAPS_MAX = 3  # in a window: 95 % of 60 are there
RATE, RTT, LOSS, JITTER, HOUR = range(5)  # columns
COLUMNS = 5
TARGETS = 3  # rate, RTT, loss
FLOOR = 1e-4  # of a unit: logarithms need a number above 0, and 0.1 Mbps is as good as none
ANCHOR_ALPHA = 0.5
SWING_MAX = 3.0  # logarithms are cut here: a factor of 20 either way


@dataclass(frozen=True, slots=True)
class Unit:
    """What a column is divided by. Loss is a fraction already, an hour is divided by 24."""

    rate_mbps: float = 1_000.0
    rtt_ms: float = 500.0
    jitter_ms: float = 100.0

    def __post_init__(self) -> None:
        if not all(0 < unit < inf for unit in (self.rate_mbps, self.rtt_ms, self.jitter_ms)):
            raise ValueError(f"{self}: a unit is a number above 0")

    def columns(self, count: int) -> Array:
        """The divisors of the first `count` columns, (count,)."""
        units = [self.rate_mbps, self.rtt_ms, 1.0, self.jitter_ms, 24.0]
        return np.array(units[:count], dtype=np.float32)


def is_measurement(sample: Sample, busy: bool = True) -> bool:
    """Does a sample say something about the path? `busy`: a transfer or a probe was running."""
    values = (sample.rate_mbps, sample.rtt_ms, sample.loss, sample.jitter_ms, sample.hour)
    if not all(isfinite(value) and value >= 0 for value in values):
        return False
    return sample.loss <= 1 and sample.hour <= 24 and (busy or sample.rate_mbps > 0)


def row(sample: Sample | None, columns: int) -> list[float]:
    """A sample as the first `columns` numbers of a window's row; a missing one is all NaN."""
    if sample is None:
        return [nan] * columns
    values = [sample.rate_mbps, sample.rtt_ms, sample.loss, sample.jitter_ms, sample.hour]
    return values[:columns]


def window_of(samples: Sequence[Sample | None], length: int, columns: int) -> Array | None:
    """The last `length` samples as (length, columns), gaps filled; None if it is not valid."""
    if len(samples) < length:
        return None
    return fill_gaps(np.array([row(s, columns) for s in samples[-length:]], dtype=np.float32))


def fill_gaps(window: Array) -> Array | None:
    """Interpolate up to 3 rows of NaN in (T, F); None if more are missing.

    A gap at either end takes its only neighbour's value.
    """
    there = np.isfinite(window.sum(axis=1))  # (T,)
    if len(there) - there.sum() > GAPS_MAX or not there.any():
        return None
    if there.all():
        return window
    at = np.arange(len(window))
    columns = [np.interp(at, at[there], column[there]) for column in window.T]
    return np.stack(columns, axis=1).astype(np.float32)


def normalise(windows: NDArray[np.floating], unit: Unit = Unit()) -> Array:
    """Windows (..., F) divided by their units and clipped to [0, 1]."""
    return np.clip(windows / unit.columns(windows.shape[-1]), 0, 1).astype(np.float32)


def fading(alpha: float, length: int) -> Array:
    """The weights of an EWMA over `length` samples, oldest first; they add up to 1."""
    ages = np.arange(length)[::-1]
    weights = alpha * (1 - alpha) ** ages
    weights[0] = (1 - alpha) ** ages[0]  # all that is left belongs to the first sample
    return weights.astype(np.float32)


@dataclass(frozen=True, slots=True)
class View:
    """N windows as the network sees them, and the way back."""

    x: Array  # (N, T, F) relative to the anchor
    anchor: Array  # (N, F) EWMA of each column, in units
    units: Array  # (N, F) what the columns were divided by

    def answer(self, targets: Array) -> Array:
        """Targets (N, H, K) of the network as rate (Mbps), RTT (ms) and loss: (N, H, 3).

        K is 3, or 1 for a network that answers the rate alone; then the anchor stands for the rest.
        """
        full = np.zeros((*targets.shape[:2], TARGETS), dtype=np.float32)
        full[..., : targets.shape[-1]] = targets
        anchor = self.anchor[:, None, :TARGETS]  # (N, 1, 3)
        factor = np.exp(np.clip(full, -SWING_MAX, SWING_MAX))
        loss = np.clip(np.sqrt(anchor[..., LOSS]) + full[..., LOSS], 0, 1) ** 2
        out = np.maximum(anchor, FLOOR) * factor
        out[..., LOSS] = loss
        return out * self.units[:, None, :TARGETS]


def view(windows: NDArray[np.floating], unit: Unit = Unit()) -> View:
    """N windows (N, T, F) in Mbps, ms and fractions, relative to each window's own anchor.

    A path faster than the unit would be clipped to a flat line; its unit is 10 times larger then.
    It cancels out again in `answer`.
    """
    count = windows.shape[-1]
    units = np.repeat(unit.columns(count)[None], len(windows), axis=0)  # (N, F)
    most = windows.max(axis=1) / units  # (N, F)
    units *= 10.0 ** np.maximum(0, np.ceil(np.log10(np.maximum(most, 1))))
    scaled = np.clip(windows / units[:, None], 0, 1).astype(np.float32)
    anchor = np.einsum("t,ntf->nf", fading(ANCHOR_ALPHA, windows.shape[1]), scaled)  # (N, F)
    x = _swing(scaled, anchor[:, None])
    x[..., LOSS] = np.sqrt(scaled[..., LOSS])  # a count's square root has an even spread
    if count > HOUR:
        x[..., HOUR] = scaled[..., HOUR]
    return View(x, anchor, units.astype(np.float32))


def targets(seen: View, future: NDArray[np.floating]) -> Array:
    """What the network should have answered, (N, H, 3), for future means (N, H, 3)."""
    scaled = (future / seen.units[:, None, :TARGETS]).astype(np.float32)
    anchor = seen.anchor[:, None, :TARGETS]
    out = _swing(scaled, anchor)
    out[..., LOSS] = np.sqrt(scaled[..., LOSS]) - np.sqrt(anchor[..., LOSS])
    return out


def _swing(values: Array, anchor: Array) -> Array:
    ratio = np.maximum(values, FLOOR) / np.maximum(anchor, FLOOR)
    return np.clip(np.log(ratio), -SWING_MAX, SWING_MAX).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Examples:
    """Windows with what came after them, in Mbps, ms and fractions."""

    windows: Array  # (N, T, F)
    future: Array  # (N, H, 3) means over each horizon, measured
    horizons_s: tuple[int, ...]  # H of them

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, which: NDArray[np.integer] | slice) -> "Examples":
        """Some of them, by index."""
        return Examples(self.windows[which], self.future[which], self.horizons_s)


def examples(
    columns: NDArray[np.floating], horizons_s: Sequence[int],
    length: int = WINDOW, stride: int = 1, features: int = TARGETS,
) -> Examples:  # fmt: skip
    """Cut a path's history (n, F) into windows, one every `stride` samples.

    The mean over a horizon of 30 s is that of the next 6 samples. Raises ValueError if the history
    is shorter than one window and its longest horizon.
    """
    ahead = [horizon // INTERVAL_S for horizon in horizons_s]
    count = len(columns) - length - max(ahead) + 1
    if count < 1:
        raise ValueError(
            f"{len(columns)} samples; a window and its horizon need {length + max(ahead)}"
        )
    ends = np.arange(0, count, stride) + length  # (N,) first sample after each window
    at = ends[:, None] + np.arange(-length, 0)  # (N, T)
    windows = columns[at][..., :features].astype(np.float32)
    total = np.concatenate([np.zeros((1, TARGETS)), np.cumsum(columns[:, :TARGETS], axis=0)])
    means = [(total[ends + steps] - total[ends]) / steps for steps in ahead]  # H x (N, 3)
    return Examples(windows, np.stack(means, axis=1).astype(np.float32), tuple(horizons_s))


def together(parts: Sequence[Examples]) -> Examples:
    """Examples of several paths as one set."""
    return Examples(
        np.concatenate([part.windows for part in parts]),
        np.concatenate([part.future for part in parts]),
        parts[0].horizons_s,
    )
