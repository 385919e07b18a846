"""How long until all know? Each round, everyone who knows tells a few others at random.

Two phases: while few know, those who know multiply by fanout + 1 each round; at the end the last
few are hit only by chance. Hence the estimate log(n) / log(fanout + 1) + ln(n) / fanout (after
Pittel 1987). `spread` draws the real thing, for one node up to 100,000.
"""

from math import log

import numpy as np

FANOUT = 6
INTERVAL_S = 1.0


def rounds_to_all(nodes: int, fanout: int = FANOUT) -> float:
    """Estimated rounds until all `nodes` know; with one round per second also the seconds.

    >>> round(rounds_to_all(1_000), 1), round(5 * rounds_to_all(1_000, fanout=3))
    (4.7, 36)
    """
    if nodes < 1 or fanout < 1:
        raise ValueError(f"gossip needs at least 1 node and fanout 1, not {nodes} and {fanout}")
    return log(nodes) / log(fanout + 1) + log(nodes) / fanout


def spread(
    nodes: int, fanout: int, rng: np.random.Generator, loss: float = 0.0, rounds_max: int = 100
) -> list[int]:
    """How many of `nodes` know after each round, the first entry being 1 before any round.

    Every informed node tells `fanout` nodes drawn at random; a message is lost with
    probability `loss`. Stops when all know, or after `rounds_max` rounds.
    """
    knows = np.zeros(nodes, dtype=bool)
    knows[0] = True
    history = [1]
    while not knows.all() and len(history) <= rounds_max:
        told = rng.integers(0, nodes, size=int(knows.sum()) * fanout)
        knows[told[rng.random(told.size) >= loss]] = True
        history.append(int(knows.sum()))
    return history
