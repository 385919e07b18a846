"""What can go wrong, by whose doing.

Refused       the submission's author: a file that cannot be read as the notebook it should be.
              Never ends a run; it becomes a score of 0 and a feedback page with these words.
UsageError    the person at the command line: a name that does not exist, a step left out.
CourseError   the author of the assignment: source/ or mistakes.yaml says something impossible.
GraderFailed  nobody but us: a step of the grader stopped. The only one that ends in exit code 1
              without a word about the notebook.
"""

from __future__ import annotations


class AutograderError(Exception):
    """Anything that the command line shows as one sentence instead of a traceback."""


class Refused(AutograderError):
    """A file of a submission is no notebook; the text tells its author how to mend it."""


class UsageError(AutograderError):
    """The command was asked for something that does not exist."""


class CourseError(AutograderError):
    """The assignment itself is wrong; the text names the file and what would be right."""


class GraderFailed(AutograderError):
    """A step of the grader stopped; `log` holds what nbgrader said on the way."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class SandboxMissing(GraderFailed):
    """This machine cannot build the sandbox, so nobody else's code is run on it."""
