"""The process that judges. It runs the locked cells, always as the source has them.

It walks through the notebook from top to bottom. An author's cell is run by the candidate; a
locked cell is run here. A name that a locked cell reads and no locked cell defines is fetched from
the candidate first. It reports each cell as it is done:

    job      {"cells": [{"name", "source", "shown", "where", "fetch", "left_out"}, ...],
             "files": {path: bytes}, "brought": the student's own, "timeout": s for a
             cell, "left": s for them all}
             `where` is "candidate", "here" or "both"; `shown` is the source as the candidate may
             see it
    report   ("cell", index, outputs) for each cell, then ("done",)
             or ("ended", index, stuck) at the cell where the candidate was lost

The walk can be judged by reading this file alone: nothing of the candidate's is executed, compared
or asked for its opinion here. Read next: pool.py, which starts both processes.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any

from autograder.candidate import write_files
from autograder.cells import Output, Shell
from autograder.channel import Channel
from autograder.stubs import CellTimeoutError, Link, ProcessEnded

NOT_RUN = "NotRun"  # the error name of a cell that was left out; its text says why
TOO_LONG_IN_ALL = "This cell was not run: the cells before it took too long altogether."


def serve(sock: socket.socket, shell: Shell, candidate: socket.socket, leash: Any) -> None:
    """Do one job."""
    driver = Channel(sock)
    job = driver.receive()
    link = Link(Channel(candidate), partial(_interrupt, leash))
    write_files(job["files"])
    examination = Examination(shell, link, job["timeout"], job["left"])
    for index, cell in enumerate(job["cells"]):
        try:
            if index == 0:
                link.until = time.monotonic() + job["timeout"]
                link.ask("files", {**job["files"], **job["brought"]})
            driver.send(("cell", index, examination.run(cell)))
        except ProcessEnded as ended:
            driver.send(("ended", index, ended.stuck))
            return
    driver.send(("done",))


def _interrupt(leash: Any) -> None:
    with contextlib.suppress(OSError):  # the candidate is gone, and its channel says so
        leash.send(b"i")


class Examination:
    """The locked cells' namespace, and the way to the candidate."""

    def __init__(self, shell: Shell, link: Link, timeout_s: float, left_s: float) -> None:
        self.shell, self.link, self.timeout_s = shell, link, timeout_s
        self.ends = time.monotonic() + left_s

    def run(self, cell: dict[str, Any]) -> list[Output]:
        """Run one cell, where it belongs. Raises ProcessEnded if that was the candidate's end."""
        now = time.monotonic()
        if cell["left_out"] or now > self.ends:
            why = cell["left_out"] or TOO_LONG_IN_ALL
            return [{**error(NOT_RUN, why), "left_out": True}]
        self.link.until = min(now + self.timeout_s, self.ends)
        outputs: list[Output] = []
        if cell["where"] in ("candidate", "both"):
            outputs, late = self.link.run(cell["name"], cell["shown"])
            outputs = [_in_their_name(output) for output in outputs]
            if late:
                outputs.append(error(CellTimeoutError.__name__, "the cell was stopped"))
        if cell["where"] in ("here", "both"):
            outputs = self._here(cell)
        return outputs

    def _here(self, cell: dict[str, Any]) -> list[Output]:
        with time_limit(self.timeout_s):
            try:
                self.shell.user_ns.update(self.link.fetch(cell["fetch"]))
            except Exception as refusal:
                return [error(type(refusal).__name__, str(refusal))]
            outputs = self._both_ways(cell)
        if isinstance(self.shell.raised, ProcessEnded):
            raise self.shell.raised
        place = getattr(self.shell.raised, "place_elsewhere", None)
        if place and outputs[-1]["output_type"] == "error":
            outputs[-1]["evalue"] += f" ({place})"
        return outputs

    def _both_ways(self, cell: dict[str, Any]) -> list[Output]:
        """Run the test; if the student's function changed its arguments beside returning a value,
        once more with the arguments left alone. It has to pass both times."""
        self.link.changed_beside = self.link.by_value = False
        outputs = self.shell.run(cell["source"], cell["name"])
        if self.link.changed_beside and self.shell.raised is None:
            self.link.by_value = True
            outputs = self.shell.run(cell["source"], cell["name"])
            self.link.by_value = False
        return outputs


def _in_their_name(output: Any) -> Any:
    """An output of the student's, which cannot say that it is one of ours."""
    if type(output) is not dict:
        return None
    name = output.get("ename")
    if type(name) is str and name in (NOT_RUN, CellTimeoutError.__name__):
        output["ename"] = f"own {name}"
    output.pop("left_out", None)
    return output


def error(name: str, text: str) -> Output:
    """An error output without a traceback."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [text]}


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise CellTimeoutError inside the block after that long, where the system can."""
    alone = threading.current_thread() is threading.main_thread()
    if not (alone and hasattr(signal, "setitimer")):
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise CellTimeoutError("the test ran too long")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds + 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
