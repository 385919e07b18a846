"""AMST over real loopback connections: it arrives, it survives, it stops; and it is as modelled."""

import asyncio
import contextlib
import random
import socket
from dataclasses import replace

import pytest

from course.dwcp.transport.cubic import Cubic
from course.dwcp.transport.group import Timing
from course.dwcp.transport.plan import Plan, Profile, QueuePairs, plan_for
from course.dwcp.transport.wire import Chunk, Outcome, encode_chunk, hello
from course.dwcp.units import KIB, MIB, MS, SECOND
from course.faces import kernel, receiving
from course.faces.sockets import Outgoing, Server
from tests.dwcp.transfer_world import Weather, World

BYTES = random.Random(1).randbytes(12 * MIB)
MANY = BYTES * 4
PLAN = Plan(streams=4, congestion_control="cubic", chunk_size=64 * KIB)


def run(story):
    """One story on a loop of its own, with a limit."""
    return asyncio.run(asyncio.wait_for(story, 60))


async def transfer(data=BYTES, plan=PLAN, during=None, **options):
    """Send to a server in the same loop; (report, received, outgoing)."""
    async with Server(plan=plan) as server:
        outgoing = Outgoing(data, "127.0.0.1", server.ports, plan, **options)
        doing = asyncio.create_task(during(outgoing, server)) if during else None
        report = await outgoing.run()
        received = await server.received(outgoing.transfer)
        if doing:
            await doing
        return report, received, outgoing


async def until(holds):
    while not holds():
        await asyncio.sleep(0.001)


def acked(outgoing, size):
    return lambda: outgoing._sender is not None and outgoing.status().acked_bytes >= size


@pytest.mark.parametrize("size", [0, 1, 64 * KIB, 64 * KIB + 1, 12 * MIB])
def test_what_is_sent_arrives(size):
    report, received, _ = run(transfer(BYTES[:size]))
    assert (report.state, received.outcome) == ("complete", Outcome.COMPLETE)
    assert received.data == BYTES[:size]
    assert report.size == size


def test_one_port_for_each_stream_works_as_well_as_one_for_all():
    async def story():
        async with Server(ports=(0, 0, 0), plan=PLAN) as server:
            assert len(set(server.ports)) == 3
            report = await Outgoing(BYTES, "127.0.0.1", server.ports, PLAN).run()
            return report.state

    assert run(story()) == "complete"


def test_the_kill_of_any_connection_in_mid_transfer_is_survived():
    async def kill_each(outgoing, server):
        for slot in range(4):
            await until(acked(outgoing, (slot + 1) * 8 * MIB))
            assert outgoing.kill(slot)

    report, received, _ = run(transfer(MANY, during=kill_each))
    assert report.state == "complete" and received.data == MANY


def test_all_connections_killed_at_once_are_replaced():
    async def kill_all(outgoing, server):
        await until(acked(outgoing, 8 * MIB))
        for slot in range(4):
            outgoing.kill(slot)

    report, received, _ = run(transfer(MANY, during=kill_all))
    assert report.state == "complete" and received.data == MANY
    assert report.status.replaced == 4


class Counting:
    """A sink that counts bytes and keeps none."""

    def __init__(self):
        self.size = 0

    def __call__(self, payload):
        self.size += len(payload)


def test_cancel_takes_less_than_a_second_on_both_sides():
    async def story():
        async with Server(plan=PLAN) as server:
            outgoing = Outgoing(BYTES * 40, "127.0.0.1", server.ports, PLAN)
            running = asyncio.create_task(outgoing.run())
            await until(acked(outgoing, 4 * MIB))
            loop = asyncio.get_running_loop()
            started = loop.time()
            outgoing.cancel()
            report = await running
            received = await server.received(outgoing.transfer)
            return report.state, received.outcome, loop.time() - started

    state, outcome, took = run(story())
    assert (state, outcome) == ("cancelled", Outcome.CANCELLED)
    assert took < 1


def test_cancel_takes_less_than_a_second_when_the_receiver_does_not_read():
    async def story():
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            outgoing = Outgoing(BYTES, "127.0.0.1", [deaf.getsockname()[1]], PLAN)
            running = asyncio.create_task(outgoing.run())
            await asyncio.sleep(0.2)
            loop = asyncio.get_running_loop()
            started = loop.time()
            outgoing.cancel()
            report = await running
            return report.state, loop.time() - started

    state, took = run(story())
    assert state == "cancelled" and took < 1


