"""A long and lossy path on one machine: two network namespaces, two TUN devices, and this between.

    sudo .venv/bin/python -m benchmarks.emulator --rate 50 --rtt-ms 100 --loss 0.01

For kernels without netem. What a host sends comes out of its TUN device as IP packets; each is
perhaps lost (a seeded draw), waits in a queue of finite size that drains at the link's rate, is
under way for half the round trip, and goes into the other device. The TCP on both sides is the
kernel's own. It needs Linux, root, /dev/net/tun and iproute2; `missing()` says what is not there.

One Python process moves every packet: about 10 us each, so keep links below some 200 Mbit/s, and
look at `late_us` afterwards, which says how late the latest packet was. It runs before other
processes (`nice` -15), as a link does not wait for the computers at its ends.
"""

import argparse
import fcntl
import mmap
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TUN = Path("/dev/net/tun")
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 1_500
ADDRESSES = {"a": "10.99.0.1", "b": "10.99.0.2"}
COUNTS = struct.Struct("=6q")
PRIORITY = -15

ECHO = f"""
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("{ADDRESSES["b"]}", 7))
while True:
    here.sendto(*here.recvfrom(100))
"""
ASK = f"""
import socket, statistics, time
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.settimeout(0.5)
took = []
time.sleep(0.5)
for number in range(100):
    asked = time.perf_counter()
    here.sendto(b"?", ("{ADDRESSES["b"]}", 7))
    try:
        here.recv(100)
        took.append(1e3 * (time.perf_counter() - asked))
    except TimeoutError:
        pass
print(f"{{len(took)}} of 100 came back, in {{statistics.median(took):.1f}} ms (median)")
"""


@dataclass(frozen=True, slots=True)
class Link:
    """`queue` is bytes for each direction (0: one BDP, at least 20 packets); `loss` 0 to 1.

    Loss is drawn for data, from a to b, only; the way back loses nothing but by overflow.
    """

    rate_mbps: float
    rtt_ms: float
    loss: float = 0.0
    queue: int = 0

    @property
    def queue_bytes(self) -> int:
        """What the queue holds."""
        return self.queue or max(20 * MTU, round(self.rate_mbps * self.rtt_ms * 125))


@dataclass(frozen=True, slots=True)
class Counts:
    """Packets from a to b, and the latest that any packet was delivered, us."""

    carried: int
    lost: int
    overflowed: int
    back: int
    back_overflowed: int
    late_us: int


@dataclass(frozen=True, slots=True)
class Net:
    """Two hosts on a link; `command("a", ...)` runs something on one of them."""

    names: dict[str, str]
    shared: mmap.mmap

    def command(self, host: str, *words: str) -> list[str]:
        """The words, to be run on that host."""
        return ["ip", "netns", "exec", self.names[host], *words]

    def counts(self) -> Counts:
        """So far."""
        return Counts(*COUNTS.unpack_from(self.shared))


class Direction:
    """One way over the link. The queue is computed: `free_at` is when it will have drained."""

    def __init__(self, link: Link, loss: float, out: int, seed: str) -> None:
        self.seconds_a_byte = 8 / (link.rate_mbps * 1e6)
        self.delay_s = link.rtt_ms / 2_000
        self.limit_s = link.queue_bytes * self.seconds_a_byte
        self.loss, self.out = loss, out
        self.dice = random.Random(seed)
        self.free_at = 0.0
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.carried = self.lost = self.overflowed = 0

    def take(self, packet: bytes, now: float) -> None:
        """A packet came in."""
        if self.loss and self.dice.random() < self.loss:
            self.lost += 1
            return
        start = max(self.free_at, now)
        if start - now > self.limit_s:
            self.overflowed += 1
            return
        self.carried += 1
        self.free_at = start + len(packet) * self.seconds_a_byte
        self.under_way.append((self.free_at + self.delay_s, packet))

    def deliver(self, now: float) -> float:
        """Packets whose time has come go out; returns how late the first was, s."""
        late = 0.0
        while self.under_way and self.under_way[0][0] <= now:
            due, packet = self.under_way.popleft()
            late = max(late, now - due)
            try:
                os.write(self.out, packet)
            except OSError:  # the device is down or full, as a network card may be
                self.overflowed += 1
        return late


