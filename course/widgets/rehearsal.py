"""A practice paper: the written exam's shape and clock, and afterwards its marks and reasons.

`rehearse(1, folder)` opens paper 1, drawn from the practice pool by the exam's own blueprint. The
first look starts its 90 minutes, and answers are kept unmarked, as in the exam. `mark` ends it:
from then on the paper takes no answer, and says what was right and why. Both files lie in the
folder, practice-1.answers.json and practice-1.clock.json, and what `mark` found in the first.

All keys are in this package: a paper tells its owner where they stand, and proves nothing to
anybody else. An exam that counts is `course.widgets.exam`, with items that are not in here.
"""

import re
import time
from html import escape
from pathlib import Path
from typing import Any

from course.catalogue.questions import blueprint, practice
from course.catalogue.questions.draw import Paper, Question, paper, public
from course.catalogue.questions.grading import Mark, Report, grade
from course.widgets.answers import AnswerFile
from course.widgets.clock import ExamClock, Seconds
from course.widgets.exam import Exam, minutes
from course.widgets.quiz import reasons, result

HERE = Path()


class Rehearsal(Exam):
    """An exam's panel for a practice paper, closed once it is marked."""

    def answer(self, number: int, given: Any) -> None:
        """Keep an answer; ValueError after the time, after the marking, or for what is none."""
        file = self._file
        if AnswerFile(file.path, file.quiz, file.seed).results:  # marked since this was opened
            raise ValueError("This paper is marked, so no answer is taken. Take the next number.")
        super().answer(number, given)


def drawn(number: int) -> Paper:
    """Practice paper `number`, 1 or more: the same for everybody. It holds the keys."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"practice papers are numbered 1, 2, 3 and so on, not {number!r}")
    return paper(practice(), blueprint(), f"practice paper {number}")


def rehearse(
    number: int, folder: Path = HERE, wall_s: Seconds = time.time,
    steady_s: Seconds = time.monotonic,
) -> Rehearsal:  # fmt: skip
    """Paper `number`, to answer; the first call starts its clock, which goes on in its file."""
    shown = public(drawn(number))
    title = f"Practice paper {number}: {len(shown['questions'])} questions, {shown['minutes']} min"
    clock = _clock(number, folder, shown["minutes"], wall_s, steady_s)
    return Rehearsal({**shown, "title": title}, _file(number, folder), clock)


def mark(
    number: int, done: bool = False, folder: Path = HERE, wall_s: Seconds = time.time,
    steady_s: Seconds = time.monotonic,
) -> "Marked | None":  # fmt: skip
    """End a paper and mark it; None, with a word why, while there is time and it is not `done`.

    Raises ValueError for a paper that was never begun.
    """
    asked, file = drawn(number), _file(number, folder)
    if not _path(number, folder, "clock").exists():
        raise ValueError(f"paper {number} was not begun: rehearse({number}) begins it")
    left_s = _clock(number, folder, asked.blueprint.minutes, wall_s, steady_s).left_s()
    if left_s and not done and not file.results:
        print(
            f"{len(file.answers)} of {len(asked.questions)} answered, {minutes(left_s)} left: "
            "not marked yet. If you are done, say so."
        )
        return None
    found = Marked(asked, grade(asked, file.answers))
    file.results = found.results
    file.save()
    return found


def taken(folder: Path = HERE) -> list[dict[str, Any]]:
    """A row for each marked paper in the folder: paper, marks of each domain, total, passed."""
    rows = []
    for path in sorted(folder.glob("practice-*.answers.json")):
        number = path.name.removeprefix("practice-").removesuffix(".answers.json")
        if number.isdecimal() and int(number):
            file = _file(int(number), folder)
            if file.results:
                report = grade(asked := drawn(int(number)), file.answers)
                marks = {domain: got for domain, (got, _) in report.domains.items()}
                end = {"of": len(asked.questions), "passed": report.passed}
                rows.append({"paper": int(number), **marks, "marks": report.total, **end})
    return sorted(rows, key=lambda row: int(row["paper"]))


class Marked:
    """A marked paper: `report`, rows by domain, and the reasons as a page that opens bit by bit."""

    def __init__(self, asked: Paper, report: Report) -> None:
        self.asked, self.report = asked, report

    @property
    def results(self) -> dict[str, Any]:
        """Question number -> what is kept; the last answer counts, as in the exam."""
        pairs = zip(self.asked.questions, self.report.marks, strict=True)
        return {str(q.number): result(q.item, bool(m.mark), bool(m.mark)) for q, m in pairs}

    @property
    def by_domain(self) -> list[dict[str, Any]]:
        """Rows {domain, marks, of, share}, the lowest share first; `share` is 0 to 1."""
        rows = [
            {"domain": domain, "marks": got, "of": of, "share": round(got / of, 2)}
            for domain, (got, of) in self.report.domains.items()
        ]
        return sorted(rows, key=lambda row: float(row["share"]))

    @property
    def verdict(self) -> str:
        """The marks in a sentence."""
        plan = self.asked.blueprint
        word = "passed" if self.report.passed else "not passed"
        return f"{self.report.total} of {plan.size}; {plan.pass_marks} pass: {word}."

    def _repr_html_(self) -> str:
        """What was wrong first, then what was right; each opens to its reasons."""
        pairs = list(zip(self.asked.questions, self.report.marks, strict=True))
        pairs.sort(key=lambda pair: pair[1].mark)
        return f"<p><b>{self.verdict}</b></p>" + "".join(_reasoned(q, m) for q, m in pairs)

    def __repr__(self) -> str:
        wrong = [mark for mark in self.report.marks if not mark.mark]
        return "\n".join(
            [self.verdict, *(f"{m.number}. {m.why} The answer: {m.key}" for m in wrong)]
        )


def _reasoned(question: Question, found: Mark) -> str:
    """One question with what was answered, what is right, and why."""
    about = reasons(question, found.key)
    word = "right" if found.mark else "not right" if found.given else "not answered"
    rows = "".join(f"<li><b>{_text(o)}</b>: {_text(why)}</li>" for o, why in about["reasons"])
    exhibit = f"<pre>{escape(question.item.exhibit)}</pre>" if question.item.exhibit else ""
    own = f"<p>Your answer: {escape(found.given)}. {_text(found.why)}</p>" if found.given else ""
    return (
        f"<details><summary><b>{word}</b> ({escape(question.item.subtopic)}) {question.number}. "
        f"{_text(question.stem)}</summary>{exhibit}{own}"
        f"<p>The answer: {_text(about['key'])}. {_text(about['fact'])}</p><ul>{rows}</ul></details>"
    )


def _text(text: str) -> str:
    """Text with its `code` marked, as a page has it."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _path(number: int, folder: Path, what: str) -> Path:
    return folder / f"practice-{number}.{what}.json"


def _file(number: int, folder: Path) -> AnswerFile:
    return AnswerFile(_path(number, folder, "answers"), f"practice-{number}", str(number))


def _clock(
    number: int, folder: Path, minutes_given: int, wall_s: Seconds, steady_s: Seconds
) -> ExamClock:
    path = _path(number, folder, "clock")
    return ExamClock(path, f"practice-{number}", "", minutes_given, wall_s, steady_s)
