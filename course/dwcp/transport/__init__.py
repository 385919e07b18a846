"""AMST, Adaptive Multi-Stream Transport: one transfer over several connections.

Bytes become numbered chunks, each chunk goes to the stream that has room, and the receiver puts
them in order again, acknowledges them, and proves the whole by its hash. Streams come and go; the
transfer stays. Nothing in here opens a connection: `course.faces.sockets` does.

Reading order: streams, scheduler; wire, reorder, receiver; congestion, pacing, flights, cubic, bbr,
bbr2; outbox, health, adapt, plan, group, sender.
"""

from course.dwcp.transport.bbr import Bbr, Gains
from course.dwcp.transport.bbr2 import Bbr2
from course.dwcp.transport.congestion import (
    AckSample,
    Congestion,
    CongestionControl,
    LossSample,
    Uncontrolled,
)
from course.dwcp.transport.cubic import Cubic
from course.dwcp.transport.effects import Close, Deliver, Open, Reply, Transmit
from course.dwcp.transport.group import Timing
from course.dwcp.transport.plan import Plan, Profile, controller, plan_for
from course.dwcp.transport.receiver import Receiver, ReceiverStatus
from course.dwcp.transport.reorder import ReorderBuffer
from course.dwcp.transport.scheduler import Scheduler
from course.dwcp.transport.sender import Sender, SenderStatus
from course.dwcp.transport.streams import (
    DATA_PORTS,
    loss_limited_mbps,
    reorder_buffer_bytes,
    stream_band,
    streams_for,
)
from course.dwcp.transport.wire import Ack, Chunk, Outcome, Result, WireError

__all__ = [
    "DATA_PORTS",
    "Ack",
    "AckSample",
    "Bbr",
    "Bbr2",
    "Chunk",
    "Close",
    "Congestion",
    "CongestionControl",
    "Cubic",
    "Deliver",
    "Gains",
    "LossSample",
    "Open",
    "Outcome",
    "Plan",
    "Profile",
    "Receiver",
    "ReceiverStatus",
    "ReorderBuffer",
    "Reply",
    "Result",
    "Scheduler",
    "Sender",
    "SenderStatus",
    "Timing",
    "Transmit",
    "Uncontrolled",
    "WireError",
    "controller",
    "loss_limited_mbps",
    "plan_for",
    "reorder_buffer_bytes",
    "stream_band",
    "streams_for",
]
