"""What was measured of an assignment's mutants, kept so that only what changed is tried again.

source/ASSIGNMENT/mutants.yaml maps an exercise id to

    code:       hash of the notebook's code from its top to the exercise's test
    tried:      mutants of the reference solution
    survivors:  the diffs of those that were not caught

`autograder verify --mutants` reads and writes it; it is never released. A change in the course
package does not show in the hash: `--again` tries all, and a test tries one that it draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from autograder.courseroot import CourseRoot, scratch_course
from autograder.errors import CourseError
from autograder.mutants import Share, mutants, tried
from autograder.trials import Exercise, exercises
from autograder.verify import Tell

FILE = "mutants.yaml"
KEYS = {"code", "tried", "survivors"}
Row = dict[str, Any]


def code_of(nb: NotebookNode, exercise: str) -> str:
    """Hash (SHA-256, 16 hex digits) of the code that decides about the exercise's mutants."""
    sources = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            sources.append(cell.source)
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"{exercise}-test":
            break
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def load_measured(file: Path) -> dict[str, Row]:
    """Exercise id -> what was measured. Raises CourseError if the file says something else."""
    if not file.is_file():
        return {}
    wrong = f"{file.name} is not what `autograder verify --mutants` writes. Remove it."
    try:
        rows = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError:
        raise CourseError(wrong) from None
    if not isinstance(rows, dict) or any(
        not isinstance(row, dict) or set(row) != KEYS for row in rows.values()
    ):
        raise CourseError(wrong)
    return rows


def known(measured: dict[str, Row], nb: NotebookNode, todo: Iterable[Exercise]) -> dict[str, Share]:
    """The exercises whose record is of the code as it stands, and of the mutants made today."""
    found = {}
    for exercise in todo:
        row = measured.get(exercise.id)
        if (
            row
            and row["code"] == code_of(nb, exercise.id)
            and row["tried"] == len(list(mutants(exercise.answer)))
        ):
            found[exercise.id] = Share(exercise.id, row["tried"], tuple(row["survivors"]))
    return found


def shares(
    course: CourseRoot,
    assignment: str,
    tell: Tell = lambda doing: None,
    again: bool = False,
    limit_s: float = 5.0,
) -> list[Share]:
    """What the mutants of each exercise of an assignment do; the record is brought up to date.

    Those whose record is current are not tried, unless `again`. The others take minutes.
    """
    course.require(assignment)
    file = course.folder("source", assignment) / FILE
    measured = {} if again else load_measured(file)
    found: dict[str, tuple[str, Share]] = {}
    with scratch_course(course, assignment) as scratch:
        for path in sorted(scratch.folder("source", assignment).glob("*.ipynb")):
            tell(path.stem)
            nb = nbformat.read(path, 4)
            todo = exercises(nb)
            current = known(measured, nb, todo)
            new = tried(path, [e for e in todo if e.id not in current], limit_s)
            current |= {share.exercise: share for share in new}
            found |= {e.id: (code_of(nb, e.id), current[e.id]) for e in todo}
    write_measured(file, found)
    return [share for _, share in found.values()]


def write_measured(file: Path, rows: dict[str, tuple[str, Share]]) -> None:
    """Keep `rows`: exercise id -> (hash of its code, what was measured)."""
    kept = {
        exercise: {"code": code, "tried": share.tried, "survivors": list(share.survivors)}
        for exercise, (code, share) in rows.items()
    }
    head = "# Written by `autograder verify --mutants`; see autograder/measured.py.\n"
    file.write_text(head + yaml.safe_dump(kept, sort_keys=False, width=1000), "utf-8")
