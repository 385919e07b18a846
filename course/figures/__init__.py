"""Pictures: plain rows in, a Matplotlib figure out.

Every figure reads without colour (shapes, hatches and labels carry the meaning), names its units,
and takes its data as plain lists and dictionaries, so that a test can look at it.
"""

from course.figures.cluster import topology
from course.figures.deployment import log_order, port_map
from course.figures.encoding import level_curves, where_pages_went
from course.figures.incident import incident
from course.figures.knobs import knob, promised
from course.figures.migration import dirty_pages, request_path, rounds
from course.figures.network import gossip, mode_map, stream_rates
from course.figures.panels import board, panel
from course.figures.placement import before_and_after
from course.figures.voting import quorums, reputation, scores
from course.figures.waterfall import waterfall

__all__ = [
    "before_and_after",
    "board",
    "dirty_pages",
    "gossip",
    "incident",
    "knob",
    "level_curves",
    "log_order",
    "mode_map",
    "panel",
    "port_map",
    "promised",
    "quorums",
    "reputation",
    "request_path",
    "rounds",
    "scores",
    "stream_rates",
    "topology",
    "waterfall",
    "where_pages_went",
]
