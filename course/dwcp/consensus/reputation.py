"""Reputation: a running judgement of how a voter has behaved, 0 to 1.

A score is a filter, not evidence: it says whom to look at and whom not to ask. It rises slowly
(+0.01 for a correct vote) and falls fast (-0.10 for an incorrect one), so a node that is wrong
more often than 1 in 11 goes down. Without use it decays toward an idle floor of 0.50 and no
lower: nobody is quarantined for having had nothing to do.
"""

from dataclasses import dataclass, replace

CORRECT = 0.01
INCORRECT = -0.10
DECAY_PER_DAY = 0.01
IDLE_FLOOR = 0.50
QUARANTINE_BELOW = 0.30
BREAK_EVEN = CORRECT / (CORRECT - INCORRECT)
"""The share of incorrect votes, 1/11 = 0.091, at which a score neither rises nor falls."""


@dataclass(frozen=True, slots=True)
class Reputation:
    """A value: each event returns the next score. Scores are rounded to 1e-9, so they replay."""

    score: float = 1.0

    def vote(self, correct: bool) -> "Reputation":
        """One vote was judged. Late or absent votes are counted elsewhere and do not count here."""
        moved = self.score + (CORRECT if correct else INCORRECT)
        return replace(self, score=round(min(1.0, max(0.0, moved)), 9))

    def idle(self, days: float) -> "Reputation":
        """`days` passed without a vote: decay toward the floor, never through it."""
        if self.score <= IDLE_FLOOR:
            return self
        return replace(self, score=round(max(IDLE_FLOOR, self.score - DECAY_PER_DAY * days), 9))

    @property
    def band(self) -> str:
        """normal (0.70 and up), watched, restricted (below 0.50) or quarantined (below 0.30)."""
        if self.score < QUARANTINE_BELOW:
            return "quarantined"
        if self.score < 0.50:
            return "restricted"
        return "watched" if self.score < 0.70 else "normal"
