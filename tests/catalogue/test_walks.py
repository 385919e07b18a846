"""Walked with the cluster's true signals, a tree ends in the leaf that fits what is wrong.

A leaf says how it is known: `proof` names a scenario, or says `test` for a fault that is injected
here. The tables below and the trees' files must agree, in both directions. How many leaves are known in which way is told by `python -m tests.catalogue.test_walks`.
"""

from collections import Counter

import pytest

from course.catalogue import trees
from course.catalogue.trees import MissingSignal, diagnose
from course.catalogue.trees.measures import endings
from course.lab import Lab, replay
from course.lab.signals import SIGNALS, signals

VM = {"vm": "shop"}
NEAR, FAR = (
    {"source": "worker-1", "target": "worker-2"},
    {"source": "worker-1", "target": "worker-8"},
)


def to(target, vm="shop", source="worker-1", memory_gb=0.25, **settings):
    """A VM is created if need be, and moved; settings are verbs of migration, done before."""

    def move(lab):
        if all(row["vm"] != vm for row in lab.vm.list()):
            lab.vm.create(name=vm, memory_gb=memory_gb, node=source)
        for verb, value in settings.items():
            lab.do(f"migration {verb.replace('_', '-')}", vm=vm, **value)
        lab.migration.start(vm=vm, target=target)
        lab.migration.wait(vm=vm)

    return move


def faults(*them, after_s=0):
    """Each is (name, arguments)."""

    def inject(lab):
        for name, arguments in them:
            lab.inject(name, **arguments)
        if after_s:
            lab.run(after_s)

    return inject


def steps(*them):
    def all_of_them(lab):
        for step in them:
            step(lab)

    return all_of_them


def nothing(lab):
    pass


def a_test_move(source, target):
    return lambda lab: lab.migration.test(source=source, target=target)


def created(lab):
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")


