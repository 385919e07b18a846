"""What a migration puts before the cluster: the intent, before a page leaves, and the new owner."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from course.dwcp.consensus import hybrid
from course.dwcp.registry import Registry
from course.dwcp.units import MS, SECOND
from course.lab.cluster import Outcome
from course.lab.endings import Failed

if TYPE_CHECKING:
    from course.lab.mover import Mover

DECISION_LIMIT = 10 * SECOND
VOTERS_LIMIT = 60 * SECOND  # a few views of PBFT

Steps = Generator[Any, Any, None]


def intend(mover: "Mover") -> Steps:
    """Commit 1: no page leaves before the cluster agreed to the move.

    A move between regions is decided by the workers' voters, if there are any, and then put
    into the controllers' log; every other by the controllers alone.
    """
    owner = registry(mover).owners[mover.migration.vm]
    intent = {
        "kind": "intend", "vm": mover.migration.vm, "source": mover.source.name,
        "target": mover.target.name, "version": owner.version,
    }  # fmt: skip
    yield from ask_voters(mover, owner.version)
    outcome = yield from decide(mover, intent)
    if not outcome.accepted:
        raise Failed(f"the intent was not agreed: {outcome.why}")
    mover.migration.state = "approved"


def ask_voters(mover: "Mover", version: int) -> Steps:
    """Wait until PBFT has decided, where it is the one that decides."""
    world, voting = mover.world, mover.world.voting
    decision = hybrid.Decision("ownership", (mover.source.region, mover.target.region))
    voters = len(voting.voters) if voting else 0
    if voting is None or hybrid.choose(decision, voters).decider != hybrid.Decider.PBFT:
        return
    move = ("move", mover.migration.vm, mover.source.name, mover.target.name, version, world.now)
    try:
        waiting = voting.ask(world.hosts[voting.gateway], move, world.command, world.now)
    except ValueError as error:
        raise Failed(f"CONSENSUS_STALLED: {error}") from None
    deadline = world.now + VOTERS_LIMIT
    while waiting():
        if world.now >= deadline:
            raise Failed(f"CONSENSUS_STALLED: no answer of {voters} voters in 60 s")
        yield from mover.wait(MS)


def own(mover: "Mover") -> Steps:
    """Agree that the target owns the guest."""
    owner = {"kind": "own", "vm": mover.migration.vm, "node": mover.target.name}
    with mover.story.stage("switch_owner"):
        outcome = yield from decide(mover, owner)
    if not outcome.accepted:
        raise Failed(f"ownership was not agreed: {outcome.why}")


def decide(mover: "Mover", command: dict[str, Any]) -> Generator[Any, Any, Outcome]:
    """Propose and wait, polling each millisecond of virtual time: was it accepted?"""
    asked = mover.world.now
    proposal, deadline = mover.story.ask(command), asked + DECISION_LIMIT
    while mover.world.now < deadline:
        outcome = proposal.outcome(mover.world.now) if proposal else None
        if outcome:
            mover.story.decided(proposal)
            mover.agreed = proposal
            return outcome
        yield from mover.wait(MS)
        proposal = proposal or mover.story.ask(command, asked)
    mover.story.decided(proposal)
    return Outcome(False, "no majority answered in time", DECISION_LIMIT)


def registry(mover: "Mover") -> Registry:
    """What is decided, as the leader knows it. Raises Failed while there is none."""
    leader = mover.world.leader()
    if leader is None:
        raise Failed("NO_LEADER: no controller leads, so nothing can be agreed")
    return leader.machine.registry  # type: ignore[union-attr]
