"""The wrong answers that people give, and what each should be told.

source/ASSIGNMENT/mistakes.yaml maps an exercise id to two to five of them:

    ops-1-1-fault-bound:
      - answer: |
          def fault_bound(nodes):
              return nodes // 3
        says: a view needs 2f + 1

`answer` replaces the whole answer cell; `says` must be part of what the check cell or the test
cell says to it. The file is never released.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autograder.errors import CourseError

FILE = "mistakes.yaml"
FEWEST, MOST = 2, 5


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, and a part of the message that its author should get."""

    exercise: str
    answer: str
    says: str


def load_mistakes(file: Path) -> list[Mistake]:
    """The mistakes of an assignment; none if there is no such file.

    Raises CourseError, with the place and what would be right.
    """
    if not file.is_file():
        return []
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CourseError(f"{file.name} is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise CourseError(f"{file.name} must map exercise ids to lists of mistakes.")
    return [
        _mistake(f"{file.name}, {exercise}, number {number}", exercise, entry)
        for exercise, entries in data.items()
        for number, entry in enumerate(_list(file, exercise, entries), start=1)
    ]


def _list(file: Path, exercise: str, entries: Any) -> list[Any]:
    if not isinstance(entries, list) or not FEWEST <= len(entries) <= MOST:
        raise CourseError(
            f"{file.name}, {exercise}: list {FEWEST} to {MOST} mistakes, each with answer and says."
        )
    return entries


def _mistake(where: str, exercise: str, entry: Any) -> Mistake:
    keys = set(entry) if isinstance(entry, dict) else set()
    if keys != {"answer", "says"} or not all(isinstance(v, str) and v for v in entry.values()):
        raise CourseError(f"{where}: give exactly `answer` and `says`, both as text.")
    return Mistake(exercise, entry["answer"], entry["says"])