def test_a_task_that_is_cancelled_leaves_no_connection_behind():
    async def story():
        async with Server(plan=PLAN) as server:
            outgoing = Outgoing(BYTES * 40, "127.0.0.1", server.ports, PLAN)
            running = asyncio.create_task(outgoing.run())
            await until(acked(outgoing, 1 * MIB))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            received = await server.received(outgoing.transfer)
            return received.outcome, outgoing._connections

    assert run(story()) == (Outcome.CANCELLED, {})


def test_the_receiver_can_stop_a_transfer_too():
    async def stop(outgoing, server):
        await until(acked(outgoing, 1 * MIB))
        server.cancel(outgoing.transfer)

    report, _, _ = run(transfer(BYTES * 10, during=stop))
    assert (report.state, report.reason) == ("cancelled", "cancelled by the receiver")


def test_nobody_listening_is_said_in_words():
    async def story():
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        timing = Timing(connect=1 * SECOND, stream=2 * SECOND)
        return await Outgoing(b"x", "127.0.0.1", [port], PLAN, timing=timing).run()

    report = run(story())
    assert report.state == "failed"
    assert report.reason == "0 of 4 streams in 1 s; it takes 2"


def test_two_transfers_at_once_do_not_mix():
    async def story():
        async with Server(plan=PLAN) as server:
            halves = [BYTES[: 6 * MIB], BYTES[6 * MIB :]]
            outgoing = [Outgoing(half, "127.0.0.1", server.ports, PLAN) for half in halves]
            await asyncio.gather(*(one.run() for one in outgoing))
            return [(await server.received(one.transfer)).data for one in outgoing] == halves

    assert run(story())


def test_several_transfers_in_a_row_use_one_server():
    async def story():
        async with Server(plan=PLAN) as server:
            for number in range(5):
                outgoing = Outgoing(BYTES[: number + 1], "127.0.0.1", server.ports, PLAN)
                assert (await outgoing.run()).state == "complete"
                assert (await server.received(outgoing.transfer)).data == BYTES[: number + 1]
            return len(server.status())

    assert run(story()) == 5


# what is in force


def test_the_report_says_which_controller_is_in_force():
    report, _, _ = run(transfer(plan=replace(PLAN, congestion_control="bbr2")))
    assert len(report.kernel) == 4
    for one in report.kernel.values():
        assert one.congestion_control != "bbr2" or not one.note
        if one.congestion_control != "bbr2":
            assert one.note == f"bbr2 was asked for, {one.congestion_control} is in force"


def test_a_controller_that_no_kernel_has_falls_back_in_words():
    with socket.socket() as sock:
        found = kernel.configure(sock, "warp")
    assert found.note == f"warp was asked for, {found.congestion_control} is in force"


def test_the_kernel_measures_a_connection_or_says_that_it_does_not():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as sock:
        sock.sendall(b"x" * 1_000)
        seen = kernel.measure(sock)
        assert seen is None or (seen.rtt < 1 * SECOND and seen.sent >= 1)


def test_the_machine_does_not_pace_what_the_kernel_paces():
    report, _, _ = run(transfer())
    assert {stream.control for stream in report.status.streams} == {"kernel"}


def test_rdma_is_refused_in_words_where_there_is_none():
    plan = plan_for(Profile(rtt_ms=0.2, rate_mbps=40_000, rdma=True))
    assert isinstance(plan.rdma, QueuePairs)
    with pytest.raises(ValueError, match="there is no RDMA here"):
        Outgoing(b"x", plan=plan)


# passing in


def test_a_controller_of_ones_own_is_passed_in():
    report, received, _ = run(transfer(BYTES[: 1 * MIB], congestion=lambda slot: Cubic()))
    assert {stream.control for stream in report.status.streams} == {"cubic"}
    assert received.data == BYTES[: 1 * MIB]


def test_a_connection_of_ones_own_is_passed_in(tmp_path):
    async def story():
        loop, place = asyncio.get_running_loop(), str(tmp_path / "amst")
        async with Server(ports=(), plan=PLAN) as server:
            listener = await loop.create_unix_server(server.protocol, place)

            async def connect(protocol, slot):
                await loop.create_unix_connection(protocol, place)

            outgoing = Outgoing(BYTES, plan=PLAN, connect=connect)
            report = await outgoing.run()
            received = await server.received(outgoing.transfer)
            listener.close()
            return report, received

    report, received = run(story())
    assert report.state == "complete" and received.data == BYTES
    assert report.kernel == {}


def test_bytes_can_go_to_a_sink_and_are_not_kept():
    async def story():
        sink = Counting()
        async with Server(plan=PLAN, sink=lambda transfer: sink) as server:
            outgoing = Outgoing(BYTES, "127.0.0.1", server.ports, PLAN)
            await outgoing.run()
            return sink.size, (await server.received(outgoing.transfer)).data

    assert run(story()) == (len(BYTES), b"")


