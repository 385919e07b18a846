"""What a tree costs to walk: steps to each leaf, and what a wrong turn takes.

Costs are upper bounds by the rules of the course, in minutes: a question may take 5, and what a
leaf says to do is given up after 15, or sooner if its verification is due sooner. A leaf that
hands over to another tree costs what that tree costs at most. Nothing here is measured on people.

`python -m course.catalogue.trees.measures` shows it for every tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from course.catalogue.trees import HYPOTHESIS_MIN, Answer, Leaf, Tree, load, names

QUESTION_MIN = 5
"""Minutes after which a question counts as one that cannot be answered."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A leaf and the questions on the way to it, each with the answer that was given."""

    tree: str
    path: tuple[tuple[str, str], ...]
    leaf: Leaf

    @property
    def id(self) -> str:
        """Tree, last question and its answer, such as "T32 a no"."""
        question, answer = self.path[-1]
        return f"{self.tree} {question} {answer}"

    @property
    def steps(self) -> int:
        """Questions answered up to here, in this tree."""
        return len(self.path)


@dataclass(frozen=True, slots=True)
class Cost:
    """At most so many `questions` and so many `minutes`."""

    questions: int
    minutes: int


def endings(tree: Tree) -> list[Ending]:
    """All ways through `tree`. A leaf that two ways lead to is there twice."""
    return list(_below(tree, tree.start, ()))


def leaf_ids(tree: Tree) -> list[str]:
    """The ids of all leaves, each once, in the file's order."""
    return [
        f"{tree.id} {question.id} {answer.text}"
        for question in tree.questions.values()
        for answer in question.answers
        if answer.leaf
    ]


def steps(tree: Tree) -> dict[str, tuple[int, int]]:
    """For each leaf the fewest and the most questions on a way to it."""
    counts: dict[str, list[int]] = {}
    for ending in endings(tree):
        counts.setdefault(ending.id, []).append(ending.steps)
    return {leaf: (min(found), max(found)) for leaf, found in counts.items()}


def cost_of_leaf(leaf: Leaf) -> Cost:
    """What finding out takes that this leaf was wrong; other trees included."""
    return cost_of_tree(load(leaf.go)) if leaf.go else Cost(0, min(leaf.minutes, HYPOTHESIS_MIN))


def cost_of_tree(tree: Tree) -> Cost:
    """The dearest walk through `tree`."""
    return _cost_of_question(tree, tree.start)


def cost_of_wrong_turn(tree: Tree, question: str, answer: str) -> Cost:
    """What giving `answer` at `question` takes at most before one stands at `question` again.

    Raises ValueError if there is no such question or answer.
    """
    if question not in tree.questions:
        raise ValueError(f"{tree.id} has no question {question!r}: {', '.join(tree.questions)}")
    for given in tree.questions[question].answers:
        if given.text == answer:
            return _cost_of_answer(tree, given)
    known = ", ".join(repr(given.text) for given in tree.questions[question].answers)
    raise ValueError(f"question {question} of {tree.id} is answered by {known}, not by {answer!r}")


def hands_over_to(tree: Tree) -> list[str]:
    """The trees that leaves of `tree` go on with, in order, each once."""
    found = [ending.leaf.go for ending in endings(tree) if ending.leaf.go]
    return list(dict.fromkeys(found))


def _below(tree: Tree, at: str, path: tuple[tuple[str, str], ...]) -> Iterator[Ending]:
    for answer in tree.questions[at].answers:
        here = (*path, (at, answer.text))
        if answer.leaf:
            yield Ending(tree.id, here, answer.leaf)
        else:
            yield from _below(tree, answer.next or "", here)


def _cost_of_question(tree: Tree, name: str) -> Cost:
    below = [_cost_of_answer(tree, answer) for answer in tree.questions[name].answers]
    dearest = max(below, key=lambda cost: (cost.minutes, cost.questions))
    return Cost(dearest.questions + 1, dearest.minutes + QUESTION_MIN)


def _cost_of_answer(tree: Tree, answer: Answer) -> Cost:
    return cost_of_leaf(answer.leaf) if answer.leaf else _cost_of_question(tree, answer.next or "")


def _summary(tree: Tree) -> str:
    counts = steps(tree).values()
    fewest, most = min(low for low, _ in counts), max(high for _, high in counts)
    dearest = cost_of_tree(tree)
    return (
        f"{tree.id}  {len(tree.questions)} questions, {len(counts)} leaves, {fewest}-{most} steps; "
        f"dearest walk {dearest.questions} questions, {dearest.minutes} min  {tree.title}"
    )


if __name__ == "__main__":
    for name in names():
        print(_summary(load(name)))
