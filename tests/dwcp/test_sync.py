"""Values that merge, clocks, the tree, the horizon, and a replica stepped by hand."""

from dataclasses import replace
from importlib import import_module
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.machine import Save, Send, Tell
from course.dwcp.sync import (
    Clock,
    Committed,
    GCounter,
    GSet,
    MultiRegister,
    ORMap,
    ORSet,
    PNCounter,
    Register,
    Replica,
    Saved,
    Settings,
    TwoPhaseSet,
    VectorClock,
)
from course.dwcp.sync.clocks import DRIFT_MAX, ahead
from course.dwcp.sync.horizon import Horizon
from course.dwcp.sync.lattice import canonical
from course.dwcp.sync.maps import KINDS, digest_of
from course.dwcp.sync.merkle import LEAVES, Tree, differing, leaf_of
from course.dwcp.sync.messages import Ack, Beat, Change, Gossip, Holds, Keys, Leaves, Repaired
from course.dwcp.units import DAY, HOUR, MS, SECOND

NODES = ("a", "b", "c")
few = settings(max_examples=40)

# the laws: every type, in copies that share a history and went their ways


def edit(value, node, kind, number):
    """A change of one copy, as its delta; whatever the type has to offer."""
    at = Clock(number // 3, number % 3, node)  # times collide between nodes, never within one
    element = "xyz"[kind]
    if isinstance(value, Register):
        return value.set(None if kind == 2 else number, at)
    if isinstance(value, Committed):
        return Committed(f"decision {number // 4}", number // 4)
    if isinstance(value, MultiRegister):
        return value.set(number, node)
    if isinstance(value, GSet):
        return value.add(element)
    if isinstance(value, TwoPhaseSet):
        there = value.read()
        return value.remove(there[0]) if kind == 2 and there else TwoPhaseSet(GSet((element,)))
    if isinstance(value, ORSet):
        there = value.read()
        return value.remove(there[0], at) if kind == 2 and there else value.add(element, at)
    if isinstance(value, GCounter):
        return value.increment(node, kind + 1)
    if isinstance(value, PNCounter):
        return value.decrement(node) if kind == 2 else value.increment(node, kind + 1)
    key = f"key-{kind}"
    old = value.entries.get(key, ORSet() if kind else Register())
    return ORMap({key: edit(old, node, kind, number)})


steps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=12
)


def copies_of(kind, history):
    """Three copies after a history of changes and merges between them."""
    copies = [kind() for _ in NODES]
    for number, (who, other, what, merges) in enumerate(history, start=1):
        if merges:
            copies[who] = copies[who].merge(copies[other])
        else:
            copies[who] = copies[who].merge(edit(copies[who], NODES[who], what, number))
    return copies


def breaks_a_law(one, two, three):
    """Which law of a join is broken here; None: none."""
    laws = {
        "commutative": one.merge(two) == two.merge(one),
        "associative": one.merge(two).merge(three) == one.merge(two.merge(three)),
        "idempotent": one.merge(one) == one and one.merge(two).merge(two) == one.merge(two),
        "above both": one.merge(two).merge(one) == one.merge(two) == two.merge(one.merge(two)),
        "above nothing": one.merge(type(one)()) == one == type(one)().merge(one),
    }
    return next((law for law, holds in laws.items() if not holds), None)


TYPES = (*KINDS, ORMap)
each_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)


@each_type
@few
@given(history=steps)
def test_merge_is_commutative_associative_idempotent_and_only_grows(kind, history):
    copies = copies_of(kind, history)
    assert breaks_a_law(*copies) is None
    for value in copies:
        assert value.objection() is None
        assert digest_of(value.merge(kind())) == digest_of(value)
        assert canonical(value.plain()) == canonical(value.merge(value).plain())


