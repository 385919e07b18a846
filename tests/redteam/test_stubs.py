"""A candidate made by hand that answers whatever it likes: the examiner is not confused by it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from autograder.channel import Channel, Closed
from autograder.stubs import CellTimeoutError, Link, ProcessEnded, Stub
from autograder.wire import Handle, pack

Ask = Callable[..., Link]
FUNCTION = Handle(0, "callable", "mean")


@pytest.fixture
def answered() -> Iterator[Ask]:
    """A link to a candidate that gives these answers (bytes as they are), one a question."""
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def make(*answers: Any) -> Link:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=_answer, args=(Channel(theirs), answers))
        opened.append((ours, thread))
        thread.start()
        link = Link(Channel(ours), lambda: None)
        link.until = time.monotonic() + 0.5
        return link

    yield make
    for ours, thread in opened:  # the thread closes its own end
        ours.close()
        thread.join()


def _answer(channel: Channel, answers: tuple[Any, ...]) -> None:
    try:
        for answer in answers:
            channel.receive()
            channel.sock.sendall(answer) if isinstance(answer, bytes) else channel.send(answer)
        channel.receive()
    except (Closed, OSError):
        pass
    finally:
        channel.close()


NONSENSE = [None, 5, [], (), ("value",), ("value", 3.0), ("raised",), ("raised", 5), ("what",),
            ("value", 3.0, [], 4), {"value": 3.0}, "value", ("refused", 5), (5, 5, 5),
            (np.array(["value", "value"]), 3.0, [])]  # fmt: skip


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_a_call_that_is_answered_with_nonsense_fails(answered: Ask, answer: Any) -> None:
    with pytest.raises(Exception) as raised:
        Stub(answered(answer), FUNCTION)([1.0])
    assert not isinstance(raised.value, StopIteration | TimeoutError)


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_names_that_are_answered_with_nonsense_are_missing(answered: Ask, answer: Any) -> None:
    assert answered(answer).fetch(["mean"]) == {}


@pytest.mark.parametrize("answer", [5, None, [], {}, "value", b"", b"?", pack(None), pack(())])
def test_a_name_that_is_answered_with_nonsense_has_no_value(answered: Ask, answer: Any) -> None:
    try:
        assert answered({"mean": answer}).fetch(["mean"]) == {}
    except ProcessEnded as ended:
        assert not ended.stuck


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_a_cell_that_is_answered_with_nonsense_said_nothing(answered: Ask, answer: Any) -> None:
    outputs, late = answered(answer).run("cell", "1")
    assert not late and type(outputs) is list


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xff\xff\xff", b"\0\0\0\1?", b"\0\0\0\0", b"\0\0\0\5l\0\0\0\1", b"\0",
     b"\0\0\0\x05p\0\0\0\0", b"\0\0\0\x13p\0\0\0\1s\0\0\0\x09Timestamp"],
)  # fmt: skip
def test_bytes_that_are_no_message_are_the_candidates_end(answered: Ask, raw: bytes) -> None:
    with pytest.raises(ProcessEnded):
        answered(raw).run("cell", "1")


def test_a_candidate_that_says_nothing_is_stuck() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ProcessEnded) as ended:
        Link(Channel(ours), lambda: None).run("cell", "1")
    assert ended.value.stuck


def test_an_object_decides_nothing(answered: Ask) -> None:
    """Whatever a comparison, an order, a truth or a membership is, the candidate does not say it."""
    object_ = Stub(answered(*[("value", True, [])] * 20), Handle(1, "object", "Yes"))
    for judged in (
        lambda: object_ == 3,
        lambda: object_ != 3,
        lambda: object_ < 3,
        lambda: bool(object_),
        lambda: float(object_),
        lambda: int(object_),
        lambda: hash(object_),
        lambda: 3 in object_,
    ):
        with pytest.raises(TypeError):
            judged()
    assert not isinstance(object_, int | float | str | list)


@pytest.mark.parametrize("kind", ["StopIteration", "StopAsyncIteration"])
def test_an_error_of_the_students_ends_no_loop_of_the_test(answered: Ask, kind: str) -> None:
    error = ("raised", {"kinds": [("builtins", kind)], "text": ""})
    double = Stub(answered(error), Handle(0, "callable", "double"))
    with pytest.raises(RuntimeError):
        list(map(double, [1]))


@pytest.mark.parametrize(
    "kinds",
    [[("builtins", "eval")], [("os", "system")], [("course.cli", "app")], [5], 5, [("builtins", "type")],
     [("autograder.stubs", "ProcessEnded")], [("builtins", "SystemExit")], [(5, 5)], [[]], None,
     [("builtins", "ExceptionGroup")], [("builtins", "__class__")]],
    ids=repr,
)  # fmt: skip
def test_an_error_of_any_name_is_an_ordinary_error(answered: Ask, kinds: Any) -> None:
    stub = Stub(
        answered(("raised", {"kinds": kinds, "text": "x", "frames": [5], "place": [1]})), FUNCTION
    )
    with pytest.raises(Exception) as raised:
        stub(1)
    assert not isinstance(raised.value, AssertionError | CellTimeoutError)


def test_only_an_argument_of_the_same_type_is_changed(answered: Ask) -> None:
    changed = [
        (0, (9,)),
        (1, [9]),
        (-1, [9]),
        (True, [9]),
        (10**9, [9]),
        "x",
        (0,),
        (2, np.zeros(9)),
    ]
    given, other, array = [1], (1,), np.ones(2)
    stub = Stub(answered(("value", 1, changed)), FUNCTION)
    assert stub(given, other, array) == 1
    assert given == [1] and other == (1,) and array.tolist() == [1.0, 1.0]
