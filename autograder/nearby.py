"""The examiner without a fork, for systems that have none: one's own work, and nobody else's.

Windows cannot fork and has no bubblewrap. There the candidate is a fresh process for each notebook
and the examiner a thread of this one. It is slower, it has no sandbox, and it gives the same
outputs: `course check` uses it where it must. Everything else is as in pool.py.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autograder import candidate, examiner, sandbox
from autograder.cells import Shell, make_shell
from autograder.channel import Closed
from autograder.errors import GraderFailed

START_S = 60.0


class Nearby:
    """A process and a thread for each notebook; nothing is kept."""

    @contextmanager
    def pair(self) -> Iterator[tuple[socket.socket, Callable[[], bytes]]]:
        """(the examiner's work socket, a keeper that has nothing to say)."""
        with ExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="autograder-run-"))
            stack.callback(os.chdir, Path.cwd())
            door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            token = secrets.token_hex(16)
            process = _start(folder, door.getsockname()[1], token)
            stack.callback(process.wait)
            stack.callback(process.kill)
            data = stack.enter_context(_welcome(door, token))
            ours, theirs = map(stack.enter_context, socket.socketpair())
            os.chdir(folder)
            thread = threading.Thread(target=_examine, args=(theirs, data, Leash(process)))
            thread.start()
            stack.callback(thread.join)
            stack.callback(process.kill)  # so that the thread has nobody left to wait for
            yield ours, bytes

    def close(self) -> None:
        """Nothing is kept."""


class Leash:
    """Stands for the socket to a keeper: there is none, so an interrupt is the end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, order: bytes) -> None:
        """Stop the candidate."""
        self.process.kill()


def _start(folder: str, port: int, token: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(sandbox.HERE.parent)}
    program = [sys.executable, "-P", "-m", "autograder.nearby", str(port), token]
    return subprocess.Popen(program, cwd=folder, env=environment, stdin=subprocess.DEVNULL)


def _welcome(door: socket.socket, token: str) -> socket.socket:
    """The connection of the process that knows the token."""
    door.settimeout(START_S)
    try:
        visitor, _ = door.accept()
        if visitor.recv(len(token)) == token.encode():
            return visitor
    except OSError:
        pass
    raise GraderFailed("A process of the grader did not start")


def _examine(sock: socket.socket, data: socket.socket, leash: Any) -> None:
    Shell.clear_instance()
    with suppress(Closed):
        examiner.serve(sock, make_shell(), data, leash)


def main() -> None:
    """The candidate's side."""
    port, token = int(sys.argv[1]), sys.argv[2]
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(token.encode())
    candidate.serve(sock, make_shell())


if __name__ == "__main__":
    main()
