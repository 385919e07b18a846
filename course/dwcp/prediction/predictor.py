"""A predictor: one path, one sample every 5 s, one forecast for each, and what became of it.

A machine without messages: `sample` stands where others have `receive`. Every 5 s is a slot. A
slot without a sample, or with one that is no measurement, is a gap; `wake_at` is the time at which
a slot that stayed empty becomes one. With a full window, every sample brings

    a forecast for each horizon of the model     rate, RTT, loss, confidence, valid until
    a judgement of each forecast that is now due the measured mean over its horizon is known

and without one, or without a model, the forecast is the fallback. In hybrid mode the models of
both modes answer and are blended by confidence; each is judged by itself.

`Record` holds the running accuracy by mode and horizon. It is passed in, so that the predictors
of a controller's paths can share one. Forecasts are rounded to their units before anybody decides
by them. Read next: `schedule`.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from course.dwcp.machine import Effect, Tell
from course.dwcp.mode import Mode
from course.dwcp.prediction.accuracy import Accuracy
from course.dwcp.prediction.baselines import Ewma, Predicts, covering
from course.dwcp.prediction.confidence import blend, confidence
from course.dwcp.prediction.features import (
    INTERVAL,
    INTERVAL_S,
    LOSS,
    RATE,
    RTT,
    WINDOW,
    is_measurement,
    window_of,
)
from course.dwcp.prediction.forecast import (
    HORIZON_S,
    HORIZON_S_MAX,
    Forecast,
    Sample,
    fallback,
)
from course.dwcp.units import SECOND

MEASURED_MIN = 0.5  # of a horizon's samples, or its forecast is not judged

MEMBERS = {
    Mode.INTERNET: (Mode.INTERNET,),
    Mode.DATACENTER: (Mode.DATACENTER,),
    Mode.HYBRID: (Mode.DATACENTER, Mode.INTERNET),
}
"""Whose models answer in which mode."""


@dataclass(slots=True)
class Record:
    """Accuracy by (mode of the model, horizon in s)."""

    by: dict[tuple[Mode, int], Accuracy] = field(default_factory=dict)

    def of(self, mode: Mode, horizon_s: int) -> Accuracy:
        return self.by.get((mode, horizon_s), Accuracy())

    def judge(self, mode: Mode, horizon_s: int, forecast_mbps: float, measured: float) -> None:
        accuracy = self.of(mode, horizon_s)
        self.by[mode, horizon_s] = accuracy.judge(forecast_mbps, measured)


@dataclass(frozen=True, slots=True)
class Pending:
    """A forecast that waits for its truth: made after slot `made`, due after slot `due`."""

    mode: Mode
    horizon_s: int
    rate_mbps: float
    made: int
    due: int


@dataclass(frozen=True, slots=True)
class Status:
    """`measured` of the last `kept` slots hold a sample; accuracy is by horizon in s."""

    path: str
    mode: Mode
    kept: int
    measured: int
    forecast: Forecast
    pending: int
    accuracy: tuple[tuple[Mode, int, float | None], ...]


class Predictor:
    """Of one path. `models` has a model for each mode it is made for; none is allowed."""

    def __init__(
        self, path: str, mode: Mode, models: Mapping[Mode, Predicts], now: int,
        horizon_s: int = HORIZON_S, record: Record | None = None,
    ) -> None:  # fmt: skip
        if not HORIZON_S <= horizon_s <= HORIZON_S_MAX:
            raise ValueError(
                f"horizon_s is {horizon_s}; a horizon is {HORIZON_S} to {HORIZON_S_MAX} s"
            )
        self.path, self.mode, self.models, self.horizon_s = path, mode, models, horizon_s
        self.record = Record() if record is None else record
        kept = max([WINDOW, *(model.length for model in models.values())])
        self._slots: deque[Sample | None] = deque(maxlen=kept)
        self._slot, self._at = 0, now  # the latest slot's number and time
        self._pending: deque[Pending] = deque()
        self._forecasts: dict[tuple[Mode, int], Forecast] = {}
        self.wake_at: int | None = now + INTERVAL + INTERVAL // 2

    # what happens

    def sample(self, sample: Sample, now: int, busy: bool = True) -> list[Effect]:
        """A path monitor reports; `busy`: a transfer or a probe was running.

        Samples come from other nodes: one that is nonsense is told of and counts as missing.
        """
        self._check(now)
        if now - self._at < INTERVAL // 2 and self._slot:
            return [Tell("sample_refused", {"path": self.path, "why": "early"})]
        effects = self._pass_to(now - INTERVAL // 2)
        if is_measurement(sample, busy):
            return effects + self._close(sample, now)
        why = "idle" if sample.rate_mbps == 0 else "nonsense"
        refused = Tell("sample_refused", {"path": self.path, "why": why})
        return [*effects, refused, *self._close(None, now)]

    def wake(self, now: int) -> list[Effect]:
        """No sample came in time."""
        self._check(now)
        return self._pass_to(now - INTERVAL // 2)

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        """Nobody has anything to say to a predictor."""
        return [Tell("message_from_stranger", {"sender": sender})]

    # what is asked

    def forecast(self, now: int, horizon_s: int | None = None) -> Forecast:
        """For the next `horizon_s`, or for a longer horizon of the model if it has not that one.

        Compare `horizon_s` of the answer with what you need: it is never stretched.
        """
        self._check(now)
        wanted = horizon_s or self.horizon_s
        found = []
        for mode in MEMBERS[self.mode]:
            model = self.models.get(mode)
            made = self._forecasts.get((mode, covering(model, wanted))) if model else None
            if made and made.valid_until is not None and now < made.valid_until:
                found.append(made)
        if len({made.horizon_s for made in found}) == 1:
            return blend(found) if len(found) > 1 else found[0]
        return self._fallback(now, wanted)

    def status(self) -> Status:
        record = tuple(
            (mode, horizon, accuracy.share) for (mode, horizon), accuracy in self.record.by.items()
        )
        return Status(
            self.path, self.mode, len(self._slots), len(self._measured()),
            self.forecast(self._at), len(self._pending), record,
        )  # fmt: skip

    # slots

    def _pass_to(self, now: int) -> list[Effect]:
        """Slots that ended before `now` without a sample are gaps."""
        effects: list[Effect] = []
        missed = (now - self._at) // INTERVAL
        if missed > len(self._slots) + HORIZON_S_MAX // INTERVAL_S:  # nothing is left to judge
            self._slots.clear()
            self._pending.clear()
            self._forecasts.clear()
            self._at, missed = self._at + missed * INTERVAL, 0
        for _ in range(missed):
            effects += self._close(None, self._at + INTERVAL)
        self.wake_at = self._at + INTERVAL + INTERVAL // 2
        return effects

    def _close(self, sample: Sample | None, now: int) -> list[Effect]:
        """A slot is over: judge what is due, then look ahead."""
        self._slots.append(sample)
        self._slot, self._at = self._slot + 1, now
        self.wake_at = now + INTERVAL + INTERVAL // 2
        effects = self._judge()
        for mode in MEMBERS[self.mode]:
            self._predict(mode, now)
        made = self.forecast(now)
        told = {"path": self.path, "rate_mbps": made.rate_mbps, "confidence": made.confidence}
        told |= {"horizon_s": made.horizon_s, "model": made.model}
        return [*effects, Tell("forecast_made", told)]

    def _judge(self) -> list[Effect]:
        effects: list[Effect] = []
        due = [pending for pending in self._pending if pending.due <= self._slot]
        self._pending = deque(p for p in self._pending if p.due > self._slot)
        for pending in due:
            steps = pending.due - pending.made
            rates = [s.rate_mbps for s in list(self._slots)[-steps:] if s is not None]
            if len(rates) < MEASURED_MIN * steps:
                continue
            measured = round(fmean(rates), 2)
            self.record.judge(pending.mode, pending.horizon_s, pending.rate_mbps, measured)
            told = {"path": self.path, "mode": pending.mode.value, "measured_mbps": measured}
            told |= {"rate_mbps": pending.rate_mbps, "horizon_s": pending.horizon_s}
            effects.append(Tell("forecast_judged", told))
        return effects

    def _predict(self, mode: Mode, now: int) -> None:
        """Ask one model for all its horizons at once."""
        model = self.models.get(mode)
        if model is None:
            return
        for horizon in model.horizons_s:  # they spoke of what was next five seconds ago
            self._forecasts.pop((mode, horizon), None)
        window = window_of(list(self._slots), model.length, model.features)
        if window is None:
            return
        answers = model.predict_all(window[None])[0]  # (H, 3)
        rates, last = [s.rate_mbps for s in self._measured()], self._measured()[-1]
        for horizon, answer in zip(model.horizons_s, answers, strict=True):
            made = Forecast(
                rate_mbps=round(float(answer[RATE]), 2),
                rtt_ms=round(float(answer[RTT]), 3),
                loss=round(float(answer[LOSS]), 5),
                confidence=confidence(rates, self.record.of(mode, horizon), mode),
                horizon_s=horizon,
                jitter_ms=last.jitter_ms,
                valid_until=now + horizon * SECOND,
                model=model.version,
            )
            self._forecasts[mode, horizon] = made
            due = self._slot + horizon // INTERVAL_S
            self._pending.append(Pending(mode, horizon, made.rate_mbps, self._slot, due))

    def _fallback(self, now: int, horizon_s: int) -> Forecast:
        made = fallback(self._measured(), self.mode)
        return replace(made, horizon_s=horizon_s, valid_until=now + horizon_s * SECOND)

    def _measured(self) -> list[Sample]:
        return [sample for sample in self._slots if sample is not None]

    def _check(self, now: int) -> None:
        if now < self._at:
            raise ValueError(f"now is {now} us, before the last slot at {self._at} us")


def demo() -> None:
    """A path that halves: what an EWMA forecasts, how far it is trusted, and a gap of 25 s."""
    path = Predictor("a-b", Mode.INTERNET, {Mode.INTERNET: Ewma(0.3)}, now=0)
    for slot in range(1, 121):
        now = slot * INTERVAL
        if 100 < slot <= 105:
            path.wake(now + INTERVAL // 2)
            continue
        path.sample(Sample(200.0 if slot < 80 else 100.0, 90.0, 0.001), now)
        if slot in (10, 60, 79, 82, 90, 100, 106):
            made = path.forecast(now)
            print(
                f"{slot * INTERVAL_S:4d} s  {made.rate_mbps:6.1f} Mbps, "
                f"confidence {made.confidence:.2f}, {made.model}"
            )


if __name__ == "__main__":
    demo()
