"""A transfer between two ends in a world of connections that lose, delay, damage and die.

A host for the two machines, in virtual time, with every fault drawn from one seed; what it checks
holds at every step. Bytes are encoded and decoded for real.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from course.dwcp.transport.congestion import Congestion, Uncontrolled
from course.dwcp.transport.effects import Close, Deliver, Open, Reply, Transmit
from course.dwcp.transport.plan import Plan
from course.dwcp.transport.receiver import Receiver
from course.dwcp.transport.sender import Sender
from course.dwcp.transport.wire import AckReader, ChunkReader, WireError, encode_ack, encode_chunk
from course.dwcp.units import KIB, MIB, MS, SECOND

TRANSFER = bytes(range(16))
SMALL = Plan(streams=4, chunk_size=16 * KIB, reorder_buffer=1 * MIB)


@dataclass(frozen=True, slots=True)
class Weather:
    """What connections are like. Fractions of messages; `kills` are us at which one dies."""

    rate_mbps: float = 100.0
    delay: int = 10 * MS
    jitter: int = 0  # us; more than 0 reorders
    loss: float = 0.0
    twice: float = 0.0
    damage: float = 0.0
    refuse: float = 0.0  # of connection attempts
    kills: tuple[int, ...] = ()
    dead_after: int | None = None  # us; from then on nothing connects
    slow_slots: tuple[int, ...] = ()  # a tenth of the rate
    sink_mbps: float | None = None  # how fast the application takes bytes; None: at once


@dataclass(slots=True)
class Connection:
    """`alive` until either side closes it or it dies."""

    number: int
    slot: int
    chunks: ChunkReader
    acks: AckReader
    alive: bool = True
    free_at: float = 0.0


class World:
    """`World(data, seed, weather).run()`; `got` is what the application received."""

    def __init__(
        self, data: bytes, seed: int | str, weather: Weather = Weather(), plan: Plan = SMALL,
        congestion: Congestion | None = None, receiver: type[Receiver] = Receiver,
        sender: type[Sender] = Sender,
    ) -> None:  # fmt: skip
        self.data, self.weather, self.plan = data, weather, plan
        self.dice = random.Random(f"transfer {seed}")
        self.now = 0
        self.sender = sender(TRANSFER, plan, congestion or (lambda slot: Uncontrolled()), 0)
        self.receiver = receiver(TRANSFER, 0, plan.reorder_buffer)
        self.got = bytearray()
        self.told: list[tuple[str, str]] = []
        self.connections: dict[int, Connection] = {}
        self.sink_free_at = 0.0
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count(1)
        for time in weather.kills:
            self.at(time, self.kill)

    def at(self, time: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(self.now, round(time)), next(self._number), what))

    def run(self, until: int = 600 * SECOND) -> str:
        """Until the sender is over; its state."""
        self.carry_out(self.sender.start(self.now), "sender")
        self.carry_out(self.sender.offer(self.data, self.now), "sender")
        self.carry_out(self.sender.finish(self.now), "sender")
        while self.sender.state == "sending" and self.now < until:
            self.step()
        return self.sender.state

    def step(self) -> None:
        """The next event or alarm."""
        ends = {"sender": self.sender, "receiver": self.receiver}
        alarms = [(end.wake_at, name) for name, end in ends.items() if end.wake_at is not None]
        due, name = min(alarms, default=(1 << 62, ""))
        if self._events and self._events[0][0] <= due:
            self.now, _, what = heapq.heappop(self._events)
            what()
        else:
            self.now = max(self.now, due)
            self.carry_out(ends[name].wake(self.now), name)
        self.check()

    # carrying out effects

    def carry_out(self, effects: list, who: str) -> None:
        for effect in effects:
            if isinstance(effect, Open):
                self._open(effect.slot)
            elif isinstance(effect, Close):
                self._close(effect.slot, who)
            elif isinstance(effect, Transmit):
                self._write(effect.slot, effect.chunk)
            elif isinstance(effect, Reply):
                self._reply(effect.slot, effect.ack)
            elif isinstance(effect, Deliver):
                self._take(effect.payload)
            else:
                self.told.append((who, effect.event))

    def _open(self, slot: int) -> None:
        number = next(self._number)
        self.connections[slot] = Connection(number, slot, ChunkReader(), AckReader())
        dead = self.weather.dead_after is not None and self.now >= self.weather.dead_after
        refused = dead or self.dice.random() < self.weather.refuse

        def answer() -> None:
            connection = self.connections[slot]
            if connection.number != number or not connection.alive:
                return
            if refused:
                connection.alive = False
                self.carry_out(self.sender.failed(slot, "refused", self.now), "sender")
            else:
                self.carry_out(self.sender.connected(slot, self.now), "sender")

        self.at(self.now + 2 * self.weather.delay, answer)

    def _write(self, slot: int, chunk: object) -> None:
        connection = self.connections[slot]
        data = self._perhaps_damaged(encode_chunk(chunk))
        share = 0.1 if slot in self.weather.slow_slots else 1.0
        start = max(connection.free_at, self.now)
        connection.free_at = start + len(data) * 8 / (share * self.weather.rate_mbps)

        def written() -> None:
            if connection.alive:
                self.carry_out(self.sender.written(slot, self.now), "sender")

        def arrive() -> None:
            if connection.alive:
                self._at_receiver(connection, data)

        self.at(connection.free_at, written)
        for arrival in self._arrivals(connection.free_at, hello=chunk.flags == 1):
            self.at(arrival, arrive)

    def _at_receiver(self, connection: Connection, data: bytes) -> None:
        slot = connection.slot
        try:
            chunks = connection.chunks.feed(data)
        except WireError as error:
            self.carry_out(self.receiver.damaged(slot, str(error), self.now), "receiver")
            return
        for chunk in chunks:
            if chunk.flags == 1:  # hello
                self.carry_out(self.receiver.opened(slot, self.now), "receiver")
            else:
                self.carry_out(self.receiver.receive(slot, chunk, self.now), "receiver")

    def _reply(self, slot: int, ack: object) -> None:
        connection, data = self.connections[slot], self._perhaps_damaged(encode_ack(ack))

        def arrive() -> None:
            if not connection.alive:
                return
            try:
                acks = connection.acks.feed(data)
            except WireError as error:
                self.carry_out(self.sender.failed(slot, str(error), self.now), "sender")
                return
            for one in acks:
                self.carry_out(self.sender.receive(slot, one, self.now), "sender")

        for arrival in self._arrivals(self.now):
            self.at(arrival, arrive)

    def _arrivals(self, left: float, hello: bool = False) -> list[float]:
        copies = 1 if hello else self.dice.choices(
            (0, 1, 2), (self.weather.loss, 1 - self.weather.loss - self.weather.twice,
                        self.weather.twice),
        )[0]  # fmt: skip
        times = []
        for _ in range(copies):
            late = 0 if hello else self.dice.randrange(self.weather.jitter + 1)
            times.append(left + self.weather.delay + late)
        return times

    def _perhaps_damaged(self, data: bytes) -> bytes:
        if self.dice.random() >= self.weather.damage:
            return data
        place = self.dice.randrange(len(data))
        return (
            data[:place] + bytes([data[place] ^ (1 << self.dice.randrange(8))]) + data[place + 1 :]
        )

    def _take(self, payload: bytes) -> None:
        at = len(self.got)
        assert payload == self.data[at : at + len(payload)], "other bytes were handed out"
        self.got += payload
        if self.weather.sink_mbps is None:
            self.carry_out(self.receiver.consume(len(payload), self.now), "receiver")
            return
        self.sink_free_at = (
            max(self.sink_free_at, self.now) + len(payload) * 8 / self.weather.sink_mbps
        )

        def taken() -> None:
            self.carry_out(self.receiver.consume(len(payload), self.now), "receiver")

        self.at(self.sink_free_at, taken)

    # connections end

    def kill(self, slot: int | None = None) -> None:
        """One connection that is alive dies; both sides hear of it."""
        alive = [s for s, c in self.connections.items() if c.alive and slot in (None, s)]
        if alive:
            victim = self.dice.choice(alive)
            self.connections[victim].alive = False
            self._hear_of_end(victim, ("sender", "receiver"))

    def _close(self, slot: int, who: str) -> None:
        connection = self.connections.get(slot)
        if connection is not None and connection.alive:
            connection.alive = False
            self._hear_of_end(slot, ("receiver",) if who == "sender" else ("sender",))

    def _hear_of_end(self, slot: int, who: tuple[str, ...]) -> None:
        number = self.connections[slot].number

        def hear() -> None:
            if "receiver" in who:
                self.carry_out(self.receiver.closed(slot, self.now), "receiver")
            if "sender" in who and self.connections[slot].number == number:
                self.carry_out(self.sender.failed(slot, "reset by peer", self.now), "sender")

        self.at(self.now + self.weather.delay, hear)

    # what must hold at every step

    def check(self) -> None:
        sender, receiver = self.sender, self.receiver
        held = receiver.buffer
        assert held.held_bytes + held.unconsumed <= held.bound, "the reorder buffer overflows"
        flights = [stream.flights for stream in sender.group.all()]
        assert all(f.in_flight >= 0 for f in flights), "bytes in flight are below zero"
        under_way = sum(len(f.sequences()) == 0 and f.in_flight for f in flights)
        assert not under_way, "bytes are in flight, and no chunk is"
        delivered = sum(f.delivered for f in flights)
        assert delivered <= sender.outbox.cut_bytes + 40, "a chunk was credited twice"
        if sender.state == "complete":
            assert bytes(self.got) == self.data, "complete, and not all is there"


def storm(seed: int | str, dice: random.Random | None = None) -> World:
    """A world whose data, plan and weather come from a seed."""
    dice = dice or random.Random(f"storm {seed}")
    data = dice.randbytes(dice.choice((0, 1, 16 * KIB, 300_000, 1_500_000)))
    weather = Weather(
        rate_mbps=dice.choice((5.0, 50.0, 500.0)),
        delay=dice.choice((1, 20, 100)) * MS,
        jitter=dice.choice((0, 0, 5, 80)) * MS,
        loss=dice.choice((0, 0, 0.02, 0.3)),
        twice=dice.choice((0, 0.05)),
        damage=dice.choice((0, 0, 0.01)),
        refuse=dice.choice((0, 0, 0.3)),
        kills=tuple(dice.randrange(5 * SECOND) for _ in range(dice.choice((0, 3, 12)))),
        dead_after=dice.choice((None, None, None, 500 * MS)),
        slow_slots=dice.choice(((), (0,), (1, 2))),
        sink_mbps=dice.choice((None, None, 3.0)),
    )
    plan = replace(SMALL, streams=dice.choice((1, 2, 4, 9)))
    return World(data, seed, weather, plan)
