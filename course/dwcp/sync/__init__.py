"""ASS, Async State Synchronization: everybody learns the result, without waiting for the slowest.

Values that merge: registers, sets, counters, maps, with the laws in `lattice` and the order of
things in `clocks`. How they spread: `replica`, a machine that gossips and repairs; `mesh`, a whole
cluster's copies in step, for the lab; `gossip`, how fast news is for many nodes.
Left out: an ordered list (RGA), and Raft for writes inside a site.
"""

from course.dwcp.sync.clocks import VectorClock
from course.dwcp.sync.counters import GCounter, PNCounter
from course.dwcp.sync.gossip import rounds_to_all, spread
from course.dwcp.sync.maps import ORMap
from course.dwcp.sync.registers import Clock, Committed, MultiRegister, Register
from course.dwcp.sync.replica import Replica
from course.dwcp.sync.saved import Saved
from course.dwcp.sync.sets import GSet, ORSet, TwoPhaseSet
from course.dwcp.sync.settings import Settings

__all__ = [
    "Clock",
    "Committed",
    "GCounter",
    "GSet",
    "MultiRegister",
    "ORMap",
    "ORSet",
    "PNCounter",
    "Register",
    "Replica",
    "Saved",
    "Settings",
    "TwoPhaseSet",
    "VectorClock",
    "rounds_to_all",
    "spread",
]
