"""A course in a temporary folder, and students who hand in whatever a test wants them to.

`Classroom(course, assignment)` works on any assignment: a test gives it a *variation*, a
function that changes one student's `Desk`, which starts as a copy of the release.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.utils import is_solution

from autograder import pipeline
from autograder.courseroot import CourseRoot, load_config, make_tables
from autograder.feedback import named
from autograder.pipeline import Graded
from autograder.scores import scores

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
SANDBOX = bool(shutil.which("bwrap"))
assert SANDBOX or not os.environ.get("CI"), "CI must have bubblewrap: see tests/install-packages"


@dataclass(frozen=True)
class Desk:
    """One student's copy of an assignment, before it is handed in."""

    folder: Path
    source: Path  # the instructor's folder, where the solutions are

    def read(self, notebook: str) -> NotebookNode:
        return nbformat.read(self.folder / f"{notebook}.ipynb", as_version=4)

    def write(self, notebook: str, nb: NotebookNode) -> None:
        nbformat.write(nb, self.folder / f"{notebook}.ipynb")

    def only(self, *notebooks: str) -> None:
        """Keep these notebooks; the others are not handed in."""
        for path in self.folder.glob("*.ipynb"):
            if path.stem not in notebooks:
                path.unlink()

    def solve(self, *exercises: str) -> None:
        """Put the reference solution into these exercises, or into all."""
        for path in self.folder.glob("*.ipynb"):
            solved = named(nbformat.read(self.source / path.name, as_version=4))
            nb = self.read(path.stem)
            for name, cell in named(nb).items():
                if is_solution(cell) and (name in exercises or not exercises):
                    cell.source = solved[name].source
            self.write(path.stem, nb)

    def answer(self, notebook: str, exercise: str, source: str) -> None:
        nb = self.read(notebook)
        named(nb)[exercise].source = source
        self.write(notebook, nb)

    def insert_before(self, notebook: str, name: str, source: str) -> None:
        """Add a code cell of the student's own."""
        nb = self.read(notebook)
        place = nb.cells.index(named(nb)[name])
        nb.cells.insert(place, v4.new_code_cell(source, id="my-own"))
        self.write(notebook, nb)

    def remove(self, notebook: str, name: str) -> None:
        nb = self.read(notebook)
        nb.cells.remove(named(nb)[name])
        self.write(notebook, nb)

    def put(self, fixture: str, notebook: str) -> None:
        """Hand in a file of fixtures/notebooks under the notebook's name."""
        fixture_path = FIXTURES / "notebooks" / f"{fixture}.txt"
        shutil.copy(fixture_path, self.folder / f"{notebook}.ipynb")


Variation = Callable[[Desk], None]


@dataclass(frozen=True)
class Classroom:
    """A generated assignment of a course, and what its students do with it."""

    course: CourseRoot
    assignment: str

    def generate(self) -> None:
        pipeline.generate(self.course, self.assignment)

    def desk(self, student: str) -> Desk:
        """An untouched copy of the release, as submitted by the student."""
        folder = self.course.folder("submitted", self.assignment, student)
        shutil.copytree(self.course.folder("release", self.assignment), folder)
        return Desk(folder, self.course.folder("source", self.assignment))

    def hand_in(self, student: str, variation: Variation) -> None:
        variation(self.desk(student))

    def grade(self, *students: str) -> dict[str, Graded]:
        graded = pipeline.grade(self.course, self.assignment, students)
        return {each.student: each for each in graded}

    def points(self, student: str) -> dict[str, float]:
        """Exercise id -> score."""
        rows = scores(self.course, self.assignment)
        return {row.exercise: row.score for row in rows if row.student == student}

    def page(self, student: str, notebook: str) -> str:
        """A feedback page as its reader sees it: text without mark-up, on one line."""
        folder = self.course.folder("feedback", self.assignment, student)
        body = (folder / f"{notebook}.html").read_text(encoding="utf-8").split("<body", 1)[1]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())

    def hidden_lines(self) -> set[str]:
        """Every line of every hidden test of the assignment."""
        sources = [
            cell.source
            for path in self.course.folder("source", self.assignment).glob("*.ipynb")
            for cell in nbformat.read(path, as_version=4).cells
        ]
        regions = re.findall(
            r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", "\n".join(sources), re.DOTALL
        )
        return {line.strip() for region in regions for line in region.splitlines() if line.strip()}


def quick_course_in(folder: Path, source: Path = FIXTURES / "course" / "source") -> CourseRoot:
    """The same, with an empty gradebook in place, which nbgrader takes seconds to make."""
    course = course_in(folder, source)
    make_tables(course.config.CourseDirectory.db_url)
    return course


def course_in(folder: Path, source: Path = FIXTURES / "course" / "source") -> CourseRoot:
    """A course root in `folder`: this repository's configuration over that source."""
    shutil.copytree(source, folder / "source")
    shutil.copy(REPOSITORY / "nbgrader_config.py", folder)
    course = CourseRoot(folder.resolve(), load_config(folder))
    if not SANDBOX:
        course.config.Examine.sandbox = "none"
    return course