@each_type
@few
@given(history=steps, who=st.integers(0, 2), what=st.integers(0, 2))
def test_a_change_moves_a_copy_up_and_its_delta_is_enough_for_the_others(kind, history, who, what):
    before = copies_of(kind, history)[who]
    delta = edit(before, NODES[who], what, 60)
    after = before.merge(delta)
    assert after.merge(before) == after  # never down, never aside
    assert before.merge(after) == before.merge(delta)  # the delta says as much as the whole


@each_type
@few
@given(history=steps, order=st.permutations(range(12)), again=st.lists(st.integers(0, 11)))
def test_the_same_deltas_in_any_order_and_any_often_give_the_same_value(
    kind, history, order, again
):
    deltas, copies = [], [kind() for _ in NODES]
    for number, (who, other, what, merges) in enumerate(history, start=1):
        if merges:
            copies[who] = copies[who].merge(copies[other])
        else:
            deltas.append(edit(copies[who], NODES[who], what, number))
            copies[who] = copies[who].merge(deltas[-1])
    straight, shuffled = kind(), kind()
    for delta in deltas:
        straight = straight.merge(delta)
    for i in [*order, *again]:
        if i < len(deltas):
            shuffled = shuffled.merge(deltas[i])
    for i in order:
        if i < len(deltas):
            shuffled = shuffled.merge(deltas[i])
    assert straight == shuffled


def sums_up(self, other):
    both = dict(self.counts)
    for node, count in other.counts:
        both[node] = both.get(node, 0) + count
    return GCounter(tuple(sorted(both.items())))


def tie_by_arrival(self, other):
    return self if self.clock.wall > other.clock.wall else other


def drops_tombstones(self, other):
    both = right_merge(self, other)
    return ORSet(both.added, {})


def removes_by_name(self, other):
    both = right_merge(self, other)
    names = {
        (self.added | other.added)[tag] for tag in both.removed if tag in self.added | other.added
    }
    return ORSet({tag: e for tag, e in both.added.items() if e not in names}, both.removed)


def keeps_the_newest(self, other):
    return max(self, other, key=lambda copy: len(copy.versions))


def takes_the_other(self, other):
    return other if other.index else self


right_merge = ORSet.merge


@pytest.mark.parametrize(
    ("kind", "mistake"),
    [
        (GCounter, sums_up),
        (Register, tie_by_arrival),
        (ORSet, drops_tombstones),
        (ORSet, removes_by_name),
        (MultiRegister, keeps_the_newest),
        (Committed, takes_the_other),
    ],
)
def test_the_laws_find_a_merge_that_is_wrong(kind, mistake, monkeypatch):
    dice = Random(1)
    histories = [
        [
            (dice.randrange(3), dice.randrange(3), dice.randrange(3), dice.random() < 0.4)
            for _ in range(12)
        ]
        for _ in range(200)
    ]
    assert not any(breaks_a_law(*copies_of(kind, history)) for history in histories)
    states = [copies_of(kind, history) for history in histories]
    monkeypatch.setattr(kind, "merge", mistake)
    assert any(breaks_a_law(*copies) for copies in states)


# what each type loses and keeps


def test_of_two_writes_at_one_time_a_register_loses_one_on_every_copy_the_same():
    one, two = Register("from a", Clock(5, 0, "a")), Register("from b", Clock(5, 0, "b"))
    assert one.merge(two).read() == two.merge(one).read() == "from b"


def test_a_register_of_versions_keeps_both_until_somebody_has_seen_both():
    start = MultiRegister()
    one, two = start.set("x", "a"), start.set("y", "b")
    both = one.merge(two)
    assert both.read() == ("x", "y")
    assert both.merge(both.set("z", "a")).read() == ("z",)


def test_of_an_add_and_a_remove_at_one_time_the_add_wins():
    shared = ORSet().add("gold", Clock(1, 0, "a"))
    removed = shared.merge(shared.remove("gold", Clock(2, 0, "b")))
    added = shared.merge(shared.add("gold", Clock(2, 0, "c")))
    assert removed.read() == () and removed.merge(added).read() == ("gold",)


