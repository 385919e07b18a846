"""How long a round's bytes take from host to host: the slower of encoder and link, as it is now.

Modelled: the wire's rate (links.py) and the encoder's speed (published planning values for its
level). A wire that changes on the way changes the pace of what is left.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from course.dwcp.encoding.zstd import LEVELS
from course.dwcp.units import MS, SECOND, transfer_us
from course.lab import releases
from course.lab.endings import Failed
from course.lab.links import Leg, Path, rate_mbps

if TYPE_CHECKING:
    from course.lab.mover import Mover

WEATHER_STEP = 5 * SECOND
STREAM_TIMEOUT = 30 * SECOND  # without progress, transport.amst.timeout


def carry(mover: "Mover", wire: int, to_encode: int) -> Generator[Any, Any, int]:
    """Time for a round's bytes. If the wire changes, the rest goes at the new pace."""
    left, started = 1.0, mover.world.now
    moved_at = started  # when bytes last got through
    while left > 0:
        world, whole, now = mover.world, pace(mover, wire, to_encode), mover.world.now
        if whole is None and now - moved_at >= STREAM_TIMEOUT:
            mover.migration.ailment = "stalled"
            raise Failed("TRANSPORT_UNAVAILABLE: no stream made progress for 30 s")
        waits = moved_at + STREAM_TIMEOUT - now if whole is None else round(whole * left)
        step = max(1, waits if world.weather is None else min(waits, WEATHER_STEP))
        share = 0.0 if whole is None else min(1.0, step / whole)
        mover.migration.legs.append(Leg(now, now + step, wire * share))
        yield mover.world.env.timeout(step) | mover.world.changed
        passed = mover.world.now - now
        if passed < step:  # interrupted
            mover.migration.legs[-1] = Leg(now, now + passed, wire * share * passed / step)
        if mover.guest.running:
            mover.guest.memory.run(passed, mover.speed)
        mover.check()
        if whole is not None:
            left = 0.0 if passed >= waits else left - passed / whole
            moved_at = mover.world.now
    return mover.world.now - started


def pace(mover: "Mover", wire: int, to_encode: int) -> int | None:
    """us that these bytes take on the wire as it is now; None: nothing gets through."""
    world, source, target = mover.world, mover.source, mover.target
    if world.is_cut(source.name, target.name) or world.is_cut(target.name, source.name):
        return None
    if source.frozen or target.frozen:
        return None
    path = world.path(source.name, target.name)
    if path.mtu < source.mtu:
        return None  # small packets pass, so the streams stand; full ones vanish
    if path != mover.migration.path:
        if path.mode is not mover.migration.path.mode:
            mover.story.event("mode_changed", to=path.mode.value)
            mover.migration.modes.append((mover.migration.path.mode.value, path.mode.value))
        mover.migration.path = path
        mover.migration.rate_mbps = rate(mover, path)
    link = transfer_us(wire, mover.migration.rate_mbps)
    return max(link, encoding(mover, to_encode)) + round(path.rtt_ms * MS)


def encoding(mover: "Mover", size: int) -> int:
    """us that the encoder needs for `size` bytes."""
    share = mover.source.cpu_speed * releases.speed(mover.world, mover.source)
    return round(size / (encoder_speed(mover.level) * share) * SECOND)


def rate(mover: "Mover", path: Path) -> float:
    """Mbps that its streams carry on `path`."""
    buffer_mb = min(mover.source.buffer_mb, mover.target.buffer_mb)
    return rate_mbps(path, mover.migration.streams, mover.source.congestion_control, buffer_mb)


def encoder_speed(level: int) -> float:
    """Bytes per second of guest memory, by the nearest published level below."""
    known = max(row for row in LEVELS if row <= level)
    return LEVELS[known].speed_mb_s * 1e6
