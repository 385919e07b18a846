"""A real browser for the tests: Debian's Chromium, one for each process, and servers to look at."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.release import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A JupyterLab that ends with the test, and the address that it told."""

    def __init__(self, command, cwd, environment=None):
        self.log = (cwd / "server.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command, cwd=cwd, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1", "COLUMNS": "300"},
            start_new_session=True,
        )  # fmt: skip

    def address(self, pattern, port, limit_s=90):
        for _ in range(limit_s * 5):
            text = Path(self.log.name).read_text("utf-8")
            found = re.search(pattern, text)
            with socket.socket() as probe:
                if found and probe.connect_ex(("127.0.0.1", port)) == 0:
                    return found.group(0)
            assert self.process.poll() is None, text
            time.sleep(0.2)
        raise AssertionError(f"no server in {limit_s} s: {text}")

    def stop(self):
        os.killpg(self.process.pid, 15)
        self.process.wait(20)
        self.log.close()


@pytest.fixture(scope="module")
def chromium():
    """One browser a file: while Playwright runs, its event loop stands in the way of any other."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must have Chromium: see tests/install-packages"
        pytest.skip("no Chromium on this machine; install the package `chromium`")
    quiet = [
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser
        browser.close()


def _press(button, dialog):
    """It may be gone before it is pressed: then nobody asks any more."""
    with contextlib.suppress(Exception):
        button.click(timeout=2_000)


@pytest.fixture
def page(chromium):
    """A new window, with what its console called an error."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    window = context.new_page()
    window.set_default_timeout(30_000)
    # What JupyterLab asks on a slow machine: whether to go on waiting (after 12 s), what to do about
    # a server that did not answer at once, and which kernel is meant. There is one.
    for text, button in (
        ("Keep Waiting", "Keep Waiting"),
        ("Server Connection Error", "Close"),
        ("Select kernel for", "Select"),
    ):
        asked = window.locator(".jp-Dialog").filter(has_text=text)
        answer = asked.get_by_role("button", name=button, exact=True)
        window.add_locator_handler(asked, partial(_press, answer), no_wait_after=True)
    yield window
    context.close()


@pytest.fixture
def picture():
    """Keep a screenshot under build/screenshots for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(window, name):
        window.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
