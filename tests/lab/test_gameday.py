"""A game day: what is drawn, what is scored, and that a record is judged the same elsewhere."""

import json

import pytest

from course.catalogue import scenarios
from course.lab.commands import CommandError
from course.lab.gameday import GameDay, draw, pairs, replayed

EASY, FIREWALL = "frozen-worker", "mig-01-blocked-ports"


def game_of(name, difficulty=None):
    """A game of this incident: the first seed that draws it."""
    return GameDay(next(s for s in range(2_000) if draw(s, difficulty) == name), difficulty)


def play(game, fix=True):
    """As one should: acknowledge, look, tell, say what it is, mend it."""
    incident = scenarios.load(game._incident)
    game.acknowledge()
    game.lab.cluster.health()
    game.update(
        "Some changes are slow or fail; guests run. I am looking, and write again in 15 min."
    )
    for part in game._incident.split("+"):
        game.diagnose(scenarios.load(part)["wrong"])
    for action in incident.get("fix", ()) if fix else ():
        try:
            game.lab.do(action["do"], **action.get("with", {}))
        except CommandError:
            continue
    return game.done()


def test_a_seed_draws_the_same_game_and_seeds_differ():
    first, again = GameDay(3), GameDay(3)
    assert first.page == again.page and first.lab.fingerprint() == again.lab.fingerprint()
    assert len({draw(seed) for seed in range(40)}) >= 15
    assert scenarios.load(GameDay(3, difficulty=1)._incident)["difficulty"] == 1
    with pytest.raises(ValueError, match="no incident has difficulty 9"):
        GameDay(3, difficulty=9)


@pytest.mark.parametrize("seed", range(100, 106))
def test_work_well_done_earns_nearly_all(seed):
    game = GameDay(seed)
    score = play(game)
    assert score.total >= 90, (game._incident, score)
    assert score.harm == 0 and score.reasons == ()


def test_doing_nothing_earns_nothing_and_is_told_why():
    game = game_of(EASY)
    game.lab.run(400)
    score = game.done()
    assert score.total == 0 and "not resolved" in score.reasons[-1]


def test_talking_alone_mends_nothing():
    score = play(game_of(EASY), fix=False)
    assert score.mitigated == 0 and score.total <= 60


def test_wrong_diagnoses_cost_and_the_last_one_counts():
    game = game_of(EASY)
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
    game = game_of(EASY)
    for number in (1, 2, 3):
        game.lab.host.reboot(host=f"worker-{number}")
    score = game.score()
    assert score.harm >= 10 and any("host reboot worker" in reason for reason in score.reasons)


def test_a_page_taken_late_and_silence_cost_their_points():
    game = game_of(EASY)
    game.lab.run(400)
    game.acknowledge()
    game.lab.run(300)
    game.update("Changes fail in one region; I am looking at the firewall of one worker.")
    score = game.score()
    assert (score.detected, score.communicated) == (0, 0)
    with pytest.raises(ValueError, match="in a sentence"):
        game.update("on it")


def test_a_record_is_judged_the_same_in_a_replay():
    game = game_of(FIREWALL, difficulty=2)
    score = play(game)
    again = replayed(json.loads(json.dumps(game.record())))
    assert again.score() == score and again.debrief() == game.debrief()


def test_a_score_halfway_does_not_spoil_the_record():
    game = game_of(EASY)
    assert game.score().total == 0 and game.clock_s > 0.005
    assert game.lab.journal() == []
    score = play(game)
    again = replayed(json.loads(json.dumps(game.record())))
    assert again.score() == score and score.total == 100
    assert again.clock_s == pytest.approx(game.clock_s, abs=0.001)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["journal"][-1].update(at_us=10**15), "more than 3 days"),
        (lambda r: r["journal"][0].update(at_us="now"), "whole number of microseconds"),
        (lambda r: r["journal"][0].pop("at_us"), "whole number of microseconds"),
        (lambda r: r.pop("notes"), "seed, difficulty, journal and notes"),
        (lambda r: r["notes"].reverse(), "out of order"),
        (lambda r: r["notes"].append({"s": 9e9, "kind": "acknowledged"}), "later than the end"),
        (lambda r: r["notes"].append({"kind": "done"}), "its time in seconds"),
        (lambda r: r["journal"].append("cluster health"), "record .* of the journal"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(change, words):
    game = game_of(FIREWALL, difficulty=2)
    play(game)
    record = json.loads(json.dumps(game.record()))
    change(record)
    with pytest.raises(ValueError, match=words):
        replayed(record)


def test_a_record_of_another_seed_earns_what_its_actions_deserve():
    game = game_of(FIREWALL)
    play(game)
    other = next(s for s in range(2_000) if draw(s) == EASY)
    record = json.loads(json.dumps(game.record())) | {"seed": other}
    record["notes"] = []
    assert replayed(record).score().mitigated == 0


def test_the_debrief_tells_the_truth_and_the_order_of_things():
    game = game_of(EASY)
    play(game)
    told = game.debrief()
    assert told["wrong"] and told["shown_by"] and told["mended_by"]
    times = [row["s"] for row in told["timeline"]]
    assert times == sorted(times) and told["timeline"][0]["what"] == "acknowledged"


def test_two_at_once_are_two_things_to_find_and_to_mend():
    first, second = pairs()[0]
    game = game_of(f"{first}+{second}")
    game.diagnose(scenarios.load(first)["wrong"])
    assert game.score().diagnosed == 12
    game.diagnose(scenarios.load(second)["wrong"])
    assert game.score().diagnosed == 25
    for action in scenarios.load(first)["fix"]:
        game.lab.do(action["do"], **action.get("with", {}))
    assert game.done().mitigated == 0
    assert all(scenarios.load(name)["told"].strip() in game.page for name in (first, second))


def test_a_false_alarm_is_solved_by_saying_so_and_touching_nothing():
    alarm = next(s for s in range(2_000) if draw(s) == "quiet-moved-vm")
    assert GameDay(alarm).score().mitigated == 0, "nobody has said that it is over"
    score = play(GameDay(alarm))
    assert (score.total, score.harm) == (100, 0)
    nervous = GameDay(alarm)
    for number in (1, 2):
        nervous.lab.host.reboot(host=f"worker-{number}")
    assert play(nervous).total <= 90


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_what_is_drawn_is_no_lab_and_of_the_difficulty_asked_for(difficulty):
    drawn = {draw(seed, difficulty) for seed in range(60)}
    for name in drawn:
        parts = [scenarios.load(part) for part in name.split("+")]
        assert all("lab" not in part for part in parts)
        assert difficulty in (None, scenarios.load(name)["difficulty"])
    assert any("+" in name for name in drawn) == (difficulty in (None, 3))


def test_two_incidents_that_meet_are_about_different_things():
    assert len(pairs()) >= 30
    for first, second in pairs():
        assert not scenarios.touched(first) & scenarios.touched(second)
    with pytest.raises(ValueError, match="can meet if they are"):
        scenarios.load("day-1+frozen-worker")
