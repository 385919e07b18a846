"""How a path varies: a seeded model of rate, RTT and loss, one sample every 5 s. All simulated.

A path has a capacity. Other people's traffic takes a share of it, the queue in front of it grows
with that share, and what is left is what a transfer of ours gets. The parts, and what each one
stands for:

    daily wave   people: most traffic at 20:00, least at 08:00
    sessions     single transfers of others; they come at random, last log-normal times
                 (half are over after a minute, a few take half an hour)
    ramp         slow drift: users arrive over a quarter of an hour, a batch winds down
    job          something on a timer: replication or a poll every one to four minutes
    episode      congestion: a queue builds for 20 to 90 s and RTT rises, and only when the buffer
                 is full packets are lost and the rate falls. One in four drains without a fall
    step         the capacity itself changes: a shaper, a radio link, a lost member of a trunk
    route        another way through the network: RTT and capacity jump, and stay
    noise        a measurement over 5 s is not exact; loss is counted among 4,000 packets

Where RTT leads the rate, a model can be early. Where nothing leads (the start of a session, a
step), nobody can be. The parts are not fitted to one measured path; the mixtures below are chosen
so that each kind is dominated by one part. Left out: correlation between paths, and our own
transfers' effect on the path. Read next: `course.dwcp.prediction.features`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from course.dwcp.mode import Mode
from course.dwcp.prediction.forecast import Sample
from course.lab.seeds import Seeds

INTERVAL_S = 5
PACKETS = 4_000  # among which loss is counted in one sample
SHARE_MIN = 0.10  # of the capacity: what we get however many others there are

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Character:
    """What dominates a path. Shares are of the capacity; 0 switches a part off."""

    noise: float = 0.04  # standard deviation of the logarithm of a measured rate
    daily_share: float = 0.10
    sessions_per_hour: float = 4.0
    session_share: float = 0.05
    ramp_share: float = 0.0
    job_share: float = 0.0
    episodes_per_hour: float = 0.3
    steps_per_day: float = 1.0
    routes_per_day: float = 0.3


KINDS = {
    "stable": Character(),
    "linear": Character(ramp_share=0.6, episodes_per_hour=0.2),
    "periodic": Character(job_share=0.45, sessions_per_hour=2.0),
    "volatile": Character(
        noise=0.08, sessions_per_hour=50.0, session_share=0.12, episodes_per_hour=3.0,
        steps_per_day=4.0,
    ),
}  # fmt: skip
"""The four classes that the published accuracy figures name."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a mode means for a path: (low, high) to draw from, and the size of its buffers."""

    capacity_mbps: tuple[float, float]
    rtt_ms: tuple[float, float]
    queue_ms: tuple[float, float]  # a full buffer adds this much to RTT
    jitter: float  # of the base RTT

    @classmethod
    def of(cls, mode: Mode) -> "Surroundings":
        """Internet paths are slower, longer and have deep buffers."""
        if mode is Mode.INTERNET:
            return cls((60.0, 900.0), (55.0, 220.0), (60.0, 300.0), 0.02)
        if mode is Mode.HYBRID:
            return cls((1_000.0, 2_000.0), (12.0, 45.0), (10.0, 60.0), 0.03)
        return cls((1_000.0, 10_000.0), (0.2, 4.0), (0.5, 3.0), 0.05)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that the model did to the path, known here and hidden from every forecaster."""

    at_s: float
    what: str  # queue, fall, recovery, drained, step, route


@dataclass(frozen=True, slots=True)
class Trace:
    """Samples of one path, oldest first; all arrays have the same length n."""

    kind: str
    mode: Mode
    rate_mbps: Array  # (n,)
    rtt_ms: Array  # (n,)
    loss: Array  # (n,) fraction
    jitter_ms: Array  # (n,)
    hour: Array  # (n,) of the day, 0 to 24
    happenings: tuple[Happening, ...]

    def __len__(self) -> int:
        return len(self.rate_mbps)

    @property
    def time_s(self) -> Array:
        """Seconds since the start of the trace, (n,)."""
        return np.arange(len(self), dtype=np.float64) * INTERVAL_S

    @property
    def columns(self) -> Array:
        """Rate, RTT, loss, jitter, hour: (n, 5), in the units of a Sample."""
        out = [self.rate_mbps, self.rtt_ms, self.loss, self.jitter_ms, self.hour]
        return np.array(out, dtype=np.float64).T

    def samples(self) -> Iterator[Sample]:
        """One `Sample` every 5 s, as a path monitor would report them."""
        for row in self.columns:
            yield Sample(*(float(value) for value in row))

    def part(self, first: int, last: int) -> "Trace":
        """Samples `first` to `last` (exclusive) as a trace of their own; happenings are kept."""
        cut = slice(first, last)
        return replace(
            self, rate_mbps=self.rate_mbps[cut], rtt_ms=self.rtt_ms[cut], loss=self.loss[cut],
            jitter_ms=self.jitter_ms[cut], hour=self.hour[cut],
        )  # fmt: skip


def trace(
    kind: str, seed: int | str, hours: float = 24.0, mode: Mode = Mode.INTERNET,
    character: Character | None = None,
) -> Trace:  # fmt: skip
    """A path of one kind for `hours`; the same seed gives the same trace.

    `character` replaces the mixture of `KINDS[kind]`. Raises ValueError for an unknown kind.
    """
    if kind not in KINDS and character is None:
        raise ValueError(f"no kind of path is named {kind!r}; there are {', '.join(KINDS)}")
    if hours <= 0:
        raise ValueError(f"hours is {hours}; a trace lasts more than 0 hours")
    return _Path(character or KINDS[kind], Surroundings.of(mode), seed, hours).trace(kind, mode)


class _Path:
    """One draw of everything; each part has its own stream, so no part moves another."""

    def __init__(
        self, character: Character, around: Surroundings, seed: int | str, hours: float
    ) -> None:
        self.character, self.hours = character, hours
        self.seeds = Seeds(f"traffic/{seed}")
        self.t = np.arange(0.0, hours * 3_600.0, INTERVAL_S)
        self.happenings: list[Happening] = []
        dice = self.seeds.array("path")
        self.capacity = _log_uniform(dice, *around.capacity_mbps)
        self.base_rtt = _log_uniform(dice, *around.rtt_ms)
        self.queue_full = dice.uniform(*around.queue_ms)
        self.jitter = around.jitter * self.base_rtt
        self.start_hour = dice.uniform(0, 24)

    def trace(self, kind: str, mode: Mode) -> Trace:
        """Put the parts together, then measure."""
        hour = (self.start_hour + self.t / 3_600) % 24
        load = self._daily(hour) + self._sessions() + self._ramp() + self._job()
        queue, squeeze = self._episodes()
        capacity, rtt = self._steps_and_routes()
        rate = capacity * np.maximum(SHARE_MIN, 1 - load) * (1 - squeeze)
        busy = np.clip((load - 0.6) / 0.4, 0, 1)  # a link that is nearly full has a queue
        queued = self.queue_full * np.maximum(queue, 0.5 * busy**2)
        loss = 0.0002 + 0.02 * squeeze * queue + 0.002 * busy**2
        return self._measured(kind, mode, rate, rtt + queued, loss, queue, hour)

    def _daily(self, hour: Array) -> Array:
        return self.character.daily_share * (1 + np.cos(2 * np.pi * (hour - 20) / 24)) / 2

    def _sessions(self) -> Array:
        dice, load = self.seeds.array("sessions"), np.zeros_like(self.t)
        for begin in self._arrivals(dice, self.character.sessions_per_hour):
            lasts = 60 * np.exp(1.2 * dice.standard_normal())
            share = self.character.session_share * np.exp(0.5 * dice.standard_normal())
            self._add(load, share, begin, (10, lasts, 5))
        return load

    def _ramp(self) -> Array:
        """Straight lines between random levels, a new one every 15 to 45 minutes."""
        dice = self.seeds.array("ramp")
        knots = np.cumsum(dice.uniform(900, 2_700, round(self.hours * 4) + 4)) - 2_700
        levels = dice.uniform(0, self.character.ramp_share, len(knots))
        return np.interp(self.t, knots, levels)

    def _job(self) -> Array:
        """Runs of about the same length, a period apart that varies by 3 %."""
        dice, load = self.seeds.array("job"), np.zeros_like(self.t)
        if not self.character.job_share:
            return load
        period, busy = dice.uniform(60, 240), dice.uniform(0.3, 0.6)
        begin = -dice.uniform(0, period)
        while begin < self.t[-1]:
            share = self.character.job_share * (1 + 0.1 * dice.standard_normal())
            self._add(load, share, begin, (5, busy * period - 10, 5))
            begin += period * (1 + 0.03 * dice.standard_normal())
        return load

    def _episodes(self) -> tuple[Array, Array]:
        """How full the buffer is, and what share of our rate is lost: each 0 to 1."""
        dice = self.seeds.array("episodes")
        queue, squeeze = np.zeros_like(self.t), np.zeros_like(self.t)
        for begin in self._arrivals(dice, self.character.episodes_per_hour):
            builds, falls = dice.uniform(20, 90), dice.random() < 0.75
            holds = 120 * np.exp(0.6 * dice.standard_normal()) if falls else 5.0
            high, deep, back = dice.uniform(0.5, 1), dice.uniform(0.3, 0.7), dice.uniform(15, 45)
            self._add(queue, high, begin, (builds, holds, 15))
            self._note(begin, "queue")
            if falls:  # senders grow back slowly, after the queue has drained
                self._add(squeeze, deep, begin + builds - 5, (10, holds + 10, back))
                self._note(begin + builds, "fall")
            self._note(begin + builds + holds, "recovery" if falls else "drained")
        return np.minimum(queue, 1.0), np.minimum(squeeze, 0.9)

    def _steps_and_routes(self) -> tuple[Array, Array]:
        """Capacity in Mbps and RTT without queue in ms; both are flat between events."""
        capacity, rtt = np.full_like(self.t, self.capacity), np.full_like(self.t, self.base_rtt)
        dice = self.seeds.array("steps")
        for at in self._arrivals(dice, self.character.steps_per_day / 24):
            capacity[self.t >= at] *= np.exp(0.25 * dice.standard_normal())
            self._note(at, "step")
        dice = self.seeds.array("routes")
        for at in self._arrivals(dice, self.character.routes_per_day / 24):
            rtt[self.t >= at] *= np.exp(dice.choice([-1, 1]) * dice.uniform(0.2, 0.6))
            capacity[self.t >= at] *= np.exp(0.3 * dice.standard_normal())
            self._note(at, "route")
        low, high = 0.3 * self.capacity, 2 * self.capacity
        return np.clip(capacity, low, high), np.clip(rtt, 0.4 * self.base_rtt, 3 * self.base_rtt)

    def _measured(
        self, kind: str, mode: Mode, rate: Array, rtt: Array, loss: Array, queue: Array, hour: Array
    ) -> Trace:
        """What a monitor sees of it. A sample's error resembles that of the sample before."""
        dice = self.seeds.array("noise")
        error = 0.95 * dice.standard_normal(len(rate))
        error[1:] += 0.3 * error[:-1]
        jitter = self.jitter * (1 + 2 * queue) * np.exp(0.2 * dice.standard_normal(len(rate)))
        return Trace(
            kind, mode,
            rate_mbps=np.round(rate * np.exp(self.character.noise * error), 2),
            rtt_ms=np.round(rtt + dice.gamma(2.0, jitter), 3),
            loss=dice.poisson(loss * PACKETS) / PACKETS,
            jitter_ms=np.round(jitter, 3),
            hour=hour,
            happenings=tuple(sorted(self.happenings, key=lambda h: (h.at_s, h.what))),
        )  # fmt: skip

    def _arrivals(self, dice: np.random.Generator, per_hour: float) -> list[float]:
        """Poisson arrivals, in seconds from the start."""
        count = int(dice.poisson(per_hour * self.hours))
        return [float(at) for at in np.sort(dice.uniform(0, self.hours * 3_600, count))]

    def _add(
        self, load: Array, height: float, begin: float, lasts: tuple[float, float, float]
    ) -> None:
        """Add a trapezoid: rise, hold and fall are the seconds of `lasts`."""
        corners = begin + np.cumsum([0.0, *lasts])
        first, last = np.searchsorted(self.t, [corners[0], corners[-1]])
        cut = slice(int(first), int(last))
        load[cut] += np.interp(self.t[cut], corners, [0.0, height, height, 0.0])

    def _note(self, at_s: float, what: str) -> None:
        if at_s < self.t[-1]:
            self.happenings.append(Happening(round(at_s, 1), what))


def _log_uniform(dice: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(dice.uniform(np.log(low), np.log(high))))
