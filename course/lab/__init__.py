"""A cluster on one laptop: time, machines, links and users are simulated, DWCP is not.

The nodes run the code of `course.dwcp`. What is a model is named as one: the links (`links`), the
guests' memory and what they write (`memory`), the speed of the encoder (published planning
values), the virtual clock. One seed gives one history.
"""

from course.lab.journal import Lab, replay

__all__ = ["Lab", "replay"]