# scenario -> (leaf, what the case is about, what the operator did before)
LED_BY_SCENARIO = {
    "all-quiet": [
        ("T01 f no", {}, nothing),
        ("T05 d neither", {}, nothing),
        ("T15 b under 50 ms", NEAR, nothing),
        ("T15 b 50-200 ms", FAR, nothing),
        ("T17 c 160-600 Mbps", VM | FAR, nothing),
        ("T17 c 600-1,600 Mbps", VM | NEAR, nothing),
        ("T18 b yes", {}, nothing),
        ("T32 e yes", {"node": "worker-1"}, nothing),
    ],
    "cap-01-region-without-power": [("T08 c no", {}, nothing), ("T11 a yes", {}, nothing)],
    "cap-02-memory-leak": [("T08 a yes", {}, nothing), ("T09 d no", {}, nothing)],
    "cap-03-crash-loop": [
        ("T08 a yes", {}, nothing),
        ("T09 c over 20 %", {}, nothing),
        ("T10 g yes", {}, nothing),
    ],
    "con-01-far-controllers": [
        ("T05 d elections", {}, nothing),
        ("T06 b no", {}, nothing),
        ("T15 b over 200 ms", {"source": "worker-1", "target": "worker-3"}, nothing),
    ],
    "con-02-frozen-controllers": [("T01 a no", {}, nothing), ("T05 e no", {}, nothing)],
    "con-02-full-disks": [("T01 a no", {}, nothing), ("T13 b yes", {}, nothing)],
    "con-02-quorum-lost": [
        ("T01 a no", {}, nothing),
        ("T05 e no", {}, nothing),
        ("T13 c no", {}, nothing),
        ("T33 a yes", {}, nothing),
    ],
    "con-06-slow-log-disks": [
        ("T01 e consensus or election", {}, nothing),
        ("T06 d yes", {}, nothing),
        ("T11 c yes", {}, nothing),
    ],
    "dep-01-clock-behind": [("T32 a no", {"node": "worker-4"}, nothing)],
    "dep-01-other-cluster": [("T32 d no", {"node": "worker-7"}, nothing)],
    "dep-06-all-controllers-lost": [("T11 a yes", {}, nothing), ("T13 d no", {}, nothing)],
    "enc-01-encrypted-guest": [("T17 a yes", {"vm": "vault"}, nothing)],
    "enc-04-failing-memory": [
        ("T02 g yes", VM, a_test_move("worker-2", "worker-6")),
        ("T32 e no", {"node": "worker-6"}, nothing),
    ],
    "lab-5": [("T21 b yes", {"node": "worker-3"}, nothing)],
    "lab-7-a": [("T16 a 1.6 or more", {"vm": "catalog"}, nothing)],
    "lab-7-b": [("T16 c yes", {"vm": "catalog"}, nothing)],
    "mig-01-blocked-ports": [
        ("T01 e migration or throughput", {}, nothing),
        ("T02 c no", VM, to("worker-9")),
    ],
    "mig-01-congested-hour": [
        ("T02 e timeout", {"vm": "archive"}, nothing),
        ("T17 c under 27 Mbps", {"vm": "archive"}, nothing),
    ],
    "mig-01-exhausted-source": [
        ("T03 h yes", {"vm": "small"}, to("worker-3", vm="small", source="worker-2")),
        ("T17 b under 15 %", {"vm": "small"}, nothing),
    ],
    "mig-02-stop-and-copy": [("T04 c no", {"vm": "till"}, nothing)],
    "mig-03-bad-release": [
        ("T09 e over 1 % for 2 minutes", {}, nothing),
        ("T10 g no", {}, nothing),
    ],
    "mig-03-slow-release": [
        ("T09 f in the rollout window, worse by over 20 % for 10 minutes", {}, nothing)
    ],
    "mig-08-two-copies": [("T11 a yes", {}, nothing)],
    "mig-09-stuck-drain": [("T19 b yes", {"vm": "reports"}, nothing)],
    "plc-04-hot-spot": [("T20 b yes", {}, nothing)],
    "prd-04-training-on-the-leader": [("T06 d yes", {}, nothing)],
    "quiet-drained-node": [("T01 f no", {}, nothing)],
    "quiet-election": [("T05 d neither", {}, nothing)],
    "sec-06-expired": [("T08 e yes", {}, nothing), ("T32 c no", {"node": "worker-3"}, nothing)],
    "sec-03-spoiled-state": [("T21 d state, by its checksum", {"node": "worker-3"}, nothing)],
    "obs-01-no-data": [("T29 b no", {"node": "worker-2"}, lambda lab: lab.run(30))],
    "syn-01-closed-gossip": [("T07 g no", {}, nothing), ("T08 f no", {}, nothing)],
    "syn-03-partition": [
        ("T01 d yes", {}, nothing),
        ("T07 c unknown", {}, nothing),
        ("T08 c yes", {}, nothing),
        ("T09 b no", {}, nothing),
        ("T11 b yes", {}, nothing),
        ("T20 a yes", {}, nothing),
        ("T21 c yes", {"node": "worker-8"}, nothing),
    ],
    "trn-01-two-streams": [("T03 g yes", VM, nothing)],
    "trn-03-six-streams": [("T32 b no", {"node": "worker-7"}, nothing)],
    "trn-05-long-path": [("T16 c no", VM, nothing)],
}  # fmt: skip

# leaf -> (what the case is about, the fault), on the cluster of day 1
REGIONS = {"a": "us-east", "b": "eu-west"}
CONTROLLERS = [f"controller-{number}" for number in range(1, 4)]


def each(fault, hosts, after_s=0, **arguments):
    return faults(*((fault, {"host": host, **arguments}) for host in hosts), after_s=after_s)


def stopped_and_started(lab):
    """The state is kept, two controllers stop, and both are started again."""
    lab.cluster.snapshot(name="before")
    for host in CONTROLLERS[:2]:
        lab.server.stop(host=host)
    for host in CONTROLLERS[:2]:
        lab.server.start(host=host)
    lab.run(30)


def controllers_upgraded(lab):
    lab.inject("bad-release", version="3.1.0", kind="crash-loop", amount=1.0)
    lab.upgrade.start(version="3.1.0", nodes=CONTROLLERS, method="in-place")
    lab.run(3)


