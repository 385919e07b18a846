"""The `autograder` command: what instructors and CI run.

Exit codes: 0 done, whatever the submissions were worth; 1 the grader itself failed, or `verify`
found something; 2 the command was asked for something that does not exist.
"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder import pipeline
from autograder.check import Checked
from autograder.check import check as check_notebook
from autograder.courseroot import CourseRoot
from autograder.errors import AutograderError, UsageError
from autograder.exam.commands import app as exam
from autograder.measured import shares
from autograder.scores import scores as read_scores
from autograder.screen import (
    bar,
    out,
    print_json,
    score_table,
    show_checked,
    show_graded,
    show_shares,
    working,
)
from autograder.shell import course_at, exit_code
from autograder.verify import verify as verify_assignment

app = typer.Typer(
    help="""\
    Release assignments, grade submissions, and check that exercises are sound.

    The round of an assignment, from the course's folder:

    \b
        autograder release ops-1      learners fetch it
        autograder collect ops-1      their submissions come in
        autograder grade ops-1        tests run, points go into the gradebook
        autograder feedback ops-1     each learner gets a page that says what was wrong
        autograder scores ops-1       who has what
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(exam, name="exam")

Assignment = Annotated[str, typer.Argument(help="A folder of source/, such as ops-1.")]
Students = Annotated[
    list[str] | None, typer.Option("--student", help="Only this student; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Root = Annotated[
    Path | None,
    typer.Option(envvar="DWCP_COURSE", help="The course's folder, if it is not this one."),
]


class Sandbox(StrEnum):
    """What stands around the code of submissions."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


@app.command()
def release(assignment: Assignment, root: Root = None) -> None:
    """Make the learner's notebooks from source/ and put them where learners fetch them."""
    with course_at(root) as course, working(f"Releasing {assignment}"):
        pipeline.release(course, assignment)
        notebooks = course.notebooks(assignment)
    out.print(f"Released {assignment}: {', '.join(notebooks)}.", highlight=False)


@app.command()
def collect(assignment: Assignment, root: Root = None) -> None:
    """Bring in each learner's newest submission."""
    with course_at(root) as course, working(f"Collecting {assignment}"):
        students = pipeline.collect(course, assignment)
    out.print(f"Submissions of {assignment}: {', '.join(students) or 'none yet'}.")


@app.command()
def grade(
    assignment: Assignment,
    student: Students = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="A running Dask scheduler, such as tcp://grader:8786, to do the work."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Submissions at once; by default one a processor.")
    ] = None,
    sandbox: Annotated[
        Sandbox | None,
        typer.Option(help="`none` runs the code of submissions without walls. It is recorded."),
    ] = None,
    root: Root = None,
) -> None:
    """Run the tests on every submission and write the points into the gradebook.

    Students' code runs in a sandbox, away from the tests and from everything that counts. With
    no sandbox on the machine, nothing is graded.

    A submission that cannot be read, loops for ever or lacks a cell gets the points it deserves
    and a feedback page that says why; the others are not disturbed. Grading again changes
    nothing, unless a submission or a test has changed.
    """
    with course_at(root) as course:
        todo = handed_in(course, assignment, student)
        if sandbox:
            course.config.Examine.sandbox = sandbox.value
        with bar("Grading", len(todo)) as step:
            graded = pipeline.grade(course, assignment, todo, step, scheduler, workers)
    show_graded(assignment, graded)
    if any(g.failure for g in graded):
        raise typer.Exit(1)


@app.command()
def feedback(assignment: Assignment, student: Students = None, root: Root = None) -> None:
    """Write each learner's feedback pages and hand them back."""
    with course_at(root) as course:
        todo = handed_in(course, assignment, student)
        with bar("Writing feedback", len(todo)) as step:
            by_hand = pipeline.feedback(course, assignment, todo, step)
    out.print(f"Feedback written for {len(todo)} submissions of {assignment}.")
    if by_hand:
        names = ", ".join(by_hand)
        out.print(f"Not through the exchange, so hand on feedback/STUDENT/{assignment}: {names}.")


@app.command()
def scores(assignment: Assignment, as_json: AsJson = False, root: Root = None) -> None:
    """Show every learner's points, exercise by exercise."""
    with course_at(root) as course:
        rows = read_scores(course, assignment)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        out.print(score_table(rows) if rows else f"Nobody's {assignment} is graded yet.")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Your own copy of one of the notebooks.")],
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Grade your own notebook with the hidden tests, as often as you like. Nothing is handed in."""
    try:
        with course_at(root, as_json) as course, working(f"Checking {notebook.name}"):
            checked = check_notebook(course, notebook)
    except AutograderError as error:  # only with --json: a program reads the reason
        print_json(Checked(notebook.stem, "", (), error=str(error)).as_data())
        raise typer.Exit(exit_code(error)) from None
    if as_json:
        print_json(checked.as_data())
    else:
        show_checked(checked)


@app.command()
def verify(
    assignments: Annotated[
        list[str] | None, typer.Argument(help="Folders of source/; all of them if none is named.")
    ] = None,
    mutants: Annotated[
        bool,
        typer.Option(help="Also change the solutions one operator, bound or constant at a time."),
    ] = False,
    again: Annotated[
        bool, typer.Option(help="With --mutants: also those that were tried, and are unchanged.")
    ] = False,
    root: Root = None,
) -> None:
    """Prove that exercises can be solved, are not passed unsolved, and catch mistakes."""
    sound = True
    with course_at(root) as course:
        for assignment in assignments or course.assignments():
            with working(f"Verifying {assignment}") as tell:
                found = verify_assignment(course, assignment, tell)
            for finding in found:
                out.print(str(finding), markup=False, highlight=False)
            out.print(f"{assignment}: {'not fit' if found else 'fit'} to be released.")
            sound = sound and not found
            if mutants:
                with working(f"Mutating {assignment}") as tell:
                    caught = shares(course, assignment, tell, again)
                sound = show_shares(caught) and sound
    if not sound:
        raise typer.Exit(1)


def handed_in(course: CourseRoot, assignment: str, named: list[str] | None) -> list[str]:
    """The students to work on. Raises UsageError if nobody has handed in."""
    course.require(assignment)
    todo = pipeline.chosen(course, assignment, named or ())
    if not todo:
        raise UsageError(f"Nobody has handed in {assignment}. Run: autograder collect {assignment}")
    return todo
