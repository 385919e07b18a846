"""When a model is out of date, and when a new one may take its place.

A model is retrained every 7 days, when its accuracy is under 0.70, or when the path took another
route; then only after 24 h, because a model trained across the change learns a mixture of two
paths of which neither exists. It needs 10,000 samples (14 h at one in 5 s), and 95 % of the last
day's: a model trained on gaps learns the gaps.

A new model is accepted if, on the last day, it beats the old one and persistence, and if its
answers move with its inputs. The last rule looks odd until one meets a model that answers 100 Mbps
to everything: on a steady path that is nearly always right.

Left out: robust training against samples that were made up. Read next: `predictor`, or the
course's notebook, where a route changes under a model's feet.
"""

from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from course.dwcp.prediction.accuracy import Score, future_at, score
from course.dwcp.prediction.baselines import Persistence, Predicts, at_horizon
from course.dwcp.prediction.features import GAPS_MAX, RATE, WINDOW, Examples
from course.dwcp.units import DAY, HOUR

INTERVAL_MAX = 7 * DAY
ACCURACY_MIN = 0.70
SETTLE = 24 * HOUR  # after a route change
SAMPLES_MIN = 10_000
COMPLETE_MIN = 1 - GAPS_MAX / WINDOW  # 0.95
ACCURACY_SLACK = 0.005  # "no worse" for a share of some thousand forecasts
VARIES_MIN = 0.1  # spread of the forecasts against the spread of what was measured

ROUTE_STEP = 0.15  # of the RTT
ROUTE_STEP_MS = 0.1
ROUTE_BEFORE = 6  # windows of five minutes


@dataclass(frozen=True, slots=True)
class Route:
    """A value: the smallest RTT of each five minutes, which queues hardly touch.

    A route change moves it and it stays moved; two windows in a row, more than 15 % away from the
    median of the half hour before, both on the same side.
    """

    lowest_ms: tuple[float, ...] = ()  # of whole windows, oldest first
    now_ms: float = float("inf")  # of the window that is not complete
    samples: int = 0  # in it
    changed_at: int | None = None  # us, when the last change was noticed

    def sample(self, rtt_ms: float, now: int) -> "Route":
        """One more RTT."""
        lowest, count = min(self.now_ms, rtt_ms), self.samples + 1
        if count < WINDOW:
            return replace(self, now_ms=lowest, samples=count)
        known = (*self.lowest_ms, round(lowest, 3))[-(ROUTE_BEFORE + 2) :]
        if _moved(known):
            return Route(known[-2:], changed_at=now)
        return replace(self, lowest_ms=known, now_ms=float("inf"), samples=0)


def _moved(lowest_ms: tuple[float, ...]) -> bool:
    if len(lowest_ms) < 4:
        return False
    before = median(lowest_ms[:-2])
    steps = [value - before for value in lowest_ms[-2:]]
    enough = max(ROUTE_STEP * before, ROUTE_STEP_MS)
    return all(step > enough for step in steps) or all(step < -enough for step in steps)


@dataclass(frozen=True, slots=True)
class Health:
    """What is known about a model in service; times in us on one clock."""

    trained_at: int
    accuracy: float | None  # trailing 1,000; None: nothing was judged yet
    samples: int  # since the last route change, or in the 30 days that are kept
    complete: float  # share of the last day's samples that are there
    route_changed_at: int | None = None


def due(health: Health, now: int) -> tuple[bool, str]:
    """Retrain now? And why, or what to do instead."""
    changed = health.route_changed_at
    new_route = changed is not None and changed > health.trained_at
    poor = health.accuracy is not None and health.accuracy < ACCURACY_MIN
    old = now - health.trained_at > INTERVAL_MAX
    if not (new_route or poor or old):
        return False, "the model is young and accurate"
    if health.complete < COMPLETE_MIN:
        return False, f"repair telemetry first: {health.complete:.0%} of the last day is there"
    if changed is not None and new_route and now - changed < SETTLE:
        return False, "the route changed: wait for 24 h of new samples, use the fallback"
    if health.samples < SAMPLES_MIN:
        return False, f"{health.samples:,} samples; a training needs {SAMPLES_MIN:,}"
    if new_route:
        return True, "the route changed"
    return True, f"accuracy {health.accuracy:.2f}" if poor else "older than 7 days"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Was a new model accepted? `objections` is empty if so."""

    accepted: bool
    objections: tuple[str, ...]
    new: Score
    old: Score | None
    persistence: Score


def judge(new: Predicts, old: Predicts | None, last_day: Examples, horizon_s: int = 30) -> Verdict:
    """Compare on the last day, which the new model must not have been trained on."""
    truth = future_at(last_day, horizon_s)
    answers = _answers(new, last_day, horizon_s)
    if not np.isfinite(answers).all():
        nothing = score(np.zeros_like(truth), truth)
        return Verdict(False, ("it answers with what is not a number",), nothing, None, nothing)
    scores = {"persistence": score(_answers(Persistence(), last_day, horizon_s), truth)}
    if old is not None:
        scores["the old model"] = score(_answers(old, last_day, horizon_s), truth)
    own, objections = score(answers, truth), list[str]()
    for name, other in scores.items():
        if own.mae_mbps >= other.mae_mbps:
            objections.append(f"error {own.mae_mbps} Mbps, {name} has {other.mae_mbps}")
        if own.accuracy < other.accuracy - ACCURACY_SLACK:
            objections.append(f"accuracy {own.accuracy}, {name} has {other.accuracy}")
    if np.std(answers[:, RATE]) < VARIES_MIN * np.std(truth[:, RATE]):
        objections.append("it answers nearly the same whatever it is shown")
    return Verdict(
        not objections, tuple(objections), own, scores.get("the old model"), scores["persistence"]
    )


def _answers(model: Predicts, day: Examples, horizon_s: int) -> np.ndarray:
    """A model that looks at fewer samples or columns is shown the latest of them."""
    windows = day.windows[:, -model.length :, : model.features]
    return at_horizon(model, windows, horizon_s)
