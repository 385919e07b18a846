"""Try answers on a notebook of source/, and hear what its author would be told.

Starts variants.py as a process in a folder of its own, and puts its outcomes into the words of a
feedback page. Read next: mistakes.py and mutants.py, which bring the answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.utils import is_grade, is_solution

from autograder.errors import GraderFailed
from autograder.feedback import failure, named
from autograder.submission import exercise_of

LIMIT_S = 30.0  # a cell with a wrong answer in it: seconds as long as any honest cell needs
PATIENCE_S = 240.0  # between two outcomes: the notebook's own cells run in that time


@dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook: the names of its cells are its id, id-check and id-test."""

    id: str
    answer: str  # the reference solution
    points: float


@dataclass(frozen=True)
class Verdict:
    """What became of one answer. `said` are the messages of its failing check and test."""

    earned: bool
    said: tuple[str, ...]


def exercises(nb: NotebookNode) -> list[Exercise]:
    """The graded exercises of a source notebook, in order."""
    cells = named(nb)
    return [
        Exercise(exercise_of(name), cells[exercise_of(name)].source, cell.metadata.nbgrader.points)
        for name, cell in cells.items()
        if is_grade(cell) and not is_solution(cell) and exercise_of(name) in cells
    ]


def judge(
    notebook: Path, answers: Sequence[tuple[str, str]], limit_s: float = LIMIT_S
) -> Iterator[tuple[int, Verdict]]:
    """Try each (exercise id, answer) on the notebook: (index, verdict), as each is done.

    Runs in the notebook's folder, which should be a copy. Raises GraderFailed if the run stops.
    """
    nb = nbformat.read(notebook, as_version=4)
    job = {
        "cells": [
            {"name": cell.metadata.get("nbgrader", {}).get("grade_id"), "source": cell.source}
            for cell in nb.cells
            if cell.cell_type == "code"
        ],
        "variants": [
            {"answer": exercise, "test": f"{exercise}-test", "source": source}
            for exercise, source in answers
        ],
        "limit_s": limit_s,
    }
    seen = 0
    for index, raised in _outcomes(job, notebook.parent):
        seen += 1
        yield index, verdict(answers[index][0], raised)
    if seen < len(answers):
        raise GraderFailed(f"{notebook.name} stopped after {seen} of {len(answers)} answers")


def _outcomes(job: dict, folder: Path) -> Iterator[tuple[int, dict[str, list[str]]]]:  # type: ignore[type-arg]
    """The lines of variants.py, which is stopped if it falls silent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder.variants"],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "agg"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # so that it can be stopped together with its children
    )
    assert process.stdin and process.stdout
    watch = Timer(0, lambda: None)
    try:
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        watch = _watch(process)
        for line in process.stdout:
            watch.cancel()
            index, raised = json.loads(line)
            yield index, raised
            watch = _watch(process)
    finally:
        watch.cancel()
        _stop(process)
        process.stdout.close()
        process.wait()


def _watch(process: subprocess.Popen[str]) -> Timer:
    timer = Timer(PATIENCE_S, _stop, [process])
    timer.daemon = True
    timer.start()
    return timer


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def verdict(exercise: str, raised: dict[str, list[str]]) -> Verdict:
    """The outcome of one answer, in the words that its author would read."""
    answer = _cell(raised.get(exercise))
    said = [
        failure(_cell(raised.get(name)), answer)
        for name in (f"{exercise}-check", f"{exercise}-test")
    ]
    return Verdict(f"{exercise}-test" not in raised, tuple(words for words in said if words))


def _cell(error: list[str] | None) -> NotebookNode:
    raised = [] if error is None else [v4.new_output("error", ename=error[0], evalue=error[1])]
    return v4.new_code_cell("", outputs=raised)
