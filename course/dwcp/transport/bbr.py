"""BBR version 1: measure the path, and send at the rate that it delivers.

Cardwell, Cheng, Gunn, Yeganeh and Jacobson (ACM Queue 2016); draft-cardwell-iccrg-bbr-congestion-
control-00. Two numbers are the model: `rate_mbps`, the largest delivery rate of the last ten round
trips, and `rtt_min`, the smallest round trip of the last 10 s. Their product is what the path
holds, the BDP. Loss is no signal, so random loss costs little; that is also its fault, mended in
version 2 (`bbr2`).

    startup -> drain -> probe_bw <-> probe_rtt        with the gains of GAINS_V1

The gain 2.885 belongs to Startup alone. Afterwards gains average 1: a sender that multiplies the
measured rate by it for ever does not pace at all. Times are us, sizes bytes, rates Mbps (bits a
us). Left out: packet conservation while losses are repaired, policer detection.
"""

from collections import deque
from dataclasses import dataclass
from random import Random

from course.dwcp.transport.congestion import INITIAL_WINDOW, WINDOW_MIN, AckSample, LossSample
from course.dwcp.units import MS, SECOND

RATE_ROUNDS = 10
FULL_GROWTH, FULL_ROUNDS = 1.25, 3
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
PROBE_RTT_TIME = 200 * MS


@dataclass(frozen=True, slots=True)
class Gains:
    """The knobs. `startup` and `drain` multiply the rate, `window` the BDP; the rest is v2's."""

    startup: float = 2.77  # 4 ln 2
    drain: float = 0.35
    window: float = 2.0
    probe_rtt_interval: int = 10 * SECOND
    loss_threshold: float = 0.02
    beta: float = 0.7
    headroom: float = 0.15


GAINS_V1 = Gains(startup=2.885)  # 2 / ln 2
CLEAN = Gains(startup=2.89, window=2.5, probe_rtt_interval=15 * SECOND)
LOSSY = Gains(startup=2.5, window=1.5, probe_rtt_interval=5 * SECOND)


def gains_for(loss: float) -> Gains:
    """Bolder below 1 % loss, careful above 5 %."""
    if not 0 <= loss <= 1:
        raise ValueError(f"loss is a fraction from 0 to 1, not {loss}")
    return CLEAN if loss < 0.01 else LOSSY if loss > 0.05 else Gains()


