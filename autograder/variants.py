"""Run one notebook with many different answers, each as if it were the only one.

A program of its own, with the standard library alone. On stdin comes a job, one JSON object:

    cells     [{"name": str or null, "source": str}]   the code cells in order, solved
    variants  [{"answer": name, "test": name, "source": str}]
              replace the source of cell `answer`, then run on through cell `test`
    limit_s   seconds of processor time a cell may take: a busy machine decides nothing

On stdout goes one JSON line a variant, as each is done: [index, {cell name: [error, text]}],
naming the cells from answer to test that raised.

The cells run once, in one namespace. Before each answer cell the process forks for every
variant of it, so that what came before is there already and nothing that a variant does is ever
seen by another. Where there is no fork, each variant runs the notebook from its top.
Started by trials.py.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import math
import os
import select
import signal
import sys
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

Cell = dict[str, Any]
Raised = dict[str, list[str]]  # cell name -> [error name, its text]


LONGEST = 4_000  # characters of an error's text
IDLE_S = 30.0  # what a cell may wait on top of its processor time, before it counts as stuck


class CellTimeoutError(BaseException):
    """The cell ran too long; not an Exception, so that an answer does not catch it."""


def run_cell(cell: Cell, module: ModuleType, limit_s: float) -> list[str] | None:
    """Run the cell's source in the module; [error name, text] if it raised."""
    file = f"<{cell['name']}>"
    linecache.cache[file] = (len(cell["source"]), None, cell["source"].splitlines(True), file)
    try:
        with time_limit(limit_s):
            exec(compile(cell["source"], file, "exec"), module.__dict__)
    except BaseException as error:  # whatever an answer raises is its result
        return [type(error).__name__, _text(error)]
    return None


def _text(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST]
    except Exception:  # an answer may raise an error whose text raises another
        return ""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise CellTimeoutError inside the block after so much processor time, where that can be."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise CellTimeoutError

    signal.signal(signal.SIGPROF, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds + IDLE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def fresh_module() -> ModuleType:
    """An empty `__main__`, as a kernel has it."""
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    return module


def attempt(job: dict[str, Any], variant: Cell, module: ModuleType) -> Raised:
    """Run from the variant's answer through its test, in a module where all before has run."""
    names = [cell["name"] for cell in job["cells"]]
    first, last = names.index(variant["answer"]), names.index(variant["test"])
    answer = {"name": variant["answer"], "source": variant["source"]}
    raised = {}
    for cell in [answer, *job["cells"][first + 1 : last + 1]]:
        error = run_cell(cell, module, job["limit_s"])
        if error and cell["name"]:
            raised[cell["name"]] = error
    return raised


def in_a_fork(job: dict[str, Any], variant: Cell, module: ModuleType) -> Raised:
    """`attempt` in a child process. One that ends, or cannot be stopped, is its own result."""
    names = [cell["name"] for cell in job["cells"]]
    cells = 1 + names.index(variant["test"]) - names.index(variant["answer"])
    at_most_s = cells * job["limit_s"] + 1
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _end_after(at_most_s)
        os.write(writer, json.dumps(attempt(job, variant, module)).encode())
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], at_most_s + 2 * IDLE_S)
    if not ready:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read() if ready else b""
    _, status = os.waitpid(child, 0)
    if answer:
        return dict(json.loads(answer))
    stopped = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)
    how = CellTimeoutError.__name__ if stopped else "ProcessEnded"
    return {variant["answer"]: [how, ""], variant["test"]: [how, ""]}


def _end_after(seconds: float) -> None:
    """The kernel ends this process after so much processor time, whatever it does about signals."""
    import resource  # where there is a fork, there is this

    whole = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))


def outcomes(job: dict[str, Any]) -> Iterator[tuple[int, Raised]]:
    """(index of the variant, what raised), one at a time, in the order of the notebook."""
    run = forked if hasattr(os, "fork") else one_by_one
    return run(job)


def forked(job: dict[str, Any]) -> Iterator[tuple[int, Raised]]:
    """One walk through the notebook; each variant branches off before its answer cell."""
    module = fresh_module()
    for cell in job["cells"]:
        for index, variant in enumerate(job["variants"]):
            if variant["answer"] == cell["name"]:
                yield index, in_a_fork(job, variant, module)
        run_cell(cell, module, job["limit_s"])


def one_by_one(job: dict[str, Any]) -> Iterator[tuple[int, Raised]]:
    """Each variant from the top of the notebook, in this process."""
    names = [cell["name"] for cell in job["cells"]]
    for index, variant in enumerate(job["variants"]):
        module = fresh_module()
        for cell in job["cells"][: names.index(variant["answer"])]:
            run_cell(cell, module, job["limit_s"])
        yield index, attempt(job, variant, module)


def main() -> None:
    """Read the job, write the outcomes; what the cells print goes nowhere."""
    job = json.load(sys.stdin)
    results = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for index, raised in outcomes(job):
        print(json.dumps([index, raised]), file=results, flush=True)


if __name__ == "__main__":
    main()
