"""What the command line shows: tables, reasons and progress. Results on stdout, the rest on stderr.

Text that a student may have written is printed as it is, never as mark-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder import pipeline
from autograder.check import Checked
from autograder.mutants import Share
from autograder.scores import Score, total

out = Console()
err = Console(stderr=True)


@contextmanager
def working(doing: str) -> Iterator[Any]:
    """A spinner on stderr; yields a function that says what is being done now."""
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=err, transient=True, disable=not err.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(doing, total=None)
        yield lambda now: progress.update(task, description=f"{doing}: {now}")


@contextmanager
def bar(doing: str, count: int) -> Iterator[pipeline.Progress]:
    """A progress bar on stderr; yields a function to call as each student is done."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(doing, total=count)
        yield lambda student: progress.update(task, advance=1, description=f"{doing}: {student}")


def print_json(data: Any) -> None:
    """JSON on stdout and nothing else."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def show_graded(assignment: str, graded: list[pipeline.Graded]) -> None:
    """Points of each student, then who needs a look."""
    table = Table("student", "points", title=f"{assignment}: {len(graded)} graded")
    for g in graded:
        points = "not graded" if g.failure else f"{g.score:g} of {g.max_score:g}"
        table.add_row(escape(g.student), points)
    out.print(table)
    for g in (g for g in graded if g.needs_attention):
        out.print(f"\n{g.student} needs attention:", markup=False, highlight=False)
        for text in [*g.notices, *([g.failure] if g.failure else [])]:
            out.print(f"  - {text}", markup=False, highlight=False)


def score_table(rows: list[Score]) -> Table:
    """One line an exercise, with a total after each student."""
    table = Table("student", "notebook", "exercise", "points")
    for student in sorted({row.student for row in rows}):
        mine = [row for row in rows if row.student == student]
        for row in mine:
            points = f"{row.score:g} of {row.max_score:g}"
            table.add_row(escape(student), row.notebook, row.exercise, points)
        earned, possible = total(mine)
        table.add_row(escape(student), "", "all", f"{earned:g} of {possible:g}", end_section=True)
    return table


def show_checked(checked: Checked) -> None:
    """Each exercise with its points, and the reason under it."""
    if checked.error:
        out.print(checked.error, markup=False, highlight=False)
    for result in checked.exercises:
        word = "passed" if result.message is None else "failed"
        points = f"{result.score:g} of {result.max_score:g} points"
        out.print(f"{word}  {result.exercise}  ({points})", markup=False, highlight=False)
        if result.message:
            out.print(f"        {result.message}", markup=False, highlight=False)
    for notice in checked.notices:
        out.print(notice, markup=False, highlight=False)


def show_shares(caught: list[Share]) -> bool:
    """The share of mutants caught for each exercise, and the survivors; whether all suffice."""
    for share in caught:
        out.print(f"{share.exercise}: {share.caught} of {share.tried} mutants caught.")
        for diff in share.survivors:
            out.print(diff, markup=False, highlight=False)
    return all(share.enough for share in caught)
