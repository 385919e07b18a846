"""ASS, Async State Synchronization: everybody learns the result, without waiting for the slowest.

Here so far: a register that merges (registers) and how fast gossip spreads (gossip).
"""

from course.dwcp.sync.gossip import rounds_to_all, spread
from course.dwcp.sync.registers import Clock, Register

__all__ = ["Clock", "Register", "rounds_to_all", "spread"]
