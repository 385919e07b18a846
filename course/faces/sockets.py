"""AMST on real TCP connections: a host for `Sender` and `Receiver`, with asyncio.

    async with Server() as server:                    # receiving
        outgoing = Outgoing(data, "127.0.0.1", server.ports, plan)
        report = await outgoing.run()
        received = await server.received(outgoing.transfer)

The machines decide, this carries out: it opens and closes connections, moves bytes, and tells the
time. The kernel controls congestion and paces, so the machine gets `Uncontrolled`: pacing twice
would halve the rate. A connection may be something else than TCP, a pair of processes or TLS: pass
your own `connect`, and give `server.protocol` to whatever listens.

Not here: who may connect. Between nodes this runs inside mutual TLS. Left out too: threads; all
runs on one event loop, so one core does the hashing, the checksums and the copies of an end.
"""

import asyncio
import secrets
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from course.dwcp.machine import Tell
from course.dwcp.transport.congestion import Congestion, Uncontrolled
from course.dwcp.transport.effects import Close, Open, TransferEffect, Transmit
from course.dwcp.transport.group import Timing
from course.dwcp.transport.plan import Plan
from course.dwcp.transport.sender import Sender, SenderStatus
from course.dwcp.transport.streams import DATA_PORTS
from course.dwcp.transport.wire import CANCEL, AckReader, Chunk, WireError, encode_chunk
from course.dwcp.units import SECOND
from course.faces.connection import Clock, End
from course.faces.kernel import Kernel, Measured, break_off, configure, prepare
from course.faces.receiving import Received, Server

__all__ = ["Outgoing", "Received", "Report", "Server"]

LOOK_S = 1.0  # how often the kernel is asked what it measures

Connect = Callable[[Callable[[], asyncio.BaseProtocol], int], Awaitable[Any]]
Listener = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Report:
    """How a transfer went. `seconds` from the first connection's start to the proof."""

    state: str
    reason: str
    size: int
    seconds: float
    status: SenderStatus
    kernel: dict[int, Kernel]

    @property
    def rate_mbps(self) -> float:
        """Proven bytes over the whole time."""
        return self.size * 8 / self.seconds / 1e6 if self.seconds else 0.0


