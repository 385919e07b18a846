"""What a browser shows of an attacker's work runs nothing and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbconvert.exporters import HTMLExporter

from tests.redteam.attacks import ATTACKS, HOSTILE_HTML
from tests.redteam.siege import Siege

INJECTIONS = [name for name, each in ATTACKS.items() if each.family == "injection"]
INJECTIONS += ["forged-pictures", "forged-errors", "error-named-as-the-graders"]
WINDOWS = ("feedback", "autograded")


def show(siege: Siege, name: str, window: str, folder: Path) -> Path:
    """The page's file: the student's feedback, or the instructor's view of the autograded file."""
    if window == "feedback":
        return siege.room.course.folder("feedback", "numbers", name) / "1-mean.html"
    exporter = HTMLExporter(config=siege.room.course.config)
    exporter.exclude_input_prompt = True
    page = folder / "autograded.html"
    page.write_text(exporter.from_notebook_node(siege.autograded(name)["1-mean"])[0], "utf-8")
    return page


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", INJECTIONS)
def test_no_script_of_an_attacker_runs(
    siege: Siege, chromium: Any, tmp_path: Path, name: str, window: str
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    context.route("**/*", lambda route: _only_files(route))
    file = show(siege, name, window, tmp_path)
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(100)
    for bait in page.locator("a.bait, button.bait, a[href^='javascript']").all():
        bait.click(force=True, timeout=1_000)
    for heading in page.locator("h1").all():
        heading.hover(timeout=1_000)
    page.wait_for_timeout(50)
    assert page.evaluate("window.__pwned") is None
    assert dialogs == []
    assert [url for url in asked if "evil" in url] == []
    assert page.url.split("#")[0] == file.as_uri()
    inside = "script, object, embed, base, form, meta[http-equiv='refresh'], iframe"
    assert page.locator("body").locator(inside).filter(has_text="pwned").count() == 0
    assert [frame.url for frame in page.frames if frame != page.main_frame] == []
    context.close()


def test_a_page_that_runs_script_would_be_noticed(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(f"<html><body>{HOSTILE_HTML}</body></html>", "utf-8")
    page = chromium.new_page()
    page.route("**/*", lambda route: _only_files(route))
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(100)
    assert page.evaluate("window.__pwned") == 1
    page.close()


def _only_files(route: Any) -> None:
    route.continue_() if route.request.url.startswith("file:") else route.abort()
