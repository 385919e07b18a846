"""BBR version 2: the same model, and an eye on loss and on the neighbours. AMST's default.

draft-cardwell-iccrg-bbr-congestion-control-02. What is new against version 1:

    probe_bw has four parts   down (drain) -> cruise (2-3 s) -> refill (1 round) -> up (probe)
    inflight_hi               the most bytes in flight that did not lose more than 2 %
    headroom                  cruise leaves 15 % of it free, so that a newcomer finds room
    probe_rtt                 half a BDP, where version 1 stops almost

So it keeps a lossy path full as version 1 does while loss stays below 2 %, and above that it gives
way: on a path with 5 % random loss it is slow. Left out: the short-term bounds (bw_lo, inflight_lo)
and ECN. Kernels of the main line have version 1 only; on a socket "bbr2" runs as bbr, and the
status says so.
"""

from math import inf
from random import Random

from course.dwcp.transport.bbr import Bbr, Gains
from course.dwcp.transport.congestion import SEGMENT_SIZE, WINDOW_MIN, AckSample, LossSample
from course.dwcp.units import MS, SECOND

DOWN_GAIN, UP_GAIN = 0.9, 1.25
UP_WINDOW_GAIN = 2.25
ROUNDS_MAX = 63  # of waiting between probes, so that Reno flows beside it can grow
STARTUP_LOSSES = 6  # in one round; fewer may be chance
PHASES = {"down": DOWN_GAIN, "cruise": 1.0, "refill": 1.0, "up": UP_GAIN}


class Bbr2(Bbr):
    """One stream's controller. `state` is startup, drain, down, cruise, refill, up or probe_rtt."""

    name = "bbr2"

    def __init__(self, rng: Random, gains: Gains = Gains()) -> None:
        super().__init__(rng, gains)
        self.inflight_hi = inf  # bytes
        self._best = [0.0, 0.0]  # Mbps: the cycle before and this one
        self._lost_in_round = self._losses_in_round = self._delivered_before = 0
        self._probing = False  # do losses say something about inflight_hi?
        self._cycle_at, self._wait, self._cycle_round = 0, 0, 0
        self._advance_due = False
        self._up_growth = 1  # segments a round

    def pacing_gain(self) -> float:
        """By state."""
        return PHASES.get(self.state) or super().pacing_gain()

    def window(self) -> int:
        """Bytes in flight: the model's, and never more than what is known to be safe."""
        bound = self.inflight_hi
        if self.state in ("cruise", "probe_rtt"):
            bound *= 1 - self.gains.headroom
        return round(max(min(super().window(), bound), WINDOW_MIN))

    def on_loss(self, loss: LossSample) -> None:
        """Count; and if this was our own probing, remember how much was too much."""
        self._lost_in_round += loss.size
        self._losses_in_round += 1
        if self._probing and loss.lost > self.gains.loss_threshold * loss.in_flight_at_send:
            self._too_much(loss.in_flight_at_send, loss.now)

    # the model

    def _learn_rate(self, ack: AckSample) -> None:
        """The maximum of two cycles of probing; Startup is one cycle."""
        if not ack.limited or ack.rate_mbps > self.rate_mbps:
            self._best[1] = max(self._best[1], ack.rate_mbps)
        if self._round_started and self._advance_due:  # what the probe brought has been seen
            self._best, self._advance_due = [self._best[1], 0.0], False
        self.rate_mbps = max(self._best)

    def _too_much(self, in_flight: int, now: int) -> None:
        """Once a probe: the bound is where the loss was, and not below 0.7 of the target."""
        self._probing = False
        self.inflight_hi = max(in_flight, self.gains.beta * min(self.bdp(), self._window))
        if self.state == "up":
            self._go_down(now)

    # startup

    def _check_full(self, ack: AckSample) -> None:
        super()._check_full(ack)
        if not self._round_started:
            return
        delivered, lost = ack.delivered - self._delivered_before, self._lost_in_round
        many = self._losses_in_round >= STARTUP_LOSSES
        if not self._full and many and lost > self.gains.loss_threshold * (delivered + lost):
            self._full = True
            self.inflight_hi = max(self.bdp(), delivered)
        self._delivered_before = ack.delivered
        self._lost_in_round = self._losses_in_round = 0

    # probe_bw: down, cruise, refill, up

    def _enter_probe_bw(self, ack: AckSample) -> None:
        self._go_down(ack.now)

    def _go_down(self, now: int) -> None:
        self.state, self._cycle_at, self._cycle_round = "down", now, self.round
        self._wait = 2 * SECOND + self._rng.randrange(1_000) * MS
        self._advance_due, self._probing = True, False

    def _probe_bandwidth(self, ack: AckSample) -> None:
        if self.state in ("down", "cruise") and self._time_to_probe(ack):
            self.state, self._cycle_round, self._probing = "refill", self.round, False
            self._start_round(ack)
        elif self.state == "down" and self._drained(ack):
            self.state = "cruise"
        elif self.state == "refill" and self.round > self._cycle_round:
            self.state, self._cycle_at, self._cycle_round = "up", ack.now, self.round
            self._start_round(ack)
            self._probing, self._up_growth = True, 1
        elif self.state == "up":
            self._raise_bound(ack)
            lasted = ack.now - self._cycle_at > (self.rtt_min or 0)
            if lasted and ack.in_flight > self.bdp(UP_GAIN):
                self._go_down(ack.now)

    def _time_to_probe(self, ack: AckSample) -> bool:
        """After 2 to 3 s, or as many rounds as Reno would need to fill the path, 63 at most."""
        rounds = min(ROUNDS_MAX, max(1, self.bdp() // SEGMENT_SIZE))
        return ack.now - self._cycle_at > self._wait or self.round - self._cycle_round > rounds

    def _drained(self, ack: AckSample) -> bool:
        """No queue of ours is left, and there is room for others."""
        return ack.in_flight <= min(self.bdp(), self.inflight_hi * (1 - self.gains.headroom))

    def _raise_bound(self, ack: AckSample) -> None:
        """While the bound is what holds it back: 1, 2, 4 ... segments a round more."""
        if self._round_started:
            self._up_growth *= 2
        if ack.in_flight + ack.size >= self.inflight_hi:
            self.inflight_hi += self._up_growth * SEGMENT_SIZE * ack.size / self.window()

    # probe_rtt

    def _probe_rtt_window(self) -> int:
        return max(self.bdp(0.5), WINDOW_MIN)

    def _leave_probe_rtt(self, ack: AckSample) -> None:
        super()._leave_probe_rtt(ack)
        if self.state == "down":
            self.state = "cruise"  # the queue is empty already
            self._advance_due = False

    def _set_window(self, ack: AckSample) -> None:
        super()._set_window(ack)
        if self.state == "up":
            self._window = max(self._window, self.bdp(UP_WINDOW_GAIN))
