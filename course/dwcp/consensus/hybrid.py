"""The hybrid: one protocol for each kind of decision, fixed before anybody is asked.

    gossip   soft state, of which a copy may be old: load, health, forecasts
    Raft     decisions of one region, among controllers that crash but do not lie
    PBFT     decisions that touch two regions, or an owner that is not trusted

A decision has one decider. To try Raft first and PBFT when it is slow would be two: the proposal
that timed out may still be committed, and then there are two orders of the same things. What PBFT
has decided is put into the regions' Raft logs as a fact, not decided a second time.

Functions and values. Read before: `quorum`. The lab's migrations ask here (`course.lab`).
"""

from dataclasses import dataclass
from enum import StrEnum

from course.dwcp.consensus.intersection import VOTERS_MIN


class Decider(StrEnum):
    """Who decides."""

    GOSSIP = "gossip"
    RAFT = "raft"
    PBFT = "pbft"


SOFT = ("load", "health", "forecast", "membership view")
HARD = (
    "ownership", "placement", "membership", "quarantine", "configuration",
)  # fmt: skip
"""Kinds of decisions: of soft ones a copy may be old, hard ones have one order."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be decided: its kind, the regions it touches, and whether its owner is trusted."""

    kind: str
    regions: tuple[str, ...]
    trusted: bool = True

    def __post_init__(self) -> None:
        if self.kind not in SOFT + HARD:
            raise ValueError(f"kind is {self.kind!r}; give one of {', '.join(SOFT + HARD)}")
        if not self.regions:
            raise ValueError("a decision touches at least one region")


@dataclass(frozen=True, slots=True)
class Choice:
    """Who decides, and why, in words."""

    decider: Decider
    why: str


def choose(decision: Decision, voters: int) -> Choice:
    """Who decides, where `voters` can decide by PBFT (0: there are none).

    ValueError if an owner is not trusted and fewer than 4 voters are there: a group that survives
    no liar must not decide for one.

    >>> choose(Decision("ownership", ("us",)), 7).decider
    <Decider.RAFT: 'raft'>
    >>> choose(Decision("ownership", ("us", "eu")), 7).decider
    <Decider.PBFT: 'pbft'>
    """
    if decision.kind in SOFT:
        return Choice(Decider.GOSSIP, f"of {decision.kind} an old copy does no harm")
    several = len({*decision.regions}) > 1
    if not decision.trusted and voters < VOTERS_MIN:
        raise ValueError(
            f"the owner is not trusted: {VOTERS_MIN} voters are needed, {voters} survive no liar"
        )
    if decision.trusted and not several:
        return Choice(Decider.RAFT, "one region, and its controllers are trusted")
    if voters < VOTERS_MIN:
        return Choice(Decider.RAFT, "several regions of one trusted owner, and no voters for PBFT")
    why = "its owner is not trusted" if not decision.trusted else "it touches several regions"
    return Choice(Decider.PBFT, why)


def demo() -> None:
    """Five decisions, and who decides each."""
    for decision in (
        Decision("load", ("us", "eu")),
        Decision("ownership", ("us",)),
        Decision("ownership", ("us", "eu")),
        Decision("placement", ("us",), trusted=False),
        Decision("quarantine", ("us",)),
    ):
        choice = choose(decision, voters=7)
        print(
            f"{decision.kind:11} {' and '.join(decision.regions):9} {choice.decider:7} {choice.why}"
        )


if __name__ == "__main__":
    demo()
