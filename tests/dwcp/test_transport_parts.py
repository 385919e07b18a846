"""The parts of a transfer, each by itself: buffers, flights, pacing, health, plans."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.mode import Mode
from course.dwcp.transport import Scheduler, reorder
from course.dwcp.transport.adapt import StreamCount, next_chunk_size
from course.dwcp.transport.congestion import Uncontrolled
from course.dwcp.transport.flights import Flights
from course.dwcp.transport.health import MOVES, State, Stream, imbalance
from course.dwcp.transport.outbox import Outbox
from course.dwcp.transport.pacing import Pacer, gap_us
from course.dwcp.transport.plan import Plan, Profile, check, controller, plan_for
from course.dwcp.transport.reorder import ReorderBuffer
from course.dwcp.transport.wire import CHUNK_MAX, END, Ack, Chunk, WireError
from course.dwcp.units import KIB, MIB, MS, SECOND
from course.lab import wire

TRANSFER = bytes(16)


# the reorder buffer


@given(st.permutations(range(20)))
def test_chunks_in_any_order_come_out_in_order(order):
    buffer, out = ReorderBuffer(2 * CHUNK_MAX), []
    for sequence in order:
        out += buffer.add(Chunk(sequence, bytes([sequence])))
        assert buffer.next_sequence == len(out)
        assert buffer.held_bytes + buffer.unconsumed <= buffer.bound
    assert [chunk.sequence for chunk in out] == list(range(20))
    assert (buffer.held_bytes, buffer.unconsumed, buffer.ranges()) == (0, 20, ())


@given(st.sets(st.integers(0, 60)))
def test_the_ranges_are_those_that_a_slow_look_finds(numbers):
    buffer = ReorderBuffer(2 * CHUNK_MAX)
    for sequence in numbers:
        buffer.add(Chunk(sequence, b"x"))
    held = sorted(n for n in numbers if n >= buffer.next_sequence)
    starts = [n for n in held if n - 1 not in held]
    stops = [n + 1 for n in held if n + 1 not in held]
    assert buffer.ranges() == tuple(zip(starts, stops, strict=True))


def test_what_goes_beyond_the_bound_or_far_ahead_has_an_objection():
    buffer = ReorderBuffer(2 * CHUNK_MAX)
    buffer.add(Chunk(1, bytes(CHUNK_MAX)))
    buffer.add(Chunk(2, bytes(CHUNK_MAX)))
    assert "there is room for 0" in buffer.objection(Chunk(0, b"x"))
    assert "far beyond 0" in buffer.objection(Chunk(2**31, b"x"))


def test_the_window_opens_only_when_the_application_has_taken_the_bytes():
    buffer = ReorderBuffer(2 * CHUNK_MAX)
    buffer.add(Chunk(0, bytes(1_000)))
    assert buffer.window == 2 * CHUNK_MAX - 1_000
    buffer.consume(1_000)
    assert buffer.window == 2 * CHUNK_MAX
    with pytest.raises(ValueError, match="1 bytes taken, 0 were handed out"):
        buffer.consume(1)
    with pytest.raises(ValueError, match="give at least 1,048,576"):
        ReorderBuffer(1_000)


# the outbox


@given(st.lists(st.binary(max_size=50)), st.integers(1, 60))
def test_what_is_offered_is_cut_into_chunks_that_give_it_back(pieces, size):
    box = Outbox()
    box.edge = 1 << 30
    for piece in pieces:
        box.offer(piece)
    box.finish()
    chunks = []
    while box.ready(size):
        chunks.append(box.next(size)[0])
    assert chunks[-1].flags == END
    assert b"".join(chunk.payload for chunk in chunks[:-1]) == b"".join(pieces)
    assert all(len(chunk.payload) == size for chunk in chunks[:-2])
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))


def outbox_with(count, size=10):
    box = Outbox()
    box.edge = 1 << 30
    box.offer(bytes(count * size))
    return box, [box.next(size)[0] for _ in range(count)]


def test_a_chunk_that_comes_back_goes_to_the_head_and_keeps_its_number():
    box, _ = outbox_with(5)
    box.offer(bytes(10))
    for sequence in (3, 1, 3):
        box.again(sequence)
    order = []
    while box.ready(10):
        order.append(box.next(10)[0].sequence)
    assert order == [1, 3, 5]


def test_a_chunk_that_is_acked_meanwhile_does_not_go_again():
    box, _ = outbox_with(3)
    box.again(1)
    assert box.acknowledge(Ack(TRANSFER, 2, 1 << 20)) == [0, 1]
    assert not box.ready(10)


def test_each_chunk_is_acknowledged_at_most_once():
    box, _ = outbox_with(10)
    assert box.acknowledge(Ack(TRANSFER, 1, 0, ((3, 5), (7, 8)))) == [0, 3, 4, 7]
    assert box.acknowledge(Ack(TRANSFER, 1, 0, ((3, 5), (7, 8)))) == []
    assert box.acknowledge(Ack(TRANSFER, 8, 0)) == [1, 2, 5, 6]
    assert box.acknowledge(Ack(TRANSFER, 0, 0)) == []
    assert (box.cumulative, box.acked_bytes, box.unacked) == (8, 80, 2)


def test_an_ack_of_what_was_never_sent_changes_nothing():
    box, _ = outbox_with(2)
    for ack in (Ack(TRANSFER, 3, 0), Ack(TRANSFER, 0, 0, ((1, 9),))):
        with pytest.raises(WireError, match="2 were sent"):
            box.acknowledge(ack)
    assert (box.unacked, box.acked_bytes) == (2, 0)


def test_nothing_is_cut_beyond_the_receivers_edge_and_the_edge_never_moves_back():
    box = Outbox()
    box.offer(bytes(100))
    assert not box.ready(10)
    box.acknowledge(Ack(TRANSFER, 0, 25))
    assert [box.next(10)[0].sequence for _ in range(2) if box.ready(10)] == [0, 1]
    assert not box.ready(10)
    box.acknowledge(Ack(TRANSFER, 1, 5))
    assert box.edge == 25


def test_nothing_is_added_after_the_end():
    box = Outbox()
    box.finish()
    with pytest.raises(RuntimeError, match="nothing can be added"):
        box.offer(b"x")


# flights


def test_the_delivery_rate_is_what_the_path_carried():
    flights = Flights()
    for number in range(200):  # 1,000 B every ms: 8 Mbps; each ack 50 ms later
        flights.sent(number, 1_000, number * MS)
        if number >= 50:
            sample = flights.acked(number - 50, number * MS)
    assert sample.rate_mbps == pytest.approx(8, rel=0.03)
    assert sample.rtt == 50 * MS


def test_acks_in_a_bunch_do_not_look_like_a_fast_path():
    flights = Flights()
    for number in range(10):
        flights.sent(number, 1_000, number * MS)
    rates = [flights.acked(number, 100 * MS).rate_mbps for number in range(10)]
    assert max(rates) <= 10_000 * 8 / (9 * MS)


def test_three_later_acks_mean_loss_and_two_do_not():
    flights = Flights()
    for number in range(5):
        flights.sent(number, 10, 0)
    flights.acked(1, 5)
    flights.acked(2, 5)
    assert flights.overtaken(5) == []
    flights.acked(3, 6)
    ((sequence, loss),) = flights.overtaken(6)
    assert (sequence, loss.lost, flights.in_flight) == (0, 10, 10)


def test_a_rate_while_there_was_nothing_to_send_is_marked():
    flights = Flights()
    flights.sent(0, 10, 0)
    flights.nothing_to_send()
    flights.acked(0, 5)
    flights.sent(1, 10, 10)
    assert flights.acked(1, 15).limited
    flights.sent(2, 10, 20)
    assert not flights.acked(2, 25).limited


# pacing


def test_the_gap_is_size_over_gain_times_rate():
    assert gap_us(64 * KIB, 100, 1.25) == pytest.approx(4_194.3)
    assert gap_us(1_000_000, 100, 2.77) == pytest.approx(28_881, abs=1)
    with pytest.raises(ValueError, match="above 0"):
        gap_us(1, 0)


def as_published_in_whole_seconds(size, rate_mbps, gain):
    """D-15b: the division is done in whole seconds, and scaled to a time unit afterwards."""
    return int(size * 8 / (gain * rate_mbps * 1e6)) * SECOND


def test_whole_seconds_do_not_pace():
    assert as_published_in_whole_seconds(1_000_000, 100, 2.77) == 0


def rate_of(pacers, rate_mbps=100.0, size=64 * KIB, chunks=200):
    """What comes out when every pacer in the row has to agree."""
    now = 0
    for _ in range(chunks):
        for pacer in pacers:
            now = max(now, pacer.next_at)
            pacer.sent(size, rate_mbps, now)
    return chunks * size * 8 / max(pacer.next_at for pacer in pacers)


def sleeps_twice(rate_mbps=100.0, size=64 * KIB, chunks=200):
    """D-19: the controller waits its gap, and then the sender sleeps as long once more."""
    return chunks * size * 8 / (chunks * 2 * gap_us(size, rate_mbps))


def test_one_pacer_keeps_the_rate_and_pacing_twice_halves_it():
    assert rate_of([Pacer()]) == pytest.approx(100, rel=0.01)
    assert sleeps_twice() == pytest.approx(50, rel=0.01)


def test_lateness_is_made_good_but_not_by_a_long_burst():
    pacer, now, sent = Pacer(), 0, 0
    for tick in range(1_000):  # a host that looks only once a ms
        now = tick * MS
        while pacer.ready(now):
            pacer.sent(1_500, 100, now)
            sent += 1
    assert sent * 1_500 * 8 / now == pytest.approx(100, rel=0.02)
    burst = 0
    while pacer.ready(now + 10 * SECOND):
        pacer.sent(1_500, 100, now + 10 * SECOND)
        burst += 1
    assert burst <= 10


# the scheduler


def test_streams_without_room_sit_out_and_do_not_save_up():
    scheduler = Scheduler({0: 3, 1: 1})
    assert [scheduler.next_stream([1]) for _ in range(50)] == [1] * 50
    assert [scheduler.next_stream() for _ in range(4)] == [0, 0, 1, 0]
    assert sum(scheduler.current.values()) == 0


def test_new_weights_act_at_once_and_what_was_earned_stays():
    scheduler = Scheduler({0: 1})
    scheduler.reweigh({0: 1, 1: 3})
    turns = [scheduler.next_stream() for _ in range(400)]
    assert turns.count(1) == 300
    with pytest.raises(ValueError, match="at least 1"):
        scheduler.reweigh({0: 0})
    with pytest.raises(ValueError, match="no such streams"):
        scheduler.next_stream([7])


# health


def stream(rate=0.0, state=State.ACTIVE):
    made = Stream(0, Uncontrolled(), 0, state=state)
    made.rate_mbps = rate
    return made


def test_a_stream_below_half_the_median_for_five_seconds_is_degraded():
    slow = stream(rate=4)
    assert slow.judge(10, 0) is None
    assert slow.judge(10, 4_999 * MS) is None
    assert slow.judge(10, 5 * SECOND) is State.DEGRADED


def test_one_good_second_starts_the_five_anew():
    slow = stream(rate=4)
    slow.judge(10, 0)
    slow.rate_mbps = 6
    slow.judge(10, 3 * SECOND)
    slow.rate_mbps = 4
    assert slow.judge(10, 5 * SECOND) is None


def test_loss_degrades_and_recovery_needs_seventy_percent_of_the_median():
    lossy = stream(rate=10)
    lossy.loss = 0.06
    lossy.judge(10, 0)
    assert lossy.judge(10, 5 * SECOND) is State.DEGRADED
    well = stream(rate=6.9, state=State.DEGRADED)
    assert well.judge(10, 0) is None and well.judge(10, 60 * SECOND) is None
    well.rate_mbps = 7.1
    assert well.judge(10, 61 * SECOND) is None
    assert well.judge(10, 66 * SECOND) is State.ACTIVE


def test_only_the_moves_in_the_table_can_be_made():
    for before in State:
        for after in State:
            made = stream(state=before)
            if after in MOVES[before]:
                made.move(after)
            else:
                with pytest.raises(AssertionError, match=f"{before} -> {after}"):
                    made.move(after)


def test_back_off_starts_below_a_second_doubles_and_ends_at_thirty():
    tried, now, waits = stream(), 0, []
    for _ in range(9):
        tried.back_off(now)
        waits.append((tried.retry_at - now) / SECOND)
        now = tried.retry_at
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_rate_estimate_is_a_fifth_of_each_new_sample():
    made = stream()
    for number, rate in enumerate((10, 10, 20)):
        made.flights.sent(number, rate * 125_000, number * SECOND)
        made.flights.acked(number, number * SECOND + 1)
        made.tick(SECOND)
    assert made.rate_mbps == pytest.approx(12)


def test_imbalance_is_the_spread_over_the_mean():
    assert imbalance([10, 10, 10]) == 0
    assert imbalance([12, 10, 8]) == pytest.approx(0.4)
    assert imbalance([]) == 0


# adaptation


def test_chunks_shrink_on_loss_grow_on_clean_short_paths_and_stay_in_range():
    assert next_chunk_size(64 * KIB, 0.06, 20) == 52_429
    assert next_chunk_size(64 * KIB, 0.03, 20) == 64 * KIB
    assert next_chunk_size(64 * KIB, 0.001, 120) == 64 * KIB
    size = 64 * KIB
    for _ in range(40):
        size = next_chunk_size(size, 0, 10)
    assert size == CHUNK_MAX
    for _ in range(40):
        size = next_chunk_size(size, 0.2, 10)
    assert size == 16 * KIB


def climb(rate_with, low=8, high=12, start=10, loss=0.0):
    """The counts that a path leads to; `rate_with(streams)` is what it carries."""
    value, counts = StreamCount(start, low, high, 0), []
    for step in range(1, 8):
        value = value.evaluate(rate_with(value.count), loss, step * 30 * SECOND)
        counts.append(value.count)
    return counts


def test_streams_are_added_while_they_pay():
    assert climb(lambda count: 2.0 * count)[-1] == 12


def test_the_step_that_did_not_pay_is_taken_back_once():
    assert climb(lambda count: 100.0, start=10) == [12, 10, 10, 10, 10, 10, 10]


def test_a_congested_path_gets_four_at_once():
    value = StreamCount(10, 8, 12, 0).evaluate(100, 0.06, 1 * SECOND)
    assert value.count == 4


# plans


def test_datacenters_have_few_streams_and_cubic_unless_there_is_rdma():
    plain = plan_for(Profile(rtt_ms=0.5, rate_mbps=10_000))
    assert (plain.mode, plain.congestion_control) == (Mode.DATACENTER, "cubic")
    assert 4 <= plain.streams <= 8 and plain.rdma is None
    fast = plan_for(Profile(rtt_ms=0.5, rate_mbps=40_000, rdma=True))
    assert 32 <= fast.rdma.count <= 512 and fast.rdma.queue_depth == 1_024
    assert plan_for(Profile(rtt_ms=120, rate_mbps=10_000, rdma=True)).rdma is None


@pytest.mark.parametrize(("rtt_ms", "low", "high"), [(20, 4, 8), (120, 8, 12), (250, 12, 16)])
def test_the_streams_of_the_internet_follow_the_bands(rtt_ms, low, high):
    plan = plan_for(Profile(rtt_ms=rtt_ms, rate_mbps=200))
    assert (plan.streams_min, plan.streams_max) == (low, high)
    assert low <= plan.streams <= high and plan.congestion_control == "bbr2"


def test_a_congested_path_gets_four_streams_and_careful_gains():
    plan = plan_for(Profile(rtt_ms=120, rate_mbps=200, loss=0.06))
    assert plan.streams == plan.streams_max == 4
    made = controller(plan.congestion_control, random.Random(1), plan.loss)
    assert (made.gains.startup, made.gains.window) == (2.5, 1.5)


def test_the_reorder_buffer_holds_a_round_trip_and_a_third():
    assert plan_for(Profile(rtt_ms=200, rate_mbps=1_000)).reorder_buffer == 32_500_000
    assert plan_for(Profile(rtt_ms=20, rate_mbps=100)).reorder_buffer == 16 * MIB
    assert plan_for(Profile(rtt_ms=1_000, rate_mbps=100_000)).reorder_buffer == 256 * MIB


@given(
    st.floats(0, 2_000), st.floats(0.1, 400_000), st.floats(0, 1), st.booleans(),
    st.sampled_from([None, *Mode]),
)  # fmt: skip
def test_every_plan_can_be_carried_out(rtt_ms, rate_mbps, loss, rdma, mode):
    plan = plan_for(Profile(rtt_ms, rate_mbps, loss, rdma, mode))
    check(plan)
    assert controller(plan.congestion_control, random.Random(1), plan.loss).window() > 0
    assert plan.rdma is None or (rdma and 32 <= plan.rdma.count <= 512)
    assert plan.fast_path_below == 0 or plan.rdma


def test_without_a_profile_there_are_the_defaults():
    assert plan_for(None) == Plan() and Plan().streams == 8


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(streams=17), "1 to 16 have a port"),
        (Plan(streams_max=64), "1 to 16 have a port"),
        (Plan(chunk_size=1_000), "give 16,384 to 524,288"),
        (Plan(streams_min=9, streams_max=8), "is no range"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(plan, words):
    with pytest.raises(ValueError, match=words):
        check(plan)
    with pytest.raises(ValueError, match="no congestion control 'vegas'"):
        controller("vegas", random.Random(1))


# demos


def test_the_demos_show_what_their_modules_say(capsys):
    reorder.demo()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "chunk 3 came: out [], next 1, held 2 to 3",
        "chunk 1 came: out [1, 2, 3], next 4, held nothing",
    ]
    wire.demo()
    rates = [float(line.split()[-2]) for line in capsys.readouterr().out.splitlines()]
    assert min(rates[0], rates[1], rates[3]) > 17 and rates[2] < 5
