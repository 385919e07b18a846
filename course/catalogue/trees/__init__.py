"""Decision trees as data, and a walk through one as a value.

A tree asks, a signal answers: each question names one value of a plain snapshot and says which
values mean which answer. So a person, a widget, a runbook and a test walk the same file.

How to walk one: answer from evidence, not from memory. What cannot be answered within 5 minutes is
answered "unknown" where that is offered, and else by the answer that moves no data and keeps the
quorum. A verification that fails means: undo, go back to the question above once, then tree T12.

Next to read: `measures`, which counts steps and what a wrong turn costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from course.catalogue import schema

Snapshot = Mapping[str, Any]
HYPOTHESIS_MIN = 15
"""Minutes that any one hypothesis gets."""


class MissingSignal(LookupError):
    """The snapshot does not hold what a question asks for."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a walk ends: something to do and how to verify it, or another tree to go to.

    `proof` says how it is known that true signals lead here: the id of a scenario, `test` (a
    fault that the tests inject), `judgement` (no simulation can tell) or `not yet`.
    """

    do: str
    verify: str
    proof: str
    go: str | None = None
    minutes: int = HYPOTHESIS_MIN  # by when the verification is due
    escalate: str = "T12"  # to whom, if it does not: by that tree, or as said here


@dataclass(frozen=True, slots=True)
class Answer:
    """`when` is one rule on the signal; it leads to a question (`next`) or to a `leaf`."""

    text: str
    when: Mapping[str, Any]
    next: str | None = None
    leaf: Leaf | None = None

    def fits(self, value: Any) -> bool:
        """Does `value` of the signal mean this answer? `otherwise` is for the caller."""
        rule, limit = next(iter(self.when.items()))
        if rule == "is":
            return bool(value == limit) and isinstance(value, bool) == isinstance(limit, bool)
        if rule == "otherwise" or not isinstance(value, int | float):
            return False
        return bool(_RULES[rule](value, limit))


_RULES = {
    "above": lambda value, limit: value > limit,
    "below": lambda value, limit: value < limit,
    "at_least": lambda value, limit: value >= limit,
    "at_most": lambda value, limit: value <= limit,
}


@dataclass(frozen=True, slots=True)
class Question:
    """`look` is the command that shows the answer; where none does, `read` says what to read.

    `shows` are further signals that explain it, `metrics` those that show it on a dashboard.
    """

    id: str
    ask: str
    look: str
    signal: str
    answers: tuple[Answer, ...]
    shows: tuple[str, ...] = ()
    read_in: str = ""
    metrics: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """What to type, or to read. What concerns the machine itself is no verb of dwcp-cli."""
        on_the_machine = self.look.startswith(("host ", "server "))
        return self.read_in or (self.look if on_the_machine else f"dwcp-cli {self.look}")

    def read(self, snapshot: Snapshot) -> Answer:
        """The answer that the cluster itself gives; raises MissingSignal if it cannot be told."""
        if self.signal not in snapshot:
            raise MissingSignal(f"question {self.id} needs the signal {self.signal}")
        value = snapshot[self.signal]
        for answer in self.answers:
            if answer.fits(value):
                return answer
        for answer in self.answers:
            if "otherwise" in answer.when and value is not None:  # None: it cannot be told
                return answer
        raise MissingSignal(
            f"question {self.id}: {self.signal} is {value!r}, which answers nothing"
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """Questions by id; every path from `start` ends in a leaf."""

    id: str
    title: str
    used_by: str
    start: str
    questions: Mapping[str, Question]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One answered question. `told` is what the signal says, if it was looked up."""

    question: str
    answer: str
    told: str | None = None
    at: float | None = None  # seconds, on whatever clock the caller keeps


