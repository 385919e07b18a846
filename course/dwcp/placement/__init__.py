"""ITP, Intelligent Task Placement: which node for this VM?

Here so far: the hard rules (constraints) and placement by best fit (packing).
"""

from course.dwcp.placement.constraints import Node, Vm, objections
from course.dwcp.placement.packing import NoFeasibleNode, place

__all__ = ["NoFeasibleNode", "Node", "Vm", "objections", "place"]
