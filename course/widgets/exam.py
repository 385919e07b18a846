"""A written exam: a quiz without keys, and with a clock that goes on whatever befalls the kernel.

`open_exam(path)` takes the file that the candidate was given (`questions.draw.public`, and whose
it is). Answers stay in PAPER.answers.json and the time in PAPER.clock.json beside it; both are
handed in with the notebook. After the time no answer is taken; what was answered before stays.
"""

import json
import time
from pathlib import Path
from typing import Any

from course.widgets.answers import AnswerFile
from course.widgets.clock import ExamClock, Seconds
from course.widgets.quiz import Quiz


class Exam(Quiz):
    """`Quiz(shown, file)` that takes answers for as long as `clock` has time left."""

    def __init__(self, shown: dict[str, Any], file: AnswerFile, clock: ExamClock) -> None:
        self._clock = clock
        super().__init__(shown, file)
        self.note = " ".join(filter(None, (file.problem, clock.problem)))

    def answer(self, number: int, given: Any) -> None:
        """Keep an answer; ValueError after the time, or for what is no answer."""
        if not self._clock.left_s():
            self._say_standing()
            raise ValueError("The time is up, so this is not kept. What you answered before is.")
        super().answer(number, given)
        self.note = f"Question {number} is kept. {minutes(self.left_s)} left."

    def _say_standing(self) -> None:
        self.left_s = self._clock.left_s()
        answered = f"{len(self.given)} of {len(self.questions)} answered"
        left = f"{minutes(self.left_s)} left" if self.left_s else "the time is up"
        self.standing = f"{answered}, {left}. Kept in {self._file.path.name}."


def minutes(seconds: float) -> str:
    """A time that is left, in words."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def open_exam(path: Path, wall_s: Seconds = time.time, steady_s: Seconds = time.monotonic) -> Quiz:
    """The exam in `path`; the first call starts its clock. ValueError for what is no paper.

    A paper without minutes has no clock.
    """
    about = _about(path)
    whose = str(about.get("exam", path.stem)), str(about.get("candidate", ""))
    file = AnswerFile(path.with_suffix(".answers.json"), *whose)
    plain = Quiz.from_file(path, file)  # says what is wrong with the file, if anything is
    if not isinstance(time_given := about.get("minutes"), int) or time_given <= 0:
        return plain
    clock = ExamClock(path.with_suffix(".clock.json"), *whose, time_given, wall_s, steady_s)
    return Exam({"title": str(about.get("title", path.stem)), **about}, file, clock)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}
