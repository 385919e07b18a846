"""A lab that several clients share: one lock around it, a clock that runs, a place to be found.

`course lab serve` keeps one alive; terminals (`dwcp-cli`), notebooks and the REST service are its
clients. What they do goes into one journal, in the order in which it was done.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_state_path

from course.lab import Lab
from course.lab.commands import CommandError

TICK_S = 0.2
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a served lab is found, and with which token."""

    url: str
    token: str
    scenario: str
    seed: int | str
    pid: int


class Served:
    """A lab and its lock. `pace` is virtual seconds for each real one; 0: time stands still."""

    def __init__(self, lab: Lab, pace: float = 1.0) -> None:
        if not 0 <= pace <= 600:
            raise ValueError(f"pace is {pace}; give 0 (time stands still) to 600")
        self.lab, self.pace = lab, pace
        self._lock = threading.RLock()
        self._stopped = threading.Event()

    def do(
        self, verb: str, arguments: dict[str, Any], traceparent: str | None = None,
        request_id: str | None = None,
    ) -> Any:  # fmt: skip
        """Carry out a verb; one at a time. Its traces go on from the caller's `traceparent`."""
        with self._lock, self.lab.world.tracing.asked(traceparent, request_id):
            return self.lab.do(verb, **arguments)

    def look(self, at: Callable[[Lab], Seen]) -> Seen:
        """Look at the lab while nobody changes it."""
        with self._lock:
            return at(self.lab)

    def __enter__(self) -> "Served":
        if self.pace:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    def _tick(self) -> None:
        last = time.monotonic()
        while not self._stopped.wait(TICK_S):
            now = time.monotonic()
            with self._lock:
                self.lab.pass_time(round((now - last) * self.pace, 3))
            last = now


def state_file() -> Path:
    """Where the address of the served lab is kept, readable for its owner alone."""
    named = os.environ.get("DWCP_LAB_FILE")
    return Path(named) if named else user_state_path("dwcp-course") / "lab.json"


def publish(address: Address) -> None:
    """Let clients of this user find the lab."""
    path = state_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(address), file)


def withdraw() -> None:
    """It is not served any more."""
    with suppress(FileNotFoundError):
        state_file().unlink()


def find() -> Address:
    """The served lab; CommandError-like text in a LookupError if there is none."""
    try:
        return Address(**json.loads(state_file().read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        raise LookupError("no lab is running here; start one with: course lab serve") from None


__all__ = ["Address", "CommandError", "Served", "find", "publish", "state_file", "withdraw"]