def test_what_is_told_can_be_heard():
    events = []
    run(transfer(BYTES[:100], listen=lambda event, details: events.append(event)))
    assert events.count("stream_active") >= 1 and events[-1] == "transfer_completed"


# hostile and broken peers


async def talk(server, *pieces):
    """Say this to the server; what comes back until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
    for piece in pieces:
        writer.write(piece)
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "which mean nothing"),
        (encode_chunk(Chunk(0, b"no hello")), "starts with a hello"),
        (encode_chunk(hello(bytes(16), 99)), "stream 99"),
        (b"\0" * 13, "a chunk of 0 bytes"),
        (b"\xff" * 13, "which mean nothing"),
    ],
)
def test_who_does_not_say_hello_is_turned_away_in_words(said, why):
    async def story():
        async with Server(plan=PLAN) as server:
            assert await talk(server, said) == b""
            return server.refused, server.status()

    refused, transfers = run(story())
    assert why in refused[0] and transfers == {}


def test_a_damaged_chunk_ends_its_connection_and_not_the_transfer():
    async def story():
        async with Server(plan=PLAN) as server:
            honest = encode_chunk(Chunk(0, b"abc"))
            await talk(server, encode_chunk(hello(bytes(16), 0)), honest[:-1] + b"X")
            (status,) = server.status().values()
            return status

    status = run(story())
    assert (status.outcome, status.refused, status.size) == (Outcome.OPEN, 1, 0)


def test_the_number_of_transfers_is_bounded():
    async def story():
        async with Server(plan=PLAN) as server:
            writers = []
            for number in range(receiving.TRANSFERS_MAX):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
                writer.write(encode_chunk(hello(number.to_bytes(16, "big"), 0)))
                await reader.read(1)
                writers.append(writer)
            await talk(server, encode_chunk(hello(bytes([255] * 16), 0)))
            for writer in writers:
                writer.close()
            return server.refused

    assert run(story()) == ["64 transfers are open; this end takes no more"]


def test_a_transfer_larger_than_the_server_keeps_is_cancelled_by_it():
    async def story():
        async with Server(plan=PLAN, size_max=1 * MIB) as server:
            return await Outgoing(BYTES, "127.0.0.1", server.ports, PLAN).run()

    assert run(story()).reason == "cancelled by the receiver"


def test_a_receiver_that_talks_rubbish_is_left_alone():
    async def story():
        async def babble(reader, writer):
            writer.write(b"\xff" * 64)
            await reader.read(10)
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        ports = [server.sockets[0].getsockname()[1]]
        timing = Timing(connect=1 * SECOND, stream=1 * SECOND)
        report = await Outgoing(BYTES, "127.0.0.1", ports, PLAN, timing=timing).run()
        server.close()
        return report

    assert run(story()).state == "failed"


# the model and the real thing


SCRIPTS = {
    "nothing happens": (),
    "one stream dies": ((8 * MIB, 1),),
    "all streams die": tuple((8 * MIB, slot) for slot in range(4)),
    "they die one after the other": tuple(((slot + 1) * 8 * MIB, slot) for slot in range(4)),
}


def modelled(script):
    """The script in the simulated host: (state, outcome, bytes, does every event occur)."""
    world = World(MANY, "parity", Weather(rate_mbps=500, delay=1 * MS), PLAN)
    waiting = list(script)
    world.carry_out(world.sender.start(0), "sender")
    world.carry_out(world.sender.offer(MANY, 0), "sender")
    world.carry_out(world.sender.finish(0), "sender")
    while world.sender.state == "sending":
        world.step()
        while waiting and world.sender.status().acked_bytes >= waiting[0][0]:
            world.kill(waiting.pop(0)[1])
    events = {event for who, event in world.told if who == "sender"}
    receiver = world.receiver
    return world.sender.state, receiver.outcome, bytes(world.got), events - {"stream_replaced"}


def really(script):
    """The same script over loopback sockets."""
    events = set()

    async def act(outgoing, server):
        for size, slot in script:
            await until(acked(outgoing, size))
            await until(lambda slot=slot: outgoing.kill(slot))

    report, received, _ = run(
        transfer(MANY, during=act, listen=lambda event, details: events.add(event))
    )
    return report.state, received.outcome, bytes(received.data), events - {"stream_replaced"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_script_gives_the_same_outcome_in_the_model_and_over_sockets(name):
    assert modelled(SCRIPTS[name]) == really(SCRIPTS[name])
