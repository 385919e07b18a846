"""`verify` finds nothing in a sound assignment, and each fault in one that has it."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

from autograder import pipeline
from autograder.courseroot import CourseRoot
from autograder.errors import CourseError, UsageError
from autograder.feedback import named
from autograder.measured import FILE as MEASURED
from autograder.measured import load_measured, shares
from autograder.mistakes import load_mistakes
from autograder.mutants import diff, mutants
from autograder.scores import Score
from autograder.trials import Verdict, exercises, judge
from autograder.variants import forked, one_by_one
from autograder.verify import Finding, malformed, misjudged, mute_asserts, slips, stale, verify
from tests.autograder.classroom import FIXTURES, Classroom

NUMBERS = FIXTURES / "course" / "source" / "numbers"
MEAN = "numbers-1-mean"


def test_a_sound_assignment_is_fit(classroom: Classroom) -> None:
    steps: list[str] = []
    assert verify(classroom.course, "numbers", steps.append) == []
    assert steps == [
        "exercises", "release", "reference", "every cell", "untouched",
        "mistakes of 1-mean", "mistakes of 2-units",
    ]  # fmt: skip


def test_an_unknown_assignment_is_named_with_the_ones_that_exist(classroom: Classroom) -> None:
    with pytest.raises(UsageError, match="no assignment 'letters'.*has: numbers"):
        verify(classroom.course, "letters")


def test_a_wrong_solution_an_easy_test_and_a_failing_cell_are_found(classroom: Classroom) -> None:
    path = classroom.course.folder("source", "numbers") / "1-mean.ipynb"
    nb = nbformat.read(path, as_version=4)
    cells = named(nb)
    cells[MEAN].source = "### BEGIN SOLUTION\ndef mean(v):\n    return 3.0\n### END SOLUTION"
    cells["numbers-1-spread-test"].source = "assert True, 'always'"
    nb.cells[1].source = "import no_such_module"
    nbformat.write(nb, path)
    (path.parent / "2-units.ipynb").unlink()
    pipeline.generate(classroom.course, "numbers")
    found = {str(finding) for finding in verify(classroom.course, "numbers")}
    assert f"1-mean, {MEAN}: the reference solution earns 0 of 2 points." in found
    assert "1-mean, numbers-1-spread: the untouched notebook earns 3 points." in found
    assert any("cell 2: ModuleNotFoundError" in text for text in found)
    assert "mistakes.yaml: there is no exercise numbers-2-window." in found


def test_points_that_are_not_all_or_nothing_are_found() -> None:
    row = Score("reference", "numbers", "1-mean", MEAN, 1.5, 2.0)
    assert [f.text for f in misjudged(row)] == ["the reference solution earns 1.5 of 2 points."]


def test_a_release_that_is_not_what_the_source_makes_is_found(classroom: Classroom) -> None:
    made = classroom.course.folder("release", "numbers")
    kept = made.parent / "kept"
    kept.mkdir()
    (kept / "1-mean.ipynb").write_text("{}")
    (kept / "old.ipynb").write_text("{}")
    found = [str(finding) for finding in stale(made, kept)]
    assert [text.split(". ")[0] for text in found] == [
        "release/numbers/1-mean.ipynb: is not what source/ makes",
        "release/numbers/2-units.ipynb: is missing",
        "release/numbers/bits.txt: is missing",
        "release/numbers/old.ipynb: is not made from source/",
    ]


def test_an_exercise_without_its_three_cells_is_found() -> None:
    nb = nbformat.read(NUMBERS / "1-mean.ipynb", as_version=4)
    cells = named(nb)
    nb.cells.remove(cells[f"{MEAN}-check"])
    nb.cells.remove(cells["numbers-1-spread"])
    cells["numbers-1-spread-test"].source = "assert spread([1]) == 0"
    assert [f.text for f in malformed("1-mean", nb)][:3] == [
        f"there is no check cell {MEAN}-check.",
        "there is no solution cell of this name.",
        "an assert without a message: assert spread([1]) == 0",
    ]


def test_only_assertions_without_a_message_are_mute() -> None:
    assert mute_asserts("assert a, 'say'\nfor x in y:\n    assert x") == ["assert x"]


def found_slips(tmp_path: Path, text: str) -> list[Finding]:
    (tmp_path / "mistakes.yaml").write_text(text)
    nb = nbformat.read(NUMBERS / "1-mean.ipynb", as_version=4)
    todo = [exercise for exercise in exercises(nb) if exercise.id == MEAN]
    return list(slips(NUMBERS / "1-mean.ipynb", todo, load_mistakes(tmp_path / "mistakes.yaml")))


def test_a_mistake_that_earns_its_points_or_hears_something_else_is_found(tmp_path: Path) -> None:
    found = found_slips(
        tmp_path,
        f"""{MEAN}:
  - {{answer: "import math\\ndef mean(v): return sum(v) / max(len(v), 1)", says: anything}}
  - {{answer: "def mean(v): return 0.0", says: "a sentence that is not said"}}
