"""The desk of an incident: what is seen costs nothing, what is typed counts, the past is a copy."""

import json

import pytest

from course.incident import LabDesk
from course.lab import Lab
from course.lab.gameday import GameDay


@pytest.fixture
def desk():
    return LabDesk(Lab("con-02-quorum-lost", 1))


def test_looking_takes_no_time_and_leaves_no_trace(desk):
    before = desk.lab.fingerprint(), desk.lab.now_s, desk.lab.journal()
    seen = desk.look()
    assert json.loads(json.dumps(seen)) == seen, "a snapshot is plain data"
    assert (desk.lab.fingerprint(), desk.lab.now_s, desk.lab.journal()) == before
    assert {"node": "controller-1", "region": "us-east", "status": "down", "reason": "-"} in seen[
        "panels"
    ][1]["rows"]


def test_a_typed_line_is_a_verb_with_its_exit_code_and_its_refusal(desk):
    assert desk.type("dwcp-cli cluster health")[0] == 3
    code, text = desk.type("vm inspect --vm nope")
    assert code == 1 and "VM_NOT_FOUND" in text
    code, text = desk.type("node lis")
    assert code == 2 and "No such command 'lis'" in text
    assert [row["verb"] for row in desk.lab.journal()] == ["cluster health", "vm inspect"]


def test_a_node_that_fails_while_the_clock_runs_brings_a_page(desk):
    desk.lab.inject("service-stopped", host="worker-3", at_s=12)
    desk.step(10)
    assert len(desk.look()["pages"]) == 1
    desk.step(20)
    page = desk.look()["pages"][-1]
    assert page == {"s": 15.0, "page": "worker-3 is not ready any more. (dwcp-cli node list)"}
    assert desk.look()["series"][0]["points"][-1][1] == 9  # of ten workers


def test_the_past_can_be_asked_and_not_changed(desk):
    desk.step(20)
    desk.type("server start --host controller-1")
    now = desk.lab.fingerprint()
    desk.back(5)
    assert desk.look()["at_s"] == 5 and desk.look()["now_s"] >= 20
    desk.type("server start --host controller-3")
    assert desk.lab.fingerprint() == now
    desk.back(desk.look()["now_s"])
    assert desk.look()["at_s"] == desk.look()["now_s"]
    with pytest.raises(ValueError, match="nothing before 0 s"):
        desk.back(-1)


def test_a_lab_has_nobody_to_speak_to(desk):
    assert desk.choices() == []
    with pytest.raises(ValueError, match="this is a lab"):
        desk.say("acknowledge", "")


def test_a_game_day_at_the_desk_is_judged_as_any_other():
    game = GameDay(7, difficulty=1)
    desk = LabDesk(game.lab, game)
    desk.step(10)
    desk.say("acknowledge", "")
    with pytest.raises(ValueError, match="in a sentence"):
        desk.say("update", "soon")
    with pytest.raises(ValueError, match="'shout' is none of"):
        desk.say("shout", "")
    verdict = desk.say("done", "")
    assert {"part": "detected", "points": 15} in verdict["points"]
    assert [note["kind"] for note in game.record()["notes"]] == ["acknowledged", "done"]
