"""The round of a written exam: a paper for each candidate, and what comes back graded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import nbformat

from autograder import pipeline
from autograder.exam.notebook import written
from autograder.exam.sitting import Exams, Sitting
from autograder.pipeline import Graded
from course.catalogue.questions.draw import public

NOTEBOOK = "written.ipynb"
PAPER = "paper.json"


@dataclass(frozen=True)
class Round:
    """What one round of grading did: graded, not handed in, and handed in by somebody else."""

    graded: tuple[Graded, ...]
    missing: tuple[str, ...]
    strangers: tuple[tuple[str, str], ...]  # (student, assignment)


def release(exams: Exams, exam: str, candidate: str, seed: str, now_s: float) -> Sitting:
    """Make one candidate's paper and put it where they fetch it.

    A candidate who has a paper already keeps it: the seed and the time of the first release stay.
    Raises UsageError for an exam or a name that cannot be.
    """
    sitting = exams.given(exam, candidate, seed, now_s)
    drawn, folder = exams.paper(sitting), exams.record(exam, candidate).parent
    exams.keep(sitting)
    shown = {"exam": exam, "candidate": candidate, **public(drawn)}
    (folder / PAPER).write_text(json.dumps(shown, indent=1) + "\n", "utf-8")
    nbformat.write(written(drawn, candidate), folder / NOTEBOOK)
    pipeline.release(exams.room, sitting.assignment)
    return sitting


def grade(
    exams: Exams, sittings: Iterable[Sitting], now_s: Callable[[], float],
    progress: pipeline.Progress = lambda student: None,
) -> Round:  # fmt: skip
    """Collect, grade and give feedback; each paper from its own candidate alone."""
    graded: list[Graded] = []
    missing, strangers = [], []
    for sitting in sittings:
        handed_in = pipeline.collect(exams.room, sitting.assignment)
        strangers += [(who, sitting.assignment) for who in handed_in if who != sitting.candidate]
        if sitting.candidate in handed_in:
            exams.keep(seen(exams, sitting, now_s()))
            graded += pipeline.grade(exams.room, sitting.assignment, [sitting.candidate])
            pipeline.feedback(exams.room, sitting.assignment, [sitting.candidate])
        else:
            missing.append(sitting.candidate)
        progress(sitting.candidate)
    return Round(tuple(graded), tuple(missing), tuple(strangers))


def seen(exams: Exams, sitting: Sitting, now_s: float) -> Sitting:
    """The sitting with the time at which this machine first saw the hand-in that is there now."""
    when = handed_in_at(exams, sitting)
    return replace(sitting, collected_s={when: now_s, **sitting.collected_s})


def handed_in_at(exams: Exams, sitting: Sitting) -> str:
    """The time of the hand-in as the candidate's side wrote it, in UTC; empty if it is not said."""
    folder = exams.room.folder("submitted", sitting.assignment, sitting.candidate)
    when = exams.room.coursedir(sitting.assignment).get_existing_timestamp(str(folder))
    return when.isoformat(" ") if when else ""