def every_worker_full(lab):
    for number in range(1, 11):
        lab.vm.create(name=f"vm-{number}", memory_gb=0.25, cpus=4, node=f"worker-{number}")


def four_left_out(lab):
    """Four workers of both regions reach nobody but each other."""
    four = [f"worker-{number}" for number in (1, 2, 7, 8)]
    others = [name for name in lab.world.hosts if name not in four]
    lab.inject("link-cut", a=",".join(four), b=",".join(others))
    lab.run(60)


def cut_off_then_leaderless(lab):
    """A region is cut off, and then two controllers stop."""
    lab.inject("partition", region="eu-west")
    lab.run(60)
    each("crash", CONTROLLERS[1:], after_s=5)(lab)


def memory_used_up(lab):
    """All services leak, and the node with a large VM is the first that runs out."""
    lab.vm.create(name="large", memory_gb=4, node="worker-1")
    lab.inject("bad-release", version="3.0.0", kind="leak", amount=2.0)
    lab.run(120)


LED_BY_FAULT = {
    "T01 c yes": ({}, steps(to("worker-2"), each("crash", ["worker-2"]))),
    "T03 a yes": (
        VM,
        steps(
            faults(("link-capped", {**REGIONS, "mbps": 5})),
            to("worker-8", set_timeout={"timeout": 20}),
        ),
    ),
    "T03 d yes": (
        VM,
        steps(
            faults(("link-loss", {**REGIONS, "loss": 0.06})),
            lambda lab: lab.amst.set_cc(algorithm="cubic"),
            to("worker-8"),
        ),
    ),
    "T06 c yes": ({}, each("slow-cpu", CONTROLLERS, share=0.1)),
    "T07 b neither": ({}, cut_off_then_leaderless),
    "T07 d yes": ({}, four_left_out),
    "T07 g yes": (
        {},
        steps(
            each("closed-ports", CONTROLLERS, first=8083, last=8083),
            each("slow-cpu", ["worker-3"], share=0.1, after_s=60),
        ),
    ),
    "T08 d yes": ({}, memory_used_up),
    "T13 b the release": ({}, controllers_upgraded),
    "T19 b no": ({"vm": "vm-1"}, every_worker_full),
    "T33 b no": ({}, each("crash", CONTROLLERS[1:], after_s=5)),
    "T13 a none": ({}, each("crash", CONTROLLERS)),
    "T13 d yes": ({}, stopped_and_started),
    "T15 a yes": (FAR, faults(("link-loss", {**REGIONS, "loss": 0.06}))),
    "T17 b 15-30 %": (VM | FAR, steps(created, each("slow-cpu", ["worker-1"], share=0.2))),
    "T17 c 27-160 Mbps": (
        VM | FAR,
        steps(created, faults(("link-capped", {**REGIONS, "mbps": 100}))),
    ),
}  # fmt: skip


LIAR = {"node": "worker-2"}
LED_AMONG_VOTERS = {
    "T05 g no": ({}, each("crash", ["worker-1", "worker-2", "worker-3"], after_s=60)),
    "T05 g yes": ({}, faults(("partition", {"region": "eu-west"}), after_s=60)),
    "T21 a yes": ({"node": "worker-1"}, each("equivocation", ["worker-1"], after_s=30)),
    "T21 d metrics, beyond what the hardware can do": (
        {"node": "worker-5"},
        each("false-metrics", ["worker-5"], memory_gb=512, after_s=10),
    ),
    "T21 e yes": (LIAR, each("vote-manipulation", ["worker-2"], every=3, after_s=60)),
    "T21 e no": (LIAR, each("vote-manipulation", ["worker-2"], every=12, after_s=120)),
}


def led(lab, leaf, subject):
    """The leaf in which the tree of `leaf` ends."""
    walk = diagnose(trees.load(leaf.split(" ")[0]), signals(lab, **subject))
    return f"{walk.tree.id} {walk.steps[-1].question} {walk.steps[-1].answer}"


