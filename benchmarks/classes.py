"""Classes of learners for the benchmarks: who answers what, drawn from a seed.

Each exercise of each learner is the reference solution, one of the listed mistakes, or untouched.
Nothing is hostile: the scores of two honest graders must be equal.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import nbformat
from nbgrader.utils import is_solution

from autograder import pipeline
from autograder.courseroot import CourseRoot, load_config, make_tables
from autograder.feedback import named
from autograder.mistakes import FILE, load_mistakes

ROOT = Path(__file__).resolve().parents[1]
RIGHT, WRONG = 0.75, 0.15  # chances of a reference solution and of a listed mistake


def course_in(folder: Path, assignment: str) -> CourseRoot:
    """A course root with one assignment, generated, and an empty gradebook."""
    shutil.copytree(ROOT / "source" / assignment, folder / "source" / assignment)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    course = CourseRoot(folder.resolve(), load_config(folder))
    make_tables(course.config.CourseDirectory.db_url)
    pipeline.generate(course, assignment)
    return course


def hand_in(course: CourseRoot, assignment: str, students: int, seed: int) -> None:
    """Put the submissions of `students` learners into submitted/."""
    source = course.folder("source", assignment)
    mistakes = load_mistakes(source / FILE)
    for number in range(students):
        student = f"learner-{number:03d}"
        dice = Random(f"{seed} {student}")
        desk = course.folder("submitted", assignment, student)
        shutil.copytree(course.folder("release", assignment), desk)
        for path in sorted(desk.glob("*.ipynb")):
            solved = named(nbformat.read(source / path.name, as_version=4))
            nb = nbformat.read(path, as_version=4)
            for name, cell in named(nb).items():
                if is_solution(cell):
                    wrong = [m.answer for m in mistakes if m.exercise == name]
                    cell.source = drawn(dice, solved[name].source, wrong, cell.source)
            nbformat.write(nb, path)


def drawn(dice: Random, right: str, wrong: list[str], untouched: str) -> str:
    """One learner's answer to one exercise."""
    chance = dice.random()
    if chance < RIGHT:
        return right
    return dice.choice(wrong) if wrong and chance < RIGHT + WRONG else untouched
