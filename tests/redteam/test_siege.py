"""Attackers get what they deserve, learn nothing, leave nothing behind, and harm nobody."""

from __future__ import annotations

import re
import site
from pathlib import Path

import pytest

from tests.redteam.attacks import ATTACKS
from tests.redteam.siege import (
    CANARIES,
    EXERCISES,
    HONEST,
    MARK,
    Siege,
    deserved,
    files_now,
    whole_gradebook,
)


def test_there_are_many_attacks_of_many_families() -> None:
    assert len(ATTACKS) >= 45
    assert len({attack.family for attack in ATTACKS.values()}) >= 8


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_what_the_work_deserves_without_it(siege: Siege, name: str) -> None:
    got, due = siege.points(name), deserved(name)
    assert {exercise: points for exercise, points in got.items() if points > due[exercise]} == {}
    assert got == due or ATTACKS[name].ruins_itself


@pytest.mark.parametrize("name", HONEST)
def test_honest_students_have_exactly_their_points(siege: Siege, name: str) -> None:
    assert siege.points(name) == deserved(name)
    assert not siege.results[name].needs_attention


def test_nobody_makes_the_grader_fail(siege: Siege) -> None:
    assert {s: g.failure for s, g in siege.results.items() if g.failure} == {}
    assert set(siege.results) == {*HONEST, *ATTACKS}


def test_nobody_keeps_the_class_from_its_feedback(siege: Siege) -> None:
    assert siege.without_pages is None


@pytest.mark.parametrize("name", ATTACKS)
def test_no_secret_is_in_what_an_attacker_said(siege: Siege, name: str) -> None:
    spoken = siege.spoken(name)
    assert [place for place, canary in CANARIES.items() if canary in spoken] == []


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_got_out_of_its_box(siege: Siege, name: str) -> None:
    assert re.findall(r"redteam-(?:got-out|took-too-much) [^\"\\]*", siege.outputs(name)) == []


def test_no_file_of_the_course_was_changed(siege: Siege) -> None:
    now = files_now(siege)
    assert set(now) == set(siege.files_before)
    assert [name for name, body in now.items() if siege.files_before[name] != body] == []


def test_nothing_was_left_in_the_places_of_the_grader(siege: Siege) -> None:
    root = siege.room.course.path
    left = [p for top in (root, siege.home) for p in top.rglob("*") if MARK in p.name]
    others = [*map(Path, site.getsitepackages()), *map(Path, ("/tmp", "/var/tmp", "/dev/shm"))]
    assert left + [p for top in (*others, Path("/usr/lib")) for p in top.glob(f"*{MARK}*")] == []
    assert sorted(p.name for p in siege.home.iterdir() if not p.name.startswith(".")) == [
        "secret.txt"
    ]


def test_the_gradebook_holds_the_class_and_no_secret(siege: Siege) -> None:
    book = whole_gradebook(siege)
    told = {place for place, canary in CANARIES.items() if canary in book}
    assert told <= {"hidden-test"}  # nbgrader keeps the tests' source there
    with siege.room.course.gradebook() as gradebook:
        assert {s.id for s in gradebook.students} == {"nobody", *HONEST, *ATTACKS}
        assert {n.name for n in gradebook.find_assignment("numbers").notebooks} == {"1-mean"}


def test_no_process_outlives_the_run(siege: Siege) -> None:
    assert siege.left_running == []


def test_the_grader_says_nothing_in_an_attackers_words(siege: Siege) -> None:
    """What stands under "About this submission" is the grader's, and goes to a terminal."""
    told = "\n".join(notice for graded in siege.results.values() for notice in graded.notices)
    assert "canary-forged-notice" not in told
    assert "\x1b" not in told


@pytest.mark.parametrize("name", ATTACKS)
def test_no_autograded_notebook_is_too_large_to_open(siege: Siege, name: str) -> None:
    folder = siege.room.course.folder("autograded", "numbers", name)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.ipynb")}
    assert {file: size for file, size in sizes.items() if size > 5_000_000} == {}


def test_every_exercise_of_the_class_is_known(siege: Siege) -> None:
    assert set(siege.room.points("a-complete")) == set(EXERCISES.values())
