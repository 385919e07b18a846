"""`autograder exam`: what an instructor types on the day of a written exam."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from autograder.errors import UsageError
from autograder.exam import rounds
from autograder.exam.report import Outcome, outcome
from autograder.exam.sitting import Exams, exams_of
from autograder.screen import bar, out, print_json, show_graded
from autograder.shell import course_at

app = typer.Typer(
    help="""\
    Written exams: a paper for each candidate, graded by nbgrader.

    \b
        autograder exam release operations-associate --candidate anna --candidate ben
        autograder exam grade operations-associate      collect, mark and give feedback
        autograder exam report operations-associate     marks by domain, time, near misses
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Exam = Annotated[
    str, typer.Argument(help="A folder of source/exams, such as operations-associate.")
]
Candidates = Annotated[
    list[str] | None,
    typer.Option("--candidate", help="The name they hand in under; may be repeated."),
]
Root = Annotated[
    Path | None,
    typer.Option(envvar="DWCP_COURSE", help="The course's folder, if it is not this one."),
]


@app.command()
def release(
    exam: Exam,
    candidate: Candidates = None,
    seed: Annotated[
        str | None,
        typer.Option(help="What draws the paper; by default chance. Kept with the instructor."),
    ] = None,
    root: Root = None,
) -> None:
    """Draw a paper for each candidate and put it where they fetch it.

    A candidate who has a paper keeps it. No key and no reason is in what goes out.
    """
    with course_at(root) as course:
        if not candidate:
            raise UsageError("Whose paper? Name at least one: --candidate anna")
        exams = exams_of(course)
        with bar("Releasing", len(candidate)) as step:
            for name in candidate:
                made = rounds.release(
                    exams, exam, name, f"{exam}/{name}/{seed or secrets.token_hex(8)}", time.time()
                )
                step(name)
                out.print(f"{name} fetches {made.assignment}.", markup=False, highlight=False)


@app.command()
def grade(exam: Exam, candidate: Candidates = None, root: Root = None) -> None:
    """Collect what was handed in, mark it, and give each candidate a page with marks by domain."""
    with course_at(root) as course:
        exams = exams_of(course)
        todo = chosen(exams, exam, candidate)
        with bar("Grading", len(todo)) as step:
            done = rounds.grade(exams, todo, time.time, step)
    show_graded(exam, list(done.graded))
    for name in done.missing:
        out.print(f"{name} has not handed in.", markup=False, highlight=False)
    for who, assignment in done.strangers:
        out.print(
            f"{who} handed in {assignment}, which is somebody else's; it was not marked.",
            markup=False, highlight=False,
        )  # fmt: skip
    if any(graded.failure for graded in done.graded):
        raise typer.Exit(1)


@app.command()
def report(
    exam: Exam,
    candidate: Candidates = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    root: Root = None,
) -> None:
    """Show marks by domain, weak objectives, the time taken, and near misses for a second marker.

    For the instructor: near misses hold parts of the key.
    """
    with course_at(root) as course:
        exams = exams_of(course)
        found = [outcome(exams, sitting) for sitting in chosen(exams, exam, candidate)]
    if as_json:
        print_json([asdict(one) for one in found])
    for one in found if not as_json else ():
        show(one)


def chosen(exams: Exams, exam: str, named: list[str] | None) -> list[rounds.Sitting]:
    """The sittings of those named, or all. Raises UsageError if there are none."""
    if todo := [exams.sitting(exam, name) for name in named or ()] or exams.sittings(exam):
        return todo
    raise UsageError(f"Nobody has a paper of {exam}. Run: autograder exam release {exam}")


def show(one: Outcome) -> None:
    """One candidate's report."""
    word = "passed" if one.passed else "not passed"
    table = Table("domain", "marks", "share", title=f"{escape(one.candidate)}: {one.exam}, {word}")
    for domain, (got, of) in one.domains.items():
        table.add_row(domain, f"{got:g} of {of:g}", f"{got / of:.0%}")
    table.add_section()
    table.add_row("all", f"{one.total:g} of {one.of}", f"{one.total / one.of:.0%}")
    out.print(table)
    weak = ", ".join(f"{name} ({lost})" for name, lost in one.weak.items())
    lines = [f"Marks lost by objective: {weak or 'none'}.", *one.times]
    lines += [f"Second marker: question {n.number} ({n.item}), {n.how}." for n in one.near_misses]
    for line in lines + [f"Note: {note}." for note in one.notes]:
        out.print(line, markup=False, highlight=False)
    out.print()