@pytest.mark.parametrize("scenario", LED_BY_SCENARIO)
def test_an_incident_is_led_to_the_leaf_that_fits_it(scenario):
    lab = Lab(scenario)
    for leaf, subject, before in LED_BY_SCENARIO[scenario]:
        before(lab)
        assert led(lab, leaf, subject) == leaf


@pytest.mark.parametrize("leaf", LED_BY_FAULT)
def test_a_fault_is_led_to_the_leaf_that_fits_it(leaf):
    subject, before = LED_BY_FAULT[leaf]
    lab = Lab("day-1")
    before(lab)
    assert led(lab, leaf, subject) == leaf


@pytest.mark.parametrize("leaf", LED_AMONG_VOTERS)
def test_a_voter_that_lies_is_led_to_the_leaf_that_fits_it(leaf):
    subject, before = LED_AMONG_VOTERS[leaf]
    lab = Lab("seven-voters")
    before(lab)
    assert led(lab, leaf, subject) == leaf


def proofs():
    """Leaf -> its proof, over all trees."""
    all_trees = map(trees.load, trees.names())
    return {ending.id: ending.leaf.proof for tree in all_trees for ending in endings(tree)}


def test_the_trees_and_these_tables_say_the_same():
    walked = {(leaf, name) for name, rows in LED_BY_SCENARIO.items() for leaf, _, _ in rows}
    unknown = ("test", "judgement", "not yet")
    named = {(leaf, proof) for leaf, proof in proofs().items() if proof not in unknown}
    assert named <= walked
    assert {leaf for leaf, _ in walked} == {leaf for leaf, _ in named}
    by_test = {leaf for leaf, proof in proofs().items() if proof == "test"}
    assert by_test == {*LED_BY_FAULT, *LED_AMONG_VOTERS}


def test_some_way_to_every_proved_leaf_asks_only_what_the_lab_can_answer():
    ways = {}
    for tree in map(trees.load, trees.names()):
        for ending in endings(tree):
            asked = {tree.questions[question].signal for question, _ in ending.path}
            ways.setdefault(ending.id, []).append(asked <= set(SIGNALS))
    proved = [leaf for leaf, proof in proofs().items() if proof not in ("judgement", "not yet")]
    assert [leaf for leaf in proved if not any(ways[leaf])] == []


def test_a_signal_shown_beside_a_question_is_one_of_the_lab():
    shown = {
        name
        for tree in map(trees.load, trees.names())
        for question in tree.questions.values()
        for name in question.shows
    }
    assert shown <= set(SIGNALS) | {"view_changes_last_hour"}


def test_a_question_that_only_a_person_can_answer_stops_the_walk_and_says_so():
    lab = Lab("dep-06-all-controllers-lost")
    with pytest.raises(MissingSignal, match="two_people_agree"):
        diagnose(trees.load("T33"), signals(lab))


def test_what_a_walk_looked_at_stands_in_the_journal_and_replays_to_the_same():
    lab = Lab("trn-03-six-streams")
    for tree, subject in (("T01", {}), ("T05", {}), ("T16", FAR), ("T20", {})):
        snapshot = signals(lab, **subject)
        asked = [question.signal for question in trees.load(tree).questions.values()]
        assert any(snapshot[name] is not None for name in asked if name in snapshot)
    again = replay(lab.journal(), "trn-03-six-streams", lab.seed)
    assert again.fingerprint() == lab.fingerprint() and again.now_s == lab.now_s


def test_a_snapshot_looks_when_asked_and_once():
    lab = Lab("day-1")
    seen, began = signals(lab), lab.world.now
    assert "memory_gb" not in seen and "memory_gb" in signals(lab, vm="shop")
    assert lab.world.now == began
    assert seen["partitioned"] is False
    looked = lab.world.now
    assert looked > began and seen["partitioned"] is False and lab.world.now == looked
    assert signals(lab, vm="shop")["memory_gb"] is None  # there is no such VM: it cannot be told


if __name__ == "__main__":
    kinds = Counter(
        proof if proof in ("test", "judgement", "not yet") else "scenario"
        for proof in proofs().values()
    )
    print(f"{sum(kinds.values())} leaves: {dict(kinds)}")
