"""Messages per decided request: Raft and PBFT against the counts of their papers.

    python -m benchmarks.consensus [--requests 400]

No network and no clock: every message arrives 1 ms after it was sent, none is lost. Counted is
what the machines send between the first request and the last answer, over all requests.

Textbook counts, for one request alone and n voters:

    Raft   AppendEntries to n - 1 followers and their n - 1 answers: 2(n - 1). The commit index
           rides on the next AppendEntries (Ongaro and Ousterhout 2014, section 5.3).
    PBFT   request 1, pre-prepare n - 1, prepare (n - 1)^2, commit n(n - 1), reply n:
           2n^2 - n + 1 (Castro and Liskov 1999, section 4.2 and figure 1).

In a batch of b, what is said once for the batch is divided by b: 2(n - 1) / b for Raft, and
1 + n + 2n(n - 1) / b for PBFT, where each client still asks, and is answered by n.

A ratio above 1 is what the papers' sketch leaves out: Raft's heartbeats, PBFT's checkpoints every
100 batches and its status message twice a second. This Raft sends an append for every proposal,
so a batch given to it at once does not save it any messages.
"""

import argparse
from collections import Counter
from dataclasses import replace
from random import Random

from course.dwcp.consensus.pbft_cluster import Cluster
from course.dwcp.consensus.pbft_records import Settings
from course.dwcp.consensus.raft import Raft
from course.dwcp.consensus.signatures import KeyedHashKeyring, KeyedHashSigner
from course.dwcp.machine import Send, Tell
from course.dwcp.units import MS, SECOND

RAFT_SIZES, PBFT_SIZES = (3, 5, 7), (4, 7, 10, 13)
BATCHES = (1, 10, 100)


def raft_textbook(voters: int, batch: int = 1) -> float:
    """Messages for one entry of a batch.

    >>> [raft_textbook(n) for n in (3, 5, 7)]
    [4.0, 8.0, 12.0]
    """
    return 2 * (voters - 1) / batch


def pbft_textbook(voters: int, batch: int = 1) -> float:
    """Messages for one request of a batch, the client's and to the client included.

    >>> [pbft_textbook(n) for n in (4, 7, 10, 13)]
    [29.0, 92.0, 191.0, 326.0]
    """
    pre_prepare, prepare, commit = voters - 1, (voters - 1) ** 2, voters * (voters - 1)
    return 1 + (pre_prepare + prepare + commit) / batch + voters


class RaftGroup:
    """Members and a wire of 1 ms; the first to wake leads."""

    def __init__(self, size: int) -> None:
        names = tuple(f"n{i}" for i in range(size))
        self.nodes = {name: Raft(name, names, Random(name), 0) for name in names}
        self.now, self.wire, self.sent, self.committed = 0, [], Counter(), 0
        while not (leaders := [n for n in self.nodes.values() if n.role == "leader"]):
            self.tick()
        self.leader = leaders[0]
        self.settle()

    def carry_out(self, name: str, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.wire.append((name, effect.to, effect.message))
                self.sent[type(effect.message).__name__] += 1
            elif isinstance(effect, Tell) and effect.event == "committed":
                self.committed += name == self.leader.name

    def tick(self) -> None:
        self.now += 1 * MS
        letters, self.wire = self.wire, []
        for name, node in self.nodes.items():
            if node.wake_at is not None and node.wake_at <= self.now:
                self.carry_out(name, node.wake(self.now))
        for sender, to, message in letters:
            self.carry_out(to, self.nodes[to].receive(sender, message, self.now))

    def settle(self) -> None:
        while self.wire:
            self.tick()

    def decide(self, requests: int) -> None:
        for number in range(requests):
            self.carry_out(self.leader.name, self.leader.propose(number, self.now))
        aim = self.leader.log.last_index
        while self.leader.commit_index < aim:
            self.tick()


def raft_messages(size: int, batch: int, requests: int) -> float:
    """Per request, with `batch` of them given to the leader at once."""
    group = RaftGroup(size)
    group.sent.clear()
    for _ in range(requests // batch):
        group.decide(batch)
    return group.sent.total() / requests


def pbft_messages(size: int, batch: int, requests: int) -> float:
    """Per request, with `batch` clients that ask at once, each its next request."""
    clients = tuple(f"c{i}" for i in range(batch))
    settings = replace(Settings(), batch_size=batch, batch_timeout=1 * SECOND)
    # Keyed hashes for signatures: what is counted does not depend on them.
    group = Cluster(size, settings, clients, signer=KeyedHashSigner, keyring=KeyedHashKeyring)
    sent = 0
    for number in range(requests // batch):
        for client in clients:
            group.ask(number, client)
        while len(group.events("answered")) < (number + 1) * batch or group.wire:
            sent += len(group.round())
    return sent / requests


PROTOCOLS = (
    ("Raft", RAFT_SIZES, raft_messages, raft_textbook),
    ("PBFT", PBFT_SIZES, pbft_messages, pbft_textbook),
)
HEAD = """\
| protocol | voters | batch | per request | alone | ratio | in a batch | ratio |
|---|---:|---:|---:|---:|---:|---:|---:|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=400, help="in each cell")
    asked = parser.parse_args()
    print(HEAD)
    for batch in BATCHES:
        for name, sizes, messages, textbook in PROTOCOLS:
            for n in sizes:
                measured = messages(n, batch, asked.requests)
                alone, shared = textbook(n), textbook(n, batch)
                print(
                    f"| {name} | {n} | {batch} | {measured:.2f} | {alone:.0f} "
                    f"| {measured / alone:.3f} | {shared:.2f} | {measured / shared:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
