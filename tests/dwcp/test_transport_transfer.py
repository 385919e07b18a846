"""Transfers through storms: all the bytes or a failure in words; and planted bugs that storms find."""

import random
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.machine import Tell
from course.dwcp.transport.congestion import Uncontrolled
from course.dwcp.transport.cubic import Cubic
from course.dwcp.transport.effects import Close, Deliver, Open, Reply, Transmit
from course.dwcp.transport.group import Timing
from course.dwcp.transport.health import State
from course.dwcp.transport.outbox import Outbox
from course.dwcp.transport.plan import Plan, controller
from course.dwcp.transport.receiver import Receiver
from course.dwcp.transport.reorder import ReorderBuffer
from course.dwcp.transport.sender import Sender
from course.dwcp.transport.wire import (
    AGAIN,
    CANCEL,
    CHUNK_MAX,
    END,
    HELLO,
    Ack,
    Chunk,
    Outcome,
    Result,
    end,
    hello,
)  # fmt: skip
from course.dwcp.units import KIB, MIB, MS, SECOND
from tests.dwcp.transfer_world import SMALL, TRANSFER, Weather, World, storm

BYTES = random.Random(1).randbytes(1_500_000)


def uncontrolled(slot):
    return Uncontrolled()


# storms


def survive(seed):
    world = storm(seed)
    state = world.run()
    assert state in ("complete", "failed"), f"seed {seed}: {state} after {world.now / SECOND} s"
    assert state == "complete" or world.sender.reason, f"seed {seed}: failed without a word"
    if world.weather.dead_after is None and not world.weather.refuse:
        assert state == "complete", f"seed {seed}: {world.sender.reason}"


def test_all_the_bytes_arrive_or_it_fails_in_words_in_seven_hundred_storms():
    for seed in range(700):
        survive(seed)


