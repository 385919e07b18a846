"""Hostile submissions among honest ones: nothing gained, nothing broken, nothing learned."""

from __future__ import annotations

import os
import re
import time

import nbformat
import psutil
import pytest
from attacks import ATTACKS, MARK
from conftest import HONEST, Siege, guarded

NAMES = [attack.name for attack in ATTACKS]
EXERCISES = ("numbers-1-mean", "numbers-1-spread", "numbers-2-megabits", "numbers-2-window")
SECRETS = re.compile(r"SECRET-[A-Z-]+")


def test_there_are_many_attacks_of_every_family() -> None:
    families = {attack.family for attack in ATTACKS}
    assert len(ATTACKS) >= 40
    assert len(set(NAMES)) == len(NAMES)
    assert all(sum(a.family == family for a in ATTACKS) >= 3 for family in families)


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_earns_nothing(siege: Siege, name: str) -> None:
    assert set(siege.room.points(name).values()) == {0}
    assert siege.results[name].failure is None


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_learns_nothing(siege: Siege, name: str) -> None:
    """No secret is in what its author sees; the source of the test is the instructor's to see."""
    folder = siege.room.course.folder("autograded", "numbers", name)
    nb = nbformat.read(folder / "1-mean.ipynb", as_version=4)
    own = next(
        c.source
        for c in nb.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == "numbers-1-mean"
    )
    said = str([cell.get("outputs") for cell in nb.cells])
    page = siege.room.course.folder("feedback", "numbers", name) / "1-mean.html"
    found = set(SECRETS.findall(said + page.read_text("utf-8")))
    assert found - set(SECRETS.findall(own)) == set()


@pytest.mark.parametrize("student", HONEST)
def test_honest_learners_among_them_have_their_points(siege: Siege, student: str) -> None:
    assert siege.room.points(student) == dict(zip(EXERCISES, HONEST[student], strict=True))
    assert not siege.results[student].needs_attention


def test_no_file_of_the_course_was_changed(siege: Siege) -> None:
    assert guarded(siege.room) == siege.before
    strange = {path.name for path in siege.room.course.path.iterdir()}
    assert strange <= {
        "source", "release", "submitted", "autograded", "feedback", "exchange", "gradebook.db",
        "nbgrader_config.py", ".grading.lock", ".nbgrader.log",
    }  # fmt: skip
    assert not list((siege.room.course.path / "feedback").glob("*.html"))


def test_nothing_was_planted_in_the_package() -> None:
    import course

    assert not [p for p in os.listdir(course.__path__[0]) if "planted" in p]


def test_no_process_of_an_attack_is_left(siege: Siege) -> None:
    deadline = time.monotonic() + 5
    while (left := survivors()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def survivors() -> list[str]:
    """The command lines of what an attack started."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if MARK in line:
            found.append(line)
    return found


@pytest.mark.parametrize("name", ["hang", "memory", "crash", "fork-bomb", "flood", "exit"])
def test_what_was_stopped_is_told_in_words(siege: Siege, name: str) -> None:
    page = siege.room.page(name, "1-mean")
    assert re.search(
        "took too long|ended the Python process|GB of memory|left out|longer than", page
    )


def test_no_script_reaches_a_browser(siege: Siege, page, picture) -> None:  # type: ignore[no-untyped-def]
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for name in NAMES:
        path = siege.room.course.folder("feedback", "numbers", name) / "1-mean.html"
        page.goto(path.as_uri())
        assert page.evaluate("window.__pwned") is None, name
        for link in page.locator("a").all():
            assert (
                not (link.get_attribute("href") or "").replace("\n", "").lower().startswith("java")
            )
    assert [url for url in requests if not url.startswith("file:")] == []
    picture(page, "feedback-of-an-attack")