def test_what_a_two_phase_set_removed_never_comes_back():
    gone = TwoPhaseSet().merge(TwoPhaseSet().add("w7"))
    gone = gone.merge(gone.remove("w7"))
    assert gone.merge(TwoPhaseSet(GSet(("w7",)))).read() == ()
    with pytest.raises(ValueError, match="never takes it again"):
        gone.add("w7")


def test_a_committed_value_is_the_one_with_the_largest_index_whatever_the_clocks_say():
    old, new = Committed("worker-1", 7), Committed("worker-2", 8)
    assert old.merge(new) == new.merge(old) == new


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda: Register().merge(GSet()), "cannot be merged"),
        (lambda: Register().set([1], Clock()), "a list is written as a tuple"),
        (lambda: Register().set(float("nan"), Clock()), "finite"),
        (lambda: GCounter().increment("a", 0), "rises by 1 or more"),
        (lambda: ORSet().remove("x", Clock()), "not in the set"),
        (lambda: TwoPhaseSet().remove("x"), "not in the set"),
        (lambda: ORMap().remove("x", Clock()), "not in the map"),
        (lambda: ORMap().change("", Register(1, Clock(1))), "1 to 256 characters"),
        (lambda: ORMap({"n": GCounter((("a", 1),))}).remove("n", Clock(9)), "are removed"),
        (lambda: Settings(fanout=0), "at least 1"),
    ],
)
def test_misuse_says_what_would_be_right(misuse, message):
    with pytest.raises(ValueError, match=message):
        misuse()


def test_a_key_of_two_types_is_the_same_mistake_on_every_copy():
    one, two = (
        ORMap({"k": Register(1, Clock(9, 0, "a"))}),
        ORMap({"k": ORSet({Clock(1, 0, "b"): "x"})}),
    )
    assert one.merge(two) == two.merge(one) == two


def test_a_removed_key_comes_back_only_if_somebody_writes_it_again():
    live = ORMap({"k": Register("on", Clock(1, 0, "a")), "s": ORSet({Clock(2, 0, "a"): "x"})})
    dead = live.merge(live.remove("k", Clock(3, 0, "b"))).merge(live.remove("s", Clock(4, 0, "b")))
    assert dead.read() == {} and dead.merge(live).read() == {} and dead.tombstones() == 2
    assert dead.collected(lambda at: at.wall < 4).tombstones() == 1
    assert dead.collected(lambda at: True) == ORMap()
    again = dead.merge(ORMap({"k": Register("back", Clock(5, 0, "c"))}))
    assert again.merge(live).read() == {"k": "back"}


# clocks


def test_a_write_after_reading_is_later_whatever_the_wall_clock_says():
    seen = Clock(HOUR, 3, "fast")
    answer = seen.tick(wall_now=5, node="slow")
    assert answer > seen and answer.wall == HOUR and answer.counter == 4
    assert answer.tick(HOUR + 1, "slow") == Clock(HOUR + 1, 0, "slow")


@few
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 50)), max_size=40))
def test_a_hybrid_clock_respects_causes_and_stays_near_the_fastest_wall_clock(events):
    """Kulkarni et al. (2014), theorem 1 and corollary 1; skews of 0, 7 and 20."""
    skews, latest, walls = (0, 7, 20), [Clock()] * 3, 0
    for who, sender, passed in events:
        walls += passed
        cause = max(latest[who], latest[sender])
        latest[who] = cause.tick(walls + skews[who], NODES[who])
        assert latest[who] > cause
        assert walls + skews[who] <= latest[who].wall <= walls + max(skews)


@few
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_vector_clocks_say_before_exactly_where_one_event_could_have_caused_the_other(events):
    clocks, pasts, history = [VectorClock()] * 3, [frozenset()] * 3, []
    for number, (who, other) in enumerate(events):
        clocks[who] = clocks[who].merge(clocks[other]).tick(NODES[who])
        pasts[who] = pasts[who] | pasts[other] | {number}
        history.append((clocks[who], pasts[who]))
    for one, before in history:
        for two, after in history:
            assert one.before(two) == (before < after)
            assert one.concurrent(two) == (not before <= after and not after <= before)


