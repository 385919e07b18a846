"""The folder that holds a course, and nbgrader's view of it.

    nbgrader_config.py   read here, as `nbgrader` itself reads it
    source/ASSIGNMENT    the instructor's notebooks
    release/ASSIGNMENT   the learner's
    submitted/ autograded/ feedback/   STUDENT/ASSIGNMENT each

`CourseRoot` is a value: a path and a configuration. `scratch_course` makes another one in a
temporary folder, which is how a notebook is graded without touching the real gradebook.
Read next: pipeline.py.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Base, Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import find_all_files
from sqlalchemy import create_engine
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.errors import UsageError

CONFIG_FILE = "nbgrader_config.py"


class Folders(CourseDirectory):
    """nbgrader's course directory, which does not stumble over a damaged timestamp."""

    def get_existing_timestamp(self, dest_path):  # type: ignore[no-untyped-def]
        """The submission's time in UTC, or None where timestamp.txt holds no time."""
        file = Path(dest_path) / "timestamp.txt"
        if file.is_symlink() or not file.is_file():  # a pipe would never be read to its end
            return None
        try:
            return super().get_existing_timestamp(dest_path)
        except (AttributeError, ValueError, OverflowError, OSError):
            return None


@dataclass(frozen=True)
class CourseRoot:
    """A course on disk. Nothing is read before a method asks for it."""

    path: Path
    config: Config

    def folder(self, step: str, assignment: str, student: str = ".") -> Path:
        """Where `step` ("source", "submitted", ...) keeps an assignment."""
        structure = self.coursedir(assignment).format_path(step, student, assignment)
        return Path(os.path.normpath(structure))

    def coursedir(
        self, assignment: str, student: str = "*", ignore: Iterable[str] = ()
    ) -> CourseDirectory:
        """nbgrader's handle on one assignment; `ignore` adds file names that are not copied."""
        coursedir = Folders(config=self.config)
        coursedir.assignment_id = assignment
        coursedir.student_id = student
        coursedir.ignore = [*coursedir.ignore, *ignore]
        return coursedir

    def gradebook(self) -> Gradebook:
        """The open gradebook; use it in a `with`."""
        coursedir = Folders(config=self.config)
        return Gradebook(coursedir.db_url, coursedir.course_id)

    def assignments(self) -> list[str]:
        """The folders of source/ that hold notebooks."""
        return sorted({p.parent.name for p in (self.path / "source").glob("*/*.ipynb")})

    def require(self, assignment: str) -> None:
        """Raise UsageError unless source/ has the assignment."""
        known = self.assignments()
        if assignment not in known:
            raise UsageError(
                f"There is no assignment {assignment!r}. "
                f"This course has: {', '.join(known) or 'none (source/ is empty)'}."
            )

    def notebooks(self, assignment: str) -> list[str]:
        """The names of an assignment's notebooks, without `.ipynb`, in order of reading."""
        return sorted(p.stem for p in self.folder("source", assignment).glob("*.ipynb"))

    def files(self, assignment: str) -> list[str]:
        """What lies beside the notebooks and is released: paths relative to the assignment."""
        source = self.folder("source", assignment)
        ignore = [*self.coursedir(assignment).ignore, "*.ipynb"]
        return sorted(os.path.relpath(f, source) for f in find_all_files(str(source), ignore))

    def brought(self, assignment: str) -> list[str]:
        """Files of a learner's own that count, by nbgrader's setting: the answers to a quiz."""
        allowed = self.config.Autograde.get("exclude_overwriting", {})
        return list(allowed.get(assignment, []))

    def students(self, assignment: str) -> list[str]:
        """Everybody with a folder in submitted/ for this assignment."""
        submitted = self.path / self.coursedir(assignment).submitted_directory
        return sorted(p.parent.name for p in submitted.glob("*/*") if p.name == assignment)


def open_course(start: Path | None = None) -> CourseRoot:
    """The course at or above `start` (default: here), else the checkout this package lies in.

    Raises UsageError where there is no nbgrader_config.py.
    """
    here = (start or Path.cwd()).resolve()
    candidates = [here, *here.parents]
    if start is None:
        candidates.append(Path(__file__).resolve().parent.parent)
    for folder in candidates:
        if (folder / CONFIG_FILE).is_file():
            return CourseRoot(folder, load_config(folder))
    raise UsageError(f"No {CONFIG_FILE} at or above {here}. Run this inside the course's folder.")


def load_config(folder: Path) -> Config:
    """What nbgrader_config.py in `folder` sets."""
    return PyFileConfigLoader(CONFIG_FILE, path=str(folder)).load_config()


def moved(course: CourseRoot, path: Path) -> CourseRoot:
    """The same settings at another place, with a gradebook and an exchange of its own."""
    config = deepcopy(course.config)
    config.CourseDirectory.root = str(path)
    config.CourseDirectory.db_url = f"sqlite:///{path / 'gradebook.db'}"
    config.Exchange.root = str(path / "exchange")
    config.Exchange.cache = str(path / "cache")
    config.Exchange.assignment_dir = str(path / "work")
    return CourseRoot(path, config)


@contextmanager
def scratch_course(
    course: CourseRoot, assignment: str, notebooks: Iterable[str] | None = None
) -> Iterator[CourseRoot]:
    """A temporary course with one assignment, or with only some `notebooks` of it.

    It is for work of one's own, so there is no sandbox in it.
    """
    source = course.folder("source", assignment)
    wanted = set(course.notebooks(assignment) if notebooks is None else notebooks)
    with tempfile.TemporaryDirectory(prefix="autograder-") as folder:
        copy = moved(course, Path(folder).resolve())
        copy.config.Examine.sandbox = "none"
        target = copy.folder("source", assignment)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        for unwanted in (p for p in target.glob("*.ipynb") if p.stem not in wanted):
            unwanted.unlink()
        make_tables(copy.config.CourseDirectory.db_url)
        yield copy


def make_tables(db_url: str) -> None:
    """An empty gradebook that nobody will ever migrate.

    Left to itself, nbgrader asks alembic for the schema's version, which takes seconds.
    """
    engine = create_engine(db_url)
    Base.metadata.create_all(engine)
    engine.dispose()
