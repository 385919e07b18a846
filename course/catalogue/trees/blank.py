"""A tree with its turns taken out: to be filled in, and then run against cases that are known.

A place is a question and one of its answers, such as "b yes". What is filled in is where it leads:
another question, by its id, or an outcome. `against` walks each case by its true signals along
what was filled in, and says where that ends and where it should have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.catalogue import scenarios
from course.catalogue.trees import Leaf, MissingSignal, Snapshot, Tree, diagnose

Filled = Mapping[str, str]
"""Place -> destination, both as texts: {"a no": "Go on with tree T13.", "a yes": "b"}."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a case was led: the questions passed, and the outcome, or what went wrong."""

    path: tuple[str, ...]
    outcome: str | None
    problem: str = ""


def places(tree: Tree) -> list[str]:
    """All places to fill in, in the file's order."""
    return [f"{q.id} {answer.text}" for q in tree.questions.values() for answer in q.answers]


def destinations(tree: Tree) -> dict[str, str]:
    """What can be filled in -> its words: questions by id, then outcomes in alphabetical order."""
    questions = {question.id: f"question {question.id}" for question in tree.questions.values()}
    outcomes = sorted({leaf.do for leaf in _leaves(tree)})
    return questions | {text: text for text in outcomes}


def right(tree: Tree) -> dict[str, str]:
    """The tree itself, as it would be filled in."""
    return {
        f"{q.id} {answer.text}": answer.leaf.do if answer.leaf else answer.next or ""
        for q in tree.questions.values()
        for answer in q.answers
    }


def proved_by(tree: Tree) -> list[str]:
    """The incidents that lead to leaves of this tree, as the leaves name them, each once."""
    named = (leaf.proof for leaf in _leaves(tree) if leaf.proof in scenarios.incidents())
    return list(dict.fromkeys(named))


def check(tree: Tree, place: str, to: str) -> None:
    """Raise ValueError unless `to` can be filled in at `place`."""
    if place not in places(tree):
        raise ValueError(f"{tree.id} has no place {place!r}; there are {', '.join(places(tree))}")
    if to and to not in destinations(tree):
        known = ", ".join(map(repr, destinations(tree)))
        raise ValueError(f"nothing is called {to!r}; a place leads to one of {known}")


def follow(tree: Tree, filled: Filled, snapshot: Snapshot) -> Trail:
    """Walk by the signals along what was filled in."""
    path: list[str] = []
    at = tree.start
    while at in tree.questions:
        if at in path:
            return Trail((*path, at), None, f"it comes back to question {at}")
        path.append(at)
        try:
            place = f"{at} {tree.questions[at].read(snapshot).text}"
        except MissingSignal as missing:
            return Trail(tuple(path), None, str(missing))
        if not (at := filled.get(place, "")):
            return Trail(tuple(path), None, f"{place} is not filled in")
    return Trail(tuple(path), at)


def against(tree: Tree, filled: Filled, cases: Mapping[str, Snapshot]) -> list[dict[str, Any]]:
    """A row for each case: where it was led, where the tree leads, and whether that is the same."""
    rows = []
    for name, snapshot in cases.items():
        trail, truth = follow(tree, filled, snapshot), _truth(tree, snapshot)
        rows.append(
            {
                "case": name,
                "right": truth is not None and trail.outcome == truth,
                "path": " ".join(trail.path),
                "led to": trail.outcome or trail.problem,
                "should be": truth or "the signals do not tell",
            }
        )
    return rows


def _truth(tree: Tree, snapshot: Snapshot) -> str | None:
    try:
        here = diagnose(tree, snapshot).at
    except MissingSignal:
        return None
    assert isinstance(here, Leaf)
    return here.do


def _leaves(tree: Tree) -> list[Leaf]:
    return [answer.leaf for q in tree.questions.values() for answer in q.answers if answer.leaf]