def test_a_clock_too_far_ahead_is_refused_with_its_authors_name():
    assert ahead(Clock(DRIFT_MAX, 0, "w7"), 0) is None
    assert "w7's clock is 0.6 s ahead" in ahead(Clock(600 * MS, 0, "w7"), 0)


# the tree


@few
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 3), max_size=30), st.data())
def test_roots_are_equal_exactly_when_the_entries_are(entries, data):
    one, two = Tree(), Tree()
    for tree, items in ((one, entries.items()), (two, reversed(entries.items()))):
        for key, value in items:
            tree.put(key, bytes([value]) * 8)
    assert one.root() == two.root() and differing(one.leaves(), two.leaves()) == ()
    if entries:
        key = data.draw(st.sampled_from(sorted(entries)))
        one.put(key, b"changed!")
        assert one.root() != two.root()
        assert differing(one.leaves(), two.leaves()) == (leaf_of(key),)
        assert dict(one.listing([leaf_of(key)]))[key] == b"changed!"
        one.drop(key)
        two.drop(key)
        assert one.root() == two.root()


def test_an_emptied_tree_is_as_one_that_was_never_filled():
    tree = Tree()
    tree.put("k", b"12345678")
    tree.drop("k")
    assert tree.root() == Tree().root() and len(tree.leaves()) == LEAVES


# the horizon


@few
@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=5))
def test_a_copy_claims_a_heartbeat_only_with_all_changes_before_it(order, beats):
    copy = Horizon({}, {})
    for count in sorted(beats):
        copy.hear(Beat("a", wall=100 * count, count=count))
    for number in order:
        copy.note("a", number)
        whole = copy.got.get("a", 0)
        assert all(copy.knows("a", n) for n in range(1, whole + 1))
        fits = [100 * count for count in beats if count <= whole]
        assert copy.held.get("a", 0) == max(fits, default=0)
    assert copy.got["a"] == 8


def test_the_floor_is_that_of_the_member_of_whom_least_is_known():
    copy = Horizon({}, {})
    copy.hear(Beat("a", wall=100))
    assert copy.floor(["a", "b"]) == 0 and copy.furthest_behind(["a", "b"]) == "b"
    copy.adopt(Holds((), (("b", 70),)))
    assert copy.floor(["a", "b"]) == 70
    assert copy.stable(["a", "b"]) == 0  # b has not said what it has


# a replica, stepped by hand

PAIR = {"a": "eu", "b": "eu"}


def replica(name="a", members=PAIR, now=0, saved=None, settings=Settings(), **more):
    return Replica(name, members, Random(1), now, saved, settings, **more)


def saved_by(*lists):
    saved = Saved()
    for effect in (effect for effects in lists for effect in effects):
        if isinstance(effect, Save):
            saved = saved.after(effect.record)
    return saved


def sent(effects, kind=Gossip):
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def told(effects):
    return [(e.event, e.details) for e in effects if isinstance(e, Tell)]


def test_a_change_is_there_at_once_and_on_disk_before_anybody_hears_of_it():
    node = replica()
    effects = node.put("vm-1/state", "on", now=5 * SECOND)
    assert isinstance(effects[0], Save) and node.read("vm-1/state", 5 * SECOND).value == "on"
    assert saved_by(effects).entries["vm-1/state"].value == "on"
    first = node.wake(6 * SECOND)
    assert isinstance(first[0], Save) and sent(first)[0].changes[0].key == "vm-1/state"


def test_news_is_told_until_it_is_acknowledged_and_not_longer():
    node, other = replica(), replica("b")
    node.put("k", 1, 0)
    (first,) = sent(node.wake(SECOND))
    (again,) = sent(node.wake(2 * SECOND))
    assert len(first.changes) == len(again.changes) == 1
    effects = other.receive("a", again, 2 * SECOND)
    assert [type(e) for e in effects[:2]] == [Save, Send] and other.read("k", 0).value == 1
    node.receive("b", sent(effects, Ack)[0], 2 * SECOND)
    assert sent(node.wake(3 * SECOND))[0].changes == ()


