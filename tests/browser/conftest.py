"""JupyterLab as a learner has it: `course start`, in a folder of its own."""

import shutil
import sys

import pytest

from course.workspace import open_workspace
from tests.browsing import Server, free_port
from tests.release import ROOT, lessons


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A learner's folder in which every notebook of every day is solved."""
    folder = tmp_path_factory.mktemp("learner") / "work"
    open_workspace(folder, ROOT)
    for day in lessons():
        for notebook in (ROOT / "source" / day).glob("*.ipynb"):
            shutil.copyfile(notebook, folder / day / notebook.name)
    return folder


@pytest.fixture(scope="session")
def lab_address(work):
    """The address that `course start` prints."""
    port = free_port()
    command = [
        sys.executable, "-m", "course.cli", "start", "--no-browser", "--work", str(work),
        "--port", str(port),
    ]  # fmt: skip
    # A theme that a test chooses is not this person's.
    settings = {"JUPYTERLAB_SETTINGS_DIR": str(work.parent / "settings")}
    server = Server(command, work.parent, {"PYTHONPATH": str(ROOT), **settings})
    yield server.address(r"http://127\.0\.0\.1:\d+/lab/tree/home\.ipynb\?token=\S+", port)
    server.stop()
