"""What the decision trees ask, looked up on a lab.

    diagnose(trees.load("T03"), signals(lab, vm="ledger"))

`looking` says how a signal is declared. They are in `cluster` (T01, T11), `control` (T05, T06,
T13, T18, T33), `spread` (T07, T08, T20), `gossiping` (T07), `moves` (T02-T04), `paths` (T15-T17),
`releases` (T09, T10), `placing` (T19), `hostile` (T21, T22), `watching` (T29) and `nodes` (T32).
`advice` is for bringing a cluster up. Questions that nothing here answers are those of which the
lab has no evidence, or that only a person can answer; the trees' files say which leaves that leaves
open.
"""

from typing import Any

from course.lab.journal import Lab
from course.lab.signals import (
    cluster,
    control,
    gossiping,
    hostile,
    moves,
    nodes,
    paths,
    placing,
    releases,
    spread,
    watching,
)
from course.lab.signals.advice import advice
from course.lab.signals.looking import SIGNALS, Case, Snapshot

__all__ = ["SIGNALS", "advice", "cluster_signals", "node_signals", "signals"]


def signals(
    lab: Lab,
    node: str | None = None,
    vm: str | None = None,
    source: str | None = None,
    target: str | None = None,
) -> Snapshot:
    """A snapshot that looks when asked; `node`, `vm` or a path say what the case is about."""
    return Snapshot(Case(lab, node, vm, source, target))


def cluster_signals(lab: Lab) -> dict[str, Any]:
    """What tree T01, "Where do I start?", asks of a cluster, all at once."""
    return _all_of(cluster, signals(lab))


def node_signals(lab: Lab, node: str) -> dict[str, Any]:
    """What tree T32, "Is the new node ready?", asks about one worker, all at once."""
    return _all_of(nodes, signals(lab, node=node))


def _all_of(module: Any, snapshot: Snapshot) -> dict[str, Any]:
    here = [name for name, (_, look) in SIGNALS.items() if look.__module__ == module.__name__]
    return {name: snapshot[name] for name in here if name in snapshot}


PARTS = (
    cluster,
    control,
    gossiping,
    hostile,
    moves,
    nodes,
    paths,
    placing,
    releases,
    spread,
    watching,
)
"""Imported for the signals that they declare."""