def test_a_write_is_durable_when_three_nodes_hold_it():
    members = dict.fromkeys("abcd", "eu")
    node = replica(members=members)
    node.put("k", 1, 0)
    messages = {
        e.to: e.message
        for e in node.wake(SECOND)
        if isinstance(e, Send) and type(e.message) is Gossip
    }
    assert told(node.receive("b", Ack(messages["b"].id), SECOND)) == []
    assert node.status(SECOND).not_durable == 1
    assert told(node.receive("b", Ack(messages["b"].id), SECOND)) == []
    assert told(node.receive("c", Ack(messages["c"].id), SECOND)) == [
        ("write_durable", {"key": "k", "number": 1})
    ]


def test_where_there_are_only_two_nodes_a_write_is_durable_on_both():
    node = replica()
    node.put("k", 1, 0)
    (message,) = sent(node.wake(SECOND))
    assert told(node.receive("b", Ack(message.id), SECOND)) == [
        ("write_durable", {"key": "k", "number": 1})
    ]
    assert node.status(SECOND).not_durable == 0


def test_a_restart_with_a_clock_set_back_uses_no_id_of_a_message_again():
    node = replica(wall=lambda now: now + HOUR)
    effects = node.wake(SECOND)
    again = replica(saved=saved_by(effects), now=SECOND, wall=lambda now: now)
    assert again.wake(SECOND)[-1].message.id > sent(effects)[-1].id


def test_what_brings_no_entry_is_not_saved_at_once():
    node = replica()
    beats = (Beat("b", SECOND),)
    effects = node.receive("b", Gossip(Clock(1, 0, "b"), (), beats, ("b",)), SECOND)
    assert [type(effect) for effect in effects] == [Send]
    assert dict(node.wake(SECOND)[0].record.holds.held)["b"] == SECOND


def test_a_lost_write_is_counted_where_it_was_made_and_a_late_one_is_not():
    node, other = replica(), replica("b")
    node.put("k", "first", 0)
    exchange(node, other, SECOND)
    other.put("k", "second", 2 * SECOND)  # it has seen the first
    node.put("own", 1, 2 * SECOND)
    other.put("own", 2, 3 * SECOND)  # it has not
    for message in sent(node.wake(3 * SECOND)):  # it lost before it comes, and is counted later
        other.receive("a", message, 3 * SECOND)
    exchange(node, other, 4 * SECOND)
    exchange(node, other, 5 * SECOND)
    assert node.read("own", 5 * SECOND).value == 2
    assert (node.status(0).conflicts, other.status(0).conflicts) == (1, 0)


def test_who_hears_news_passes_it_on_once_not_back_and_not_for_ever():
    members = {**dict.fromkeys("abcdefgh", "eu"), "far": "us"}
    node = replica(members=members)
    change = Change(Clock(1, 0, "b"), 1, "k", Register(1, Clock(1, 0, "b")))
    gossip = Gossip(Clock(2, 0, "b"), (change,), (), ("b", "c"))
    effects = node.receive("c", gossip, SECOND)
    onward = [e.to for e in effects if isinstance(e, Send) and type(e.message) is Gossip]
    assert len(onward) == 6 and "far" in onward and not {"a", "b", "c"} & set(onward)
    assert sent(effects)[0].path == ("b", "c", "a")
    again = node.receive("d", replace(gossip, path=("b", "d")), SECOND)
    assert sent(again) == [] and len(sent(again, Ack)) == 1
    tired = Gossip(
        Clock(3, 0, "b"),
        (replace(change, number=2, at=Clock(3, 0, "b")),),
        (),
        tuple("bcdefghbcde"),
    )
    assert sent(node.receive("e", tired, SECOND)) == []


