"""What a scheduler does with a forecast: start, defer, share out, move away in time.

    expected time   bytes x 8 x (1 - wire reduction) / rate
    start, defer    see `decide`; at most 3 deferrals, and never more than 10 min in all
    quota           0.8 of the forecast, shared among the transfers that run
    evacuation      under 50 Mbps or over 5 % loss is expected, with a confidence of 0.8 or more

A deferral costs time for certain and gains some perhaps, so every doubt starts the transfer: a
forecast that is not trusted, one that is too short for the transfer, one that does not fall.
Functions of values; the host keeps the queue. Read next: `retraining`.
"""

from dataclasses import dataclass, replace

from course.dwcp.prediction.forecast import HORIZON_S, HORIZON_S_MAX, Forecast, should_defer
from course.dwcp.units import MINUTE, SECOND

DEFERRALS_MAX = 3
WAIT_MAX = 10 * MINUTE
QUOTA_SHARE = 0.8
EVACUATE_BELOW_MBPS = 50.0
EVACUATE_ABOVE_LOSS = 0.05
EVACUATE_CONFIDENCE = 0.8


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transfer that wants to start. `asked_at` is us; `wire_reduction` is a fraction."""

    size: int  # bytes before encoding
    wire_reduction: float
    asked_at: int
    deferrals: int = 0

    def __post_init__(self) -> None:
        if self.size < 0 or not 0 <= self.wire_reduction <= 1:
            raise ValueError(
                f"size is {self.size} and wire_reduction {self.wire_reduction}; "
                "a transfer has 0 bytes or more, and a fraction between 0 and 1"
            )

    def deferred(self) -> "Waiting":
        """The same transfer after one more deferral."""
        return replace(self, deferrals=self.deferrals + 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """Start now, or ask again at `again_at` (us). `reason` is for people and for the log."""

    start: bool
    reason: str
    again_at: int | None = None


def expected_s(size: int, wire_reduction: float, rate_mbps: float) -> float:
    """Seconds that `size` bytes need after encoding; infinite on a path that stands still.

    >>> expected_s(2 * 2**30, 0.70, 100)
    51.54
    """
    if rate_mbps <= 0:
        return float("inf")
    return round(size * 8 * (1 - wire_reduction) / (rate_mbps * 1e6), 2)


def horizon_for(waiting: Waiting, rate_mbps_now: float) -> int:
    """The horizon to ask for: the expected time in whole seconds, between 30 and 300."""
    needed = expected_s(waiting.size, waiting.wire_reduction, rate_mbps_now)
    return int(min(HORIZON_S_MAX, max(HORIZON_S, -(-needed // 1))))


def decide(waiting: Waiting, forecast: Forecast, rate_mbps_now: float, now: int) -> Decision:
    """The first rule that fits decides.

    1. It has waited 10 min or was deferred 3 times: start.
    2. The forecast's confidence is under 0.5: start, the forecast is ignored.
    3. At the forecast rate it ends within the horizon: start.
    4. At the present rate it would not: the forecast is silent about most of it, start.
    5. The forecast is 0.7 of the present rate or more: start.
    6. Otherwise defer by one horizon.
    """
    latest = waiting.asked_at + WAIT_MAX
    if now >= latest or waiting.deferrals >= DEFERRALS_MAX:
        return Decision(True, "waited long enough")
    if not forecast.usable:
        return Decision(True, f"forecast ignored: confidence {forecast.confidence:.2f}")
    then = expected_s(waiting.size, waiting.wire_reduction, forecast.rate_mbps)
    if then <= forecast.horizon_s:
        return Decision(True, f"done in {then:.0f} s, within the horizon")
    if expected_s(waiting.size, waiting.wire_reduction, rate_mbps_now) > forecast.horizon_s:
        return Decision(True, f"a horizon of {forecast.horizon_s} s is too short to decide")
    if not should_defer(forecast, rate_mbps_now):
        return Decision(True, "the forecast does not fall")
    again = min(now + forecast.horizon_s * SECOND, latest)
    falls = f"{forecast.rate_mbps:.0f} of {rate_mbps_now:.0f} Mbps expected"
    return Decision(False, falls, again)


def quota_mbps(forecast: Forecast, transfers: int) -> float | None:
    """What each of `transfers` may use, in Mbps; None if the forecast is not to be used."""
    if transfers < 1:
        raise ValueError(f"transfers is {transfers}; a quota is shared by at least 1")
    return round(forecast.rate_mbps * QUOTA_SHARE / transfers, 2) if forecast.usable else None


def should_evacuate(forecast: Forecast) -> bool:
    """Move guests away before the link degrades? Only on a forecast that is well trusted."""
    degrades = forecast.rate_mbps < EVACUATE_BELOW_MBPS or forecast.loss > EVACUATE_ABOVE_LOSS
    return degrades and forecast.confidence >= EVACUATE_CONFIDENCE
