"""What both ends of a transfer on real connections share: the time, and how a connection ends.

Read before: `kernel`. Read next: `sockets`, `receiving`.
"""

import asyncio
from collections.abc import Callable

from course.dwcp.units import SECOND
from course.faces.kernel import Measured, measure

FAREWELL_S = 0.3
"""For what is still to be written when a connection is closed; then it is cut."""


class Clock:
    """The loop's time in whole us, and one alarm for one machine."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop, self._ring = asyncio.get_running_loop(), ring
        self._handle: asyncio.TimerHandle | None = None
        self._set_for = 1 << 62

    def now(self) -> int:
        return round(self._loop.time() * SECOND)

    def set(self, wake_at: int | None) -> None:
        """Ring at `wake_at`. An alarm that is too early only looks again, which is cheap."""
        if wake_at is not None and wake_at < self._set_for:
            self.stop()
            self._set_for = wake_at
            self._handle = self._loop.call_at(wake_at / SECOND, self._fire)

    def stop(self) -> None:
        if self._handle:
            self._handle.cancel()
        self._set_for = 1 << 62

    def _fire(self) -> None:
        self._set_for = 1 << 62
        self._ring()


class End(asyncio.BaseProtocol):
    """What both kinds of connection share: writing, and how they end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()
        self._handle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.gone.set()
        if self._handle:
            self._handle.cancel()

    def measured(self) -> Measured | None:
        """What the kernel says of this connection, if it has one and says it."""
        sock = self.transport.get_extra_info("socket") if self.transport else None
        return measure(sock) if sock is not None else None

    def end(self) -> None:
        """Close our half, so that what was written arrives; cut the rest after FAREWELL_S.

        A socket that is closed while acks wait in it unread is reset, and the other side loses
        what it has not read yet.
        """
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(FAREWELL_S, self.transport.abort)
        else:
            self.transport.close()
