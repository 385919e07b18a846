"""What the operations track promises, and how many of each there are: counted, never written down.

`python -m tests.repository.promises` writes docs/promises.md; a test makes the page again and
compares. A row says what counts as one, and which tests prove the things that are counted.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from course.catalogue import compounds, entries, questions, scenarios, trees
from course.lab.commands import VERBS
from course.lab.commands.upgrades import METHODS
from course.telemetry.dashboards.boards import BOARDS
from tests.release import ROOT

PAGE = ROOT / "docs" / "promises.md"
DECIDE = ("T08", "T09", "T10", "T12", "T14")  # trees that ask whether to go on, back or up


@dataclass(frozen=True)
class Promise:
    """`least` is the number promised; `count` counts what stands; `proof` is a folder or file."""

    what: str
    least: int
    one: str
    count: Callable[[], int]
    proof: str

    @property
    def kept(self) -> bool:
        """Whether as many stand as were promised."""
        return self.count() >= self.least


def alerts() -> int:
    """Alerts that name a severity, a runbook entry and a tree."""
    text = (ROOT / "course/catalogue/rules/alerts.yaml").read_text("utf-8")
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    return sum(
        "alert" in rule and "severity" in rule["labels"] and {"runbook", "tree"} <= set(rule["annotations"])
        for rule in rules
    )  # fmt: skip


def notebooks() -> list[dict[str, object]]:
    """What the notebooks of the operations days say of themselves."""
    paths = sorted((ROOT / "source").glob("ops-*/*.ipynb"))
    return [json.loads(path.read_text("utf-8"))["metadata"]["dwcp"] for path in paths]


def labs() -> int:
    """Labs that a notebook's title names and that have a scenario."""
    titles = " ".join(str(about["title"]) for about in notebooks())
    named = {n for found in re.findall(r"Labs? (\d(?:(?:, | and )\d)*)", titles) for n in re.findall(r"\d", found)}  # fmt: skip
    return len(named & lab_scenarios())


def lab_scenarios() -> set[str]:
    """The numbers of the labs that have a scenario of their own."""
    told = [str(scenarios.load(name).get("lab", "")) for name in scenarios.names()]
    return {text.removeprefix("Ops ") for text in told if text.startswith("Ops ")}


def files(pattern: str) -> int:
    """Files of the checkout, by a pattern."""
    return len(list(ROOT.glob(pattern)))


PROMISES = (
    Promise("Days", 5, "a day with at least one graded notebook",
            lambda: len({path.parent for path in (ROOT / "source").glob("ops-*/*.ipynb")}),
            "tests/source/test_every_exercise.py"),
    Promise("Labs", 8, "a lab that a graded notebook holds, on a scenario of its own",
            labs, "tests/source/test_every_exercise.py"),
    Promise("Lab scenarios", 8, "a lab's scenario: its goal is reached by its remedy and by no cheat",
            lambda: len(lab_scenarios()), "tests/lab/test_incidents.py"),
    Promise("Troubleshooting entries", 30, "symptom, signals, causes, remedy and verification",
            lambda: len(entries.names()), "tests/catalogue/test_entries.py"),
    Promise("Compound faults", 8, "two faults at once, with the order of work",
            lambda: len(compounds.names()), "tests/catalogue/test_entries.py"),
    Promise("Incidents to practise", 30, "a scenario with a goal, proved in the lab",
            lambda: len(scenarios.incidents()), "tests/lab/test_incidents.py"),
    Promise("Decision trees", 20, "a rooted tree that ends with an action and a check",
            lambda: len(trees.names()), "tests/catalogue/test_trees.py"),
    Promise("Trees for release, rollback and escalation", 5, "a tree among " + ", ".join(DECIDE),
            lambda: len(set(DECIDE) & set(trees.names())), "tests/catalogue/test_walks.py"),
    Promise("Dashboards", 4, "a dashboard with every panel defined",
            lambda: len(BOARDS), "tests/telemetry/test_dashboards.py"),
    Promise("Panels", 25, "a panel with a unit on one of the dashboards",
            lambda: sum(len(made()["panels"]) for made in BOARDS.values()),
            "tests/telemetry/test_dashboards.py"),
    Promise("Alert rules", 15, "a rule with a severity, an entry as its runbook and a tree",
            alerts, "tests/telemetry/test_alerts.py"),
    Promise("Commands", 50, "a verb of the lab and of `dwcp-cli`, which takes and refuses arguments",
            lambda: len(VERBS), "tests/faces/test_dwcp_cli.py"),
    Promise("Severity levels", 5, "a level with its time to respond",
            lambda: len(entries.RESPOND_WITHIN_MIN), "tests/catalogue/test_entries.py"),
    Promise("Rollback methods", 3, "a method that the lab carries out",
            lambda: len(METHODS), "tests/lab/test_releases.py"),
    Promise("Components walked through in code", 6, "a component with a notebook that runs it",
            lambda: len({p.stem.split("-")[1] for p in (ROOT / "course/components").glob("[1-9]-*.ipynb")}),
            "tests/source/test_notebooks.py"),
    Promise("Questions to practise", 50, "a stem, options or a calculation, the key, and reasons",
            lambda: len(questions.practice()), "tests/catalogue/test_questions.py"),
    Promise("Questions for the exam", 125, "the same, never in the course, and never practised",
            lambda: len(questions.load_pool(ROOT / "source/exams/operations-associate/items")),
            "tests/catalogue/test_questions.py"),
    Promise("Written exam", 1, "a blueprint whose paper is given out, sat and graded",
            lambda: files("course/catalogue/questions/blueprints/operations-*.yaml"),
            "tests/autograder/test_exam.py"),
    Promise("Practical exam", 1, "an assignment of eight tasks",
            lambda: files("source/exam-operations-practical/*.ipynb"), "tests/course/test_practical.py"),
    Promise("Terraform and Ansible", 2, "a validated example",
            lambda: min(1, files("deploy/**/*.tf")) + min(1, files("deploy/**/playbook*.y*ml")),
            "tests/repository/test_deploy.py"),
)  # fmt: skip

HEAD = """\
# What the operations track promises

Each row is a thing that was promised, what counts as one, how many were promised and how many \
stand. The last column names the tests that prove the things themselves. The page is made by \
`python -m tests.repository.promises`; `tests/repository/test_promises.py` counts again and fails \
if a figure here is not what it finds. "Not yet" stands where fewer exist than were promised.

| Promised | Counts as one | Promised, at least | Stand | | Proved by |
|---|---|---|---|---|---|
"""
TAIL = """
## What no test can count

- Pass rates of 80 % (written) and 85 % (practical), a rating of 90 % and 50 to 100 people a \
quarter are results of a programme. `autograder exam report --json` gives the first per candidate; \
the rest is measured by whoever runs the course.
- Badges, office hours, pilot cohorts and business days for grading are the work of people.
- Slides, an executive overview, a rollout checklist of 110 items, a list of known issues and a \
matrix of rollback decisions are not written.
"""


def page() -> str:
    """The page as it should be now."""
    rows = [
        f"| {p.what} | {p.one} | {p.least} | {p.count()} | {'' if p.kept else 'not yet'} | "
        f"[{p.proof}](../{p.proof}) |\n"
        for p in PROMISES
    ]
    return HEAD + "".join(rows) + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
