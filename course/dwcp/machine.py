"""What a machine is: the one shape in which DWCP's state lives in time.

A machine never does anything. It is told what happened and answers with a list of effects, and
its host carries them out in that order. So a machine can be stepped by hand in a notebook, run
by the thousand in a simulation, and connected to real sockets, without changing a line.

    wake_at: int | None             us on the monotonic clock; None: nothing to wait for
    receive(sender, message, now)   a message arrived; `sender` comes from the wire
    wake(now)                       the time asked for in `wake_at` has come

A restart is a constructor call with what was saved. A crash is dropping the object.
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Send:
    """Hand `message` to the network for `to`, a node's name, at its `port`."""

    to: str
    message: Any
    port: int


@dataclass(frozen=True, slots=True)
class Save:
    """Make `record` durable before any effect that follows in the list."""

    record: Any


@dataclass(frozen=True, slots=True)
class Tell:
    """Something happened that people or metrics want to know; events are in the past tense."""

    event: str
    details: dict[str, Any]


Effect = Send | Save | Tell


class Machine(Protocol):
    """State that lives in time; see the module's text for the laws."""

    wake_at: int | None

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]: ...

    def wake(self, now: int) -> list[Effect]: ...
