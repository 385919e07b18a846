"""How a transfer goes about a path: streams, controller, chunk size and buffers, in one value.

A pure function from what is known of the path to a plan, so it can be asked about paths that
nobody has. Defaults are those of the configuration; the mode decides the rest:

    datacenter   short and clean: few streams, CUBIC, large chunks; with RDMA, queue pairs instead
    internet     long or lossy: streams by round-trip time, BBR v2, chunks of 64 KiB
    hybrid       as internet; small objects take the RDMA path where there is one

Queue pairs need hardware. Without it no plan has more than 16 streams, whatever the mode: beyond
that they only share the same link. Read next: `adapt`, which changes a plan while it runs.
"""

from dataclasses import dataclass
from random import Random

from course.dwcp.mode import Mode, classify
from course.dwcp.transport.bbr import Bbr, gains_for
from course.dwcp.transport.bbr2 import Bbr2
from course.dwcp.transport.congestion import CongestionControl
from course.dwcp.transport.cubic import Cubic
from course.dwcp.transport.reorder import BUFFER_DEFAULT
from course.dwcp.transport.streams import (
    CONGESTED_LOSS,
    STREAMS_DEFAULT,
    STREAMS_MAX,
    STREAMS_MIN,
    reorder_buffer_bytes,
    stream_band,
    streams_for,
)
from course.dwcp.transport.wire import CHUNK_DEFAULT, CHUNK_MAX, CHUNK_MIN
from course.dwcp.units import KIB, MIB

BUFFER_MAX = 256 * MIB
SOCKET_BUFFER, SOCKET_BUFFER_LONG = 1 * MIB, 4 * MIB
LONG_RTT_MS = 50.0
FAST_PATH_BELOW = 1 * MIB
DATACENTER_CHUNK = 256 * KIB  # fewer wake-ups a byte, and a late chunk costs little at 1 ms
RDMA_STREAMS_DEFAULT = 64
RDMA_BANDS = ((10_000, 32, 64), (40_000, 128, 256), (100_000, 256, 512))  # up to Mbps, from, to


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a path, from a forecast or the last transfer. `loss` is a fraction."""

    rtt_ms: float
    rate_mbps: float
    loss: float = 0.0
    rdma: bool = False  # both hosts have the hardware
    mode: Mode | None = None  # None: by RTT and rate


@dataclass(frozen=True, slots=True)
class QueuePairs:
    """RDMA's own knobs. Sizes are bytes, the rest entries of a queue."""

    count: int = RDMA_STREAMS_DEFAULT
    queue_depth: int = 1_024
    completion_queue: int = 2_048
    inline_size: int = 256
    scatter_gather: int = 16
    mtu: int = 4_096


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes are bytes. `rdma` is None on plain networks; then everything goes over TCP."""

    mode: Mode = Mode.INTERNET
    streams: int = STREAMS_DEFAULT
    streams_min: int = STREAMS_MIN
    streams_max: int = STREAMS_MAX
    congestion_control: str = "bbr2"
    loss: float = 0.01  # expected; sets BBR's gains
    chunk_size: int = CHUNK_DEFAULT
    reorder_buffer: int = BUFFER_DEFAULT
    socket_buffer: int = SOCKET_BUFFER
    rdma: QueuePairs | None = None
    fast_path_below: int = 0  # objects smaller than this go over RDMA
    adapt: bool = True  # chunk size and stream count follow what is measured


def plan_for(profile: Profile | None) -> Plan:
    """The plan for a path; without a profile the defaults, 8 streams.

    >>> plan_for(Profile(rtt_ms=0.8, rate_mbps=10_000)).streams
    6
    >>> plan_for(Profile(rtt_ms=0.8, rate_mbps=10_000, rdma=True)).rdma.count
    64
    >>> plan_for(Profile(rtt_ms=120, rate_mbps=200, loss=0.005)).congestion_control
    'bbr2'
    """
    if profile is None:
        return Plan()
    if not 0 <= profile.loss <= 1:
        raise ValueError(f"loss is a fraction from 0 to 1, not {profile.loss}")
    mode = profile.mode or classify(profile.rtt_ms, profile.rate_mbps, loss=profile.loss)
    datacenter = mode is Mode.DATACENTER
    low, high = stream_band(0 if datacenter else profile.rtt_ms)
    needed = reorder_buffer_bytes(profile.rate_mbps, profile.rtt_ms)
    return Plan(
        mode=mode,
        streams=streams_for(0 if datacenter else profile.rtt_ms, profile.loss),
        streams_min=STREAMS_MIN if profile.loss > CONGESTED_LOSS else low,
        streams_max=STREAMS_MIN if profile.loss > CONGESTED_LOSS else high,
        congestion_control="cubic" if datacenter else "bbr2",
        loss=profile.loss,
        chunk_size=DATACENTER_CHUNK if datacenter else CHUNK_DEFAULT,
        reorder_buffer=min(max(needed, BUFFER_DEFAULT), BUFFER_MAX),
        socket_buffer=SOCKET_BUFFER_LONG if profile.rtt_ms >= LONG_RTT_MS else SOCKET_BUFFER,
        rdma=_queue_pairs(profile.rate_mbps) if profile.rdma and mode != Mode.INTERNET else None,
        fast_path_below=_fast_path(profile.rdma, mode),
    )


def check(plan: Plan) -> None:
    """Raise ValueError if a plan asks for what a transfer cannot do."""
    if not 1 <= plan.streams <= STREAMS_MAX or plan.streams_max > STREAMS_MAX:
        raise ValueError(f"{plan.streams} streams; over TCP 1 to {STREAMS_MAX} have a port")
    if not 1 <= plan.streams_min <= plan.streams_max:
        raise ValueError(f"streams from {plan.streams_min} to {plan.streams_max} is no range")
    if not CHUNK_MIN <= plan.chunk_size <= CHUNK_MAX:
        raise ValueError(
            f"chunks of {plan.chunk_size:,} bytes; give {CHUNK_MIN:,} to {CHUNK_MAX:,}"
        )


def controller(name: str, rng: Random, loss: float = 0.01) -> CongestionControl:
    """A modelled controller by its name in the configuration; `loss` chooses BBR v2's gains."""
    if name == "cubic":
        return Cubic()
    if name == "bbr":
        return Bbr(rng)
    if name == "bbr2":
        return Bbr2(rng, gains_for(loss))
    raise ValueError(f"no congestion control {name!r}; there are bbr2, bbr and cubic")


def _queue_pairs(rate_mbps: float) -> QueuePairs:
    """As many as the band of the rate starts with, but not fewer than the default up to 10 Gbps."""
    for limit_mbps, low, high in RDMA_BANDS:
        if rate_mbps <= limit_mbps:
            count = min(max(low, RDMA_STREAMS_DEFAULT), high)
            return QueuePairs(count, completion_queue=min(8_192, 32 * count))
    return QueuePairs(RDMA_BANDS[-1][2], completion_queue=8_192)


def _fast_path(rdma: bool, mode: Mode) -> int:
    """In a site everything may go over RDMA, between sites small objects only."""
    if not rdma or mode is Mode.INTERNET:
        return 0
    return FAST_PATH_BELOW if mode is Mode.HYBRID else 1 << 62
