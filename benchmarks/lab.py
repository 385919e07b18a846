"""What a simulated cluster costs: CPU seconds of a minute, and per message, against bare SimPy.

    python -m benchmarks.lab

A message in the lab is an event of SimPy, a wire, a machine that answers, and often a timer. The
yardstick, in the same process, is SimPy itself with nothing in its events: as many of them pending
as the cluster has nodes.
"""

import time
from unittest.mock import patch

import simpy

from course.catalogue import scenarios
from course.lab import Lab

WORKERS = (10, 100, 1_000)
EVENTS = 200_000


def bare(pending: int) -> float:
    """Seconds that SimPy takes for one empty event, with `pending` of them in its queue."""
    env = simpy.Environment()
    left = [EVENTS]

    def again(event: simpy.Event) -> None:
        if left[0]:
            left[0] -= 1
            env.timeout(1_000).callbacks.append(again)

    for _ in range(pending):
        env.timeout(1_000).callbacks.append(again)
    start = time.process_time()
    env.run()
    return (time.process_time() - start) / EVENTS


def cluster(workers: int) -> tuple[float, int]:
    """Seconds for a quiet minute of 3 controllers and `workers`, and how many messages it had."""
    rows = scenarios.load("day-1") | {
        "regions": {"us-east": {"controllers": 3, "workers": workers // 2},
                    "eu-west": {"workers": workers - workers // 2}},
    }  # fmt: skip
    with patch.object(scenarios, "load", lambda name: rows):
        lab = Lab("day-1", 1)
    sent, start = lab.world.messages, time.process_time()
    lab.world.run(60_000_000)
    return time.process_time() - start, lab.world.messages - sent


def main() -> None:
    print(
        "| Workers | Messages in a minute | Seconds | us a message | us of an empty event | Ratio |"
    )
    print("|---|---|---|---|---|---|")
    for workers in WORKERS:
        took, messages = cluster(workers)
        empty = bare(workers)
        each = took / messages
        print(
            f"| {workers:,} | {messages:,} | {took:.2f} | {each * 1e6:.1f} "
            f"| {empty * 1e6:.2f} | {each / empty:.1f} |"
        )


if __name__ == "__main__":
    main()
