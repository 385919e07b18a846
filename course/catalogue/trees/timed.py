"""A diagnosis under time, without the tree: what was looked at, what was concluded, and when.

The learner sees what can be looked at and what it can be, and no question. A record is plain data:
{"tree", "limit_s", "looks": [{"s", "look"}], "outcome", "s"}; `judge` holds it against what the
tree concludes from the cluster's true signals.
"""

from collections.abc import Mapping
from typing import Any

from course.catalogue.trees import Leaf, Question, Snapshot, Tree, diagnose
from course.catalogue.trees.blank import destinations


def looks(tree: Tree) -> dict[str, list[Question]]:
    """What can be looked at, in alphabetical order -> the questions that it answers."""
    found: dict[str, list[Question]] = {}
    for question in sorted(tree.questions.values(), key=lambda q: q.look or q.read_in):
        found.setdefault(question.look or question.read_in, []).append(question)
    return found


def outcomes(tree: Tree) -> list[str]:
    """What it can be, in an order that tells nothing."""
    return [text for text in destinations(tree) if text not in tree.questions]


def judge(tree: Tree, record: Mapping[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """{right, in_time, looks, needed}: `needed` is how many questions the tree asks here.

    Raises ValueError for what is not a record of this tree.
    """
    wanted = {"tree", "limit_s", "looks", "outcome", "s"}
    if not isinstance(record, Mapping) or not wanted <= set(record) or record["tree"] != tree.id:
        raise ValueError(f"a record of {tree.id} has {', '.join(sorted(wanted))}")
    walk = diagnose(tree, snapshot)
    assert isinstance(walk.at, Leaf)
    ended = record["s"]
    return {
        "right": record["outcome"] == walk.at.do,
        "in_time": isinstance(ended, int | float) and 0 <= ended <= record["limit_s"],
        "looks": len(record["looks"]),
        "needed": len(walk.steps),
    }