weathers = st.builds(
    Weather,
    rate_mbps=st.floats(1, 1_000), delay=st.integers(0, 200 * MS), jitter=st.integers(0, 200 * MS),
    loss=st.floats(0, 0.4), twice=st.floats(0, 0.2), damage=st.floats(0, 0.02),
    kills=st.lists(st.integers(0, 5 * SECOND), max_size=8).map(tuple),
    slow_slots=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    sink_mbps=st.none() | st.floats(2, 100),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(weathers, st.integers(0, 400_000), st.integers(1, 8), st.integers(0, 99))
def test_any_loss_reordering_duplication_and_death_delivers_exactly_the_bytes(
    weather, size, streams, seed
):
    world = World(BYTES[:size], seed, weather, replace(SMALL, streams=streams))
    assert world.run() == "complete"
    assert bytes(world.got) == BYTES[:size]


def test_the_same_seed_gives_the_same_history():
    first, second = storm(11), storm(11)
    assert first.run() == second.run()
    assert (first.now, first.told, first.sender.status()) == (
        second.now, second.told, second.sender.status(),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["bbr2", "bbr", "cubic"])
def test_the_modelled_controllers_carry_a_transfer_too(name):
    world = World(
        BYTES, 1, Weather(rate_mbps=50, loss=0.01), replace(SMALL, streams=3),
        congestion=lambda slot: controller(name, random.Random(slot)),
    )  # fmt: skip
    assert world.run() == "complete"
    assert {stream.control for stream in world.sender.status().streams} == {name}


# planted bugs: each is a mistake that is easily made


class ForgetsWhatAFailedStreamCarried(Outbox):
    def again(self, sequence): ...


class NeverEndsTheTransferProperly(Receiver):
    """It takes the last chunk's word for it, wherever that chunk comes from."""

    def _take(self, slot, chunk, now):
        if chunk.flags & END:
            self.outcome = Outcome.COMPLETE
            self._result = Result(*[getattr(_read(chunk), n) for n in ("size", "digest")])
            return self._answer(now, slot)
        return super()._take(slot, chunk, now)


def _read(chunk):
    from course.dwcp.transport.wire import read_end

    return read_end(chunk)


class DeliversTwice(Receiver):
    """A chunk that comes again is handed out again."""

    def _take(self, slot, chunk, now):
        again = self.buffer.has(chunk.sequence) and not chunk.flags & END
        effects = super()._take(slot, chunk, now)
        return [*effects, Deliver(chunk.payload)] if again else effects


class HandsOutAsItComes(Receiver):
    """It does not wait for what is missing."""

    def _take(self, slot, chunk, now):
        early = not self.buffer.has(chunk.sequence) and chunk.sequence > self.buffer.next_sequence
        effects = super()._take(slot, chunk, now)
        return [Deliver(chunk.payload), *effects] if early and not chunk.flags else effects


class SendsBeyondTheWindow(Sender):
    def _pump(self, now):
        self.outbox.edge = 1 << 40
        return super()._pump(now)


class HasNoBound(Receiver):
    def _take(self, slot, chunk, now):
        self.buffer.objection = lambda chunk: None
        return super()._take(slot, chunk, now)


class AcksWhatItRefused(Receiver):
    """It says that all is here up to what it saw last."""

    def _answer(self, now, slot=None):
        effects = super()._answer(now, slot)
        return [self._boast(e) if isinstance(e, Reply) else e for e in effects]

    def _boast(self, reply):
        top = max((stop for _, stop in reply.ack.ranges), default=reply.ack.cumulative)
        return Reply(reply.slot, replace(reply.ack, cumulative=top, ranges=()))


class NeverLooksForTheLateChunk(Sender):
    def _late_at(self):
        return None


class NeverReplaces(Sender):
    """A failed stream stays failed; it fails only if all do."""

    def _fail(self, stream, why, now):
        effects = super()._fail(stream, why, now)
        stream.retry_at = None
        self._set_alarm(now)
        return effects


class CreditsEveryCopy(Sender):
    """Every stream that has the chunk under way is credited with it."""

    def receive(self, slot, ack, now):
        group, real = self.group, type(self.group).credit

        def credit(sequence, slot, now):
            others = [c for c in group._carriers.get(sequence, []) if c != slot][:1]
            for other in others:
                group.by_slot[other].flights.delivered += 16 * KIB
            return real(group, sequence, slot, now)

        group.credit = credit
        return super().receive(slot, ack, now)


RECEIVERS = [
    NeverEndsTheTransferProperly, DeliversTwice, HandsOutAsItComes, AcksWhatItRefused,
]  # fmt: skip
SENDERS = [NeverReplaces, CreditsEveryCopy]
ROUGH = Weather(jitter=80 * MS, loss=0.2, twice=0.05, kills=tuple(range(0, 2 * SECOND, 100 * MS)))


def found(weather=ROUGH, **ends):
    """The first seed whose storm the bug does not survive in 20 s; None if it survives all."""
    for seed in range(30):
        world = World(BYTES[:600_000], seed, weather, SMALL, **ends)
        try:
            if world.run(until=20 * SECOND) != "complete" or bytes(world.got) != world.data:
                return seed
        except (AssertionError, ValueError, KeyError):
            return seed
    return None


@pytest.mark.parametrize("bug", RECEIVERS, ids=lambda bug: bug.__name__)
def test_a_storm_finds_a_bug_in_the_receiver(bug):
    assert found(receiver=bug) is not None


@pytest.mark.parametrize("bug", SENDERS, ids=lambda bug: bug.__name__)
def test_a_storm_finds_a_bug_in_the_sender(bug):
    assert found(sender=bug) is not None


def test_a_sender_that_never_looks_for_the_late_chunk_waits_for_the_stream_to_time_out():
    assert found(Weather(loss=0.1), sender=NeverLooksForTheLateChunk) is not None


def test_the_same_storms_find_nothing_in_the_honest_ends():
    assert found() is None and found(Weather(loss=0.1)) is None


def test_a_sender_that_forgets_the_chunks_of_a_failed_stream_never_completes():
    class Forgetful(Sender):
        def __init__(self, *args):
            super().__init__(*args)
            self.outbox = ForgetsWhatAFailedStreamCarried()

    assert found(sender=Forgetful) is not None


def test_a_receiver_without_a_bound_is_caught_when_the_sender_ignores_the_window():
    slow_sink = Weather(sink_mbps=2.0)
    greedy = World(BYTES, 1, slow_sink, SMALL, sender=SendsBeyondTheWindow, receiver=HasNoBound)
    with pytest.raises(AssertionError):
        greedy.run()


def test_a_receiver_with_a_bound_refuses_what_goes_beyond_it_and_still_ends_well():
    greedy = World(BYTES, 1, Weather(sink_mbps=8.0), SMALL, sender=SendsBeyondTheWindow)
    assert greedy.run() == "complete"
    assert greedy.receiver.status().refused > 0
    assert greedy.receiver.status().peak_bytes <= SMALL.reorder_buffer


# what users rely on


def test_a_killed_stream_is_replaced_and_its_chunks_go_to_the_others_first():
    world = World(BYTES, 1, Weather(rate_mbps=20))
    world.at(100 * MS, lambda: world.kill(2))
    assert world.run() == "complete"
    status = world.sender.status()
    assert status.resent >= 1 and status.state == "complete"
    events = [event for who, event in world.told if who == "sender"]
    assert "stream_failed" in events


def test_a_new_connection_comes_within_a_second_and_carries_chunks():
    world = World(BYTES * 4, 1, Weather(rate_mbps=5))
    world.at(100 * MS, lambda: world.kill(2))
    assert world.run() == "complete"
    assert world.sender.status().replaced == 1
    (stream,) = [s for s in world.sender.status().streams if s.slot == 2]
    assert stream.sent_bytes > 0 and stream.state is State.ACTIVE


def test_when_all_streams_die_at_once_the_transfer_resumes():
    world = World(BYTES, 1, Weather(rate_mbps=5))
    for slot in range(4):
        world.at(200 * MS + slot, lambda slot=slot: world.kill(slot))
    assert world.run() == "complete"
    assert world.sender.status().replaced == 4
    assert world.receiver.status().duplicates < 40


def test_nobody_there_is_said_in_words_after_thirty_seconds():
    world = World(BYTES, 1, Weather(refuse=1.0))
    assert world.run() == "failed"
    assert world.sender.reason == "0 of 4 streams in 30 s; it takes 2"
    assert world.now == pytest.approx(30 * SECOND, abs=SECOND)


def test_a_network_that_goes_away_for_good_is_given_up_by_both_ends():
    world = World(BYTES, 1, Weather(rate_mbps=2, dead_after=1 * SECOND))
    for slot in range(4):
        world.at(1 * SECOND + slot, lambda slot=slot: world.kill(slot))
    assert world.run() == "failed"
    assert world.sender.reason == "no stream for 30 s"
    while world.receiver.outcome is Outcome.OPEN:
        world.step()
    assert world.receiver.reason == "no stream for 30 s"


def test_a_cancelled_transfer_ends_at_once_on_both_sides():
    world = World(BYTES, 1, Weather(rate_mbps=2))
    world.at(300 * MS, lambda: world.carry_out(world.sender.cancel(world.now), "sender"))
    assert world.run() == "cancelled"
    assert world.now == 300 * MS
    with pytest.raises(RuntimeError, match="cancelled already"):
        world.sender.cancel(world.now)


def test_the_receiver_cancels_and_the_sender_hears_it_in_an_ack():
    world = World(BYTES, 1, Weather(rate_mbps=2))
    world.at(300 * MS, lambda: world.carry_out(world.receiver.cancel(world.now), "receiver"))
    assert world.run() == "cancelled"
    assert world.sender.reason == "cancelled by the receiver"
    assert world.now < 400 * MS
    with pytest.raises(RuntimeError, match="cancelled already"):
        world.receiver.cancel(world.now)


def test_a_slow_application_slows_the_sender_and_the_buffer_stays_within_its_bound():
    world = World(BYTES, 1, Weather(rate_mbps=500, sink_mbps=5.0))
    assert world.run() == "complete"
    assert world.now >= len(BYTES) * 8 / 5 * 0.3  # held back, but for what the buffer takes
    assert world.receiver.status().peak_bytes <= SMALL.reorder_buffer
    assert world.sender.status().resent <= 2


def test_a_slow_stream_gets_few_chunks_and_is_degraded():
    world = World(BYTES * 8, 1, Weather(rate_mbps=3, slow_slots=(0,)), replace(SMALL, adapt=False))
    assert world.run() == "complete"
    by_slot = {stream.slot: stream for stream in world.sender.status().streams}
    assert by_slot[0].sent_bytes < by_slot[1].sent_bytes / 2
    assert ("sender", "stream_degraded") in world.told


def test_the_chunk_that_all_wait_for_is_sent_again_on_the_fastest_stream():
    sender = Sender(TRANSFER, replace(SMALL, streams=2), uncontrolled, 0)
    connect(sender, 2)
    todo = sender.offer(bytes(64 * KIB), 10)
    carrier = todo[0].slot
    while todo:
        todo += sender.written(todo.pop(0).slot, 11)
    sender.receive(1, Ack(TRANSFER, 0, 1 << 20, ((1, 4),)), 40 * MS)  # all but the first came
    again = []
    while not again and sender.wake_at < 5 * SECOND:
        now = sender.wake_at
        again = [e for e in sender.wake(now) if isinstance(e, Transmit)]
    assert [(e.slot, e.chunk.sequence, e.chunk.flags) for e in again] == [(1 - carrier, 0, AGAIN)]
    assert now >= 100 * MS  # twice the median of 40 ms, and not before an ack may be late
    assert sender.status().duplicated == 1


def connect(sender, count, now=0):
    sender.start(now)
    for slot in range(count):
        sender.connected(slot, now)
        sender.written(slot, now)
        sender.receive(slot, Ack(TRANSFER, 0, 1 << 20), now)


# single steps


def test_a_stream_is_active_once_connected_and_answered():
    sender = Sender(TRANSFER, replace(SMALL, streams=1, streams_min=1), uncontrolled, 0)
    assert sender.start(0) == [Open(0)]
    sender.offer(bytes(100), 0)
    sender.finish(0)
    assert sender.connected(0, 5) == [Transmit(0, hello(TRANSFER, 0))]
    assert sender.written(0, 6) == []
    effects = sender.receive(0, Ack(TRANSFER, 0, 1 << 20), 9)
    assert effects[0] == Tell("stream_active", {"slot": 0})
    assert effects[1:] == [Transmit(0, Chunk(0, bytes(100)))]
    (last,) = sender.written(0, 10)  # one chunk at a time is handed to a connection
    assert last.chunk.flags == END


def test_the_receiver_acks_every_second_chunk_or_after_fifty_milliseconds():
    receiver = Receiver(TRANSFER, 0)
    (greeting,) = receiver.opened(0, 0)
    assert greeting == Reply(0, Ack(TRANSFER, 0, receiver.buffer.bound))
    assert receiver.receive(0, Chunk(0, b"a"), 10) == [Deliver(b"a")]
    assert receiver.wake_at == 10 + 50 * MS
    (ack,) = receiver.wake(10 + 50 * MS)
    assert ack.ack.cumulative == 1
    receiver.receive(0, Chunk(1, b"b"), 20)
    effects = receiver.receive(0, Chunk(3, b"d"), 21)
    assert [type(effect) for effect in effects] == [Reply]
    assert effects[0].ack.ranges == ((3, 4),)


def test_only_the_same_length_and_hash_on_both_sides_are_success():
    for tampered in (Result(1, bytes(32)), Result(9, Outbox().result.digest)):
        sender = Sender(TRANSFER, replace(SMALL, streams=1, streams_min=1), uncontrolled, 0)
        connect(sender, 1)
        sender.offer(bytes(9), 0)
        sender.finish(0)
        sender.written(0, 1)
        done = Ack(TRANSFER, 2, 1 << 20, (), Outcome.COMPLETE, tampered)
        sender.receive(0, done, 5)
        assert sender.state == "failed"
        assert "is not the sender's" in sender.reason


def test_a_receiver_that_got_other_bytes_says_so():
    receiver = Receiver(TRANSFER, 0)
    receiver.opened(0, 0)
    receiver.receive(0, Chunk(0, b"abc"), 1)
    effects = receiver.receive(0, end(1, Result(3, bytes(32))), 2)
    assert receiver.outcome is Outcome.DAMAGED
    assert Tell("transfer_failed", {"why": "3 bytes arrived that are not the 3 sent"}) in effects


@pytest.mark.parametrize(
    "ack",
    [
        Ack(bytes(16), 0, 1 << 20),
        Ack(TRANSFER, 77, 1 << 20),
        Ack(TRANSFER, 0, 1 << 20, ((1, 1 << 31),)),
    ],
)
def test_an_ack_that_cannot_be_ends_its_stream_and_nothing_else(ack):
    sender = Sender(TRANSFER, SMALL, uncontrolled, 0)
    connect(sender, 2)
    effects = sender.receive(0, ack, 5)
    assert effects[0].event == "peer_misbehaved"
    assert any(isinstance(effect, Close) and effect.slot == 0 for effect in effects)
    assert sender.state == "sending" and sender.outbox.acked_bytes == 0


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_hostile_sender_makes_the_receiver_neither_crash_nor_grow(data):
    receiver = Receiver(TRANSFER, 0, 2 * CHUNK_MAX)
    receiver.opened(0, 0)
    for now in count(1):
        if now > 40:
            break
        kind = data.draw(st.sampled_from((0, 0, 0, AGAIN, END, HELLO, CANCEL)))
        size = RESULT if kind == END else data.draw(st.integers(1, 64 * KIB))
        sequence = data.draw(st.integers(0, 2**32 - 1) | st.integers(0, 70))
        receiver.receive(data.draw(st.integers(0, 2)), Chunk(sequence, bytes(size), kind), now)
        if data.draw(st.booleans()):
            receiver.opened(0, now)
        held = receiver.buffer
        assert held.held_bytes + held.unconsumed <= held.bound
        assert len(held._held) <= held.bound // (16 * KIB) + 3


RESULT = 40


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 40), st.integers(0, 2**32 - 1),
            st.lists(st.integers(1, 50), max_size=6, unique=True), st.sampled_from(Outcome),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_a_hostile_receiver_makes_the_sender_neither_crash_nor_believe(replies):
    sender = Sender(TRANSFER, SMALL, uncontrolled, 0)
    connect(sender, 4)
    sender.offer(bytes(300_000), 1)
    sender.finish(1)
    for now, (slot, cumulative, window, edges, outcome) in enumerate(replies, 2):
        edges = sorted(cumulative + edge for edge in edges)
        ranges = tuple(zip(edges[::2], edges[1::2], strict=False))
        ended = outcome in (Outcome.COMPLETE, Outcome.DAMAGED)
        ack = Ack(
            TRANSFER, cumulative, window, ranges, outcome, Result(1, bytes(32)) if ended else None
        )
        sender.receive(slot, ack, now * MS)
        if sender.wake_at is not None:
            sender.wake(sender.wake_at)
    assert sender.state != "complete"
    assert sender.outbox.acked_bytes <= 300_000


