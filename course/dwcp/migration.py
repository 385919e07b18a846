"""Pre-copy live migration (Clark et al. 2005), as a machine that only decides.

The guest runs while its memory is copied; what it wrote meanwhile is copied again, in rounds that
shrink while it writes more slowly than the link carries. When the rest fits into the downtime
target, and only then, the guest is paused: pausing first would be stop-and-copy. The target
proves that it holds the same memory, ownership moves by consensus, and the guest runs on there.

    precopy --rest fits--> stop_copy --copied--> verify --equal--> switch --agreed--> completed
    any of these --> failed, and the guest runs on at the source, untouched

The host copies, measures and asks for agreement; this machine says what comes next and when to
give up. Sizes are bytes, times us. `saving` is the fraction that encoding removed.
"""

from dataclasses import dataclass

from course.dwcp.mode import Mode
from course.dwcp.units import GIB, MS, SECOND

ROUNDS_MAX = {Mode.DATACENTER: 5, Mode.HYBRID: 7, Mode.INTERNET: 10}
THROTTLE_STEP, THROTTLE_MAX = 0.2, 0.8
SHRINK_MIN = 0.30  # a round that leaves more than 70 % of the one before has not helped
SENT_MAX = 2.0  # times the memory size


def downtime_target(memory: int, mode: Mode) -> int:
    """What to aim for, us: 0.5 s in a site, 5 s in hybrid mode, by size over the internet."""
    if mode is Mode.DATACENTER:
        return 500 * MS
    if mode is Mode.HYBRID:
        return 5 * SECOND
    return 5 * SECOND if memory <= 2 * GIB else (10 if memory <= 8 * GIB else 20) * SECOND


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did. `plain` bytes of pages became `wire` bytes and took `took` us."""

    plain: int
    wire: int
    took: int
    dirtied: int  # bytes of pages that the guest wrote meanwhile: the next round's work


@dataclass(frozen=True, slots=True)
class Decision:
    """What the host does next: copy_dirty, throttle, pause_and_copy, verify, agree, run, resume."""

    action: str
    why: str
    throttle: float = 0.0


class PreCopy:
    """One migration of `memory` bytes. `fixed` is device state and agreement, us of downtime."""

    def __init__(
        self,
        memory: int,
        mode: Mode,
        target: int | None = None,
        limit: int = 20 * SECOND,
        fixed: int = 300 * MS,
    ) -> None:
        self.memory, self.mode, self.limit, self.fixed = memory, mode, limit, fixed
        self.target = min(limit, downtime_target(memory, mode) if target is None else target)
        self.phase = "precopy"
        self.rounds: list[Round] = []
        self.throttle = 0.0

    def stop_first(self) -> None:
        """Stop-and-copy: the guest is paused for its only round. For stopped and tiny guests."""
        assert self.phase == "precopy" and not self.rounds
        self.phase = "stop_copy"

    def copied(self, done: Round) -> Decision:
        """A round is over. In precopy: another one, or pause? In stop_copy: verify."""
        self.rounds.append(done)
        if self.phase == "stop_copy":
            self.phase = "verify"
            return Decision("verify", "the last pages and the device state have arrived")
        assert self.phase == "precopy", f"no round is copied in phase {self.phase}"
        expected = self.expected_downtime()
        if expected <= self.target:
            return self._pause(f"the rest takes {expected / SECOND:.2f} s, within the target")
        stuck = self._stuck()
        if not stuck:
            return Decision("copy_dirty", f"the rest would take {expected / SECOND:.2f} s")
        if expected <= self.limit:
            return self._pause(f"{stuck}; the rest fits the limit")
        if self.throttle < THROTTLE_MAX:
            self.throttle = round(self.throttle + THROTTLE_STEP, 1)
            return Decision("throttle", f"{stuck}; slow the guest down", self.throttle)
        return self.fail(f"{stuck}, with the guest slowed by {self.throttle:.0%}")

    def verified(self, equal: bool) -> Decision:
        """The target compared its memory's hash with the source's."""
        assert self.phase == "verify"
        if not equal:
            return self.fail("the target's memory differs from the source's")
        self.phase = "switch"
        return Decision("agree", "the target holds the same memory; ownership may move")

    def agreed(self) -> Decision:
        """The cluster committed the new owner: from now on the guest runs there and only there."""
        assert self.phase == "switch"
        self.phase = "completed"
        return Decision("run", "the target owns the guest")

    def fail(self, why: str) -> Decision:
        """Give up. Before ownership moved this is always safe: the source has everything."""
        assert self.phase != "completed", "a completed migration cannot fail"
        self.phase = "failed"
        return Decision("resume", why)

    def expected_downtime(self) -> int:
        """us: what the guest dirtied, at the last round's pace, and the fixed part."""
        last = self.rounds[-1]
        return round(last.dirtied * last.took / max(1, last.plain)) + self.fixed

    def _pause(self, why: str) -> Decision:
        self.phase = "stop_copy"
        return Decision("pause_and_copy", why)

    def _stuck(self) -> str | None:
        """Why more rounds will not help; None: they may."""
        dirtied = [r.dirtied for r in self.rounds]
        if len(self.rounds) >= ROUNDS_MAX[self.mode] + int(self.throttle / THROTTLE_STEP):
            return f"{len(self.rounds)} rounds are done"
        if len(dirtied) >= 3 and all(
            later > (1 - SHRINK_MIN) * earlier
            for earlier, later in zip(dirtied[-3:-1], dirtied[-2:], strict=True)
        ):
            return "the last two rounds hardly shrank"
        if sum(r.wire for r in self.rounds) > SENT_MAX * self.memory:
            return f"more than {SENT_MAX:.0f} times the memory was sent"
        return None


def round_sizes(memory: int, dirty_mb_s: float, rate_mbps: float, saving: float, rounds: int):
    """The arithmetic of convergence: bytes per round, M q^k with q = D (1 - saving) / R.

    >>> [round(size / GIB, 2) for size in round_sizes(2 * GIB, 20, 100, 0.7, 4)]
    [2.0, 0.96, 0.46, 0.22]
    """
    q = dirty_mb_s * (1 - saving) / (rate_mbps / 8)
    return [round(memory * q**k) for k in range(rounds)]
