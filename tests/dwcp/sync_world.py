"""Replicas in a storm: faults from a seed, and the promises checked as they are made.

    python -m tests.dwcp.sync_world [--seeds 200] [--seconds 90]

The wire delays, loses, repeats and reorders; the cluster is cut in two and healed; replicas crash
in the middle of what they are doing and come back with what they saved; wall clocks disagree. The
first seed that breaks a promise is printed, and replays.
"""

import argparse
import heapq
import random
from dataclasses import dataclass
from itertools import count

from course.dwcp.machine import Save, Send, Tell
from course.dwcp.sync import GSet, MultiRegister, Replica, Saved, Settings
from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.repair import same
from course.dwcp.units import MS, SECOND

STORM = Settings(
    anti_entropy=5 * SECOND,
    tombstone_ttl=15 * SECOND,
    max_staleness=5 * SECOND,
    left_out=5 * SECOND,
    seen_window=3 * SECOND,  # news is soon forgotten, so that much is left to comparisons
)
ELEMENTS = ("gold", "silver", "tin")


class Broken(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Op:
    """A change that was accepted and saved, with what the reader of the history must know of it."""

    verb: str
    key: str
    argument: object
    at: Clock
    saw: tuple  # what it replaced: tags, or values
    total: int = 0  # of a counter: (up or down) of this node afterwards


class World:
    """Replicas, a wire, and disks. `replica` builds one, so that a test can plant a bug."""

    def __init__(
        self,
        seed: int,
        size: int = 5,
        settings: Settings = STORM,
        replica: type[Replica] = Replica,
        loss: float = 0.15,
        skew: int = 400 * MS,
    ) -> None:
        self.dice = random.Random(seed)
        self.settings, self.replica, self.loss = settings, replica, loss
        self.members = {f"n{i}": ("eu", "us")[i % 2] for i in range(size)}
        self.now = 0
        self.skew_max = skew
        self.skew: dict[str, int] = {}
        self.disk = {name: Saved() for name in self.members}
        self.nodes: dict[str, Replica] = {}
        self.side = dict.fromkeys(self.members, 0)  # messages pass between equal sides only
        self.wire: list[tuple[int, int, str, str, object]] = []
        self.ops: list[Op] = []
        self.told: list[tuple[int, str, Tell]] = []
        self.messages = 0
        self._number = count(1)
        for name in self.members:
            self.restart(name)

    def restart(self, name: str) -> None:
        """From what was saved; the wall clock may have been set back meanwhile."""
        skew = self.skew[name] = self.dice.randrange(self.skew_max + 1)
        self.nodes[name] = self.replica(
            name, self.members, random.Random(self.dice.random()), self.now, self.disk[name],
            self.settings, lambda now: now + skew,
        )  # fmt: skip

    def carry_out(self, name: str, effects: list, crash_after: int | None = None) -> None:
        for i, effect in enumerate(effects):
            if i == crash_after:
                self.restart(name)
                return
            if isinstance(effect, Save):
                self.disk[name] = self.disk[name].after(effect.record)
            elif isinstance(effect, Send):
                self.messages += 1
                if self.dice.random() >= self.loss:
                    for _ in range(self.dice.choice((1, 1, 1, 1, 2))):
                        at = self.now + self.dice.randrange(5 * MS, 400 * MS)
                        entry = (at, next(self._number), name, effect.to, effect.message)
                        heapq.heappush(self.wire, entry)
            else:
                self._heard(name, effect)

    def run(
        self, duration: int, busy: float = 0.0, faults: float = 0.0, crashes: float = 0.0
    ) -> None:
        """For `duration` us; chances at each event of a change, a fault, a crash in the middle."""
        until = self.now + duration
        while True:
            wake_at, name = min((n.wake_at or 1 << 60, name) for name, n in self.nodes.items())
            first = self.wire[0][0] if self.wire else 1 << 60
            if min(wake_at, first) > until:
                self.now = until
                return
            crash = self.dice.randrange(4) if crashes and self.dice.random() < crashes else None
            if first <= wake_at:
                self.now, _, sender, name, message = heapq.heappop(self.wire)
                if self.side[sender] != self.side[name]:
                    continue
                effects = self.nodes[name].receive(sender, message, self.now)
            else:
                self.now = wake_at
                effects = self.nodes[name].wake(self.now)
            answered = self._register_in(effects) if busy and first <= wake_at else None
            self.carry_out(name, effects, crash)
            if answered and self.dice.random() < 0.1:  # who has just read, writes
                self.change(name, "put", answered)
            if busy and self.dice.random() < busy:
                self.change(self.dice.choice(tuple(self.members)))
            if faults and self.dice.random() < faults:
                self.fault()
            self.check(name)

    @staticmethod
    def _register_in(effects: list) -> str | None:
        keys = [key for e in effects if isinstance(e, Save) for key, _ in e.record.entries]
        return next((key for key in keys if key.startswith("register")), None)

    # changes

    def change(self, name: str, verb: str = "", chosen: str = "") -> None:
        """A change, at random; what cannot be (removing what is not there) does not happen."""
        verbs = ("put", "put", "add", "add", "discard", "count", "remove", "both", "grow")
        verb = verb or self.dice.choice(verbs)
        number = next(self._number)
        key, argument = {
            "put": (f"register-{number % 3}", number),
            "remove": (self.dice.choice((f"register-{number % 3}", f"set-{number % 2}")), None),
            "add": (f"set-{number % 2}", ELEMENTS[number % 3]),
            "discard": (f"set-{number % 2}", ELEMENTS[number % 3]),
            "count": (f"counter-{number % 2}", number % 7 - 3 or 1),
            "both": ("versions", number),
            "grow": ("facts", f"fact-{number % 11}"),
        }[verb]
        key = chosen or key
        node = self.nodes[name]
        old = node.store.entries.get(key)
        saw: tuple = ()
        if verb == "both" and old is not None:
            saw = old.read()
        if verb in ("discard", "remove") and key.startswith("set") and old is not None:
            saw = tuple(tag for tag, e in old.added.items() if argument in (None, e))
        try:
            effects = self.ask(node, verb, key, argument)
        except ValueError as refused:
            if verb in ("discard", "remove"):  # of what is not here
                return
            raise Broken(f"{name} refuses to {verb} {argument}: {refused}") from refused
        # The host may die here: what is on disk was acknowledged, what is not was not.
        crash = self.dice.randrange(1, 3) if self.dice.random() < 0.02 else None
        acknowledged = isinstance(effects[0], Save)
        if not acknowledged:
            raise Broken(f"{name} answered before it saved: {effects}")
        now_there = node.store.entries.get(key)
        total = 0
        if verb == "count":
            half = now_there.up if argument > 0 else now_there.down
            total = dict(half.counts)[name]
        self.ops.append(Op(verb, key, argument, effects[0].record.clock, saw, total))
        if verb == "put" and node.read(key, self.now).value != argument:
            raise Broken(f"{name} wrote {argument} and does not read it")
        self.carry_out(name, effects, crash)

    def ask(self, node: Replica, verb: str, key: str, argument: object) -> list:
        if verb == "remove":
            return node.remove(key, self.now)
        if verb == "both":
            return node.change(
                key, MultiRegister, lambda old, _: old.set(argument, node.name), self.now
            )
        if verb == "grow":
            return node.change(key, GSet, lambda old, _: old.add(argument), self.now)
        return getattr(node, verb)(key, argument, self.now)

    def fault(self) -> None:
        kind = self.dice.choice(("restart", "cut", "cut", "heal"))
        if kind == "restart":
            self.restart(self.dice.choice(tuple(self.members)))
        elif kind == "cut":
            self.side = {name: self.dice.randrange(2) for name in self.members}
        else:
            self.heal()

    def heal(self) -> None:
        self.side = dict.fromkeys(self.members, 0)

    def settle(self, patience: int = 60 * SECOND) -> None:
        """Heal, and let everything become quiet and equal; Broken if it does not."""
        self.heal()
        self.loss = 0.0
        self.run(patience)
        self.check_equal()
        self.check_history()

    # the promises

    def _heard(self, name: str, effect: Tell) -> None:
        self.told.append((self.now, name, effect))
        if effect.event == "write_durable":
            self._check_durable(name, effect.details)

    def _check_durable(self, name: str, details: dict) -> None:
        mine = [op for op in self.ops if op.at.node == name]
        if len(mine) < details["number"]:
            raise Broken(f"{name} calls a change durable that nobody made")
        op = mine[details["number"] - 1]
        copies = sum(self._has(self.disk[peer].entries, op) for peer in self.members)
        if copies < self.settings.replication_factor:
            raise Broken(f"{op} is called durable and is on {copies} disks")

    def check(self, name: str) -> None:
        """What one replica claims about its own age is true."""
        node = self.nodes[name]
        wall = max(node.status(self.now).clock.wall, self.now + self.skew[name])
        reach = wall - node.lag(self.now)
        for op in self.dice.sample(self.ops, min(4, len(self.ops))):
            if op.at.wall < reach and not self._has(node.store.entries, op):
                raise Broken(
                    f"at {self.now} {name} claims a lag of {node.lag(self.now)} us and lacks {op}"
                )

    def check_equal(self) -> None:
        first = self.nodes["n0"]
        for name, node in self.nodes.items():
            if not same(first.store, node.store):
                raise Broken(f"n0 and {name} differ: {difference(first, node)}")
            if node.status(self.now).root != first.status(self.now).root:
                raise Broken(f"n0 and {name} are equal, and their trees are not")
            if node.read("facts", self.now).stale:
                raise Broken(f"{name} is healed and still stale: {node.status(self.now)}")

    def check_history(self) -> None:
        """The state is what the saved changes come to, computed with no code of the component."""
        wanted = {key: v for key, v in expected(self.ops).items() if v not in (None, ())}
        found = {}
        for key in {op.key for op in self.ops}:
            value = self.nodes["n0"].read(key, self.now).value
            if value not in (None, ()):
                found[key] = tuple(sorted(value)) if isinstance(value, tuple) else value
        if found != wanted:
            raise Broken(f"found {found}, and the changes come to {wanted}")

    def _has(self, entries: dict, op: Op) -> bool:
        value = entries.get(op.key)
        if op.verb == "add":
            gone = any(op.at in other.saw for other in self.ops)
            return gone or (value is not None and op.at in value.added)
        if op.verb in ("discard", "remove") and op.key.startswith("set"):
            return value is None or not any(tag in value.added for tag in op.saw)
        if op.key.startswith("register"):
            removed = any(
                o.verb == "remove" and o.key == op.key and o.at >= op.at for o in self.ops
            )
            return removed if value is None else value.clock >= op.at
        if value is None:
            return False
        if op.verb == "count":
            half = value.up if op.argument > 0 else value.down
            return dict(half.counts).get(op.at.node, 0) >= op.total
        if op.verb == "grow":
            return op.argument in value.elements
        return op.argument in value.read() or any(op.argument in other.saw for other in self.ops)


def expected(ops: list[Op]) -> dict:
    """What a history comes to: the last write, what nobody removed, sums, what nobody replaced."""
    result: dict = {}
    for key in sorted({op.key for op in ops}):
        here = [op for op in ops if op.key == key]
        if key.startswith("register"):
            result[key] = max(here, key=lambda op: op.at).argument
        elif key.startswith("set"):
            gone = {tag for op in here for tag in op.saw}
            there = {op.argument for op in here if op.verb == "add" and op.at not in gone}
            result[key] = tuple(sorted(there))
        elif key.startswith("counter"):
            result[key] = sum(op.argument for op in here)
        elif key == "versions":
            replaced = {value for op in here for value in op.saw}
            result[key] = tuple(sorted(op.argument for op in here if op.argument not in replaced))
        else:
            result[key] = tuple(sorted({op.argument for op in here}))
    return result


def difference(one: Replica, other: Replica) -> str:
    keys = sorted({**one.store.entries, **other.store.entries})
    pairs = [(key, one.store.entries.get(key), other.store.entries.get(key)) for key in keys]
    return str(next((pair for pair in pairs if pair[1] != pair[2]), "nothing"))


def storm(
    seed: int,
    replica: type[Replica] = Replica,
    duration: int = 60 * SECOND,
    crashes: float = 0.004,
    **more,
) -> World:
    """One storm, and quiet after it. Broken, with the seed, if a promise is."""
    world = World(seed, replica=replica, **more)
    try:
        world.run(duration, busy=0.15, faults=0.004, crashes=crashes)
        world.settle()
    except AssertionError as broken:
        raise Broken(f"seed {seed}: {broken}") from broken
    return world


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    for number in range(asked.seeds):
        storm(number, duration=asked.seconds * SECOND)
    print(f"{asked.seeds} storms, no promise broken")