def test_misuse_raises_and_changes_nothing():
    with pytest.raises(ValueError, match="16 bytes"):
        Sender(b"short", SMALL, uncontrolled, 0)
    sender = Sender(TRANSFER, SMALL, uncontrolled, 0)
    sender.start(0)
    with pytest.raises(RuntimeError, match="sending already"):
        sender.start(0)
    sender.finish(0)
    with pytest.raises(RuntimeError, match="nothing can be added"):
        sender.offer(b"x", 0)


def test_events_of_streams_that_do_not_exist_are_ignored():
    sender = Sender(TRANSFER, SMALL, uncontrolled, 0)
    sender.start(0)
    assert sender.failed(9, "?", 1) == sender.written(9, 1) == []
    assert sender.receive(9, Ack(TRANSFER, 0, 0), 1) == []
    assert sender.connected(9, 1) == [Close(9, "it is no longer wanted")]
    assert Receiver(TRANSFER, 0).receive(3, Chunk(0, b"x"), 1) == []


def test_the_number_of_streams_is_changed_while_the_transfer_runs():
    plan = Plan(streams=4, streams_min=4, streams_max=8, chunk_size=16 * KIB)
    world = World(BYTES * 40, 3, Weather(rate_mbps=2.0, delay=5 * MS), plan)
    world.run(until=32 * SECOND)
    assert len(world.sender.status().streams) == 6  # each has a path of its own, so it pays


def test_no_progress_fails_a_stream_after_the_limit():
    sender = Sender(
        TRANSFER, replace(SMALL, streams=2), uncontrolled, 0, Timing(progress=3 * SECOND)
    )
    connect(sender, 2)
    sender.offer(bytes(64 * KIB), 0)
    told = []
    while sender.wake_at < 8 * SECOND and len(told) < 2:
        now = sender.wake_at
        told += [e for e in sender.wake(now) if isinstance(e, Tell) and e.event == "stream_failed"]
    assert {tell.details["why"] for tell in told} == {"no progress"}


def test_a_cubic_controller_hears_of_every_loss_in_the_transfer():
    class Listening(Cubic):
        losses = 0

        def on_loss(self, loss):
            Listening.losses += 1
            super().on_loss(loss)

    world = World(BYTES, 2, Weather(loss=0.05), congestion=lambda slot: Listening())
    assert world.run() == "complete"
    assert Listening.losses > 0


def test_the_reorder_buffer_is_that_of_the_plan():
    world = World(BYTES, 1, plan=replace(SMALL, reorder_buffer=2 * MIB))
    assert isinstance(world.receiver.buffer, ReorderBuffer)
    assert world.receiver.status().window == 2 * MIB
