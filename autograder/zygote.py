"""A warmed process that forks a child for each notebook.

Imports take seconds and a fork takes milliseconds, so the course's imports are made once, before
any notebook comes. No student's code ever runs in this process: what it knows is ours.

    python -m autograder.zygote FD

talks over the Unix socket FD. First comes a JSON object: what to be ("candidate" or "examiner"),
modules to import, limits, whether there is a fence, and the user to become. Then each message
carries file descriptors, for one notebook: the work socket and the leash of the new process; the
examiner's two more are the candidate's.

Each child has a keeper: a process outside the fence that holds the leash. It interrupts the child
(b"i"), watches its memory, and kills it when the leash is dropped, whoever drops it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from autograder import candidate, fence
from autograder.cells import Shell, make_shell
from autograder.channel import Closed

WATCH_S = 0.1  # between two looks at the memory
FORK = b"fork"  # a message of this length comes with the file descriptors
MEMORY, ENDED, NO_FENCE = b"m", b"e", b"f"  # what a keeper says at the end


def main() -> None:
    """Read the orders, warm up, fork until the socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    orders = json.loads(_line(control))
    _become(orders["user"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which tells us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes away keepers that are done
    shell = warm(orders["modules"])
    control.send(b"warm")
    while True:
        message, fds, _, _ = socket.recv_fds(control, len(FORK), 4)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            keep(orders, shell, [socket.socket(fileno=fd) for fd in fds])
            os._exit(0)
        for fd in fds:
            os.close(fd)


def _line(sock: socket.socket) -> bytes:
    text = b""
    while not text.endswith(b"\n"):
        text += sock.recv(1 << 16) or b"\n"
    return text


def _become(user: int | None) -> None:
    """Another user for good: all capabilities go with it."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def warm(modules: list[str]) -> Shell:
    """Import what the notebooks will; a module that cannot be imported fails there, in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        for loaded in [m for name, m in sys.modules.items() if name.startswith("course.")]:
            getattr(loaded, "warm_up", int)()  # what it computes once, whoever uses it
        shell = make_shell()
        shell.run("raise ValueError", "first")  # what a first traceback imports
        shell.reset()
        gc.collect()
        gc.freeze()  # a child's collector leaves our objects, and so our memory pages, alone
        return shell


def keep(orders: dict[str, Any], shell: Shell, sockets: list[socket.socket]) -> None:
    """Start the child and hold it until it ends or the leash is dropped."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    work, leash, *others = sockets
    limits = fence.Limits(**orders["limits"])
    folder = None if orders["fenced"] else tempfile.mkdtemp(prefix="autograder-run-")
    if orders["fenced"]:
        try:
            fence.leave_namespaces()
        except OSError as error:
            leash.send(NO_FENCE + str(error).encode())
            return
    child = os.fork()
    if child == 0:
        _be_the_child(orders, shell, work, leash, others, limits, folder)
    for sock in [work, *others]:
        sock.close()
    why = _hold(child, leash, limits.memory, orders["fenced"])
    with contextlib.suppress(OSError):
        leash.send(why)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _be_the_child(
    orders: dict[str, Any], shell: Shell, work: socket.socket, leash: socket.socket,
    others: list[socket.socket], limits: fence.Limits, folder: str | None,
) -> None:  # fmt: skip
    try:
        if folder is None:
            os.umask(0o077)
            fence.close_in(limits)
            folder = "/tmp/notebook"
            Path(folder).mkdir()
        os.chdir(folder)
        if orders["role"] == "examiner":
            fence.limit_memory(limits)
    except OSError as error:
        leash.send(NO_FENCE + str(error).encode())
        os._exit(1)
    leash.close()
    with contextlib.suppress(Closed):  # nobody listens any more: that is the end of the job
        if orders["role"] == "candidate":
            candidate.serve(work, shell)
        else:
            from autograder import examiner

            examiner.serve(work, shell, *others)
    os._exit(0)


def _hold(child: int, leash: socket.socket, memory: int, fenced: bool) -> bytes:
    """Wait for the child's end; the reason for it."""
    while True:
        ready, _, _ = select.select([leash], [], [], WATCH_S)
        if ready:
            order = _order(leash)
            os.kill(child, signal.SIGINT if order == b"i" else signal.SIGKILL)
        too_much = memory and _memory_of(_family(child) if fenced else {child}, memory) > memory
        if too_much:
            os.kill(child, signal.SIGKILL)
        pid, _ = os.waitpid(child, 0 if too_much or (ready and order != b"i") else os.WNOHANG)
        if pid:
            return MEMORY if too_much else ENDED


def _order(leash: socket.socket) -> bytes:
    try:
        return leash.recv(1)
    except OSError:
        return b""


def _family(first: int) -> set[int]:
    """The process and all that came from it; an orphan in there is the first one's child."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            after_name = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(after_name[1])
    family, more = {first}, {first}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - family
        family |= more
    return family


def _memory_of(pids: set[int], limit: int) -> int:
    """Bytes of memory of these processes; what they share is counted once where we may ask."""
    cheap = {pid: _resident(pid) for pid in pids}
    if sum(cheap.values()) < limit:
        return 0  # the usual case, and a hundred times cheaper to find out
    return sum(_proportional(pid) or resident for pid, resident in cheap.items())


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    main()
