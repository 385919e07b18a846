"""What came of one candidate's exam: marks by domain, the time, and what to look at again.

Marks are the gradebook's, so that what a second marker changed in the formgrader counts. The rest
is worked out from the answers that were handed in, which are marked once more from the pool; if
that does not give the gradebook's marks, the report says where they differ.

The time is judged from three sources: the candidate's clock file and the hand-in's time, both
written on the candidate's side, and this machine's own note of when it first saw the hand-in. Only
the last one proves anything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autograder.errors import Refused, UsageError
from autograder.exam.rounds import handed_in_at
from autograder.exam.sitting import Exams, Sitting
from autograder.scores import scores
from autograder.submission import read_file
from course.catalogue.questions.grading import NearMiss, grade
from course.widgets.clock import read_clock

GRACE_S = 300.0  # to save and submit once no answer is taken any more


@dataclass(frozen=True)
class Outcome:
    """One candidate's exam. `weak`: objective -> marks lost; `notes` are on the answers."""

    candidate: str
    exam: str
    total: float
    of: int
    passed: bool
    domains: Mapping[str, tuple[float, float]]
    weak: Mapping[str, int]
    late: bool | None  # None: not known
    times: tuple[str, ...]
    near_misses: tuple[NearMiss, ...]
    notes: tuple[str, ...]


def outcome(exams: Exams, sitting: Sitting) -> Outcome:
    """The outcome of a graded exam. Raises UsageError if it is not graded."""
    rows = [
        row for row in scores(exams.room, sitting.assignment) if row.student == sitting.candidate
    ]
    if not rows:
        raise UsageError(
            f"{sitting.candidate} is not graded. Run: autograder exam grade {sitting.exam}"
        )
    drawn = exams.paper(sitting)
    plan = drawn.blueprint
    answers, unread = _answers(exams, sitting)
    again = grade(drawn, answers)
    domains = {row.exercise.removeprefix("written-"): (row.score, row.max_score) for row in rows}
    ordered = {name: domains[name] for name in again.domains if name in domains}
    changed = [
        f"{name}: {got:g} in the gradebook, {again.domains[name][0]} by the key; changed by hand, "
        "or the items have changed since the release"
        for name, (got, _) in ordered.items()
        if got != again.domains[name][0]
    ]
    total = sum(got for got, _ in ordered.values())
    objectives = {q.number: q.item.objective for q in drawn.questions}
    weak = Counter(objectives[mark.number] for mark in again.marks if not mark.mark)
    late, said = timing(sitting, plan.minutes, *_clock(exams, sitting))
    return Outcome(
        sitting.candidate, sitting.exam, total, plan.size, total >= plan.pass_marks, ordered,
        dict(weak.most_common()), late, said, again.near_misses,
        (*unread, *again.problems, *changed),
    )  # fmt: skip


def timing(
    sitting: Sitting, minutes: int, clock: Mapping[str, Any] | None, handed_in: str
) -> tuple[bool | None, tuple[str, ...]]:
    """(late, what there is to say), from the candidate's clock and the time of the hand-in."""
    said = []
    seen_s = sitting.collected_s.get(handed_in)
    took_s = None
    if clock is None:
        said.append("No clock came in, so how long the exam took is not known.")
    elif (clock["exam"], clock["candidate"]) != (sitting.exam, sitting.candidate):
        said.append(f"The clock that came in is that of {clock['candidate']}, {clock['exam']}.")
    else:
        if clock["begun_anew"]:
            said.append("The clock was begun anew, after one that could not be read.")
        if clock["started_s"] < sitting.released_s - 60:
            early = (sitting.released_s - clock["started_s"]) / 60
            said.append(
                f"The clock began {early:.0f} min before the paper was released: that computer's "
                "time is wrong, or the file was changed."
            )
        if handed_in:
            took_s = _seconds(handed_in) - clock["started_s"]
            said.append(
                f"Handed in {took_s / 60:.0f} min after the start, by the candidate's side."
            )
    if not handed_in:
        said.append("The hand-in does not say when it was made.")
    late = None if took_s is None else took_s > minutes * 60 + GRACE_S
    if took_s is not None and late:
        said.append(f"LATE by {took_s / 60 - minutes:.0f} min of {minutes} min.")
    if took_s is not None and took_s < 0:
        late = None
        said.append("It was handed in before it was started: one of the two times is wrong.")
    if seen_s is not None:
        after_s = seen_s - sitting.released_s
        proved = after_s <= minutes * 60 + GRACE_S
        late = False if proved else late
        word = "in time, whatever the candidate's clock says" if proved else "which proves nothing"
        said.append(f"First seen on this machine {after_s / 60:.0f} min after the release: {word}.")
    return late, tuple(said)


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()


def _clock(exams: Exams, sitting: Sitting) -> tuple[dict[str, Any] | None, str]:
    folder = exams.room.folder("submitted", sitting.assignment, sitting.candidate)
    try:
        clock = read_clock(read_file(folder / "paper.clock.json").decode("utf-8"))
    except (Refused, ValueError):
        clock = None
    return clock, handed_in_at(exams, sitting)


def _answers(exams: Exams, sitting: Sitting) -> tuple[dict[str, Any], list[str]]:
    """The answers as handed in, and what was wrong with the file; it is a stranger's."""
    folder = exams.room.folder("submitted", sitting.assignment, sitting.candidate)
    try:
        kept = json.loads(read_file(folder / "paper.answers.json"))["answers"]
        if isinstance(kept, dict):
            return kept, []
    except (Refused, ValueError, LookupError, TypeError, RecursionError):
        pass
    return {}, ["paper.answers.json is missing or cannot be read"]
