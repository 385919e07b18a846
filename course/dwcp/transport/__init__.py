"""AMST, Adaptive Multi-Stream Transport: one transfer over several connections.

Here so far: how many streams (streams) and which stream takes the next chunk (scheduler).
"""

from course.dwcp.transport.scheduler import Scheduler
from course.dwcp.transport.streams import (
    DATA_PORTS,
    loss_limited_mbps,
    reorder_buffer_bytes,
    stream_band,
    streams_for,
)

__all__ = [
    "DATA_PORTS",
    "Scheduler",
    "loss_limited_mbps",
    "reorder_buffer_bytes",
    "stream_band",
    "streams_for",
]
