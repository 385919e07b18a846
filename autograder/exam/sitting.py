"""One candidate's exam, and the record of it that stays with the instructor.

exams/source/EXAM-CANDIDATE/.sitting.json holds the seed. The seed has chance in it, because from
a seed that can be guessed the order of options can be worked out. nbgrader releases no file whose
name begins with a dot. Times are seconds since 1970, by the instructor's clock.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from autograder.courseroot import CONFIG_FILE, CourseRoot, load_config
from autograder.errors import CourseError, UsageError
from course.catalogue.questions import Pool, blueprint, load_pool
from course.catalogue.questions.draw import Paper, paper

RECORD = ".sitting.json"
CANDIDATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Sitting:
    """`collected_s`: when this machine first saw a hand-in, by the hand-in's own time."""

    exam: str
    candidate: str
    seed: str
    released_s: float
    collected_s: dict[str, float] = field(default_factory=dict)

    @property
    def assignment(self) -> str:
        """nbgrader's name of it."""
        return f"{self.exam}-{self.candidate}"


@dataclass(frozen=True)
class Exams:
    """The exams of a course: where the items are, and the folder where exams are sat."""

    course: CourseRoot
    room: CourseRoot

    def items(self, exam: str) -> Path:
        """The items of an exam. Raises UsageError for one that does not exist."""
        folder = self.course.path / "source" / "exams"
        known = sorted(path.parent.name for path in folder.glob("*/items"))
        if exam not in known:
            raise UsageError(
                f"There is no exam {exam!r}. This course has: {', '.join(known) or 'none'}."
            )
        return folder / exam / "items"

    def record(self, exam: str, candidate: str) -> Path:
        """Where the sitting of `candidate` is kept. Raises UsageError for what is no name."""
        if not CANDIDATE.fullmatch(candidate):
            raise UsageError(
                f"{candidate!r} cannot be a candidate's name: it is the name under which they "
                "hand in, of letters, digits, '.', '_' and '-', at most 64."
            )
        return self.room.path / "source" / f"{exam}-{candidate}" / RECORD

    def sitting(self, exam: str, candidate: str) -> Sitting:
        """One sitting. Raises UsageError if there is none."""
        path = self.record(exam, candidate)
        if not path.is_file():
            raise UsageError(
                f"{candidate} has no paper of {exam}. "
                f"Run: autograder exam release {exam} --candidate {candidate}"
            )
        return read(path)

    def sittings(self, exam: str) -> list[Sitting]:
        """All sittings of an exam, by candidate."""
        self.items(exam)
        found = map(read, (self.room.path / "source").glob(f"*/{RECORD}"))
        return sorted((s for s in found if s.exam == exam), key=lambda s: s.candidate)

    def paper(self, sitting: Sitting) -> Paper:
        """The candidate's paper with its key, drawn from the items as they are now."""
        try:
            return paper(_pool(self.items(sitting.exam)), blueprint(sitting.exam), sitting.seed)
        except ValueError as error:
            raise CourseError(f"{sitting.assignment}: {error}") from None

    def given(self, exam: str, candidate: str, seed: str, now_s: float) -> Sitting:
        """The sitting that the candidate has already, or a new one.

        Raises UsageError for an exam or a name that cannot be.
        """
        self.items(exam)
        if self.record(exam, candidate).is_file():
            return self.sitting(exam, candidate)
        return Sitting(exam, candidate, seed, now_s)

    def keep(self, sitting: Sitting) -> None:
        """Write the record."""
        path = self.record(sitting.exam, sitting.candidate)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(sitting), indent=1) + "\n", "utf-8")


def exams_of(course: CourseRoot) -> Exams:
    """The exams of a course. Raises UsageError where it has no folder for them."""
    folder = course.path / "exams"
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(f"{folder / CONFIG_FILE} is missing; exams are sat in that folder.")
    return Exams(course, CourseRoot(folder, load_config(folder)))


@cache
def _pool(items: Path) -> Pool:
    """The items, read once in a run."""
    return load_pool(items)


def read(path: Path) -> Sitting:
    """The record at `path`. Raises CourseError if it is damaged."""
    try:
        return Sitting(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise CourseError(f"{path} is no record of a sitting; release that paper again.") from None
