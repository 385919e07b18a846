"""What the examiner holds in place of the candidate's functions and objects.

A `Stub` sends its arguments by value and returns the value that comes back, or raises the error
that was raised there. An argument that the student's code changed in place (a list it sorted, say)
is changed here too, so a test reads the same with and without a process in between.

Nothing that decides is ever asked of the candidate: a stub has no equality, order or truth of its
own, and an error has its type looked up here, by name, among Python's and the course's own.
Read next: examiner.py.
"""

from __future__ import annotations

import builtins
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from autograder.channel import Channel, Closed, Late
from autograder.wire import Handle, NotPlain, WireError, unpack

GRACE_S = 1.0  # for a candidate to answer after it was interrupted
OWN_PACKAGE = "course."  # its exceptions are raised as themselves


class CellTimeoutError(Exception):
    """A cell, or the student's code called by it, ran too long."""


class ProcessEnded(BaseException):
    """The candidate is gone. No Exception, so that a test's own `except` does not hide it."""

    def __init__(self, stuck: bool) -> None:
        super().__init__("stuck" if stuck else "ended")
        self.stuck = stuck


class Link:
    """The examiner's way to the candidate, with the time that the current cell has left."""

    def __init__(self, channel: Channel, interrupt: Callable[[], None]) -> None:
        self.channel, self.interrupt = channel, interrupt
        self.until = 0.0  # on time.monotonic's clock
        # A function that returns something and changes its arguments as well may be careless, or
        # rewrite what the test compares with. The examiner tries it both ways.
        self.changed_beside = self.by_value = False

    def ask(self, *request: Any) -> tuple[Any, bool]:
        """(the answer, whether it came only after an interrupt for time).

        Raises ProcessEnded if there will never be one.
        """
        late = False
        try:
            self.channel.send(request)
            try:
                return self.channel.receive(self.until, self._stub), late
            except Late:
                late = True
                self.interrupt()
                return self.channel.receive(time.monotonic() + GRACE_S, self._stub), late
        except (Late, Closed, WireError):
            raise ProcessEnded(stuck=late) from None

    def run(self, cell: str, source: str) -> tuple[list[Any], bool]:
        """(outputs, whether it was stopped for time) of one of the student's cells."""
        answer, late = self.ask("run", cell, source)
        told = type(answer) is tuple and len(answer) == 2 and type(answer[1]) is list
        return (answer[1] if told else []), late

    def fetch(self, names: list[str]) -> dict[str, Any]:
        """The values of those names that the candidate has; NotPlain if one cannot cross."""
        answers, _ = self.ask("fetch", names)
        found = {}
        for name in names:
            answer = self._opened(answers.get(name) if type(answers) is dict else None)
            if answer[0] == "refused":
                raise NotPlain(f"`{name}`: {answer[1]}")
            if answer[0] == "value":
                found[name] = answer[1]
        return found

    def _stub(self, handle: Handle) -> Stub:
        return Stub(self, handle)

    def _opened(self, body: Any) -> tuple[Any, ...]:
        """An answer that was packed for itself; a damaged one is the candidate's end."""
        try:
            answer = unpack(body, self._stub) if type(body) is bytes else None
        except WireError:
            raise ProcessEnded(stuck=False) from None
        return _answer(answer)

    def use(self, handle: Handle, how: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Do something with one of the candidate's objects: its value, or its error raised."""
        answer, late = self.ask("use", handle.number, how, list(args), named)
        if late:
            raise CellTimeoutError(f"{handle.name} took too long")
        answer = _answer(answer)
        if answer[0] == "value" and len(answer) == 3:
            if answer[2] and answer[1] is not None:
                self.changed_beside = True
            if answer[1] is None or not self.by_value:
                change_in_place([*args, *named.values()], answer[2])
            return answer[1]
        if answer[0] == "raised" and type(answer[1]) is dict:
            raise as_exception(answer[1], ends_loops=how == "next")
        why = answer[1] if len(answer) == 2 and type(answer[1]) is str else "it gave no answer"
        raise NotPlain(f"`{handle.name}`: {why}")


def _answer(answer: Any) -> tuple[Any, ...]:
    return answer if type(answer) is tuple and answer else ("missing",)


class Stub:
    """A function, class or object that stayed with the candidate."""

    __slots__ = ("_handle", "_link")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, link: Link, handle: Handle) -> None:
        self._link, self._handle = link, handle

    def _use(self, how: str, *args: Any, **named: Any) -> Any:
        return self._link.use(self._handle, how, args, named)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._use("call", *args, **named)

    def __getattr__(self, name: str) -> Any:
        if name in ("__name__", "__qualname__"):
            return self._handle.name
        if name.startswith("_"):
            raise AttributeError(f"{self._handle.name} has no {name} that a test can read")
        return self._use("attribute", name)

    def __len__(self) -> int:
        return _only(int, self._use("length"))

    def __getitem__(self, key: Any) -> Any:
        return self._use("item", key)

    def __contains__(self, item: Any) -> bool:
        return any(mine == item for mine in self)  # compared here

    def __iter__(self) -> Iterator[Any]:
        iterator = self._use("iterate")
        if not isinstance(iterator, Stub):
            raise NotPlain(f"`{self._handle.name}` cannot be walked through.")
        while True:
            try:
                item = iterator._use("next")
            except StopIteration:
                return
            yield item

    def __next__(self) -> Any:
        return self._use("next")

    def __str__(self) -> str:
        return _only(str, self._use("text"))

    def __repr__(self) -> str:
        return f"<{self._handle.name} of the notebook>"

    def _judged(self, *_: Any) -> Any:
        raise NotPlain(
            f"A value of the class {self._handle.name} is not plain data, so a test cannot "
            "compare it. Give plain numbers, texts, lists, tuples, dicts or sets."
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _judged


def _only(kind: type, value: Any) -> Any:
    """The value if it is exactly of the kind."""
    if type(value) is not kind:
        raise NotPlain(f"a {kind.__name__} was expected, not a {type(value).__name__}")
    return value


def change_in_place(arguments: list[Any], changed: Any) -> None:
    """Give each argument that was changed on the other side its new content."""
    for entry in changed if type(changed) is list else []:
        place, new = entry if type(entry) is tuple and len(entry) == 2 else (None, None)
        if type(place) is int and 0 <= place < len(arguments):
            _become(arguments[place], new)


def _become(old: Any, new: Any) -> None:
    """Give the argument the new content, if that is of the same type."""
    kind: Any = type(old)
    if type(new) is not kind:
        return
    if kind in (list, bytearray):
        old[:] = new
    elif kind in (dict, set):
        old.clear()
        old.update(new)
    elif kind.__name__ == "ndarray" and old.shape == new.shape:
        old[...] = new


def as_exception(told: dict[str, Any], ends_loops: bool = False) -> BaseException:
    """The error that was raised there: of the nearest type that is known here.

    Only an iterator's own end may end a loop of the test.
    """
    text = told["text"] if type(told.get("text")) is str else ""
    kinds = told["kinds"] if type(told.get("kinds")) is list else []
    known = next((kind for kind in map(_known, kinds) if kind), Exception)
    ends = issubclass(known, StopIteration | StopAsyncIteration) and not ends_loops
    if ends or not issubclass(known, Exception):  # SystemExit, KeyboardInterrupt: not here
        known, text = RuntimeError, f"{known.__name__} {text}".strip()
    error = _make(known, text)
    frames = told.get("frames")
    if type(frames) is list and all(type(line) is str for line in frames):
        error.frames_elsewhere = frames[-60:]  # type: ignore[attr-defined]
    if place := _place(told.get("place")):
        error.place_elsewhere = place  # type: ignore[attr-defined]
    return error


def _make(kind: type[BaseException], text: str) -> BaseException:
    """An instance without calling the type's own __init__, which may want more than a text."""
    error = kind.__new__(kind, text)
    error.args = (text,)
    return error


def _known(names: Any) -> type[BaseException] | None:
    """The class of those names, if it is an exception of Python's or the course's."""
    if type(names) is not tuple or [type(name) for name in names] != [str, str]:
        return None
    module, name = names
    if module == "builtins":
        found = getattr(builtins, name, None)
    elif module.startswith(OWN_PACKAGE) and module in sys.modules:
        found = getattr(sys.modules[module], name, None)
    else:
        found = None
    is_error = isinstance(found, type) and issubclass(found, BaseException)
    return found if is_error else None


def _place(place: Any) -> str | None:
    """`line 3 of the cell numbers-1-mean: return 1 / 0`."""
    if type(place) is not dict:
        return None
    line, cell, text = place.get("line"), place.get("cell"), place.get("text")
    if type(line) is not int or type(cell) is not str or type(text) is not str:
        return None
    return f"line {line} of your code: {text[:200]}" if text else f"line {line} of your code"
