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
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any

from autograder import sandbox
from autograder.cells import Output
from autograder.channel import Channel, Closed, Late
from autograder.errors import GraderFailed, SandboxMissing
from autograder.examiner import error
from autograder.fence import Limits
from autograder.wire import WireError
from autograder.zygote import MEMORY, NO_FENCE

START_S = 120.0  # for the imports
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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = [sys.executable, "-P", "-m", "autograder.zygote", str(theirs.fileno())]
        self.process = subprocess.Popen(
            sandbox.command(program) if fenced else program,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        theirs.close()
        self.control = ours
        orders = {"role": role, "modules": modules, "fenced": fenced, "limits": asdict(limits),
                  "user": sandbox.user() if fenced else None}  # fmt: skip
        ours.send(json.dumps(orders).encode())

    def wait_until_warm(self) -> None:
        """Raises GraderFailed if it does not come up."""
        self.control.settimeout(START_S)
        try:
            said = self.control.recv(16)
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
        try:
            socket.send_fds(self.control, [b"fork"], [sock.fileno() for sock in theirs])
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


class Pool:
    """Both zygotes. `modules` are imported ahead for the candidate, `judging` for the examiner.

    Several threads may examine at once.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        judging: Iterable[str] = (),
        sandboxed: bool = True,
        limits: Limits | None = None,
    ) -> None:
        names = sorted(set(modules))
        self.limits = limits or Limits()
        ours = replace(self.limits, memory=0)
        self.candidates = Zygote("candidate", names, sandboxed, self.limits if sandboxed else ours)
        self.examiners = Zygote("examiner", sorted(set(judging)), False, ours)
        try:
            for zygote in (self.candidates, self.examiners):
                zygote.wait_until_warm()
        except GraderFailed:
            self.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None,
                 where: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """End both, with everything that still runs."""
        self.candidates.stop()
        self.examiners.stop()

    def examine(
        self, cells: list[Cell], files: Files, timeout_s: float = 30, restarts: int = 4
    ) -> list[list[Output]]:
        """The outputs of every cell.

        A cell that ends its process is left out, and the notebook run again without it, so that
        it costs only itself; after `restarts` of them the rest is given up.
        """
        left_out: dict[int, str] = {}
        while True:
            told = [{**cell, "left_out": left_out.get(i)} for i, cell in enumerate(cells)]
            outputs, lost = self._attempt(told, files, timeout_s)
            if lost is None:
                return outputs
            index, why = lost
            left_out[index] = why
            if len(left_out) >= restarts:
                left_out |= dict.fromkeys(range(index + 1, len(cells)), GIVEN_UP)

    def _attempt(
        self, cells: list[Cell], files: Files, timeout_s: float
    ) -> tuple[list[list[Output]], tuple[int, str] | None]:
        """Outputs of every cell and None; or of some, and (where it ended, why)."""
        data, data_leash = self.candidates.fork()
        try:
            work, leash = self.examiners.fork(data, data_leash)
        except GraderFailed:
            data_leash.close()
            raise
        finally:
            data.close()
        driver, outputs = Channel(work), list[list[Output]]()
        try:
            job = {"cells": cells, "timeout": timeout_s}
            driver.send({**job, "files": files.given, "brought": files.brought})
            for _ in cells:
                report = driver.receive(time.monotonic() + timeout_s + SLACK_S)
                if report[0] == "ended":
                    return outputs, (report[1], self._why(report[2], data_leash, timeout_s))
                outputs.append(report[2])
        except (Late, Closed, WireError) as trouble:  # the examiner itself, by what it was given
            stuck = isinstance(trouble, Late)
            return outputs, (len(outputs), self._why(stuck, data_leash, timeout_s))
        finally:
            for sock in (work, leash, data_leash):
                sock.close()
        return outputs, None

    def _why(self, stuck: bool, leash: socket.socket, timeout_s: float) -> str:
        """In words; the candidate's keeper knows whether it was memory."""
        if stuck:
            return STUCK.format(timeout=timeout_s)
        leash.settimeout(2)
        try:
            said = leash.recv(500)
        except OSError:
            said = b""
        if said[:1] == NO_FENCE:
            raise SandboxMissing(
                f"The sandbox cannot close: {said[1:].decode()}. {sandbox.WITHOUT}"
            )
        if said == MEMORY:
            return TOO_LARGE.format(memory=self.limits.memory / 1e9)
        return ENDED


__all__ = ["ENDED", "GIVEN_UP", "STUCK", "TOO_LARGE", "Pool", "error"]
