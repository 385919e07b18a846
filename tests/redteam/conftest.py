"""One class: every attacker of attacks.py among three honest learners, graded once."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "autograder"))

from attacks import ATTACKS
from classroom import FIXTURES, SANDBOX, Classroom, quick_course_in
from nbformat import v4

from autograder import pipeline
from autograder.pipeline import Graded

HONEST = {"honest": (2, 3, 1, 4), "half": (2, 0, 0, 4), "idle": (0, 0, 0, 0)}
SECRET_TEST = "SECRET-IN-A-TEST"


@dataclass(frozen=True)
class Siege:
    """The graded class, and how the course's folder looked before."""

    room: Classroom
    results: dict[str, Graded]
    before: dict[str, str]


def guarded(room: Classroom) -> dict[str, str]:
    """A hash of every file that no submission may change, by path."""
    root = room.course.path
    found = [p for step in ("source", "release", "submitted") for p in (root / step).rglob("*")]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in found if p.is_file()}


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    if not SANDBOX:
        pytest.skip("bubblewrap is not installed")
    home = tmp_path_factory.mktemp("home")
    (home / "secret.txt").write_text("SECRET-AT-HOME")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DWCP_EXCHANGE", str(tmp_path_factory.mktemp("exchange")))
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("GRADER_TOKEN", "SECRET-IN-THE-ENVIRONMENT")
        source = hide_a_secret(tmp_path_factory.mktemp("source"))
        course = quick_course_in(tmp_path_factory.mktemp("siege") / "course", source)
        course.config.Examine.timeout = 2
        course.config.Examine.memory_gb = 0.7
        room = Classroom(course, "numbers")
        room.generate()
        room.hand_in("honest", lambda desk: desk.solve())
        room.hand_in("half", lambda desk: desk.solve("numbers-1-mean", "numbers-2-window"))
        room.hand_in("idle", lambda desk: None)
        for attack in ATTACKS:
            hand_in(room, attack.name, attack.source, home)
        before = guarded(room)
        results = room.grade()
        pipeline.feedback(course, "numbers")
        yield Siege(room, results, before)


def hide_a_secret(folder: Path) -> Path:
    """The fixture course, with a secret in a hidden test and in the list of mistakes."""
    import shutil

    source = folder / "source"
    shutil.copytree(FIXTURES / "course" / "source", source)
    path = source / "numbers" / "1-mean.ipynb"
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        cell.source = cell.source.replace(
            "### BEGIN HIDDEN TESTS\n", f"### BEGIN HIDDEN TESTS\n_secret = '{SECRET_TEST}'\n"
        )
    nbformat.write(nb, path)
    with (source / "numbers" / "mistakes.yaml").open("a") as mistakes:
        mistakes.write("# SECRET-AMONG-THE-MISTAKES\n")
    return source


def hand_in(room: Classroom, student: str, source: str, home: Path) -> None:
    """One attacker's submission: the attack, a page of script, and a file of a strange name."""
    desk = room.desk(student)
    desk.only("1-mean")
    for name, value in (("{root}", room.course.path), ("{home}", home)):
        source = source.replace(name, str(value))
    desk.answer("1-mean", "numbers-1-mean", source)
    nb = desk.read("1-mean")
    script = "<script>window.__pwned = 1</script>"
    nb.cells.append(v4.new_markdown_cell(
        f"{script}\n\n<img src=x onerror='window.__pwned = 1'>\n\n[a](javascript:window.__pwned=1)\n\n"
        "<iframe srcdoc=\"<script>parent.__pwned = 1</script>\"></iframe>\n\n"
        "<a href='java&#10;script:window.__pwned=1' id=trap>b</a>\n\n![c](x\"onerror=\"window.__pwned=1)",
        metadata={"tags": [script], "nbgrader": {"grade_id": script}},
        attachments={"x": {"text/html": script}},
    ))  # fmt: skip
    nb.metadata["title"] = script
    nb.metadata["kernelspec"] = {"name": "evil", "display_name": script, "language": script}
    desk.write("1-mean", nb)
    (desk.folder / "<script>window.__pwned=1<").mkdir()
    (desk.folder / "course.py").write_text("raise SystemExit")
