"""How the links between regions vary over a day, and what PBA makes of it.

A scenario may say that its long links vary, and how (`course.lab.traffic`). Then each pair of
regions has a trace of its own from the lab's seed: the path's rate is a share of its capacity, its
round trip is longer when queues grow, and packets are lost when they are full. A monitor reports
every 5 s to the predictor of that pair, which is `course.dwcp.prediction` with the shipped model.
Five minutes and more of the trace lie before the lab's beginning, so a forecast is there at once.
"""

from dataclasses import replace

import numpy as np

from course.dwcp.mode import Mode
from course.dwcp.prediction import Forecast, Predictor, Sample
from course.dwcp.units import SECOND
from course.lab import models
from course.lab.links import Path
from course.lab.seeds import Seeds
from course.lab.traffic import INTERVAL_S, trace

BEFORE = 120
"""Samples that were taken before the lab began."""
HOURS = 26.0
SHARE_MIN = 0.02


class Weather:
    """Of all pairs of regions; `kind` is one of `traffic.KINDS`."""

    def __init__(self, kind: str, seeds: Seeds) -> None:
        self.kind, self._seeds = kind, seeds
        self._rows: dict[tuple[str, str], list[Sample]] = {}
        self._predictors: dict[tuple[str, str], Predictor] = {}
        self._fed: dict[tuple[str, str], int] = {}  # samples that the predictor has got

    def applied(self, path: Path, a: str, b: str, now: int) -> Path:
        """The path between regions `a` and `b` as it is at `now`."""
        sample = self._sample(path, _pair(a, b), BEFORE + now // (INTERVAL_S * SECOND))
        return replace(path, rtt_ms=sample.rtt_ms, capacity_mbps=sample.rate_mbps, loss=sample.loss)

    @property
    def predictors(self) -> dict[tuple[str, str], Predictor]:
        """Those that have been asked so far, by pair of regions; do not feed them."""
        return self._predictors

    def forecast(self, path: Path, a: str, b: str, now: int, horizon_s: int) -> Forecast:
        """What PBA expects of it for the next `horizon_s`."""
        return self.predictor(path, a, b, now).forecast(now, horizon_s)

    def predictor(self, path: Path, a: str, b: str, now: int) -> Predictor:
        """The pair's predictor, after it has got all samples until `now`.

        It is fed when somebody asks: what it knows is the same as if it had been fed in time.
        """
        pair = _pair(a, b)
        step = INTERVAL_S * SECOND
        if pair not in self._predictors:
            made = {Mode.INTERNET: models.load("internet")}
            begin = -BEFORE * step
            self._predictors[pair] = Predictor("-".join(pair), Mode.INTERNET, made, begin)
            self._fed[pair] = 0
        predictor = self._predictors[pair]
        until = BEFORE + now // step
        for number in range(self._fed[pair] + 1, until + 1):
            sample = self._sample(path, pair, number)
            predictor.sample(sample, (number - BEFORE) * step)
        self._fed[pair] = until
        return predictor

    def _sample(self, path: Path, pair: tuple[str, str], number: int) -> Sample:
        rows = self._rows.get(pair) or self._drawn(path, pair)
        return rows[number % len(rows)]

    def _drawn(self, path: Path, pair: tuple[str, str]) -> list[Sample]:
        """The pair's whole trace, as shares of what the path is when it is at its best."""
        seen = trace(self.kind, f"{self._seeds.seed}/weather/{'-'.join(pair)}", HOURS)
        rates = path.capacity_mbps * np.maximum(SHARE_MIN, seen.rate_mbps / seen.rate_mbps.max())
        rtts = path.rtt_ms * seen.rtt_ms / seen.rtt_ms.min()
        losses = 1 - (1 - path.loss) * (1 - seen.loss)
        columns = (rates.round(1), rtts.round(1), losses.round(5), seen.jitter_ms.round(2))
        hours = seen.hour.round(3).tolist()
        rows = zip(*(column.tolist() for column in columns), hours, strict=True)
        self._rows[pair] = [Sample(*row) for row in rows]
        return self._rows[pair]


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a <= b else (b, a)
