"""A game day: what is drawn, what is scored, and that a record is judged the same elsewhere."""

import json

import pytest

from course.catalogue import scenarios
from course.lab.commands import CommandError
from course.lab.gameday import GameDay, replayed


def play(game, fix=True):
    """As one should: acknowledge, look, tell, say what it is, mend it."""
    incident = scenarios.load(game._incident)
    game.acknowledge()
    game.lab.cluster.health()
    game.update(
        "Some changes are slow or fail; guests run. I am looking, and write again in 15 min."
    )
    game.diagnose(incident["wrong"])
    for action in incident["fix"] if fix else ():
        try:
            game.lab.do(action["do"], **action.get("with", {}))
        except CommandError:
            continue
    return game.done()


def test_a_seed_draws_the_same_game_and_seeds_differ():
    first, again = GameDay(3), GameDay(3)
    assert first.page == again.page and first.lab.fingerprint() == again.lab.fingerprint()
    assert len({GameDay(seed)._incident for seed in range(12)}) >= 4
    assert scenarios.load(GameDay(3, difficulty=1)._incident)["difficulty"] == 1
    with pytest.raises(ValueError, match="no incident has difficulty 9"):
        GameDay(3, difficulty=9)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_work_well_done_earns_nearly_all(seed):
    game = GameDay(seed)
    score = play(game)
    assert score.total >= 90, (game._incident, score)
    assert score.harm == 0 and score.reasons == ()


def test_doing_nothing_earns_nothing_and_is_told_why():
    game = GameDay(1)
    game.lab.run(4_000)
    score = game.done()
    assert score.total == 0 and "not resolved" in score.reasons[-1]


def test_talking_alone_mends_nothing():
    score = play(GameDay(1), fix=False)
    assert score.mitigated == 0 and score.total <= 60


def test_wrong_diagnoses_cost_and_the_last_one_counts():
    game = GameDay(1)
    right = scenarios.load(game._incident)["wrong"].strip()
    wrong = [text for text in game.diagnoses() if text != right]
    game.diagnose(wrong[0])
    game.diagnose(right)
    assert game.score().diagnosed == 15
    game.diagnose(wrong[1])
    assert game.score().diagnosed == 0
    with pytest.raises(ValueError, match="word for word"):
        game.diagnose("the network")


def test_restarting_everything_is_harm():
    game = GameDay(2)
    for number in (1, 2, 3):
        game.lab.host.reboot(host=f"worker-{number}")
    score = game.score()
    assert score.harm >= 10 and any("host reboot worker" in reason for reason in score.reasons)


def test_a_page_taken_late_and_silence_cost_their_points():
    game = GameDay(5)
    game.lab.run(400)
    game.acknowledge()
    game.lab.run(300)
    game.update("Changes fail in one region; I am looking at the firewall of one worker.")
    score = game.score()
    assert (score.detected, score.communicated) == (0, 0)
    with pytest.raises(ValueError, match="in a sentence"):
        game.update("on it")


def test_a_record_is_judged_the_same_in_a_replay():
    game = GameDay(5, difficulty=2)
    score = play(game)
    again = replayed(json.loads(json.dumps(game.record())))
    assert again.score() == score and again.debrief() == game.debrief()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.pop("notes"), "seed, difficulty, journal and notes"),
        (lambda r: r["notes"].reverse(), "out of order"),
        (lambda r: r["notes"].append({"s": 9e9, "kind": "acknowledged"}), "later than the end"),
        (lambda r: r["notes"].append({"kind": "done"}), "its time in seconds"),
        (lambda r: r["journal"].append("cluster health"), "record .* of the journal"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(change, words):
    game = GameDay(5, difficulty=2)
    play(game)
    record = json.loads(json.dumps(game.record()))
    change(record)
    with pytest.raises(ValueError, match=words):
        replayed(record)


def test_a_record_of_another_seed_earns_what_its_actions_deserve():
    game = GameDay(1)
    play(game)
    other = next(s for s in range(2, 30) if GameDay(s)._incident != game._incident)
    record = json.loads(json.dumps(game.record())) | {"seed": other}
    record["notes"] = []
    assert replayed(record).score().mitigated == 0


def test_the_debrief_tells_the_truth_and_the_order_of_things():
    game = GameDay(2)
    play(game)
    told = game.debrief()
    assert told["wrong"] and told["shown_by"] and told["mended_by"]
    times = [row["s"] for row in told["timeline"]]
    assert times == sorted(times) and told["timeline"][0]["what"] == "acknowledged"
