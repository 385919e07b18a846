"""AMST over real TCP against iperf3 with as many streams, on an emulated path; and the models.

    sudo .venv/bin/python -m benchmarks.transport [--full] [--streams 1,8] [--rate 50] [--seconds 7]

Each cell is one path (RTT, loss), one kernel controller and one number of streams. iperf3 and AMST
run one after the other on a path made anew with the same seed, for the same time, and both count
what has arrived by then: iperf3 what its server received, AMST the bytes that the receiver's
application acknowledged. AMST hashes, checks and reorders in Python; iperf3 does nothing with the
bytes. The last columns are what `course.lab.links` (a formula) and `course.lab.wire` (packet by
packet) say beforehand, with their error against iperf3; the kernel's "bbr" is version 1.
"""

import argparse
import asyncio
import json
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from random import Random

from benchmarks.emulator import ADDRESSES, Link, emulated, missing
from course.dwcp.transport.plan import Plan, Profile, controller, plan_for
from course.dwcp.transport.streams import DATA_PORTS
from course.dwcp.units import MIB, MS, SECOND
from course.faces.sockets import Outgoing, Server
from course.lab.links import Path, rate_mbps
from course.lab.wire import Bottleneck, race

RATE_MBPS, SECONDS = 50.0, 7.0
QUICK = [(10, 0.0), (50, 0.001), (100, 0.001), (100, 0.01), (100, 0.05), (200, 0.001)]  # ms, loss
QUICK_STREAMS = (1, 8)
FULL = [(rtt, loss) for rtt in (10, 50, 100, 200) for loss in (0.0, 0.001, 0.01, 0.05)]
FULL_STREAMS = (1, 4, 8, 16)
CONTROLS = ("cubic", "bbr")


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table; rates are Mbit/s of payload."""

    rtt_ms: int
    loss: float
    control: str
    streams: int
    amst: float
    iperf3: float
    formula: float
    packets: float
    in_force: str
    late_ms: float

    def row(self) -> str:
        """As Markdown. The errors are (model - iperf3) / iperf3."""
        wrong = [f"{100 * (m / self.iperf3 - 1):+.0f} %" for m in (self.formula, self.packets)]
        return (
            f"| {self.rtt_ms} | {100 * self.loss:g} | {self.in_force} | {self.streams} "
            f"| {self.amst:.1f} | {self.iperf3:.1f} | {self.amst / self.iperf3:.2f} "
            f"| {self.formula:.1f} ({wrong[0]}) | {self.packets:.1f} ({wrong[1]}) "
            f"| {self.late_ms:.1f} |"
        )


HEAD = """\
| RTT, ms | loss, % | control | streams | AMST | iperf3 | ratio | formula | packets | late, ms |
|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|"""


def main() -> None:
    """Print the table line by line, then what the ratios come to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="128 cells, 50 minutes, instead of 24")
    parser.add_argument("--streams", type=numbers, help="only these, such as 1,8")
    parser.add_argument("--rate", type=float, default=RATE_MBPS, help="of the link, Mbit/s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve(asked.serve))
    elif asked.send:
        print(asyncio.run(send(json.loads(asked.send))))
    else:
        paths, counts = (FULL, FULL_STREAMS) if asked.full else (QUICK, QUICK_STREAMS)
        compare(paths, asked.streams or counts, asked.rate, asked.seconds, asked.seed)


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers, by commas.

    >>> numbers("1,8")
    (1, 8)
    """
    return tuple(int(word) for word in text.split(","))


def compare(
    paths: list[tuple[int, float]], counts: tuple[int, ...], rate: float, seconds: float, seed: int
) -> None:
    """Every cell of the grid."""
    reason = missing() or (None if shutil.which("iperf3") else "there is no iperf3; install it")
    if reason:
        raise SystemExit(reason)
    print(f"Link {rate:g} Mbit/s, queue of one BDP, {seconds:g} s each, seed {seed}; Mbit/s.\n")
    print(HEAD, flush=True)
    cells = []
    for rtt_ms, loss in paths:
        for control in CONTROLS:
            for streams in counts:
                link = Link(rate, rtt_ms, loss)
                cells.append(measured(link, control, streams, seconds, seed))
                print(cells[-1].row(), flush=True)
    ratios = sorted(cell.amst / cell.iperf3 for cell in cells)
    print(f"\nAMST / iperf3: median {ratios[len(ratios) // 2]:.2f}, lowest {ratios[0]:.2f}.")
    for name in ("formula", "packets"):
        errors = sorted(abs(getattr(cell, name) / cell.iperf3 - 1) for cell in cells)
        middle, most = 100 * errors[len(errors) // 2], 100 * errors[-1]
        print(f"{name}: median error {middle:.0f} %, most {most:.0f} %.")


def measured(link: Link, control: str, streams: int, seconds: float, seed: int) -> Cell:
    """One cell: iperf3, then AMST, then the models."""
    path = Path(link.rtt_ms, link.rate_mbps, link.loss)
    reference, late = iperf3(link, control, streams, seconds, seed)
    found, late_too = amst(link, control, streams, seconds, seed)
    controls = [controller(control, Random(slot)) for slot in range(streams)]
    bottleneck = Bottleneck(
        link.rate_mbps, round(link.rtt_ms * MS), link.loss, queue=link.queue_bytes
    )
    packets = race(bottleneck, controls, round(seconds * SECOND), seed).rate_mbps
    return Cell(
        round(link.rtt_ms), link.loss, control, streams, found["mbps"], reference,
        rate_mbps(path, streams, control), packets, found["in_force"], max(late, late_too),
    )  # fmt: skip


def iperf3(
    link: Link, control: str, streams: int, seconds: float, seed: int
) -> tuple[float, float]:
    """(Mbit/s that its server received, latest packet in ms)."""
    with emulated(link, seed) as net:
        server = subprocess.Popen(
            net.command("b", "iperf3", "-s"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
        client = net.command(
            "a", "iperf3", "-c", ADDRESSES["b"], "-t", f"{seconds:g}", "-P", str(streams),
            "-C", control, "-J",
        )  # fmt: skip
        done = subprocess.run(client, capture_output=True, text=True, check=False)
        server.terminate()
        server.wait()
        said = json.loads(done.stdout)
        if "error" in said:
            raise RuntimeError(f"iperf3: {said['error']}")
        return said["end"]["sum_received"]["bits_per_second"] / 1e6, net.counts().late_us / 1e3


def amst(
    link: Link, control: str, streams: int, seconds: float, seed: int
) -> tuple[dict[str, object], float]:
    """(what `send` reports, latest packet in ms)."""
    plan = json.dumps(
        {
            "rtt_ms": link.rtt_ms, "rate": link.rate_mbps, "loss": link.loss, "control": control,
            "streams": streams, "seconds": seconds,
        }
    )  # fmt: skip
    module = [sys.executable, "-m", "benchmarks.transport"]
    with emulated(link, seed) as net:
        server = subprocess.Popen(
            net.command("b", *module, "--serve", plan), stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        server.stdout.readline()
        client = net.command("a", *module, "--send", plan)
        done = subprocess.run(client, capture_output=True, text=True, check=True)
        server.terminate()
        server.wait()
        server.stdout.close()
        return json.loads(done.stdout), net.counts().late_us / 1e3


def plan_of(asked: dict[str, float | str]) -> Plan:
    """What AMST would plan for the path, with the cell's controller and streams held fast."""
    profile = Profile(float(asked["rtt_ms"]), float(asked["rate"]), float(asked["loss"]))
    streams = int(asked["streams"])
    return replace(
        plan_for(profile), streams=streams, streams_min=1, streams_max=max(streams, 1),
        congestion_control=str(asked["control"]), adapt=False,
    )  # fmt: skip


async def serve(plan: str) -> None:
    """Take transfers and drop their bytes, until terminated."""
    ports = tuple(DATA_PORTS)
    nothing = lambda transfer: lambda payload: None  # noqa: E731
    async with Server(ADDRESSES["b"], ports, plan_of(json.loads(plan)), sink=nothing):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def send(asked: dict[str, float | str]) -> str:
    """Send for the given time; what the receiver's application has acknowledged by then."""
    plan = plan_of(asked)
    seconds = float(asked["seconds"])
    block = secrets.token_bytes(1 * MIB)
    enough = 2 * float(asked["rate"]) * 1e6 / 8 * seconds
    going = asyncio.Event()
    outgoing = Outgoing(
        block * round(enough / len(block) + 1), ADDRESSES["b"], tuple(DATA_PORTS), plan,
        listen=lambda event, details: going.set() if event == "stream_active" else None,
    )  # fmt: skip
    running = asyncio.create_task(outgoing.run())
    await going.wait()  # iperf3's clock starts when its connections are there, and so does ours
    await asyncio.sleep(seconds)
    arrived = outgoing.status().acked_bytes
    outgoing.cancel()
    report = await running
    in_force = sorted({kernel.congestion_control for kernel in report.kernel.values()})
    return json.dumps({"mbps": arrived * 8 / seconds / 1e6, "in_force": ", ".join(in_force)})


if __name__ == "__main__":
    main()
