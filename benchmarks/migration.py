"""Migrations by size and mode in the lab, beside the published planning values.

    python -m benchmarks.migration

Guests of 2, 8 and 32 GB move inside a site (0.8 ms, 1 Gbps) and over the internet (100 ms,
100 Mbps, 0.1 % loss), with 8 BBR streams and Zstandard level 5, by pre-copy; the guest writes 4 or
20 MB/s. Times are of the simulated clock; the bytes are really encoded, scaled as
`course.lab.memory` says.
"""

from typing import Any

from course.lab import Lab

SIZES = {2: 300, 8: 720, 32: 3_600}  # GB: limit, s
PLANNED = {
    (2, "datacenter"): "10-20 s",
    (8, "datacenter"): "30-60 s",
    (32, "datacenter"): "2-5 min",
    (2, "internet"): "45-90 s, 5-10 s",
    (8, "internet"): "3-6 min, 10-20 s",
    (32, "internet"): "15-30 min, 20-40 s",
}
TARGETS = {"datacenter": "worker-2", "internet": "worker-3"}


def moved(
    memory_gb: int, mode: str, dirty_mb_s: float, strategy: str = "pre-copy"
) -> dict[str, Any]:
    """One migration on a lab of its own."""
    lab = Lab("large-hosts", 1)
    lab.vm.create(name="vm", memory_gb=memory_gb, node="worker-1", dirty_mb_s=dirty_mb_s)
    lab.migration.set_timeout(vm="vm", timeout=SIZES[memory_gb])
    lab.migration.set_strategy(vm="vm", strategy=strategy)
    lab.migration.start(vm="vm", target=TARGETS[mode])
    status = lab.migration.wait(vm="vm")
    assert status["status"] == "completed" and status["hashes_equal"], status
    return status


def main() -> None:
    print("| VM | Mode | Planned time, downtime | Writes | Time | Downtime | Rounds | Saved |")
    print("|---|---|---|---|---|---|---|---|")
    for mode in TARGETS:
        for size in SIZES:
            for dirty in (4.0, 20.0):
                row = moved(size, mode, dirty)
                print(
                    f"| {size} GB | {mode} | {PLANNED[size, mode]} | {dirty:g} MB/s "
                    f"| {row['duration_s']:.0f} s | {row['downtime_s']:.1f} s "
                    f"| {len(row['rounds'])} | {row['wire_reduction']:.2f} |"
                )
    print()
    print("| Strategy (2 GB, internet, 20 MB/s) | Duration | Downtime | Wire |")
    print("|---|---|---|---|")
    for strategy in ("pre-copy", "stop-and-copy", "post-copy"):
        row = moved(2, "internet", 20.0, strategy)
        print(
            f"| {strategy} | {row['duration_s']:.0f} s | {row['downtime_s']:.1f} s "
            f"| {row['wire_gb']:.2f} GB |"
        )


if __name__ == "__main__":
    main()
