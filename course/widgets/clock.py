"""The clock of an exam: a small file beside the paper, started once, that only moves forward.

    {"exam": "operations-associate", "candidate": "anna", "started_s": 1790000000.0, "used_s": 312}

`started_s` is the computer's time at the start, in seconds since 1970; `used_s` is what has gone
by. While a kernel runs, its own steady clock counts; after a crash, a restart or a reboot the
computer's time does. The larger of the two holds, so that a computer's time that is put back gives
no time back. Both are functions that are passed in.

The file lies on the candidate's machine, and its owner can write it. It helps an honest candidate
keep time; it proves nothing. What it says is compared with the instructor's clock at hand-in.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Seconds = Callable[[], float]


class ExamClock:
    """`minutes` for one candidate's exam, kept in `path`; made, and started, on first use."""

    def __init__(
        self, path: Path, exam: str, candidate: str, minutes: int,
        wall_s: Seconds = time.time, steady_s: Seconds = time.monotonic,
    ) -> None:  # fmt: skip
        self.path, self.limit_s = path, minutes * 60.0
        self._wall_s, self._steady_s = wall_s, steady_s
        self._about = {"exam": exam, "candidate": candidate}
        self.problem, self.begun_anew = "", False
        self.started_s, self._used_s = self._load() or (wall_s(), 0.0)
        self._looked_s = steady_s()
        self.used_s()

    def used_s(self) -> float:
        """Seconds since the start, written down; raises ValueError if the folder takes no file."""
        steady_s = self._steady_s()
        counted_s = self._used_s + max(0.0, steady_s - self._looked_s)
        self._looked_s = steady_s
        self._used_s = max(counted_s, self._wall_s() - self.started_s)
        self._save()
        return self._used_s

    def left_s(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self.limit_s - self.used_s())

    def _save(self) -> None:
        whole = {**self._about, "started_s": self.started_s, "used_s": round(self._used_s, 3)}
        whole |= {"begun_anew": True} if self.begun_anew else {}
        aside = self.path.with_name(f".{self.path.name}.part")
        try:
            aside.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
            aside.replace(self.path)
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written: {error.strerror}") from None

    def _load(self) -> tuple[float, float] | None:
        """(started_s, used_s) of a clock that runs already."""
        try:
            kept = read_clock(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            kept = {}
        if kept and {name: kept[name] for name in self._about} == self._about:
            self.begun_anew = kept["begun_anew"]
            return kept["started_s"], kept["used_s"]
        self._put_aside()
        return None

    def _put_aside(self) -> None:
        other = self.path.with_name(f"{self.path.name}.old")
        with contextlib.suppress(OSError):
            self.path.replace(other)
        self.begun_anew = True
        self.problem = (
            f"{self.path.name} is no clock of this exam; it is kept as {other.name}, and time is "
            "counted anew. Tell your instructor when you really began."
        )


def read_clock(text: str) -> dict[str, Any]:
    """A clock file as plain data; ValueError if it is none."""
    try:
        kept = json.loads(text)
        started_s, used_s = float(kept["started_s"]), float(kept["used_s"])
        exam, candidate = str(kept["exam"]), str(kept["candidate"])
        begun_anew = kept.get("begun_anew", False) is True
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError("this is no clock of an exam") from None
    if not (math.isfinite(started_s) and math.isfinite(used_s) and used_s >= 0):
        raise ValueError("a clock's times are numbers of seconds")
    return {
        "exam": exam, "candidate": candidate, "started_s": started_s, "used_s": used_s,
        "begun_anew": begun_anew,
    }  # fmt: skip
