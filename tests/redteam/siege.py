"""A course under attack: who sits in the class, which secrets lie around, what it all looked like.

`besiege` grades the attackers of attacks.py among honest students. Each place where a secret
might be found holds a canary: a word that may turn up nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4
from nbgrader.utils import is_grade

from autograder import pipeline
from autograder.courseroot import make_tables
from autograder.errors import AutograderError
from autograder.fanout import close_pools
from autograder.pipeline import Graded
from tests.autograder.classroom import Classroom, Desk, course_in
from tests.redteam.attacks import ATTACKS, Attack

EXERCISES = {
    "mean": "numbers-1-mean",
    "spread": "numbers-1-spread",
    "primes": "styles-primes",
    "double": "styles-double",
    "total": "styles-total",
    "refuse": "styles-refuse",
    "scale": "styles-scale",
}
FULL = {"mean": 2, "spread": 3, "primes": 1, "double": 1, "total": 1, "refuse": 1, "scale": 1}

# Where a secret lies -> the secret.
CANARIES = {
    place: f"canary-{place}-8d1f"
    for place in ("hidden-test", "source", "gradebook", "neighbour", "environment", "home", "root")
}
PAGED = {"injection", "looking for the tests", "reading", "errors that lie", "forged messages",
         "hostile files"}  # fmt: skip
MARK = "redteam-was-here"  # in the name of whatever an attack leaves behind

# Tests as authors write them, one style each: name, solution, locked cell.
STYLES = [
    (
        "primes",
        "def primes(limit):\n"
        "    return [n for n in range(2, limit) if all(n % d for d in range(2, n))]",
        "assert 2 in primes(10) and 7 in primes(10), 'Two primes are missing.'",
    ),
    (
        "double",
        "def double(value):\n    return 2 * value",
        "for got, want in zip(map(double, [1, 4]), [2, 8]):\n"
        "    assert got == want, 'Not the double.'",
    ),
    (
        "total",
        "def total(values):\n    return sum(values)",
        "data = [4, 9, 2]\nassert total(data) == sum(data), 'Not the sum.'",
    ),
    (
        "refuse",
        "def refuse(value):\n    if value < 0:\n        raise ValueError('negative')\n"
        "    return list(range(value))",
        "assert list(refuse(3)) == [0, 1, 2], 'Not the numbers below 3.'\n"
        "try:\n    refuse(-1)\nexcept ValueError:\n    pass\n"
        "else:\n    raise AssertionError('A negative number is an error.')",
    ),
    (
        "scale",
        "def scale(values):\n    return 2 * values",
        "import numpy as np\n"
        "np.testing.assert_allclose(scale(np.array([1.0, 2.0])), [2.0, 4.0])\n"
        "assert (scale(np.array([3.0])) == 6.0).all()",
    ),
]

HONEST = ["a-complete", "m-complete", "m-partly", "z-complete", "z-untouched"]


@dataclass(frozen=True)
class Siege:
    """What there was before the run, and what there is after it."""

    room: Classroom
    results: dict[str, Graded]
    files_before: dict[str, bytes]  # of the course root's own files, by relative path
    home: Path
    left_running: list[str]  # command lines of processes that are still there
    took_s: float
    without_pages: str | None  # why the class got no feedback, if it got none

    def spoken(self, student: str) -> str:
        """All that a run of this student's code could have written, but for the tests' own cells.

        The autograded notebook and the feedback page, joined.
        """
        return "\n".join([*self.answers(student), *self.pages(student)])

    def autograded(self, student: str) -> dict[str, NotebookNode]:
        folder = self.room.course.folder("autograded", self.room.assignment, student)
        return {p.stem: nbformat.read(p, as_version=4) for p in sorted(folder.glob("*.ipynb"))}

    def answers(self, student: str) -> list[str]:
        cells = [cell for nb in self.autograded(student).values() for cell in nb.cells]
        return [
            json.dumps([cell.source, cell.get("outputs"), cell.metadata])
            for cell in cells
            if not is_grade(cell)
        ]

    def outputs(self, student: str) -> str:
        """What the student's own cells said, without their sources."""
        cells = [cell for nb in self.autograded(student).values() for cell in nb.cells]
        return json.dumps([cell.get("outputs") for cell in cells if not is_grade(cell)])

    def pages(self, student: str) -> list[str]:
        folder = self.room.course.folder("feedback", self.room.assignment, student)
        return [page.read_text("utf-8") for page in sorted(folder.rglob("*.html"))]

    def points(self, student: str) -> dict[str, float]:
        short = {name: key for key, name in EXERCISES.items()}
        return {short[name]: got for name, got in self.room.points(student).items()}


