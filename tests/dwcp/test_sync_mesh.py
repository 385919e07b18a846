"""Copies that gossip in step: under loss, cuts, stops and wrong clocks, and mistakes that show."""

from random import Random

import numpy as np
import pytest

from course.dwcp.sync.mesh import Mesh
from course.dwcp.sync.repair import same
from course.dwcp.sync.settings import Settings
from course.dwcp.sync.store import Store
from course.dwcp.units import MS, SECOND

SITES = {f"w{i}": ("eu", "us")[i % 2] for i in range(8)}
ALL = np.ones((8, 8), bool)


def mesh_of(seed=1, **settings):
    return Mesh(SITES, np.random.default_rng(seed), Settings(**settings))


def run(mesh, rounds, begin=1, up=None, passes=ALL):
    """Rounds at whole seconds; answers the next one."""
    up = np.ones(8, bool) if up is None else up
    for second in range(begin, begin + rounds):
        mesh.round(second * SECOND, up, passes)
    return begin + rounds


def put(mesh, name, key, value, second):
    mesh.change(name, lambda copy: copy.put(key, value, second * SECOND))


def storm(seed, mesh):
    """Writes, removals, loss, cuts and stops; every claim of a lag is checked. The end is quiet."""
    dice, chance = Random(seed), np.random.default_rng(seed)
    made = []
    up, side = np.ones(8, bool), np.zeros(8)
    mesh.clocks[:] = [dice.randrange(400 * MS) for _ in range(8)]
    for second in range(1, 90):
        if dice.random() < 0.1:
            side = chance.integers(0, 2, 8) if dice.random() < 0.5 else np.zeros(8)
        if dice.random() < 0.2:
            i = dice.randrange(8)
            up[i] = not up[i]
        passes = (chance.random((8, 8)) > 0.2) & (side[:, None] == side[None, :])
        mesh.round(second * SECOND, up, passes)
        for _ in range(2):
            i = dice.randrange(8)
            key = f"k{dice.randrange(5)}"
            if not up[i]:
                continue
            name, copy = mesh.names[i], mesh.copies[mesh.names[i]]
            if copy.store.get(key) and dice.random() < 0.3:
                mesh.change(name, lambda c, key=key: c.remove(key, second * SECOND))  # noqa: B023
            else:
                put(mesh, name, key, f"{second} {name}", second)
            made += [(i, change) for change in mesh._log[i].values()]
        for j, change in dice.sample(made, min(20, len(made))):
            for i in range(8):
                if change.at.wall < mesh.held[i, j]:
                    assert mesh.got[i, j] >= change.number, f"seed {seed}: claimed and not here"
    run(mesh, 40, begin=90)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_in_a_storm_no_copy_claims_what_it_lacks_and_afterwards_all_are_equal(seed):
    mesh = mesh_of(seed, left_out=5 * SECOND)
    made = storm(seed, mesh)
    alone = Store({}, "nobody")
    for _, change in made:
        alone.merge(change.key, change.delta)
    assert len(made) > 100
    for name, copy in mesh.copies.items():
        assert same(copy.store, alone), f"seed {seed}: {name} is not what all changes come to"
        assert mesh.lag(name, 129 * SECOND) < 4 * SECOND
    assert not any(mesh._log)


def test_beats_that_are_believed_before_their_changes_are_found_out(monkeypatch):
    def claim(self, to, got, at):
        self.got[to] = np.maximum(self.got[to], got)

    monkeypatch.setattr(Mesh, "_bring", claim)
    mesh = mesh_of(left_out=5 * SECOND)
    storm(1, mesh)
    stores = [copy.store for copy in mesh.copies.values()]
    assert not all(same(stores[0], other) for other in stores)


def test_the_lag_of_a_quiet_cluster_is_a_few_rounds_and_one_peer_makes_it_longer():
    many, few = mesh_of(fanout=6), mesh_of(fanout=1)
    worst = []
    for mesh in (many, few):
        run(mesh, 20)
        seen = []
        for second in range(21, 60):
            run(mesh, 1, begin=second)
            seen.append(max(mesh.lag(name, second * SECOND) for name in mesh.names))
        worst.append(max(seen) // SECOND)
    assert worst[0] <= 3 < worst[1]


def test_a_cut_makes_lag_on_both_sides_and_healing_ends_it():
    mesh = mesh_of()
    eu = np.array([region == "eu" for region in SITES.values()])
    at = run(mesh, 10)
    put(mesh, "w0", "k", "eu", at)
    put(mesh, "w1", "k", "us", at)
    at = run(mesh, 40, at, passes=eu[:, None] == eu[None, :])
    assert all(mesh.lag(name, at * SECOND) > 40 * SECOND for name in mesh.names)
    assert mesh.peers("w0", at * SECOND) == 3  # those beyond the cut are left out
    assert [mesh.read(name, "k", at * SECOND).value for name in ("w2", "w3")] == ["eu", "us"]
    assert mesh.read("w2", "k", at * SECOND).stale
    at = run(mesh, 35, at)
    assert all(mesh.lag(name, at * SECOND) < 5 * SECOND for name in mesh.names)
    assert {mesh.read(name, "k", at * SECOND).value for name in mesh.names} == {"us"}
    assert [mesh.copies[name].store.conflicts for name in ("w0", "w1")] == [1, 0]


def test_of_a_clock_too_far_ahead_nothing_is_believed_until_it_is_right():
    mesh = mesh_of()
    at = run(mesh, 5)
    mesh.clocks[0] = 5 * SECOND
    put(mesh, "w0", "k", "early", at)
    at = run(mesh, 4, at)
    assert mesh.read("w1", "k", at * SECOND).value is None
    assert "w0's clock is" in mesh.refused[0][1]
    assert mesh.behind("w1") == "w0" and mesh.lag("w1", at * SECOND) > 4 * SECOND
    mesh.clocks[0] = 0
    at = run(mesh, 10, at)
    assert mesh.read("w1", "k", at * SECOND).value == "early"
    assert mesh.lag("w1", at * SECOND) < 4 * SECOND


def test_a_change_by_a_clock_too_far_ahead_is_named_and_its_beat_proves_nothing():
    mesh = mesh_of()
    mesh.clocks[1] = 450 * MS
    put(mesh, "w1", "k", 1, 1)
    mesh.change("w0", lambda copy: copy.observe(mesh._log[1][1].at))
    mesh.clocks[2] = -200 * MS  # 650 ms behind w1, and not behind w0
    put(mesh, "w0", "k", 2, 1)
    run(mesh, 2)
    refused = {why for name, why in mesh.refused if name == "w2"}
    assert refused and all("ahead; at most 0.5 s is taken" in why for why in refused)
    assert mesh.got[2, 0] == 0


def test_one_node_alone_and_a_seed_again():
    alone = Mesh({"w0": "eu"}, np.random.default_rng(1))
    alone.round(SECOND, np.ones(1, bool), np.ones((1, 1), bool))
    assert alone.sent[0] == 0 and alone.lag("w0", SECOND) == 0
    one, other = mesh_of(5, fanout=2), mesh_of(5, fanout=2)
    run(one, 30)
    run(other, 30)
    assert (one.held == other.held).all() and (one.sent == other.sent).all()