def test_a_restart_goes_on_where_the_disk_ends_even_with_a_clock_set_back():
    node = replica(wall=lambda now: now + HOUR)
    effects = [node.put("k", "first", 0), node.count("n", 5, 0), node.wake(SECOND)]
    again = replica(saved=saved_by(*effects), now=2 * SECOND, wall=lambda now: now)
    assert again.read("k", 2 * SECOND).value == "first"
    later = again.put("k", "second", 2 * SECOND)
    assert again.read("k", 2 * SECOND).value == "second"
    (change,) = sent(again.wake(3 * SECOND))[0].changes
    assert change.number == 3 and change.at > saved_by(*effects).clock
    assert later[0].record.clock == change.at


def exchange(one, other, now, rounds=8):
    """Hand over all messages of a comparison, one side after the other; bytes are not counted."""
    wire = [
        (one.name, other.name, m) for m in [one.repair.start(other.name, Clock(now, 0, one.name))]
    ]
    seen = []
    nodes = {one.name: one, other.name: other}
    while wire and rounds:
        sender, to, message = wire.pop(0)
        seen.append(type(message).__name__)
        for effect in nodes[to].receive(sender, message, now):
            if isinstance(effect, Send):
                wire.append((to, effect.to, effect.message))
    return seen


def test_a_comparison_fetches_what_is_missing_and_what_differs_both_ways():
    one, other = replica(), replica("b")
    one.put("same", 1, 0)
    for message in sent(one.wake(SECOND)):
        other.receive("a", message, SECOND)
    one.put("only a", 1, 2 * SECOND)
    other.put("only b", 2, 2 * SECOND)
    other.put("same", 3, 3 * SECOND)
    assert exchange(one, other, 4 * SECOND) == ["Digest", "Leaves", "Keys", "Repaired", "Repaired"]
    for node in (one, other):
        assert [node.read(key, 4 * SECOND).value for key in ("same", "only a", "only b")] == [
            3,
            1,
            2,
        ]
    assert exchange(one, other, 5 * SECOND) == ["Digest", "Same"]
    assert one.status(0).root == other.status(0).root and one.status(0).repairs == 2


def test_a_large_difference_goes_in_parts_and_all_of_them_are_needed():
    small = Settings(message_max=1_000)
    one, other = replica(settings=small), replica("b", settings=small)
    for number in range(40):
        one.put(f"key-{number}", "x" * 100, 0)
    seen = exchange(one, other, SECOND)
    assert seen.count("Repaired") > 4 and other.horizon.got == {"a": 40}


def test_a_read_says_how_old_it_may_be():
    node, start = replica(), HOUR

    def hear(second, count):
        now = start + second * SECOND
        gossip = Gossip(Clock(now, 0, "b"), (), (Beat("b", now, count),), ("b",))
        node.receive("b", gossip, now)

    def read(second, *bound):
        return node.read("k", start + second * SECOND, *bound)

    node.wake(start)
    assert read(0).stale  # of b nothing is known
    hear(0, count=0)
    node.wake(start + 3 * SECOND)
    assert not read(3).stale and read(3).lag == 3 * SECOND
    assert read(11).stale and not read(11, 20 * SECOND).stale
    node.wake(start + 11 * SECOND)
    hear(11, count=1)  # it counts a change that is not here: so it proves nothing
    assert read(11).lag == 11 * SECOND and node.status(start).behind == "b"


def test_a_tombstone_is_forgotten_when_it_is_a_day_old_and_every_member_has_it():
    node = replica()
    node.put("k", 1, SECOND)
    node.remove("k", 2 * SECOND)
    assert node.read("k", 3 * SECOND).value is None and node.status(0).tombstones == 1

    def beat(now, floor):
        node.receive("b", Gossip(Clock(now, 0, "b"), (), (Beat("b", now, 0, floor),), ("b",)), now)
        return told(node.wake(now))

    assert beat(DAY, SECOND) == []  # too young
    assert beat(2 * DAY, SECOND) == []  # b lacks it, by what it says
    assert node.status(0).tombstones == 1
    assert beat(2 * DAY + SECOND, 2 * DAY) == [("tombstones_collected", {"count": 1})]
    assert node.status(0).tombstones == 0 and "k" not in node.store.entries


