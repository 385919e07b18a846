"""The receiving side of AMST on real connections: a server that takes transfers.

A connection says hello with the id of its transfer; the first one for an id makes a `Receiver`, the
others join it. What a peer may make this side hold is bounded: connections, transfers, bytes.
Read before: `connection`, `course.dwcp.transport.receiver`.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course.dwcp.transport.effects import Close, Deliver, Reply, TransferEffect
from course.dwcp.transport.plan import Plan
from course.dwcp.transport.receiver import Receiver, ReceiverStatus
from course.dwcp.transport.streams import STREAMS_MAX
from course.dwcp.transport.wire import (
    Chunk,
    ChunkReader,
    Outcome,
    WireError,
    encode_ack,
    read_hello,
)
from course.dwcp.units import MIB
from course.faces.connection import Clock, End
from course.faces.kernel import prepare

HELLO_LIMIT_S = 30.0
TRANSFERS_MAX = 64
CONNECTIONS_MAX = 256
SIZE_MAX = 1_024 * MIB  # of a transfer that is kept in memory


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a transfer. `data` is empty if it failed, or went to a sink of your own."""

    outcome: Outcome
    reason: str
    data: bytearray
    status: ReceiverStatus


Sink = Callable[[bytes], None]


class Server:
    """Takes transfers on `ports` (0: any that is free). `sink(transfer)` gives where bytes go.

    Without a sink they are kept in memory, up to `size_max` bytes a transfer.
    """

    def __init__(
        self, host: str = "127.0.0.1", ports: Sequence[int] = (0,), plan: Plan = Plan(),
        sink: Callable[[bytes], Sink] | None = None, size_max: int = SIZE_MAX,
    ) -> None:  # fmt: skip
        self.ports: tuple[int, ...] = ()
        self.plan, self.sink, self.size_max = plan, sink, size_max
        self.refused: list[str] = []  # why connections were turned away, the last 100
        self._host, self._wanted = host, ports
        self._servers: list[asyncio.Server] = []
        self._incoming: dict[bytes, _Incoming] = {}
        self._ends: dict[_ReceivingEnd, None] = {}
        self._new = asyncio.Event()

    async def __aenter__(self) -> "Server":
        loop = asyncio.get_running_loop()
        for port in self._wanted:
            sock = socket.create_server((self._host, port), backlog=64)
            prepare(sock, self.plan.socket_buffer)
            self._servers.append(await loop.create_server(self.protocol, sock=sock))
            self.ports += (sock.getsockname()[1],)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening, and drop every connection."""
        for server in self._servers:
            server.close()
        for end in list(self._ends):
            if end.transport is not None:
                end.transport.abort()
        for incoming in self._incoming.values():
            incoming.clock.stop()
        for server in self._servers:
            await server.wait_closed()
        await asyncio.sleep(0)

    def protocol(self) -> "_ReceivingEnd":
        """A protocol for one new connection; give it to a listener of your own if you like."""
        return _ReceivingEnd(self)

    async def received(self, transfer: bytes) -> Received:
        """Wait until this transfer has ended, and take what it brought."""
        while transfer not in self._incoming:
            self._new.clear()
            await self._new.wait()
        incoming = self._incoming[transfer]
        await incoming.over.wait()
        data, incoming.data = incoming.data, bytearray()
        status = incoming.receiver.status()
        return Received(status.outcome, status.reason, data, status)

    def cancel(self, transfer: bytes) -> None:
        """Stop a transfer from this side."""
        incoming = self._incoming[transfer]
        incoming.carry_out(incoming.receiver.cancel(incoming.clock.now()))

    def status(self) -> dict[bytes, ReceiverStatus]:
        """Every transfer that is known, the ended ones too."""
        return {name: incoming.receiver.status() for name, incoming in self._incoming.items()}

    def _incoming_for(self, transfer: bytes) -> "_Incoming":
        """The transfer of a hello; raises WireError when there are too many."""
        if transfer not in self._incoming:
            ended = [name for name, one in self._incoming.items() if one.over.is_set()]
            for name in ended[: max(0, len(self._incoming) - TRANSFERS_MAX + 1)]:
                self._incoming.pop(name).clock.stop()
            if len(self._incoming) >= TRANSFERS_MAX:
                raise WireError(f"{TRANSFERS_MAX} transfers are open; this end takes no more")
            self._incoming[transfer] = _Incoming(self, transfer)
            self._new.set()
        return self._incoming[transfer]


class _Incoming:
    """One transfer at the receiver: its machine, its connections by slot, its bytes."""

    def __init__(self, server: Server, transfer: bytes) -> None:
        self.over = asyncio.Event()
        self.data = bytearray()
        self.clock = Clock(self._wake)
        self.receiver = Receiver(transfer, self.clock.now(), server.plan.reorder_buffer)
        self._sink = server.sink(transfer) if server.sink else self._keep
        self._size_max = server.size_max
        self._ends: dict[int, _ReceivingEnd] = {}
        self.clock.set(self.receiver.wake_at)

    def opened(self, slot: int, end: "_ReceivingEnd") -> None:
        old = self._ends.pop(slot, None)
        if old is not None:
            self.carry_out(self.receiver.closed(slot, self.clock.now()))
            old.end()
        self._ends[slot] = end
        self.carry_out(self.receiver.opened(slot, self.clock.now()))

    def closed(self, end: "_ReceivingEnd") -> None:
        if self._ends.get(end.slot) is end:
            del self._ends[end.slot]
            self.carry_out(self.receiver.closed(end.slot, self.clock.now()))

    def take(self, end: "_ReceivingEnd", chunks: list[Chunk]) -> None:
        if self._ends.get(end.slot) is end:
            now = self.clock.now()
            for chunk in chunks:
                self.carry_out(self.receiver.receive(end.slot, chunk, now))

    def damaged(self, end: "_ReceivingEnd", words: str) -> None:
        if self._ends.get(end.slot) is end:
            self.carry_out(self.receiver.damaged(end.slot, words, self.clock.now()))

    def carry_out(self, effects: list[TransferEffect]) -> None:
        """In order. What the sink takes is consumed at once, so that comes back here."""
        for effect in effects:
            if isinstance(effect, Deliver):
                self._sink(effect.payload)
                now = self.clock.now()
                self.carry_out(self.receiver.consume(len(effect.payload), now))
            elif isinstance(effect, Reply) and effect.slot in self._ends:
                self._ends[effect.slot].write(encode_ack(effect.ack))
            elif isinstance(effect, Close) and effect.slot in self._ends:
                self._ends.pop(effect.slot).end()
        self.clock.set(self.receiver.wake_at)
        if self.receiver.outcome is not Outcome.OPEN:
            self.over.set()

    def _keep(self, payload: bytes) -> None:
        if len(self.data) + len(payload) > self._size_max:
            if not self.over.is_set():
                self.carry_out(self.receiver.cancel(self.clock.now()))
            return
        self.data += payload

    def _wake(self) -> None:
        now = self.clock.now()
        if self.receiver.wake_at is not None and now >= self.receiver.wake_at:
            self.carry_out(self.receiver.wake(now))
        self.clock.set(self.receiver.wake_at)


class _ReceivingEnd(End, asyncio.BufferedProtocol):
    """A connection of `Server`: it says hello, then chunks come in and acks go out."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.slot = -1
        self._server, self._incoming = server, None  # type: Server, _Incoming | None
        self._reader = ChunkReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._server._ends) >= CONNECTIONS_MAX:
            self._refuse(f"{CONNECTIONS_MAX} connections are open; this end takes no more")
            return
        self._server._ends[self] = None
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(HELLO_LIMIT_S, self._refuse, "no hello in time")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._reader.space()

    def buffer_updated(self, nbytes: int) -> None:
        chunks = self._reader.filled(nbytes)
        if self._incoming is None and chunks:
            try:
                self._say_hello(chunks.pop(0))
            except WireError as error:
                self._refuse(str(error))
                return
        if self._incoming is not None:
            self._incoming.take(self, chunks)
        if self._reader.damage and self._incoming is not None:
            self._incoming.damaged(self, self._reader.damage)
        elif self._reader.damage:
            self._refuse(self._reader.damage)

    def write(self, data: bytes) -> None:
        """An ack; nobody waits for it to leave."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._server._ends.pop(self, None)
        if self._incoming is not None:
            self._incoming.closed(self)

    def _say_hello(self, chunk: Chunk) -> None:
        transfer, slot = read_hello(chunk)
        if slot >= STREAMS_MAX:
            raise WireError(f"stream {slot}; there are slots 0 to {STREAMS_MAX - 1}")
        self.slot, self._incoming = slot, self._server._incoming_for(transfer)
        if self._handle:
            self._handle.cancel()
        self._incoming.opened(slot, self)

    def _refuse(self, why: str) -> None:
        self._server.refused = [*self._server.refused[-99:], why]
        if self.transport is not None:
            self.transport.abort()