class Outgoing:
    """One transfer to `ports` of `host`; slot i goes to port i, and round again if there are fewer.

    `data` must not change until `run` returns. `listen(event, details)` hears what is told.
    """

    def __init__(
        self, data: bytes | bytearray | memoryview, host: str = "127.0.0.1",
        ports: Sequence[int] = DATA_PORTS, plan: Plan = Plan(), *,
        transfer: bytes | None = None, connect: Connect | None = None,
        congestion: Congestion | None = None, timing: Timing = Timing(),
        listen: Listener | None = None,
    ) -> None:  # fmt: skip
        if plan.rdma and connect is None:
            raise ValueError("there is no RDMA here: plan without it, or pass your own `connect`")
        self.transfer = transfer or secrets.token_bytes(16)
        self.plan, self.kernel = plan, dict[int, Kernel]()
        self._data, self._host, self._ports = data, host, ports
        self._connect = connect or self._tcp
        self._congestion = congestion or (lambda slot: Uncontrolled())
        self._timing, self._listen = timing, listen
        self._sender: Sender | None = None
        self._connections: dict[int, _SendingEnd] = {}
        self._connecting: dict[int, asyncio.Task[None]] = {}
        self._closing: list[_SendingEnd] = []
        self._todo: deque[TransferEffect] = deque()
        self._busy = False

    async def run(self, stop_after_s: float | None = None) -> Report:
        """Send it all. `stop_after_s`: cancel then, for measuring."""
        loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._clock = Clock(self._wake)
        sender = Sender(self.transfer, self.plan, self._congestion, self._clock.now(), self._timing)
        self._sender = sender
        started = loop.time()
        self._carry_out(sender.start(self._clock.now()))
        self._carry_out(sender.offer(self._data, self._clock.now()))
        self._carry_out(sender.finish(self._clock.now()))
        looking = asyncio.create_task(self._look_at_the_kernel())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), stop_after_s)
            seconds, size = loop.time() - started, sender.outbox.acked_bytes
        finally:
            looking.cancel()
            if sender.state == "sending":
                self.cancel()
            await self._leave()
        return Report(sender.state, sender.reason, size, seconds, sender.status(), self.kernel)

    def cancel(self) -> None:
        """Stop; the receiver is told on every connection that still takes bytes."""
        sender = self._started()
        self._carry_out(sender.cancel(self._clock.now()))

    def kill(self, slot: int) -> bool:
        """Reset one connection, as a crash would; the transfer goes on. False: there is none."""
        connection = self._connections.get(slot)
        if connection is None or connection.transport is None:
            return False
        sock = connection.transport.get_extra_info("socket")
        if sock is not None:
            break_off(sock)
        connection.transport.abort()
        return True

    def status(self) -> SenderStatus:
        """Where the transfer stands."""
        return self._started().status()

    # effects

    def _carry_out(self, effects: list[TransferEffect]) -> None:
        """In order; what an effect brings about comes after those that wait already."""
        self._todo.extend(effects)
        if self._busy:
            return
        self._busy = True
        try:
            while self._todo:
                self._do(self._todo.popleft())
        finally:
            self._busy = False
        sender = self._started()
        self._clock.set(sender.wake_at)
        if sender.state not in ("new", "sending"):
            self._over.set()

    def _do(self, effect: TransferEffect) -> None:
        if isinstance(effect, Transmit):
            connection = self._connections.get(effect.slot)
            if connection is not None and connection.write(effect.chunk):
                self._todo.extend(self._started().written(effect.slot, self._clock.now()))
        elif isinstance(effect, Open):
            task = asyncio.create_task(self._open(effect.slot))
            self._connecting[effect.slot] = task
        elif isinstance(effect, Close):
            self._close(effect)
        elif isinstance(effect, Tell) and self._listen:
            self._listen(effect.event, effect.details)

    def _close(self, effect: Close) -> None:
        task = self._connecting.pop(effect.slot, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        connection = self._connections.pop(effect.slot, None)
        if connection is not None:
            self._closing = [end for end in self._closing if not end.gone.is_set()]
            self._closing.append(connection)
            connection.end()

    async def _open(self, slot: int) -> None:
        limit_s = self._timing.connect / SECOND
        end = _SendingEnd(self, slot)
        try:
            await asyncio.wait_for(self._connect(lambda: end, slot), limit_s)
        except (OSError, TimeoutError) as error:
            why = str(error) or f"no connection in {limit_s:.0f} s"
            self._carry_out(self._started().failed(slot, why, self._clock.now()))
            return
        if end.transport is None:
            self._carry_out(self._started().failed(slot, "closed at once", self._clock.now()))
            return
        self._connections[slot] = end
        sock = end.transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            self.kernel[slot] = configure(sock, self.plan.congestion_control)
        self._carry_out(self._started().connected(slot, self._clock.now()))

    async def _tcp(self, protocol: Callable[[], asyncio.BaseProtocol], slot: int) -> None:
        loop = asyncio.get_running_loop()
        port = self._ports[slot % len(self._ports)]
        found = await loop.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)
        family, kind, number, _, address = found[0]
        sock = socket.socket(family, kind, number)
        try:
            sock.setblocking(False)
            prepare(sock, self.plan.socket_buffer)
            await loop.sock_connect(sock, address)
            await loop.create_connection(protocol, sock=sock)
        except BaseException:
            sock.close()
            raise

    # what connections report

    def _heard(self, end: "_SendingEnd", data: bytes) -> None:
        if self._connections.get(end.slot) is not end:
            return
        try:
            acks = end.acks.feed(data)
        except WireError as error:
            self._lost(end, str(error))
            return
        for ack in acks:
            self._carry_out(self._started().receive(end.slot, ack, self._clock.now()))

    def _written(self, end: "_SendingEnd", chunks: int) -> None:
        for _ in range(chunks):
            if self._connections.get(end.slot) is end:
                self._carry_out(self._started().written(end.slot, self._clock.now()))

    def _lost(self, end: "_SendingEnd", why: str) -> None:
        if self._connections.get(end.slot) is end:
            self._carry_out(self._started().failed(end.slot, why, self._clock.now()))

    # time and the end

    def _wake(self) -> None:
        sender, now = self._started(), self._clock.now()
        if sender.wake_at is not None and now >= sender.wake_at:
            self._carry_out(sender.wake(now))
        self._clock.set(sender.wake_at)

    async def _look_at_the_kernel(self) -> None:
        before: dict[int, tuple[_SendingEnd, Measured]] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            for slot, end in list(self._connections.items()):
                seen = end.measured()
                if seen is None or seen.sent == 0:
                    continue
                who, old = before.get(slot, (end, Measured(0, 0, 0)))
                old = old if who is end else Measured(0, 0, 0)
                before[slot] = (end, seen)
                loss = (seen.retransmitted - old.retransmitted) / max(1, seen.sent - old.sent)
                self._started().measured(slot, seen.rtt, min(1.0, max(0.0, loss)))

    async def _leave(self) -> None:
        """No task and no connection stays behind; the last bytes get FAREWELL_S to leave."""
        self._clock.stop()
        tasks = list(self._connecting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._carry_out([Close(slot, "over") for slot in self._connections])
        await asyncio.gather(*(end.gone.wait() for end in self._closing))

    def _started(self) -> Sender:
        if self._sender is None:
            raise RuntimeError("the transfer has not started; await run() first")
        return self._sender


class _SendingEnd(End, asyncio.Protocol):
    """A connection of `Outgoing`: chunks go out, acks come in."""

    def __init__(self, owner: Outgoing, slot: int) -> None:
        super().__init__()
        self.slot, self.acks = slot, AckReader()
        self._owner, self._waiting = owner, 0
        self._why = "the connection was cut"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.set_write_buffer_limits(high=0)  # tell us of every byte that has to wait

    def write(self, chunk: Chunk) -> bool:
        """True: the kernel took it. False: it waits, and `written` is reported later."""
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(encode_chunk(chunk))  # writelines() forgets to pause in 3.12.0 to .8
        if not self.transport.get_write_buffer_size():
            return chunk.flags != CANCEL
        self._waiting += 1
        return False

    def resume_writing(self) -> None:
        waiting, self._waiting = self._waiting, 0
        self._owner._written(self, waiting)

    def data_received(self, data: bytes) -> None:
        self._owner._heard(self, data)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._owner._lost(self, str(error) if error else self._why)

    def eof_received(self) -> None:
        self._why = "closed by the receiver"
