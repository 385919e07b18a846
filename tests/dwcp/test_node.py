"""A controller around its Raft member: who gets through, and what a restart brings back."""

import random

from course.dwcp import node as module
from course.dwcp.consensus.messages import Append, Install, Vote
from course.dwcp.consensus.raft import PORT
from course.dwcp.machine import Save, Send, Tell
from course.dwcp.node import Certificate, Config, Controller
from course.dwcp.units import SECOND

PEERS = ("a", "b", "c")


def controller(name="a", saved=None):
    certificate = Certificate(name, not_before=0)
    made = Controller(
        Config("lab", name, "eu", PEERS), certificate, random.Random(name), 0, saved=saved
    )
    if saved is None:
        made.receive("b", module.FormCluster("lab"), 0)
    return made


def test_raft_hears_nobody_but_the_controllers_in_the_configuration():
    mine = controller()
    before = mine.raft.status()
    effects = mine.receive("mallory", Append(99, 0, 0, (), 0), 0)
    assert effects == [Tell("message_from_stranger", {"sender": "mallory"})]
    assert mine.raft.status() == before


def leader_with(joins, monkeypatch, every):
    """A leader that has let `joins` nodes in; the log is folded at `every` entries."""
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", every)
    mine = controller()
    mine.wake(SECOND)
    for trial in (True, False):
        mine.receive("b", Vote(1, True, trial), SECOND)
    effects = []
    for number in range(joins):
        command = {"kind": "join", "node": f"w{number}", "region": "eu"}
        effects += mine.propose(command, SECOND)
        last = mine.raft.log.last_index
        effects += mine.receive("b", module.raft.Appended(1, True, last), SECOND)
    return mine, effects


def test_a_registry_comes_back_from_snapshot_and_log(monkeypatch):
    mine, effects = leader_with(7, monkeypatch, every=5)
    assert mine.raft.log.snapshot.index == 5 and len(mine.registry.nodes) == 7
    saved = [effect.record for effect in effects if isinstance(effect, Save)][-1]
    again = controller(saved=saved)
    assert list(again.registry.nodes) == ["w0", "w1", "w2", "w3"], "what the snapshot holds"
    again.receive("b", Append(2, 8, 1, (), 8), SECOND)
    assert again.registry == mine.registry


def test_a_follower_far_behind_takes_the_snapshot_and_a_copy_of_its_own(monkeypatch):
    mine, _ = leader_with(7, monkeypatch, every=5)
    behind = controller("c")
    first = Install(1, mine.raft.log.snapshot)
    assert Send("a", module.raft.Appended(1, True, 5), PORT) in behind.receive("a", first, SECOND)
    assert list(behind.registry.nodes) == ["w0", "w1", "w2", "w3"]
    behind.registry.nodes.clear()
    assert mine.raft.log.snapshot.state.nodes, "nobody shares memory with its neighbour"
