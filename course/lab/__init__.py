"""A cluster on one laptop: time, machines, links and users are simulated, DWCP is not.

The nodes run the code of `course.dwcp`. What is a model is named as one: the links (`links`), the
guests' memory and what they write (`memory`), the speed of the encoder (published planning
values), the virtual clock. One seed gives one history.
"""

from course.catalogue import scenarios
from course.lab import memory
from course.lab.journal import Lab, replay

__all__ = ["Lab", "replay", "warm_up"]


def warm_up() -> None:
    """Compute what every lab shares: the scenarios, the pages of the guests' operating system.

    Nobody needs to call it; a program that forks many processes saves each of them the time.
    """
    memory.os_blocks()
    for name in scenarios.names():
        scenarios.load(name)
