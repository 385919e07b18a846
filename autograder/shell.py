"""What every command of `autograder` does around its work: find the course, end with words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from autograder.courseroot import CourseRoot, open_course
from autograder.errors import AutograderError, GraderFailed, UsageError
from autograder.screen import err


@contextmanager
def course_at(root: Path | None, raising: bool = False) -> Iterator[CourseRoot]:
    """The course; what goes wrong inside becomes one sentence and an exit code."""
    try:
        yield open_course(root)
    except AutograderError as error:
        if raising:
            raise
        if isinstance(error, GraderFailed) and error.log:
            err.print(error.log, style="dim", markup=False, highlight=False)
        err.print(str(error), style="bold", markup=False, highlight=False)
        raise typer.Exit(exit_code(error)) from None


def exit_code(error: AutograderError) -> int:
    """2: the person asked for what is not there; 1: we failed."""
    return 2 if isinstance(error, UsageError) else 1
