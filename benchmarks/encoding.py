"""HDE against the zstd program and xdelta3, on the same memory images, in one run.

    python -m benchmarks.encoding [--memory-gb 4] [--seed 1] [--first FILE --later FILE]

Without files the images are the lab's modelled guest, now and 20 s of writing later. With files
they are yours: raw memory of one virtual machine at two moments, whole pages of 4,096 bytes.
Times are wall clock on one core; speed is MB/s (10^6 plain bytes). HDE here is Python around C
libraries, and runs in memory; zstd and xdelta3 are programs that read a file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from course.dwcp.encoding import Chooser, Decoder, Encoder, Settings, block_hash, pages_of
from course.dwcp.units import KIB, MIB, PAGE_SIZE, SECOND
from course.lab.memory import Workload, guest, os_blocks


@dataclass(frozen=True)
class Row:
    """One method: bytes that it needs, and seconds for them."""

    method: str
    plain: int
    wire: int
    seconds: float

    def line(self, against: Row) -> str:
        saved, speed = 1 - self.wire / self.plain, self.plain / 1e6 / self.seconds
        return (
            f"| {self.method} | {saved:.1%} | {self.wire / against.wire:.2f} | {speed:.0f} | "
            f"{against.seconds / self.seconds:.2f} |"
        )


def modelled(memory_gb: float, seed: int) -> tuple[bytes, bytes]:
    """The lab's guest at two moments, 20 s apart, writing 4 MB of pages a second."""
    memory = guest(memory_gb, Workload(), np.random.default_rng(seed))
    first = bytes(memory.image)
    memory.run(20 * SECOND)
    return first, bytes(memory.image)


def timed(work: Callable[[], int]) -> tuple[int, float]:
    """What `work` returns, and the least seconds of two runs."""
    seconds, result = [], 0
    for _ in range(2):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return result, min(seconds)


def program(command: list[str]) -> Callable[[], int]:
    """Bytes that a program writes to its standard output."""

    def run() -> int:
        done = subprocess.run(command, capture_output=True, check=True)
        return len(done.stdout)

    return run


def hde(image: bytes, settings: Settings, known: bool = False, link_mbps: float = 0) -> Row:
    """One first copy. `known`: the receiver holds the system's pages of another guest.

    Nothing is acknowledged meanwhile, so a repeated block costs its bytes again, as at the worst.
    """
    blocks = os_blocks() if known else {}

    def run() -> int:
        packer = None
        if link_mbps:
            packer = Chooser(
                link_mbps, Random(1), stopwatch=lambda: time.perf_counter_ns() // 1_000
            )
        encoder = Encoder(settings, known=blocks, packer=packer)
        for _ in encoder.encode(pages_of(image)):
            pass
        return encoder.stats.wire_bytes

    wire, seconds = timed(run)
    name = (
        f"HDE level {settings.level}" if not link_mbps else f"HDE, chosen for {link_mbps:.0f} Mbps"
    )
    name += f", groups of {settings.group_size // KIB} KiB"
    return Row(name + (", the system's pages known" if known else ""), len(image), wire, seconds)


def first_copy(image: bytes, folder: Path) -> None:
    """The whole memory, once."""
    path = folder / "image"
    path.write_bytes(image)
    zstd = ["zstd", "-q", "-c", "-T1"]
    yardstick = Row("zstd -3", len(image), *timed(program([*zstd, "-3", str(path)])))
    rows = [yardstick]
    for arguments in (["-1"], ["-9"], ["-3", "--long=27"], ["-9", "--long=27"]):
        name = "zstd " + " ".join(arguments)
        rows.append(Row(name, len(image), *timed(program([*zstd, *arguments, str(path)]))))
    for settings in (
        Settings(level=1),
        Settings(level=3),
        Settings(level=3, group_size=MIB),
        Settings(level=5),
        Settings(level=9, group_size=MIB),
    ):
        rows.append(hde(image, settings))
    rows.append(hde(image, Settings(level=3, group_size=MIB), known=True))
    rows += [hde(image, Settings(), link_mbps=mbps) for mbps in (100, 1_000)]
    show(f"First copy of {len(image) / MIB:.0f} MiB", rows, yardstick)


def later_round(first: bytes, later: bytes, folder: Path) -> None:
    """What changed since: XOR in HDE against xdelta3 and zstd without the old image."""
    changed = [
        (n, page)
        for (n, page), (_, old) in zip(pages_of(later), pages_of(first), strict=True)
        if page != old
    ]
    plain = len(changed) * PAGE_SIZE
    (folder / "new").write_bytes(b"".join(page for _, page in changed))
    (folder / "old").write_bytes(
        b"".join(first[n * PAGE_SIZE : (n + 1) * PAGE_SIZE] for n, _ in changed)
    )

    def round_two() -> tuple[int, float]:
        encoder, decoder = Encoder(Settings(level=3)), Decoder(bytearray(first))
        encoder.acknowledge(decoder.apply(encoder.encode(pages_of(first))))
        before, started = encoder.stats.wire_bytes, time.perf_counter()
        frames = list(encoder.encode(changed))
        seconds = time.perf_counter() - started
        decoder.apply(frames)
        assert decoder.image == later, "what arrived is not what was sent"
        return encoder.stats.wire_bytes - before, seconds

    new, old = str(folder / "new"), str(folder / "old")
    yardstick = Row(
        "zstd -3, no delta", plain, *timed(program(["zstd", "-q", "-c", "-T1", "-3", new]))
    )
    rows = [yardstick, Row("HDE level 3, XOR", plain, *round_two())]
    if shutil.which("xdelta3"):
        xdelta = program(
            ["sh", "-c", f"xdelta3 -q -e -S none -c -s {old} {new} | zstd -q -3 -T1 -c"]
        )
        rows.append(Row("xdelta3, then zstd -3", plain, *timed(xdelta)))
    share = len(changed) * PAGE_SIZE / len(first)
    show(f"A later round: {share:.1%} of the pages changed", rows, yardstick)


def show(title: str, rows: list[Row], against: Row) -> None:
    print(f"\n{title}\n")
    print(f"| Method | Saved | Bytes, of {against.method} | MB/s | Speed, of {against.method} |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(row.line(against))


def picture(image: bytes) -> None:
    """What the image is made of, as it was measured of real guests."""
    pages = [page for _, page in pages_of(image)]
    full = [page for page in pages if page.count(0) != PAGE_SIZE]
    hashes = {block_hash(page) for page in full}
    print(
        f"zero pages {1 - len(full) / len(pages):.1%}; of the others "
        f"{1 - len(hashes) / len(full):.1%} repeated"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory-gb", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=Path)
    parser.add_argument("--later", type=Path)
    asked = parser.parse_args()
    if bool(asked.first) != bool(asked.later):
        sys.exit("give both images, --first and --later, or none")
    if asked.first:
        first, later = asked.first.read_bytes(), asked.later.read_bytes()
        if len(first) != len(later) or len(first) % PAGE_SIZE:
            sys.exit("the images are of one size, and whole pages of 4,096 bytes")
    else:
        first, later = modelled(asked.memory_gb, asked.seed)
    picture(first)
    with tempfile.TemporaryDirectory() as folder:
        first_copy(first, Path(folder))
        later_round(first, later, Path(folder))


if __name__ == "__main__":
    main()