@dataclass(frozen=True, slots=True)
class Walk:
    """A path through a tree, from its start to where one stands now."""

    tree: Tree
    steps: tuple[Step, ...] = ()

    @property
    def at(self) -> Question | Leaf:
        """The question to answer now, or the leaf that was reached."""
        here: Question | Leaf = self.tree.questions[self.tree.start]
        for step in self.steps:
            assert isinstance(here, Question)
            answer = _pick(here, step.answer)
            here = answer.leaf or self.tree.questions[answer.next or ""]
        return here

    @property
    def done(self) -> bool:
        return isinstance(self.at, Leaf)

    def answer(self, text: str, told: str | None = None, at: float | None = None) -> "Walk":
        """Answer the question at hand; raises ValueError that lists the possible answers."""
        here = self.at
        if isinstance(here, Leaf):
            raise ValueError(f"this walk of {self.tree.id} has ended; go back or start again")
        _pick(here, text)
        return replace(self, steps=(*self.steps, Step(here.id, text, told, at)))

    def back(self) -> "Walk":
        """One step back; at the start, where one is."""
        return replace(self, steps=self.steps[:-1])

    def as_data(self) -> list[dict[str, Any]]:
        """Plain records: question, what was asked, answer, what the signal told, when."""
        return [
            {
                "tree": self.tree.id,
                "question": step.question,
                "ask": self.tree.questions[step.question].ask,
                "answer": step.answer,
                "told": step.told,
                "at_s": step.at,
            }
            for step in self.steps
        ]


def diagnose(tree: Tree, snapshot: Snapshot) -> Walk:
    """Walk by the signals alone, to a leaf."""
    walk = Walk(tree)
    while isinstance(here := walk.at, Question):
        told = here.read(snapshot).text
        walk = walk.answer(told, told)
    return walk


def names() -> list[str]:
    """The ids of all trees."""
    folder = files("course.catalogue.trees")
    return sorted(f.name[: -len(".yaml")] for f in folder.iterdir() if f.name.endswith(".yaml"))


@cache
def load(name: str) -> Tree:
    """A tree by its id, checked. Raises ValueError with the file, the place and the reason."""
    if name not in names():
        raise ValueError(f"no tree is named {name!r}; there are {', '.join(names())}")
    text = files("course.catalogue.trees").joinpath(f"{name}.yaml").read_text("utf-8")
    return parse(yaml.safe_load(text), f"{name}.yaml")


def parse(data: Any, file: str) -> Tree:
    """A tree from the content of a file."""
    schema.check(data, "course.catalogue.trees", file)
    questions = {name: _question(name, row) for name, row in data["questions"].items()}
    note = data.get("note", "").strip()
    tree = Tree(data["id"], data["title"], data["used_by"], data["start"], questions, note)
    _check_closure(tree, file)
    return tree


def _question(name: str, row: dict[str, Any]) -> Question:
    answers = tuple(_answer(text, answer) for text, answer in row["answers"].items())
    return Question(
        name,
        row["ask"],
        row.get("look", ""),
        row["signal"],
        answers,
        tuple(row.get("shows", ())),
        row.get("read", ""),
        tuple(row.get("metrics", ())),
    )


def _answer(text: str, row: dict[str, Any]) -> Answer:
    leaf = None
    if "do" in row:
        given = {key: row[key] for key in ("minutes", "escalate") if key in row}
        leaf = Leaf(row["do"], row["verify"], row["proof"], **given)
    elif "go" in row:
        do, verify = f"Go on with tree {row['go']}.", f"A leaf of {row['go']} passed."
        leaf = Leaf(do, verify, row["proof"], row["go"])
    return Answer(text, row["when"], row.get("next"), leaf)


def _pick(question: Question, text: str) -> Answer:
    for answer in question.answers:
        if answer.text == text:
            return answer
    known = ", ".join(repr(answer.text) for answer in question.answers)
    raise ValueError(f"question {question.id} is answered by {known}, not by {text!r}")


def _check_closure(tree: Tree, file: str) -> None:
    """Every question is reached, every path ends: no dead ends, no circles, no leftovers."""
    reached: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"{file}: questions {' -> '.join([*path, name])} go in a circle")
        if name not in tree.questions:
            raise ValueError(f"{file}: an answer leads to question {name!r}, which is not there")
        reached.append(name)
        for answer in tree.questions[name].answers:
            if answer.next:
                visit(answer.next, (*path, name))

    visit(tree.start, ())
    unreached = sorted(set(tree.questions) - set(reached))
    if unreached:
        raise ValueError(f"{file}: no answer leads to question {', '.join(unreached)}")
