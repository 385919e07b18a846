"""One graded class for all tests: kernels are slow to start, and reading results is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder import pipeline
from autograder.pipeline import Graded
from tests.autograder import variations
from tests.autograder.classroom import Classroom, quick_course_in

STUDENTS = {
    name.replace("_", "-"): variation
    for name, variation in vars(variations).items()
    if getattr(variation, "__module__", "") == variations.__name__ and callable(variation)
}


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the exchange and its cache out of the data of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DWCP_EXCHANGE", str(tmp_path_factory.mktemp("exchange")))
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        for name in ("DWCP_GRADEBOOK", "DWCP_WORK", "DWCP_COURSE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def classroom(tmp_path: Path) -> Classroom:
    """A generated assignment, and nobody in the room yet."""
    room = Classroom(quick_course_in(tmp_path / "course"), "numbers")
    room.generate()
    return room


@dataclass(frozen=True)
class GradedClass:
    """Everybody of variations.py, graded once, with feedback written."""

    room: Classroom
    results: dict[str, Graded]
    originals: dict[Path, bytes]  # what was handed in, before it was graded


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> GradedClass:
    """The one run that most tests look at."""
    course = quick_course_in(tmp_path_factory.mktemp("class") / "course")
    course.config.Examine.timeout = 2
    room = Classroom(course, "numbers")
    room.generate()
    for student, variation in STUDENTS.items():
        room.hand_in(student, variation)
    originals = handed_in(room)
    results = room.grade()
    pipeline.feedback(course, "numbers")
    return GradedClass(room, results, originals)


def handed_in(room: Classroom) -> dict[Path, bytes]:
    """Every file of submitted/ with its bytes; a link with what it points to."""
    found = sorted((room.course.path / "submitted").rglob("*"))
    links = {p: str(p.readlink()).encode() for p in found if p.is_symlink()}
    return links | {p: p.read_bytes() for p in found if p.is_file()}