def test_a_member_that_is_away_holds_up_collection_until_it_is_removed():
    node = replica(members={**PAIR, "c": "us"})
    node.put("k", 1, SECOND)
    node.remove("k", 2 * SECOND)
    for day in (2, 3):
        beat = Beat("b", day * DAY, 0, day * DAY - SECOND)
        node.receive("b", Gossip(Clock(day * DAY, 0, "b"), (), (beat,), ("b",)), day * DAY)
        node.wake(day * DAY)
    assert node.status(0).tombstones == 1
    node.set_members(PAIR, 3 * DAY)
    node.wake(3 * DAY + SECOND)  # says how far it reaches itself
    assert told(node.wake(3 * DAY + 2 * SECOND)) == [("tombstones_collected", {"count": 1})]


def test_a_peer_that_never_answers_is_left_out_for_a_while():
    node = replica()
    asked = [second for second in range(1, 60) if sent(node.wake(second * SECOND))]
    # Three answers are owed at second 5: nothing is sent in the 30 s from then on.
    assert asked == [1, 2, 3, 4, *range(35, 39)]


def test_a_partition_is_suspected_by_two_declared_after_a_minute_and_healed_by_comparing():
    members = {"a": "eu", "b": "eu", "c": "us", "d": "us"}
    node = replica(members=members)
    events = []

    def hear(name, second, suspects=()):
        now = second * SECOND
        beat = Beat(name, now, 0, 0, suspects)
        node.receive("b", Gossip(Clock(now, 1, name), (), (beat,), ("b",)), now)

    compared = []
    for second in range(1, 120):
        hear("b", second, ("us",) if second > 20 else ())
        if second > 100:
            hear("c", second)
            hear("d", second)
        effects = node.wake(second * SECOND)
        events += [(second, event) for event, _ in told(effects) if event.startswith("partition")]
        if second > 100:
            compared += [
                e.to
                for e in effects
                if isinstance(e, Send) and type(e.message).__name__ == "Digest"
            ]
    assert events == [
        (21, "partition_suspected"),
        (81, "partition_declared"),
        (101, "partition_healed"),
    ]
    assert compared[:2] == ["c", "d"]


# nonsense from a peer

NONSENSE = [
    None,
    "hello",
    Ack("x"),
    Ack(Clock([], 0, "b")),
    Gossip("id", (), (), ()),
    Gossip(Clock(1, 0, "b"), [], (), ()),
    Gossip(Clock(1, 0, "b"), ("x",), (), ()),
    Gossip(Clock(1, 0, "b"), (), ("x",), ()),
    Gossip(Clock(1, 0, "b"), (), (Beat("b", -1),), ()),
    Gossip(Clock(1, 0, "b"), (), (Beat("b", 1, 0, 0, (7,)),), ()),
    Gossip(Clock(1, 0, "b"), (), (), (7,)),
    Leaves(Clock(1, 0, "b"), (), Holds()),
    Leaves(Clock(1, 0, "b"), ("x",) * LEAVES, Holds()),
    Keys(Clock(1, 0, "b"), (999,), (), Holds()),
    Keys(Clock(1, 0, "b"), (1,), (("k", "x"),), Holds()),
    Keys(Clock(1, 0, "b"), (1,), (), Holds((("z", 1), ("a", 1)))),
    Keys(Clock(1, 0, "b"), (1,), (), "x"),
    Repaired(Clock(1, 0, "b"), 3, 1, ()),
    Repaired(Clock(1, 0, "b"), 0, 1, (("k", "x"),)),
    Repaired(Clock(1, 0, "b"), 0, 1, ((7, Register()),)),
    Repaired(Clock(1, 0, "b"), 0, 1, (), (7,)),
]
CHANGES = [
    Change("x", 1, "k", Register(1, Clock(1, 0, "b"))),
    Change(Clock(1, 0, "b"), 0, "k", Register(1, Clock(1, 0, "b"))),
    Change(Clock(1, 0, "b"), 1, 7, Register(1, Clock(1, 0, "b"))),
    Change(Clock(1, 0, "b"), 1, "k", Register([1], Clock(1, 0, "b"))),
    Change(Clock(1, 0, "b"), 1, "k", Register(1, "noon")),
    Change(Clock(1, 0, "b"), 1, "k", Register(1, Clock(1, 0, "b"), Clock(2, 0, "b"))),
    Change(
        Clock(1, 0, "b"),
        1,
        "k",
        ORSet({Clock(5, 0, "b"): "x"}, {Clock(5, 0, "b"): Clock(4, 0, "b")}),
    ),
    Change(Clock(1, 0, "b"), 1, "k", ORSet({Clock(5, 0, "b"): 7})),
    Change(Clock(1, 0, "b"), 1, "k", ORSet(removed={Clock(5, 0, "b"): Clock("x", 0, "b")})),
    Change(Clock(1, 0, "b"), 1, "k", GCounter((("b", -1),))),
    Change(Clock(1, 0, "b"), 1, "k", GSet(("b", "a"))),
    Change(Clock(1, 0, "b"), 1, "k", MultiRegister((("b", 1),))),
    Change(Clock(1, 0, "b"), 1, "k", PNCounter("x")),
    Change(Clock(1, 0, "b"), 1, "k", Committed("x", -1)),
    Change(Clock(1, 0, "b"), 1, "k", ORMap()),
    Change(Clock(HOUR, 0, "b"), 1, "k", Register(1, Clock(HOUR, 0, "b"))),
]