""",
    )
    assert [finding.text for finding in found] == [
        "the mistake that should hear 'anything' earns its points.",
        (
            "the mistake that should hear 'a sentence that is not said' hears: "
            "The mean of 2 and 4 is 3: divide the sum by the count. / "
            "The mean of three numbers is wrong."
        ),
    ]


def test_an_exercise_without_listed_mistakes_is_found(tmp_path: Path) -> None:
    assert [f.text for f in found_slips(tmp_path, "{}")] == [
        "mistakes.yaml lists fewer than 2 mistakes."
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[1, 2]", "must map exercise ids"),
        ("a: [", "is not YAML"),
        ("a: [{answer: x, says: y}]", "mistakes.yaml, a: list 2 to 5 mistakes"),
        ("a: [{answer: x}, {answer: x, says: y}]", "a, number 1: give exactly `answer` and `says`"),
        ("a: [{answer: x, says: y}, {answer: 1, says: y}]", "a, number 2: give exactly"),
    ],
)
def test_a_malformed_list_of_mistakes_says_where_and_what_would_be_right(
    tmp_path: Path, text: str, part: str
) -> None:
    (tmp_path / "mistakes.yaml").write_text(text)
    with pytest.raises(CourseError, match=part):
        load_mistakes(tmp_path / "mistakes.yaml")


def verdicts(*answers: str) -> list[Verdict]:
    tried = [(MEAN, answer) for answer in answers]
    return [
        v
        for _, v in sorted(judge(NUMBERS / "1-mean.ipynb", tried, limit_s=0.5), key=lambda x: x[0])
    ]


def test_no_answer_sees_what_another_did_and_none_can_stop_the_others() -> None:
    right = "def mean(v): return sum(v) / len(v) if v else 0.0"
    stubborn = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    spoiled, ended, looped, good, peeking = verdicts(
        "math.isclose = None\nspoiled = True\n" + right, "import os; os._exit(0)", stubborn,
        right, "spoiled\n" + right,
    )  # fmt: skip
    assert not spoiled.earned
    assert "ended the Python process" in ended.said[-1]
    assert "took too long" in looped.said[-1]
    assert good == Verdict(earned=True, said=())
    assert peeking.said[-1].startswith("The answer cell stopped with NameError")


def test_the_limit_counts_work_not_the_wait_for_a_busy_machine() -> None:
    waiting = "import time\ntime.sleep(0.6)\ndef mean(v): return sum(v) / len(v) if v else 0.0"
    assert verdicts(waiting) == [Verdict(earned=True, said=())]


def test_forks_and_a_run_from_the_top_agree() -> None:
    job = {
        "cells": [{"name": None, "source": "x = 1"}, {"name": "a", "source": "y = x"},
                  {"name": "a-test", "source": "assert y == 1, 'one'"}],
        "variants": [{"answer": "a", "test": "a-test", "source": s} for s in ("y = x", "y = 2", "?")],
        "limit_s": 5,
    }  # fmt: skip
    expected = [
        {}, {"a-test": ["AssertionError", "one"]},
        {"a": ["SyntaxError", "invalid syntax (<a>, line 1)"],
         "a-test": ["NameError", "name 'y' is not defined"]},
    ]  # fmt: skip
    in_place = sys.modules["__main__"]
    try:
        assert [raised for _, raised in forked(job)] == expected
        assert [raised for _, raised in one_by_one(job)] == expected
    finally:
        sys.modules["__main__"] = in_place


def test_a_mutant_differs_in_one_place() -> None:
    assert list(mutants("def f(a):\n    return a < 2 and a + 1.5")) == [
        "def f(a):\n    return a < 2 or a + 1.5",
        "def f(a):\n    return a <= 2 and a + 1.5",
        "def f(a):\n    return a < 2 and a - 1.5",
        "def f(a):\n    return a < 3 and a + 1.5",
        "def f(a):\n    return a < 1 and a + 1.5",
        "def f(a):\n    return a < 2 and a + 2.5",
        "def f(a):\n    return a < 2 and a + 0.5",
    ]


def test_a_survivor_is_shown_as_a_diff() -> None:
    assert diff("x = 1  # one\ny = 2", "x = 1\ny = 3") == "-y = 2\n+y = 3"


def test_the_tests_of_the_fixture_catch_every_mutant(classroom: Classroom) -> None:
    course: CourseRoot = classroom.course
    found = shares(course, "numbers", limit_s=1)
    assert [(s.caught, s.tried) for s in found] == [(3, 3), (1, 1), (4, 4), (5, 5)]
    record = course.folder("source", "numbers") / MEASURED
    assert [row["tried"] for row in load_measured(record).values()] == [3, 1, 4, 5]


def recorded(course: CourseRoot, survivors: str) -> Path:
    """The record of the fixture, in which every exercise has this survivor."""
    shares(course, "numbers", limit_s=1)
    record = course.folder("source", "numbers") / MEASURED
    record.write_text(record.read_text("utf-8").replace("survivors: []", survivors), "utf-8")
    return record


def test_what_is_unchanged_is_not_tried_again_unless_it_is_asked_for(classroom: Classroom) -> None:
    record = recorded(classroom.course, "survivors: [kept]")
    assert [s.survivors for s in shares(classroom.course, "numbers")] == [("kept",)] * 4
    again = shares(classroom.course, "numbers", again=True, limit_s=1)
    assert [s.survivors for s in again] == [()] * 4
    assert "kept" not in record.read_text("utf-8")


def test_a_changed_cell_makes_what_stands_below_it_tried_again(classroom: Classroom) -> None:
    recorded(classroom.course, "survivors: [kept]")
    path = classroom.course.folder("source", "numbers") / "1-mean.ipynb"
    nb = nbformat.read(path, 4)
    named(nb)["numbers-1-mean-check"].source += "\n# looked at"
    nbformat.write(nb, path)
    kept = {s.exercise: s.survivors for s in shares(classroom.course, "numbers", limit_s=1)}
    assert kept["numbers-1-mean"] == () and kept["numbers-2-window"] == ("kept",)


def test_mutants_of_a_solution_that_earns_nothing_itself_are_no_measurement(
    classroom: Classroom,
) -> None:
    path = classroom.course.folder("source", "numbers") / "1-mean.ipynb"
    nb = nbformat.read(path, 4)
    cell = named(nb)["numbers-1-mean"]
    cell.source = cell.source.replace("sum(", "max(")
    nbformat.write(nb, path)
    with pytest.raises(CourseError, match="numbers-1-mean: the solution itself earns nothing"):
        shares(classroom.course, "numbers", limit_s=1)


def test_a_record_that_is_no_record_is_said(classroom: Classroom) -> None:
    for text in ("- a", "numbers-1-mean: {tried: 3}", "a: ["):
        (classroom.course.folder("source", "numbers") / MEASURED).write_text(text)
        with pytest.raises(CourseError, match="mutants.yaml is not what"):
            shares(classroom.course, "numbers")
