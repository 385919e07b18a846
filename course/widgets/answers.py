"""A learner's answers in one plain JSON file beside the notebook, which nbgrader collects.

    {"quiz": "ops-1-1", "seed": "anna", "answers": {"1": "B"}, "first": {"1": "C"}}

`answers` are the last ones, `first` the first, both by question number; letters, a number or a
command line, as the learner gave them. A quiz for practice adds `results`. The file is written
whole or not at all, and one that cannot be read is kept aside, not overwritten.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

ANSWER_MAX = 500  # characters


class AnswerFile:
    """The answers to `quiz` as drawn from `seed`, kept in `path`."""

    def __init__(self, path: Path, quiz: str, seed: str) -> None:
        self.path, self.quiz, self.seed = path, quiz, seed
        self.answers: dict[str, Any] = {}
        self.first: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.problem = self._load()

    def keep(self, number: int, answer: Any) -> None:
        """Keep an answer at once."""
        self.answers[str(number)] = answer
        self.first.setdefault(str(number), answer)
        self.save()

    def save(self) -> None:
        """Write it; raises ValueError if the folder does not take it."""
        whole = {"quiz": self.quiz, "seed": self.seed, "answers": self.answers, "first": self.first}
        whole |= {"results": self.results} if self.results else {}
        aside = self.path.with_name(f".{self.path.name}.part")
        try:
            aside.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", "utf-8")
            aside.replace(self.path)
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written: {error.strerror}") from None

    def _load(self) -> str:
        """Take over what is there; what is wrong with it, in words, or an empty text."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            found = kept["quiz"], kept["seed"]
            answers, first = _plain(kept["answers"]), _plain(kept["first"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return self._aside("could not be read")
        if found != (self.quiz, self.seed):
            return self._aside("held answers to other questions")
        self.answers, self.first = answers, first
        self.results = results if isinstance(results := kept.get("results"), dict) else {}
        return ""

    def _aside(self, why: str) -> str:
        other = self.path.with_name(f"{self.path.name}.old")
        with contextlib.suppress(OSError):
            self.path.replace(other)
        return f"{self.path.name} {why}; it is kept as {other.name}, and a new one is begun."


def kept_answers(path: Path) -> dict[str, Any]:
    """Question number -> answer, as kept in `path`; empty, with a word why, if that cannot be read.

    For the cell of an exam that hands them to its tests: nothing is changed or moved, and what can
    be no answer is left out without costing another.
    """
    try:
        kept = json.loads(path.read_text("utf-8"))["answers"]
        return {number: answer for number, answer in kept.items() if is_plain(answer)}
    except FileNotFoundError:
        print(f"There is no {path.name}: nothing is answered yet.")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        print(f"{path.name} cannot be read, so that no answer counts. Tell your instructor.")
    return {}


def kept_results(path: Path) -> list[dict[str, Any]]:
    """What was marked in `path`, a row a question; empty if nothing is, or if it cannot be read."""
    try:
        rows = list(json.loads(path.read_text("utf-8")).get("results", {}).values())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return []
    named = {"item", "subtopic", "objective", "right_at_first"}
    return [row for row in rows if isinstance(row, dict) and named <= set(row)]


def _plain(answers: Any) -> dict[str, Any]:
    """Answers as they may stand in a file; raises ValueError for anything else."""
    if not isinstance(answers, dict) or not all(map(is_plain, answers.values())):
        raise ValueError
    return answers


def is_plain(answer: Any) -> bool:
    """Is this an answer of any kind: a short text or a number?"""
    if isinstance(answer, str):
        return len(answer) <= ANSWER_MAX
    return isinstance(answer, int | float) and not isinstance(answer, bool)
