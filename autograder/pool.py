"""Two warmed processes, and one notebook at a time through both.

    with Pool(modules, judging) as pool:
        outputs = pool.examine(cells, files)

The candidate's zygote is behind the outer wall (sandbox.py), the examiner's is not. For each
notebook both fork; the examiner gets the candidate's socket and does the walk (examiner.py), and
reports here. Whatever happens to either of them, `examine` returns an output for every cell.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any

from autograder import sandbox
from autograder.cells import Output
from autograder.channel import Channel, Closed, Late
from autograder.errors import GraderFailed, SandboxMissing
from autograder.examiner import error
from autograder.fence import Limits
from autograder.nearby import Nearby
from autograder.wire import WireError
from autograder.zygote import FORK, MEMORY, NO_FENCE

START_S = 120.0  # for the imports
IN_ALL = 10  # times a cell's limit: what a whole notebook may take, however often it is tried
SLACK_S = 10.0  # beyond a cell's own limit, before the examiner itself is given up

ENDED = (
    "This cell ended the Python process (a call of exit, or a crash), so it was left out and the "
    "rest of the notebook was run again without it."
)
STUCK = (
    "This cell ran for longer than {timeout:g} s and could not be interrupted, so it was left out "
    "and the rest of the notebook was run again without it."
)
TOO_LARGE = (
    "This cell used more than {memory:.1f} GB of memory, so it was left out and the rest of the "
    "notebook was run again without it."
)
GIVEN_UP = "This cell was not run: too many cells before it had ended the Python process."

Cell = dict[str, Any]
Ask = Callable[[], bytes]


@dataclass(frozen=True)
class Files:
    """What lies in the notebook's folder, by path: the assignment's, and the student's own.

    Only the candidate gets the student's: a module among them would run where it is imported.
    """

    given: dict[str, bytes] = field(default_factory=dict)
    brought: dict[str, bytes] = field(default_factory=dict)


class Zygote:
    """One warmed process and its control socket."""

    def __init__(self, role: str, modules: list[str], fenced: bool, limits: Limits) -> None:
        ours, theirs = socket.socketpair()
        program = [sys.executable, "-P", "-m", "autograder.zygote", str(theirs.fileno())]
        self.process = subprocess.Popen(
            sandbox.command(program) if fenced else program,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        theirs.close()
        self.control, self.lock = ours, threading.Lock()
        orders = {"role": role, "modules": modules, "fenced": fenced, "limits": asdict(limits),
                  "user": sandbox.user() if fenced else None}  # fmt: skip
        ours.sendall(json.dumps(orders).encode() + b"\n")

    def wait_until_warm(self) -> None:
        """Raises GraderFailed if it does not come up."""
        self.control.settimeout(START_S)
        try:
            said = self.control.recv(4)
        except OSError:
            said = b""
        if said != b"warm":
            raise GraderFailed("A process of the grader did not start")
        self.control.settimeout(None)

    def fork(self, *others: socket.socket) -> tuple[socket.socket, socket.socket]:
        """(work socket, leash) of a new child, which also gets `others`."""
        work, their_work = socket.socketpair()
        leash, their_leash = socket.socketpair()
        theirs = [their_work, their_leash, *others]
        fds = [sock.fileno() for sock in theirs]
        try:
            with self.lock:
                socket.send_fds(self.control, [FORK], fds)
        except OSError as gone:
            work.close()
            leash.close()
            raise GraderFailed(f"A process of the grader is gone: {gone}") from None
        finally:
            their_work.close()
            their_leash.close()
        return work, leash

    def stop(self) -> None:
        """End it and all that it started."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        self.process.kill()
        self.process.wait()


def _environment() -> dict[str, str]:
    """For the unfenced; behind the wall the environment is empty but for sandbox.ENVIRONMENT."""
    quiet = {name: sandbox.ENVIRONMENT[name] for name in ("MPLBACKEND", "OPENBLAS_NUM_THREADS",
             "OMP_NUM_THREADS", "MKL_NUM_THREADS")}  # fmt: skip
    return {**os.environ, **quiet, "PYTHONPATH": str(sandbox.HERE.parent)}


