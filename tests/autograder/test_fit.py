"""A test that would need more than plain data is refused before anybody gets it."""

from __future__ import annotations

import nbformat
import pytest

from autograder import pipeline
from autograder.errors import CourseError, GraderFailed
from autograder.feedback import named
from autograder.fit import unfit
from tests.autograder.classroom import Classroom

SPREAD = "numbers-1-spread-test"


def with_test(
    classroom: Classroom, source: str, solution: str | None = None
) -> nbformat.NotebookNode:
    path = classroom.course.folder("source", "numbers") / "1-mean.ipynb"
    nb = nbformat.read(path, as_version=4)
    named(nb)[SPREAD].source = source
    if solution:
        named(nb)["numbers-1-spread"].source = solution
    nbformat.write(nb, path)
    return nb


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("assert math.floor(spread([1])) == 0, 'x'", "`math` is defined neither in a locked cell"),
        (
            "import inspect\nassert inspect.signature(spread), 'x'",
            "`inspect.signature(spread)` looks",
        ),
        ("assert isinstance(3, spread), 'x'", "`isinstance(3, spread)` looks inside"),
        ("assert spread.__code__, 'x'", "`spread.__code__` looks inside"),
        ("spread.limit = 3", "`spread.limit` looks inside"),
    ],
)
def test_the_text_tells(classroom: Classroom, source: str, words: str) -> None:
    found = dict(unfit(with_test(classroom, source)))
    assert words in found[SPREAD]


def test_such_an_assignment_is_not_generated(classroom: Classroom) -> None:
    with_test(classroom, "assert math.floor(spread([1])) == 0, 'x'")
    with pytest.raises(GraderFailed) as failed:
        pipeline.generate(classroom.course, "numbers")
    assert "`math` is defined neither in a locked cell nor in an answer" in failed.value.log


def test_what_only_running_shows_is_refused_at_release(classroom: Classroom) -> None:
    solution = "class Spread:\n    pass\ndef spread(values):\n    return Spread()"
    with_test(classroom, "assert spread([1]) != 3, 'x'", solution)
    with pytest.raises(CourseError, match="numbers-1-spread-test: .*Spread is not plain data"):
        pipeline.release(classroom.course, "numbers")


def test_a_callback_cannot_cross_and_the_author_hears_it(classroom: Classroom) -> None:
    solution = "def spread(values, key=abs):\n    return key(max(values)) - key(min(values))"
    with_test(classroom, "assert spread([1, 2], key=lambda v: v) == 1, 'x'", solution)
    with pytest.raises(CourseError, match="function is not plain data"):
        pipeline.release(classroom.course, "numbers")
