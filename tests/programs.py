"""Command lines of ours and of nbgrader, each in a process of its own that starts at once.

Importing nbgrader takes seconds, and tests start it dozens of times. So one process (Python's fork
server) imports it once, does nothing else, and is forked for each command line.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

MAIN = {"nbgrader": ("nbgrader.apps.nbgraderapp", "main"), "autograder": ("autograder.cli", "app")}

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([module for module, _ in MAIN.values()])


class Program:
    """A running command line; what it prints goes into a file. Leads a process group."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str]) -> None:
        handle, name = tempfile.mkstemp(suffix=".said")
        os.close(handle)
        self.said = Path(name)
        self._process = _server.Process(target=_main, args=(words, str(cwd), environment, name))
        self._process.start()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it and all that it started."""
        if self.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()

    def finished(self, limit_s: float = 120) -> str:
        """Wait for it; what it said. Raises AssertionError unless it exited with 0."""
        self._process.join(limit_s)
        said = self.said.read_text("utf-8")
        self.said.unlink()
        assert self.poll() == 0, said
        return said


def _main(words: list[str], cwd: str, environment: dict[str, str], said: str) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    out = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    sys.argv = words
    module, name = MAIN[words[0]]
    sys.exit(getattr(import_module(module), name)())
