"""What a cell binds and reads, and which given cells may be left out."""

from __future__ import annotations

import pytest

from autograder.names import Part, modules_of, names_of, needed, to_fetch


def run(*cells: tuple[str, str], wanted: tuple[str, ...] = ()) -> set[int]:
    return needed([Part(source, kind) for kind, source in cells], wanted)


@pytest.mark.parametrize(
    ("source", "binds", "reads"),
    [
        ("a = b + 1", {"a"}, {"b"}),
        ("a = 1\nb = a", {"a", "b"}, set()),
        ("for x in y:\n    z = x\n    z", {"x", "z"}, {"y"}),
        ("import os.path as p, sys", {"p", "sys"}, set()),
        ("def f(x):\n    return g(x) + h\nh = 1", {"f", "h"}, {"g", "h"}),
        ("if c:\n    a = 1\na", {"a"}, {"c", "a"}),
        ("a += 1", {"a"}, {"a"}),
        ("%matplotlib inline\na = 1", {"a"}, {"get_ipython"}),
        ("def f(:", set(), set()),
    ],
)
def test_names_are_read_off_the_text(source: str, binds: set[str], reads: set[str]) -> None:
    assert (names_of(source).binds, names_of(source).reads) == (binds, reads)


def test_what_no_locked_cell_defines_is_fetched() -> None:
    locked = [
        "import math\ndef near(a):\n    return math.isclose(a, limit)",
        "assert near(mean([1]))",
    ]
    assert to_fetch(locked) == [["limit"], ["limit", "mean"]] or to_fetch(locked) == [
        ["limit"],
        ["mean"],
    ]


def test_a_builtin_of_the_students_own_is_not_fetched() -> None:
    assert to_fetch(["assert abs(f()) == len([1])"]) == [["f"]]


def test_a_given_cell_that_only_shows_something_is_left_out() -> None:
    cells = [
        ("given", "from course.notebook import show\nimport numpy as np"),
        ("given", "demo = np.arange(3)\nshow(demo)"),
        ("own", "def f(x):\n    return np.sum(x)"),
    ]
    assert run(*cells, wanted=("f",)) == {0, 2}


@pytest.mark.parametrize(
    "given",
    [
        "data = [1]",  # binds what the author reads
        "data.append(1)",  # touches it
        "def helper():\n    data.append(1)\nhelper()",  # touches it through a function
        "np.random.seed(1)",  # a setting of a module
        "np.pi = 3",
        "open('notes.txt', 'w').write('x')",  # a file
        "%load_ext autoreload",
    ],
)
def test_a_given_cell_that_the_author_could_notice_is_run(given: str) -> None:
    cells = [
        ("given", "import numpy as np"),
        ("given", given),
        ("own", "def f():\n    return data"),
    ]
    assert 1 in run(*cells, wanted=("f",))


def test_an_author_who_can_reach_every_name_gets_every_cell() -> None:
    cells = [("given", "a = 1"), ("own", "f = lambda: globals()['a']")]
    assert run(*cells) == {0, 1}


def test_a_name_that_the_author_binds_before_reading_needs_nothing() -> None:
    cells = [("given", "number = 3"), ("own", "for number in range(3):\n    print(number)")]
    assert run(*cells) == {1}


def test_a_locked_cell_runs_for_the_author_only_if_it_defines_what_he_uses() -> None:
    locked = ("locked", "LIMIT = 3\nassert f(LIMIT)")
    assert run(locked, ("own", "def f(x):\n    return x"), wanted=("f",)) == {1}
    assert run(locked, ("own", "def f(x):\n    return LIMIT"), wanted=("f",)) == {0, 1}


def test_modules_are_found_anywhere_in_a_cell() -> None:
    assert modules_of("import a.b\ndef f():\n    from c.d import e") == {"a.b", "c.d"}
