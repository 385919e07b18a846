"""One submission from bytes to examined notebooks: no files, no gradebook, any process.

A `Submission` holds all that is needed, so it can be sent to a worker on another machine.
`mark` does to each notebook what the preprocessors of preprocessor.py do inside nbgrader; both
call the same functions. Read next: fanout.py, which sends submissions out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode, v4

from autograder.errors import Refused
from autograder.fence import Limits
from autograder.pool import Files, Pool
from autograder.script import Given, put, put_back_for, script
from autograder.submission import Plan, admit, defuse, parse_notebook


@dataclass(frozen=True)
class Terms:
    """How notebooks are examined; the same for a whole run."""

    modules: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()
    sandbox: str = "bubblewrap"
    timeout_s: float = 30.0
    restarts: int = 4
    limits: Limits = field(default_factory=Limits)

    def pool(self) -> Pool:
        """A pool for them. Raises SandboxMissing, GraderFailed."""
        return Pool(self.modules, self.judging, self.sandbox != "none", self.limits)


@dataclass(frozen=True)
class Paper:
    """One notebook of a submission, and what the course knows of it."""

    name: str
    document: bytes | None  # the file, or None where it could not be taken
    refusal: str | None  # why not, in words
    plan: Plan
    about: Given


@dataclass(frozen=True)
class Submission:
    """One student's notebooks, and the files that the assignment puts beside them."""

    student: str
    papers: tuple[Paper, ...]
    files: Mapping[str, bytes]
    brought: Mapping[str, bytes] = field(default_factory=dict)  # by the student: not to be trusted


def mark(submission: Submission, terms: Terms, pool: Pool) -> dict[str, NotebookNode]:
    """Every notebook of the submission, examined, by name."""
    return {paper.name: _mark(paper, submission, terms, pool) for paper in submission.papers}


def _mark(paper: Paper, submission: Submission, terms: Terms, pool: Pool) -> NotebookNode:
    nb, refusal = v4.new_notebook(), paper.refusal
    if paper.document is not None:
        try:
            nb = parse_notebook(f"{paper.name}.ipynb", paper.document)
        except Refused as refused:
            refusal = str(refused)
    admit(nb, paper.plan, refusal)
    defuse(nb, paper.about.texts)
    files = Files(dict(submission.files), dict(submission.brought))
    examine(nb, paper.about, files, terms, pool)
    return nb


def examine(nb: NotebookNode, about: Given, files: Files, terms: Terms, pool: Pool) -> None:
    """Run an admitted notebook, and put into it what each cell said and why some were not run."""
    steps = script(nb, about)
    todo = [step for step in steps if step]
    if any(step and not put_back_for(cell) for cell, step in zip(nb.cells, steps, strict=True)):
        outputs = pool.examine(todo, files, terms.timeout_s, terms.restarts)
    else:  # a stand-in: nothing of the student's to run
        outputs = [[] for _ in todo]
    put(nb, steps, outputs)