def missing() -> str | None:
    """What keeps the emulator from working here, in words; None: nothing."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "the emulator makes network namespaces and needs root"
    if not TUN.exists():
        return "there is no /dev/net/tun; load the kernel module tun"
    if shutil.which("ip") is None:
        return "there is no `ip`; install iproute2"
    name = f"amst-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        return f"network namespaces are not permitted: {tried.stderr.strip()}"
    _ip("netns", "del", name)
    return None


@contextmanager
def emulated(link: Link, seed: int = 1) -> Iterator[Net]:
    """Two hosts with this link between them, for as long as the block lasts."""
    names = {side: f"amst-{side}-{os.getpid()}" for side in ADDRESSES}
    shared = mmap.mmap(-1, COUNTS.size)
    devices: dict[str, int] = {}
    child = 0
    try:
        for side, name in names.items():
            _ip("netns", "add", name)
            devices[side] = _device(side, name)
        child = os.fork()
        if child == 0:
            _work(link, devices, shared, seed)
        yield Net(names, shared)
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        for device in devices.values():
            os.close(device)
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _device(side: str, namespace: str) -> int:
    """A TUN device that lives in the namespace; its other end is the descriptor."""
    name = f"amst{side}{os.getpid() % 100_000}"
    device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    _ip("link", "set", name, "netns", namespace)
    other = ADDRESSES["b" if side == "a" else "a"]
    inside = ["netns", "exec", namespace, "ip"]
    _ip(*inside, "addr", "add", ADDRESSES[side], "peer", other, "dev", name)
    _ip(*inside, "link", "set", name, "mtu", str(MTU), "txqueuelen", "10000", "up")
    _ip(*inside, "link", "set", "lo", "up")
    # No memory of earlier connections: each run starts alike.
    setting = "/proc/sys/net/ipv4/tcp_no_metrics_save"
    _ip("netns", "exec", namespace, "sh", "-c", f"echo 1 > {setting}")
    return device


def _work(link: Link, devices: dict[str, int], shared: mmap.mmap, seed: int) -> None:
    """Carry packets until somebody ends this process. It never returns."""
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    a, b = devices["a"], devices["b"]
    ways = {
        a: Direction(link, link.loss, b, f"emulator {seed}"),
        b: Direction(link, 0.0, a, "way back"),
    }
    late = 0.0
    while True:
        now = time.perf_counter()
        for way in ways.values():
            late = max(late, way.deliver(now))
        there, back = ways[a], ways[b]
        COUNTS.pack_into(
            shared, 0, there.carried, there.lost, there.overflowed, back.carried,
            back.overflowed, round(late * 1e6),
        )  # fmt: skip
        due = min((way.under_way[0][0] for way in ways.values() if way.under_way), default=now + 1)
        readable, _, _ = select.select([a, b], [], [], max(0.0, due - time.perf_counter()))
        for device in readable:
            _drain(device, ways[device])


def _drain(device: int, way: Direction) -> None:
    for _ in range(64):
        try:
            packet = os.read(device, 2_048)
        except OSError:
            return
        way.take(packet, time.perf_counter())


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def main() -> None:
    """A hundred small packets there and back, to see that the path is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50, help="Mbit/s")
    parser.add_argument("--rtt-ms", type=float, default=100)
    parser.add_argument("--loss", type=float, default=0.01, help="fraction of the data packets")
    asked = parser.parse_args()
    reason = missing()
    if reason:
        raise SystemExit(reason)
    with emulated(Link(asked.rate, asked.rtt_ms, asked.loss)) as net:
        server = subprocess.Popen(net.command("b", sys.executable, "-c", ECHO))
        subprocess.run(net.command("a", sys.executable, "-c", ASK), check=False)
        server.kill()
        server.wait()
        print(net.counts())


if __name__ == "__main__":
    main()