class Bbr:
    """One stream's controller. `rng` spreads the phases of streams that start together."""

    name = "bbr"

    def __init__(self, rng: Random, gains: Gains = GAINS_V1) -> None:
        self.gains, self._rng = gains, rng
        self.state = "startup"
        self.rate_mbps = 0.0
        self.rtt_min: int | None = None
        self.round = 0
        self._window = INITIAL_WINDOW
        self._round_ends = 0  # delivered bytes that end this round
        self._round_started = False  # by the ack at hand
        self._rates: deque[tuple[int, float]] = deque()  # (round, Mbps), falling
        self._rtt_min_at = 0
        self._full_rate, self._flat_rounds, self._full = 0.0, 0, False
        self._phase, self._phase_at = 0, 0
        self._probe_until: int | None = None  # us; None: the queue is not drained yet
        self._probe_round = 0
        self._before_probe = 0

    # what the sender asks

    def window(self) -> int:
        """Bytes that may be in flight."""
        if self.state == "probe_rtt":
            return min(self._window, self._probe_rtt_window())
        return self._window

    def pacing_rate_mbps(self) -> float:
        """Gain x measured rate; before the first sample, the initial window in 1 ms."""
        if not self.rate_mbps:
            return self.pacing_gain() * INITIAL_WINDOW * 8 / (self.rtt_min or 1 * MS)
        return self.pacing_gain() * self.rate_mbps

    def pacing_gain(self) -> float:
        """By state; in probe_bw by the phase of the cycle."""
        if self.state == "probe_bw":
            return CYCLE[self._phase]
        return {"startup": self.gains.startup, "drain": self.gains.drain}.get(self.state, 1.0)

    def bdp(self, gain: float = 1.0) -> int:
        """Bytes that the path holds, times `gain`."""
        return round(gain * self.rate_mbps * (self.rtt_min or 0) / 8)

    # what it is told

    def on_sent(self, now: int, size: int, in_flight: int) -> None:
        """Nothing to learn: only what was delivered counts."""

    def on_loss(self, loss: LossSample) -> None:
        """Version 1 does not care."""

    def on_ack(self, ack: AckSample) -> None:
        """Learn, move between states, set the window."""
        self._count_round(ack)
        self._learn_rate(ack)
        expired = self._learn_rtt(ack)
        self._check_full(ack)
        if self.state == "startup" and self._full:
            self.state = "drain"
        if self.state == "drain" and ack.in_flight <= self.bdp():
            self._enter_probe_bw(ack)
        self._probe_bandwidth(ack)
        self._probe_rtt(ack, expired)
        self._set_window(ack)

    # the model

    def _count_round(self, ack: AckSample) -> None:
        """A round ends when something is acked that was sent after the last one ended."""
        self._round_started = ack.delivered_at_send >= self._round_ends
        if self._round_started:
            self.round += 1
            self._round_ends = ack.delivered

    def _start_round(self, ack: AckSample) -> None:
        """The round that matters starts here: it ends with what is sent from now on."""
        self._round_ends = ack.delivered

    def _learn_rate(self, ack: AckSample) -> None:
        """Windowed maximum. A limited sample counts only if it is larger: it is a lower bound."""
        if ack.limited and ack.rate_mbps < self.rate_mbps:
            return
        while self._rates and self._rates[-1][1] <= ack.rate_mbps:
            self._rates.pop()
        self._rates.append((self.round, ack.rate_mbps))
        while self._rates[0][0] <= self.round - RATE_ROUNDS:
            self._rates.popleft()
        self.rate_mbps = self._rates[0][1]

    def _learn_rtt(self, ack: AckSample) -> bool:
        """Windowed minimum on its own clock; True when the old one is too old to be believed."""
        expired = ack.now > self._rtt_min_at + self.gains.probe_rtt_interval
        if self.rtt_min is None or ack.rtt <= self.rtt_min:
            self.rtt_min, self._rtt_min_at = ack.rtt, ack.now
            return False
        if expired:
            self.rtt_min, self._rtt_min_at = ack.rtt, ack.now
        return expired

    # startup and drain

    def _check_full(self, ack: AckSample) -> None:
        """The pipe is full when three rounds in a row did not bring a quarter more."""
        if self._full or not self._round_started or ack.limited:
            return
        if self.rate_mbps >= FULL_GROWTH * self._full_rate:
            self._full_rate, self._flat_rounds = self.rate_mbps, 0
            return
        self._flat_rounds += 1
        self._full = self._flat_rounds >= FULL_ROUNDS

    # probe_bw: eight phases of one rtt_min each

    def _enter_probe_bw(self, ack: AckSample) -> None:
        """Any phase but 0.75 may be the first: there is no queue to drain."""
        self.state, self._phase_at = "probe_bw", ack.now
        self._phase = self._rng.choice((0, 2, 3, 4, 5, 6, 7))

    def _probe_bandwidth(self, ack: AckSample) -> None:
        if self.state != "probe_bw":
            return
        gain, over = CYCLE[self._phase], ack.now - self._phase_at > (self.rtt_min or 0)
        if gain > 1:
            over = over and (ack.lost > 0 or ack.in_flight >= self.bdp(gain))
        elif gain < 1:
            over = over or ack.in_flight <= self.bdp()
        if over:
            self._phase, self._phase_at = (self._phase + 1) % len(CYCLE), ack.now

    # probe_rtt: let the queue run empty, to see the path's own round trip

    def _probe_rtt_window(self) -> int:
        return WINDOW_MIN

    def _probe_rtt(self, ack: AckSample, expired: bool) -> None:
        if expired and self.state != "probe_rtt":
            self.state, self._probe_until = "probe_rtt", None
            self._before_probe = self._window
        if self.state != "probe_rtt":
            return
        if self._probe_until is None:
            if ack.in_flight <= self._probe_rtt_window():
                self._probe_until = ack.now + PROBE_RTT_TIME
                self._start_round(ack)
                self._probe_round = self.round
        elif ack.now >= self._probe_until and self.round > self._probe_round:
            self._rtt_min_at = ack.now
            self._window = max(self._window, self._before_probe)
            self._leave_probe_rtt(ack)

    def _leave_probe_rtt(self, ack: AckSample) -> None:
        if self._full:
            self._enter_probe_bw(ack)
        else:
            self.state = "startup"

    # the window

    def _set_window(self, ack: AckSample) -> None:
        """Grow by what was acked, up to gain x BDP and three pieces for what acks hold back."""
        gain = self.gains.window if self._full else max(self.gains.window, self.gains.startup)
        target = max(self.bdp(gain) + 3 * ack.size, WINDOW_MIN)
        if self._full:
            self._window = min(self._window + ack.size, target)
        elif self._window < target or ack.delivered < INITIAL_WINDOW:
            self._window += ack.size
        self._window = max(self._window, WINDOW_MIN)
