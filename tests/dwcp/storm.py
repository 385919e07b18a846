"""A group of Raft members in a storm: faults from a seed, and the promises checked at every step.

    python -m tests.dwcp.storm [--seeds 2000] [--steps 400]

The wire delays, loses, repeats and cuts; members crash and come back with what they saved; the
group changes while it works. The first seed that breaks a promise is printed, and replays.
"""

import argparse
import heapq
import random
from itertools import count

from course.dwcp.consensus.log import Members
from course.dwcp.consensus.messages import Saved
from course.dwcp.consensus.raft import Raft
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.units import MS, SECOND

SPARE = 2  # newcomers who may be let in

COMMANDS = ("write", "write", "write", "write", "read", "fold", "members", "hand over")


class Net:
    """Members, a wire, and disks. `member` builds one, so that a test can plant a bug."""

    def __init__(self, seed: int, size: int = 5, member: type[Raft] = Raft) -> None:
        self.dice = random.Random(seed)
        self.member = member
        self.batch = self.dice.choice((1, 2, 1_000))  # small ones split what belongs together
        self.founders = tuple(f"n{i}" for i in range(size))
        self.names = (*self.founders, *(f"new{i}" for i in range(SPARE)))
        self.now = 0
        self.disk = dict.fromkeys(self.names, Saved())
        self.nodes: dict[str, Raft] = {}
        self.state: dict[str, tuple[int, int]] = {}  # name -> (index, running hash) as applied
        self.wire: list[tuple[int, int, str, str, object]] = []
        self.cut: set[str] = set()
        self.leaders: dict[int, str] = {}
        self.decided: dict[int, tuple[int, object]] = {}  # index -> (term, command)
        self.hashes = {0: 0}  # index -> what applying 1..index must give
        self.chain: dict[tuple[int, int], tuple[object, int]] = {}
        self.reads: dict[int, int] = {}  # read -> what was decided when it was asked
        self._number = count(1)
        for name in self.names:
            self.restart(name)

    def restart(self, name: str) -> None:
        dice, saved = random.Random(self.dice.random()), self.disk[name]
        members = self.founders if name in self.founders else ()
        self.nodes[name] = self.member(name, members, dice, self.now, saved, batch=self.batch)
        self.state[name] = (saved.snapshot.index, saved.snapshot.state or 0)

    def carry_out(self, name: str, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Save):
                self.disk[name] = effect.record
                self._check_chain(name)
            elif isinstance(effect, Send):
                for _ in range(self.dice.choice((0, 1, 1, 1, 1, 2))):
                    at = self.now + self.dice.randrange(1 * MS, 60 * MS)
                    message = (at, next(self._number), name, effect.to, effect.message)
                    heapq.heappush(self.wire, message)
            else:
                self._heard(name, effect)

    def step(self) -> None:
        """The next thing that happens: a message or a timer, and now and then a command."""
        wake_at, name = min((n.wake_at or 1 << 60, name) for name, n in self.nodes.items())
        if self.wire and self.wire[0][0] <= wake_at:
            self.now, _, sender, to, message = heapq.heappop(self.wire)
            if sender not in self.cut and to not in self.cut:
                self.carry_out(to, self.nodes[to].receive(sender, message, self.now))
        else:
            self.now = max(self.now, wake_at)
            self.carry_out(name, self.nodes[name].wake(self.now))
        if self.dice.random() < 0.12:
            self.command(self.dice.choice(COMMANDS))

    def command(self, kind: str) -> None:
        for name, node in self.nodes.items():
            if node.role == "leader":
                try:
                    self.carry_out(name, self._ask(node, kind))
                except RuntimeError:  # not now: an earlier change is not committed, for instance
                    continue

    def _ask(self, node: Raft, kind: str) -> list:
        number = next(self._number)
        if kind == "read":
            self.reads[number] = max(self.decided, default=0)
            return node.read(number, self.now)
        if kind == "hand over":
            return node.hand_over(self.dice.choice(self.names), self.now)
        if kind == "members":
            return node.change_members(self._other(node.log.members), self.now)
        if kind == "fold" and self.state[node.name][0] == node.commit_index:
            return node.compact(self.state[node.name][1], self.now)
        return node.propose(number, self.now)

    def _other(self, old: Members) -> Members:
        """One voter more or fewer, or a learner more; never fewer than three voters."""
        name = self.dice.choice(self.names)
        if name in old.voters:
            voters = tuple(voter for voter in old.voters if voter != name)
            return Members(voters, old.learners) if len(voters) >= 3 else old
        if name in old.learners:
            learners = tuple(other for other in old.learners if other != name)
            return Members((*old.voters, name), learners)
        return Members(old.voters, (*old.learners, name))

    def fault(self) -> None:
        kind = self.dice.choice(("restart", "restart", "cut", "heal"))
        victim = self.dice.choice(self.names)
        if kind == "restart":
            self.restart(victim)
        elif kind == "cut" and len(self.cut) < 2:
            self.cut.add(victim)
        else:
            self.cut.clear()

    # the promises

    def _heard(self, name: str, tell: Tell) -> None:
        details = tell.details
        if tell.event == "leader_elected":
            self._check_leader(name, details["term"])
        elif tell.event == "committed":
            self._check_decided(name, details["index"], (details["term"], details["command"]))
        elif tell.event == "snapshot_installed":
            index = details["index"]
            assert self.hashes.get(index) == details["state"], f"a snapshot lies about {index}"
            self.state[name] = (index, details["state"])
        elif tell.event == "read_ready":
            asked_after = self.reads[details["key"]]
            assert details["index"] >= asked_after, "a read misses what was decided before it"

    def _check_leader(self, name: str, term: int) -> None:
        assert self.leaders.setdefault(term, name) == name, f"two leaders in term {term}"
        log = self.nodes[name].log
        for index, (at, _) in self.decided.items():
            if index > log.snapshot.index:
                assert log.term_at(index) == at, f"the leader lacks decision {index}"

    def _check_decided(self, name: str, index: int, decision: tuple[int, object]) -> None:
        assert self.decided.setdefault(index, decision) == decision, f"two decisions at {index}"
        applied, running = self.state[name]
        assert index == applied + 1, "decisions are applied in order, each once"
        running = hash((running, decision[0], str(decision[1]) if decision[1] else 0)) & 0xFFFF_FFFF
        assert self.hashes.setdefault(index, running) == running, f"states differ after {index}"
        self.state[name] = (index, running)

    def _check_chain(self, name: str) -> None:
        """Log matching: the same (index, term) is the same entry after the same one, everywhere."""
        log = self.nodes[name].log
        before = log.snapshot.term
        for index, entry in enumerate(log.entries, log.snapshot.index + 1):
            link = (entry.command, before)
            known = self.chain.setdefault((index, entry.term), link)
            assert known == link, f"logs differ at {index}, before an equal entry"
            before = entry.term


def storm(seed: int, size: int = 5, steps: int = 400, member: type[Raft] = Raft) -> Net:
    """Run one seed; AssertionError says which promise broke, and where."""
    net = Net(seed, size, member)
    for _ in range(steps):
        net.step()
        if net.dice.random() < 0.03:
            net.fault()
    return net


def calm(net: Net, seconds: int) -> None:
    """No more faults, and nobody is cut off."""
    net.cut.clear()
    until = net.now + seconds * SECOND
    while net.now < until:
        net.step()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=400)
    asked = parser.parse_args()
    decisions = elections = 0
    for seed in range(asked.seeds):
        try:
            net = storm(seed, 3 + seed % 3, asked.steps)
        except AssertionError as broken:
            raise SystemExit(f"seed {seed}, size {3 + seed % 3}: {broken}") from broken
        decisions, elections = decisions + len(net.decided), elections + len(net.leaders)
    print(f"{asked.seeds} seeds, {elections} elections, {decisions} decisions, no promise broken")


if __name__ == "__main__":
    main()
