"""The process that runs a student's cells. It judges nothing, and holds nothing worth having.

It answers requests, one at a time, with plain data (wire.py):

    ("files", {path: bytes})           put the assignment's files into the folder
    ("run", cell, source)              -> ("ran", outputs)
    ("fetch", [name, ...])             -> {name: answer}
    ("use", handle, how, args, named)  -> answer

An answer is ("value", value, changed), ("missing",), ("refused", why) or ("raised", error).
What is not plain stays here and is answered with a Handle; `how` says what is done with it.

Whatever the student's code does to this process, all that leaves it is a value that the examiner
takes as the answer of that same student. Read next: stubs.py, the other side.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from autograder.cells import FLOOD, OUTPUT_LIMIT, Shell, frames_of, place_of, text_of
from autograder.channel import Channel, Closed
from autograder.wire import Handle, NotPlain, pack

Answer = tuple[Any, ...]


class Candidate:
    """The student's namespace, and the objects of it that the examiner has heard of."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.known: list[Any] = []

    def keep(self, value: Any) -> Handle:
        """A handle for an object that is not plain data."""
        if isinstance(value, ModuleType):
            raise NotPlain(f"{value.__name__} is a module, and a module is not plain data.")
        self.known.append(value)
        kind = "callable" if callable(value) else "object"
        name = getattr(value, "__name__", None)
        name = name if type(name) is str else type(value).__name__
        return Handle(len(self.known) - 1, kind, str(name)[:200])

    def run(self, cell: str, source: str) -> Answer:
        """Run a cell of the notebook."""
        return ("ran", [_plain(output) for output in self.shell.run(source, cell)])

    def fetch(self, names: list[str]) -> dict[str, bytes]:
        """The values of names, each packed for itself: one that cannot cross harms no other."""
        return {name: self._packed(self._name(name)) for name in names}

    def _name(self, name: str) -> Answer:
        if name not in self.shell.user_ns:
            return ("missing",)
        return ("value", self.shell.user_ns[name], [])

    def use(self, number: int, how: str, args: list[Any], named: dict[str, Any]) -> bytes:
        """Do something with an object, and say which arguments it changed in place."""
        before = [pack(argument) for argument in [*args, *named.values()]]
        try:
            value = USES[how](self.known[number], args, named)
        except BaseException as error:
            return self._packed(self._raised(error))
        return self._packed(("value", value, _changed([*args, *named.values()], before)))

    def _raised(self, error: BaseException) -> Answer:
        kinds = [kind for kind in type(error).__mro__ if kind is not object]
        names = [(str(kind.__module__), str(kind.__qualname__)) for kind in kinds]
        return ("raised", {"kinds": names, "text": text_of(error),
                           "frames": frames_of(error), "place": place_of(error)})  # fmt: skip

    def _packed(self, answer: Answer) -> bytes:
        try:
            return pack(answer, self.keep)
        except NotPlain as error:
            return pack(("refused", text_of(error)))
        except BaseException as error:  # an object may raise whatever it likes when looked at
            return pack(("refused", f"The value cannot be read: {text_of(error)}"))


def _plain(output: dict[str, Any]) -> dict[str, Any]:
    """An output without what is no text: a library may show objects of its own."""
    data = {mime: text for mime, text in output.get("data", {}).items() if type(text) is str}
    return {**output, "data": data, "metadata": {}} if "data" in output else output


def _changed(arguments: list[Any], before: list[bytes]) -> list[tuple[int, Any]]:
    """(position, new value) of each argument that is no longer what came in."""
    changed = []
    for place, (argument, was) in enumerate(zip(arguments, before, strict=True)):
        with contextlib.suppress(NotPlain):
            if pack(argument) != was:
                changed.append((place, argument))
    return changed


USES: dict[str, Any] = {
    "call": lambda target, args, named: target(*args, **named),
    "attribute": lambda target, args, named: getattr(target, *args),
    "length": lambda target, args, named: len(target),
    "item": lambda target, args, named: target[args[0]],
    "iterate": lambda target, args, named: iter(target),
    "next": lambda target, args, named: next(target),
    "text": lambda target, args, named: str(target),
}


def write_files(files: dict[str, bytes]) -> None:
    """Put the assignment's files into the current folder."""
    for name, body in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


class Interrupts:
    """SIGINT stops the student's code, and nothing else in this process."""

    busy = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the cell or call that runs."""
        if self.busy:
            raise KeyboardInterrupt


class Aside:
    """What is written to file descriptors 1 and 2, past sys.stdout: by a subprocess, say."""

    def __init__(self) -> None:
        path = Path("/dev/shm" if Path("/dev/shm").is_dir() else ".") / f".said-{os.getpid()}"
        self.file = None
        with contextlib.suppress(OSError):
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            path.unlink()
        target = os.open(os.devnull, os.O_WRONLY) if self.file is None else self.file
        os.dup2(target, 1)
        os.dup2(target, 2)

    def take(self) -> str:
        """What was written since the last time."""
        if self.file is None:
            return ""
        with contextlib.suppress(OSError):
            size = os.fstat(self.file).st_size
            if size:
                text = os.pread(self.file, min(size, OUTPUT_LIMIT), 0).decode("utf-8", "replace")
                os.ftruncate(self.file, 0)
                return text + (FLOOD if size > OUTPUT_LIMIT else "")
        return ""


def serve(sock: socket.socket, shell: Shell) -> None:
    """Answer until the examiner hangs up."""
    channel, candidate, interrupts = Channel(sock), Candidate(shell), Interrupts()
    signal.signal(signal.SIGINT, interrupts)
    sys.stdin = io.StringIO()
    aside = Aside()
    while True:
        try:
            request, *body = channel.receive()
        except Closed:
            return
        interrupts.busy = True
        try:
            answer = _answer(candidate, aside, request, body)
        except KeyboardInterrupt:  # it came between two lines of ours
            answer = pack(("raised", candidate._raised(KeyboardInterrupt())[1]))
        finally:
            interrupts.busy = False
        channel.send_packed(answer)


def _answer(candidate: Candidate, aside: Aside, request: str, body: list[Any]) -> bytes:
    if request == "files":
        write_files(*body)
        return pack(("ready",))
    if request == "run":
        outputs = candidate.run(*body)[1]
        if text := aside.take():
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
        return pack(("ran", outputs))
    if request == "fetch":
        return pack(candidate.fetch(*body))
    answer = candidate.use(*body)
    aside.take()
    return answer
