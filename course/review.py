"""What to ask before the exam, and where it is taught, from the answers that a learner kept.

`first_set` draws the first questions by the learner's name, `more` the next one: the domain
that is weakest so far comes first, and what was right is not asked again. `answered` gathers what
quizzes and practice papers in a working folder marked, and `lessons` names the notebooks that
teach what a question asks. Everything is drawn from the practice pool (`course.catalogue`).
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from course.catalogue.questions import Item, blueprint, practice
from course.catalogue.questions.draw import drill
from course.catalogue.questions.grading import grade
from course.progress import answer_files
from course.widgets.answers import kept_results
from course.workspace import WorkspaceError, course_root, handed_out

REVIEW = "ops-5/4-review.ipynb"  # sends people on, and so is no lesson itself
FIRST_SET = {
    "architecture": 4,
    "deployment": 2,
    "monitoring": 2,
    "troubleshooting": 2,
    "incident": 2,
}
"""Questions of each domain in the first set."""

Row = dict[str, Any]


def warm_up() -> None:
    """Read the pool, once for all who are forked from this process (as a lab's `warm_up`)."""
    practice()


def of_paper() -> dict[str, int]:
    """Domain -> its number of questions in the exam."""
    plan = blueprint()
    numbers: Counter[str] = Counter()
    for subtopic, number in plan.subtopics.items():
        numbers[plan.domains[subtopic]] += number
    return dict(numbers)


def first_set(name: str) -> list[str]:
    """Ids of 12 questions for `name`; those of a set, with one long exhibit, are left out."""
    rng = random.Random(f"first-set/{name}")
    by_domain = {domain: [i.id for i in _alone() if i.domain == domain] for domain in FIRST_SET}
    return [name for domain, n in FIRST_SET.items() for name in rng.sample(by_domain[domain], n)]


def more(rows: Iterable[Row], weakest: Iterable[str], number: int, seed: str) -> list[str]:
    """Ids of `number` questions, the domains of `weakest` first, never one that was right.

    `rows` as of `answered` or `marked`.
    """
    right = {row["item"] for row in rows if row["right"]}
    order = list(dict.fromkeys([*weakest, *FIRST_SET]))
    left = [item for item in _alone() if item.id not in right]
    random.Random(f"more/{seed}").shuffle(left)
    return [i.id for i in sorted(left, key=lambda item: order.index(item.domain))][:number]


def marked(title: str, ids: Iterable[str], seed: str, answers: Mapping[Any, Any]) -> list[Row]:
    """Rows {item, domain, subtopic, objective, right}: `answers` to these questions, marked.

    `title` and `seed` are those of the quiz, `answers` go by question number. ValueError if they
    are no dictionary.
    """
    known = _known()
    asked = drill(title, tuple(known[name] for name in ids), seed)
    return [_row(known[mark.item], bool(mark.mark)) for mark in grade(asked, answers).marks]


def answered(work: Path | str) -> list[Row]:
    """The same rows for all that was marked in a working folder; the first try counts."""
    known = _known()
    kept = [row for path in answer_files(Path(work)) for row in kept_results(path)]
    return [_row(known[r["item"]], bool(r["right_at_first"])) for r in kept if r["item"] in known]


def lessons(row: Mapping[str, Any]) -> list[str]:
    """Notebooks, as paths in the working folder, that teach what the question of `row` asks.

    Those of its objective's session, or of its day if the session has none, and those that open
    its component. None where there is no checkout of the course, as in a grader's sandbox.
    """
    try:
        root = course_root()
    except WorkspaceError:
        return []
    taught = _sessions(root)
    objective = row["objective"]
    found = [name for name, session in taught.items() if session == objective]
    day = objective.split(".")[0]
    found = found or [name for name, session in taught.items() if session.split(".")[0] == day]
    components = [name for name in handed_out(root) if name.startswith("components/")]
    return found + [n for n in components if row["subtopic"] in Path(n).stem.split("-")]


@cache
def _sessions(root: Path) -> dict[str, str]:
    """Notebook -> the session of the timetable that it belongs to."""
    found = {}
    for name, path in handed_out(root).items():
        if name.endswith(".ipynb"):
            about = json.loads(path.read_text("utf-8"))["metadata"].get("dwcp", {})
            if "session" in about and name != REVIEW:
                found[name] = str(about["session"])
    return found


def _alone() -> list[Item]:
    return [item for item in practice() if item.type != "scenario"]


def _known() -> dict[str, Item]:
    return {item.id: item for item in practice()}


def _row(item: Item, right: bool) -> Row:
    return {"item": item.id, "domain": item.domain, "subtopic": item.subtopic,
            "objective": item.objective, "right": right}  # fmt: skip
