"""Post-copy: the guest runs on the target first, and its memory follows (Hines et al. 2009).

Downtime is the device state and one agreement, whatever the size. The price: until all pages are
there the guest waits for each missing one that it touches, and neither side alone has the whole
guest. If the path or the source is lost meanwhile, the guest is lost. Pre-copy never risks that.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from course.dwcp.units import DAY, MS, PAGE_SIZE, SECOND
from course.lab import agreement
from course.lab.endings import Failed, Lost

if TYPE_CHECKING:
    from course.lab.mover import Mover

DEVICE_STATE = 300 * MS
STEPS = 20
"""Into how many parts the transfer is cut, to slow the guest less and less."""


def finish_on_target(mover: "Mover", numbers: list[int]) -> Generator[Any, Any, None]:
    """Pause, agree, run on the target; then bring the pages `numbers`, each of them once."""
    world, migration, memory = mover.world, mover.migration, mover.guest.memory
    mover.pause()
    with mover.story.span("stop_and_copy"):
        yield world.env.timeout(DEVICE_STATE)
    yield from agreement.own(mover)
    frozen = bytes(memory.image)
    mover.resume_there(memory)
    migration.limit = DAY  # from here on, giving up would be the end of the guest
    guest = mover.guest = mover.target.guests[migration.vm]
    step = max(1, -(-len(numbers) // STEPS))
    for start in range(0, len(numbers), step):
        missing = (len(numbers) - start) / memory.pages
        mover.slowed = 1 - slowed_to(missing, memory.workload.dirty_mb_s, migration.path.rtt_ms)
        try:
            yield from mover.copy(numbers[start : start + step], frozen)
        except Failed as trouble:
            guest.running = False
            world.tell(mover.target, "guest_lost", {"vm": migration.vm})
            why = f"{trouble}; in post-copy nobody has the whole guest, so {migration.vm} is lost"
            raise Lost(why) from None
    mover.slowed = 0.0
    migration.hashes_equal = mover.arrived == frozen


def slowed_to(missing: float, dirty_mb_s: float, rtt_ms: float) -> float:
    """The guest's speed, 0 to 1, while a share `missing` of its pages is not there.

    A touched page is missing with that chance, and costs one round trip: a guest that touches n
    pages a second then does a second's work in 1 + n x missing x RTT seconds.
    """
    touched = dirty_mb_s * 1e6 / PAGE_SIZE
    return 1 / (1 + touched * missing * rtt_ms * MS / SECOND)