class Forks:
    """Both zygotes; each notebook is examined in forks of them."""

    def __init__(
        self, modules: Iterable[str], judging: Iterable[str], sandboxed: bool, limits: Limits
    ) -> None:
        free = replace(limits, memory=0)
        names = sorted(set(modules))
        self.candidates = Zygote("candidate", names, sandboxed, limits if sandboxed else free)
        self.examiners = Zygote("examiner", sorted(set(judging)), False, limits)
        try:
            for zygote in (self.candidates, self.examiners):
                zygote.wait_until_warm()
        except GraderFailed:
            self.close()
            raise

    @contextlib.contextmanager
    def pair(self) -> Iterator[tuple[socket.socket, Ask]]:
        """(the examiner's work socket, a question to the candidate's keeper)."""
        with contextlib.ExitStack() as sockets:
            data, data_leash = map(sockets.enter_context, self.candidates.fork())
            work, _leash = map(sockets.enter_context, self.examiners.fork(data, data_leash))
            data.close()
            yield work, lambda: _heard(data_leash)

    def close(self) -> None:
        """End both, with everything that still runs."""
        self.candidates.stop()
        self.examiners.stop()


def _heard(leash: socket.socket) -> bytes:
    """What a keeper said at the end of its candidate."""
    leash.settimeout(2)
    try:
        return leash.recv(500)
    except OSError:
        return b""


class Pool:
    """`modules` are imported ahead for the candidate, `judging` for the examiner.

    Several threads may examine at once.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        judging: Iterable[str] = (),
        sandboxed: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.starter: Forks | Nearby
        if hasattr(os, "fork"):
            self.starter = Forks(modules, judging, sandboxed, self.limits)
        elif sandboxed:
            raise SandboxMissing(f"There is no sandbox for this system. {sandbox.WITHOUT}")
        else:
            self.starter = Nearby()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None,
                 where: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """End everything that it started."""
        self.starter.close()

    def examine(
        self, cells: list[Cell], files: Files, timeout_s: float = 30, restarts: int = 4
    ) -> list[list[Output]]:
        """The outputs of every cell.

        A cell that ends its process is left out, and the notebook run again without it, so that
        it costs only itself; after `restarts` of them the rest is given up.
        """
        left_out: dict[int, str] = {}
        ends = time.monotonic() + IN_ALL * timeout_s
        while True:
            told = [{**cell, "left_out": left_out.get(i)} for i, cell in enumerate(cells)]
            outputs, lost = self._attempt(told, files, timeout_s, ends - time.monotonic())
            if lost is None:
                return outputs
            index, why = lost
            left_out[index] = why
            if len(left_out) >= restarts:
                left_out |= dict.fromkeys(range(index + 1, len(cells)), GIVEN_UP)

    def _attempt(
        self, cells: list[Cell], files: Files, timeout_s: float, left_s: float
    ) -> tuple[list[list[Output]], tuple[int, str] | None]:
        """Outputs of every cell and None; or of some, and (where it ended, why)."""
        outputs: list[list[Output]] = []
        with self.starter.pair() as (work, keeper):
            driver = Channel(work)
            try:
                job = {"cells": cells, "timeout": timeout_s, "left": left_s}
                driver.send({**job, "files": files.given, "brought": files.brought})
                for _ in cells:
                    report = driver.receive(time.monotonic() + timeout_s + SLACK_S)
                    if report[0] == "ended":
                        return outputs, (report[1], self._why(report[2], keeper, timeout_s))
                    outputs.append(report[2])
            except (Late, Closed, WireError) as trouble:  # the examiner, by what it was given
                stuck = isinstance(trouble, Late)
                return outputs, (len(outputs), self._why(stuck, keeper, timeout_s))
        return outputs, None

    def _why(self, stuck: bool, keeper: Ask, timeout_s: float) -> str:
        """In words; the candidate's keeper knows whether it was memory."""
        if stuck:
            return STUCK.format(timeout=timeout_s)
        said = keeper()
        if said[:1] == NO_FENCE:
            raise SandboxMissing(
                f"The sandbox cannot close: {said[1:].decode()}. {sandbox.WITHOUT}"
            )
        if said == MEMORY:
            return TOO_LARGE.format(memory=self.limits.memory / 1e9)
        return ENDED


__all__ = ["ENDED", "GIVEN_UP", "STUCK", "TOO_LARGE", "Pool", "error"]