@pytest.mark.parametrize("message", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_told_and_changes_nothing(message):
    node = replica()
    node.put("mine", 1, 0)
    before = replace(node.status(0), refused=0)
    effects = node.receive("b", message, 0)
    assert [e.event for e in effects] == ["refused"]
    assert replace(node.status(0), refused=0) == before


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_change_that_cannot_be_is_refused_not_acknowledged_and_the_rest_is_taken(change):
    node = replica()
    good = Change(Clock(2, 0, "b"), 2, "good", Register(1, Clock(2, 0, "b")))
    effects = node.receive("b", Gossip(Clock(1, 0, "b"), (change, good), (), ("b",)), 0)
    assert [event for event, _ in told(effects)] == ["refused"] and sent(effects, Ack) == []
    assert node.read("good", 0).value == 1 and node.read("k", 0).value is None


def test_strangers_are_not_listened_to():
    node = replica()
    gossip = Gossip(Clock(1, 0, "x"), (), (Beat("b", 1),), ("x",))
    assert told(node.receive("x", gossip, 0))[0][1]["reason"] == "x is not a member"
    assert node.horizon.beats == {}


def test_misuse_of_a_replica_changes_nothing():
    node = replica()
    node.count("n", 1, 0)
    before = node.status(0)
    for misuse, message in [
        (lambda: node.put("k", None, 0), "remove the key"),
        (lambda: node.put("n", 1, 0), "PNCounter, not a Register"),
        (lambda: node.put("k", [1], 0), "tuple"),
        (lambda: node.remove("k", 0), "not here"),
        (lambda: node.remove("n", 0), "are removed"),
        (lambda: node.discard("s", "x", 0), "not in the set"),
        (lambda: node.count("n", 0, 0), "by 1 or more"),
        (lambda: node.set_members({"b": "eu"}, 0), "stop it"),
        (lambda: Replica("z", PAIR, Random(1), 0), "not among the members"),
    ]:
        with pytest.raises(ValueError, match=message):
            misuse()
    assert node.status(0) == before


@pytest.mark.parametrize(
    ("module", "lines"), [("clocks", 3), ("merkle", 2), ("maps", 3), ("horizon", 2)]
)
def test_the_demos_run(module, lines, capsys):
    import_module(f"course.dwcp.sync.{module}").demo()
    assert len(capsys.readouterr().out.splitlines()) == lines
