"""What is kept about a learner: one JSON file in the working folder, theirs, and sent nowhere.

    {"version": 2,
     "exercises": {"ops-1-1-x": {"notebook", "score", "max_score", "message", "checked_at"}},
     "spent": {"ops-1/1-architecture.ipynb": {"seconds": 1260, "last_at": "2026-01-05T09:00:00"}}}

`exercises` is what `course check` found, `spent` the time in which cells were run. Several kernels
and a terminal write to it, so each change is made under a lock, and the file is replaced whole. One
that cannot be read is kept aside. Version 1 was the exercises alone; it is taken over.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

FILE, LOCK = "progress.json", ".progress.lock"
LOCK_TIMEOUT_S = 10

Kept = dict[str, Any]


def load(work: Path) -> Kept:
    """The whole file; empty parts if there is nothing yet, or nothing that can be read."""
    try:
        kept = json.loads((work / FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return _empty()
    return _parts(kept) or _empty()


def read(work: Path) -> dict[str, dict[str, Any]]:
    """Exercise id -> {notebook, score, max_score, message, checked_at}; empty if nothing yet."""
    exercises: dict[str, dict[str, Any]] = load(work)["exercises"]
    return exercises


def record(work: Path, report: dict[str, Any], checked_at: str) -> None:
    """Keep a report of `course check`: the best score an exercise ever had stays."""

    def change(kept: Kept) -> None:
        for row in report["exercises"]:
            before = kept["exercises"].get(row["exercise"], {}).get("score", 0)
            kept["exercises"][row["exercise"]] = {
                "notebook": f"{report['assignment']}/{report['notebook']}",
                "score": max(before, row["score"]),
                "max_score": row["max_score"],
                "message": row["message"],
                "checked_at": checked_at,
            }

    _change(work, change)


def spend(work: Path, notebook: str, seconds: float, at: str) -> None:
    """Add time to a notebook, by its path in the working folder; `at` is when it ended."""

    def change(kept: Kept) -> None:
        before = kept["spent"].get(notebook, {}).get("seconds", 0)
        kept["spent"][notebook] = {"seconds": round(before + seconds, 1), "last_at": at}

    _change(work, change)


def _change(work: Path, change: Callable[[Kept], None]) -> None:
    with FileLock(work / LOCK, timeout=LOCK_TIMEOUT_S):
        _set_aside(work)
        kept = load(work)
        change(kept)
        whole = work / f".{FILE}.part"
        whole.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
        whole.replace(work / FILE)


def _set_aside(work: Path) -> None:
    """What cannot be read is a person's own all the same: it is not overwritten."""
    try:
        readable = _parts(json.loads((work / FILE).read_text("utf-8"))) is not None
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        readable = False
    if not readable:
        with contextlib.suppress(OSError):
            (work / FILE).replace(work / f"{FILE}.old")


def _parts(kept: Any) -> Kept | None:
    """Both parts of a file of either version; None if it is none."""
    if not isinstance(kept, dict):
        return None
    if "version" not in kept:
        kept = {"exercises": kept, "spent": {}}
    parts = {name: kept.get(name) for name in ("exercises", "spent")}
    if not all(_are_rows(part) for part in parts.values()):
        return None
    return {"version": 2, **parts}


def _are_rows(part: Any) -> bool:
    return isinstance(part, dict) and all(isinstance(row, dict) for row in part.values())


def _empty() -> Kept:
    return {"version": 2, "exercises": {}, "spent": {}}