def besiege(folder: Path) -> Iterator[Siege]:
    """Build the class, grade it, and look around."""
    home = folder / "home"
    home.mkdir()
    (home / "secret.txt").write_text(CANARIES["home"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DWCP_EXCHANGE", str(folder / "exchange"))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
        patch.setenv("HOME", str(home))
        patch.setenv("REDTEAM_SECRET", CANARIES["environment"])
        for name in ("DWCP_GRADEBOOK", "DWCP_WORK", "DWCP_COURSE"):
            patch.delenv(name, raising=False)
        room = _room(folder / "course")
        for student in HONEST:
            room.hand_in(student, _honest(student))
        for attack in ATTACKS.values():
            room.hand_in(attack.name, attack.vary)
        before = _files(room.course.path)
        close_pools()
        start = time.monotonic()
        graded = {each.student: each for each in pipeline.grade(room.course, "numbers")}
        took_s = time.monotonic() - start
        close_pools()
        running = _left_running()
        yield Siege(room, graded, before, home, running, took_s, _feedback(room, graded))


def _feedback(room: Classroom, graded: dict[str, Graded]) -> str | None:
    """Write the pages that tests look at; why they could not be written at once, if so."""
    wanted = [s for s in graded if s in HONEST or ATTACKS[s].family in PAGED]
    try:
        pipeline.feedback(room.course, room.assignment, wanted)
    except AutograderError as error:
        done = [student for student in wanted if not graded[student].failure]
        pipeline.feedback(room.course, room.assignment, done)
        return str(error)
    return None


def _room(root: Path) -> Classroom:
    course = course_in(root)
    make_tables(course.config.CourseDirectory.db_url)
    course.config.Examine.timeout = 2
    course.config.Examine.memory_gb = 0.6
    course.config.Examine.restarts = 3
    (root / "secret.txt").write_text(CANARIES["root"])
    source = root / "source" / "numbers"
    (source / "mistakes.yaml").write_text(f"# {CANARIES['source']}\n")
    _hide_canary(source / "1-mean.ipynb")
    (source / "2-units.ipynb").unlink()
    room = Classroom(course, "numbers")
    room.generate()
    with course.gradebook() as gradebook:
        gradebook.add_student("nobody", first_name=CANARIES["gradebook"])
    return room


def _hide_canary(path: Path) -> None:
    """Put the canary into the hidden tests, and the tests of other styles below them."""
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if is_grade(cell):
            cell.source = cell.source.replace(
                "### END HIDDEN TESTS",
                f"canary = '{CANARIES['hidden-test']}'\n### END HIDDEN TESTS",
            )
    for name, solution, test in STYLES:
        answer = f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
        locked = f"### BEGIN HIDDEN TESTS\n{test}\n### END HIDDEN TESTS"
        nb.cells.append(_cell(f"styles-{name}", answer, solution=True))
        nb.cells.append(_cell(f"styles-{name}-test", locked, points=1))
    nbformat.write(nb, path)


def _cell(name: str, source: str, solution: bool = False, points: int | None = None):  # type: ignore[no-untyped-def]
    role = {"schema_version": 3, "grade_id": name, "solution": solution, "task": False,
            "grade": points is not None, "locked": not solution}  # fmt: skip
    if points is not None:
        role["points"] = points
    return v4.new_code_cell(source, id=name, metadata={"nbgrader": role})


def _honest(student: str):  # type: ignore[no-untyped-def]
    def vary(desk: Desk) -> None:
        if student.endswith("complete"):
            desk.solve()
        elif student.endswith("partly"):
            desk.solve("numbers-1-mean", "styles-total")
        if student == "a-complete":
            desk.insert_before("1-mean", "numbers-1-mean", f"# {CANARIES['neighbour']}")

    return vary


def deserved(student: str) -> dict[str, float]:
    """What the student earns without the attack, which is what is to come out with it."""
    attack: Attack | None = ATTACKS.get(student)
    if attack:
        return {**dict.fromkeys(FULL, 0), **attack.deserved}
    if student.endswith("complete"):
        return FULL
    earned = ("mean", "total") if student.endswith("partly") else ()
    return {name: points if name in earned else 0 for name, points in FULL.items()}


def _files(root: Path) -> dict[str, bytes]:
    """What nobody but the instructor and the students themselves may change."""
    kept = [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in kept
        if path.relative_to(root).parts[0] not in ("gradebook.db", "autograded", "feedback")
    }


def files_now(siege: Siege) -> dict[str, bytes]:
    now = _files(siege.room.course.path)
    return {name: body for name, body in now.items() if name != ".grading.lock"}


def whole_gradebook(siege: Siege) -> str:
    """Every table of the gradebook as text, without the row that holds the canary."""
    path = re.sub("^sqlite:///", "", siege.room.course.config.CourseDirectory.db_url)
    with sqlite3.connect(path) as connection:
        return "\n".join(line for line in connection.iterdump() if "nobody" not in line)


def _left_running(patience_s: float = 4.0) -> list[str]:
    """Processes that belong to the run although the pools are closed."""
    until = time.monotonic() + patience_s
    while (found := _suspects()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _suspects() -> list[str]:
    mine = _descendants(os.getpid())
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        ours = int(path.parent.name) in mine and "autograder.zygote" in line
        if ours or (MARK in line and "pytest" not in line):
            found.append(line)
    return found


def _descendants(first: int) -> set[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    family, more = {first}, {first}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - family
        family |= more
    return family
