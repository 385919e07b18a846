"""All that the first cell of a notebook needs.

from course.notebook import gameday, hint, lab, predict, quiz, show, source, walk

There are also `blank`, `console`, `exam`, `steps` and `timed`.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from IPython import get_ipython
from IPython.display import Code, display

from course.catalogue import questions, trees
from course.catalogue.questions.draw import drill
from course.catalogue.trees.blank import proved_by
from course.lab import Lab
from course.lab.gameday import GameDay
from course.lab.signals import signals
from course.spent import watch
from course.telemetry.promql import Answer
from course.widgets.answers import AnswerFile
from course.widgets.blank import BlankTree
from course.widgets.console import Console
from course.widgets.exam import open_exam
from course.widgets.hints import hints
from course.widgets.predict import Predict
from course.widgets.quiz import Quiz, practice
from course.widgets.stepper import Frame, Stepper
from course.widgets.timed import TimedTree
from course.widgets.tree import TreeWidget

__all__ = [
    "blank",
    "console",
    "exam",
    "gameday",
    "hint",
    "lab",
    "predict",
    "promql",
    "quiz",
    "show",
    "source",
    "steps",
    "timed",
    "walk",
]


watch(get_ipython())


def lab(scenario: str = "day-1", seed: int | str = 1) -> Lab:
    """A cluster of your own: a scenario's name and a seed give the same one every time."""
    return Lab(scenario, seed)


def gameday(seed: int | str, difficulty: int | None = None) -> GameDay:
    """An incident that you do not know, a page and a clock; see `course.lab.gameday`."""
    return GameDay(seed, difficulty)


def console(incident: Lab | GameDay) -> Console:
    """Pages, dashboards, logs and a terminal side by side, with the simulation's clock."""
    from course.incident import LabDesk  # the command line and all: not for every notebook

    if isinstance(incident, GameDay):
        return Console(LabDesk(incident.lab, incident))
    return Console(LabDesk(incident))


def show(data: Any, *columns: str) -> None:
    """Show rows as a table; `columns` selects and orders. A dictionary becomes two columns."""
    if not data:
        print("No rows.")
        return
    if isinstance(data, dict):
        data = [{"": key, "value": _brief(value)} for key, value in data.items()]
    rows = [{key: _brief(value) for key, value in row.items()} for row in data]
    frame = pd.DataFrame(rows, dtype=object)  # object: a missing number must not make floats
    frame = frame[list(columns)] if columns else frame
    frame = frame.fillna("")
    html, text = frame.to_html(index=False, border=0), frame.to_string(index=False)
    display({"text/html": html, "text/plain": text}, raw=True)


def promql(
    cluster: Lab,
    expression: str,
    at_s: float | None = None,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    step_s: float = 15,
) -> Answer:
    """What a PromQL expression says of a lab, at a moment (now), or from `start_s` on.

    A real Prometheus answers where one is installed, else the embedded evaluator; `.by` says which.
    """
    from course.faces.prometheus import query as ask_prometheus  # programs, files, a network

    metrics = cluster.metrics
    if start_s is None:
        return ask_prometheus(metrics.store, expression, metrics.ms(at_s))
    span = {"start": metrics.ms(start_s), "end": metrics.ms(end_s), "step": round(step_s * 1_000)}
    return ask_prometheus(metrics.store, expression, **span)


def source(thing: Callable[..., Any] | type) -> Code:
    """The code that runs, as it stands in the course's package."""
    return Code(inspect.getsource(thing), language="python")


def predict(question: str, **options: Any) -> Predict:
    """Commit to an answer before you look; `.reveal(actual)` shows both."""
    return Predict(question, **options)


def hint(*steps: str | Callable[[], str]) -> Any:
    """Hints that open one at a time."""
    return hints(list(steps))


def quiz(title: str, *ids: str, seed: str = "", folder: str = ".") -> Quiz:
    """Questions of the catalogue by their ids; the answers stay in TITLE.answers.json in `folder`.

    `seed` is the learner's own text: it draws numbers and the order of options.
    """
    paper = drill(title, questions.named(ids), seed)
    return practice(paper, AnswerFile(Path(folder) / f"{title}.answers.json", title, seed))


def exam(paper: str) -> Quiz:
    """An exam from the file you were given; answers stay in PAPER.answers.json beside it.

    If it has a time, the first call starts the clock, which goes on in PAPER.clock.json.
    """
    return open_exam(Path(paper))


def steps(title: str, frames: Sequence[Frame]) -> Stepper:
    """Go through frames forward and back, such as those of `course.agreement.frames`."""
    return Stepper(title, frames)


def walk(tree: str, cluster: Lab, **case: str) -> TreeWidget:
    """A decision tree on a live cluster; `node`, `vm`, `source` or `target` is what it is about."""
    return TreeWidget(trees.load(tree), lambda: signals(cluster, **case), lambda: cluster.now_s)


def timed(
    tree: str,
    cluster: Lab,
    limit_s: float = 300,
    told: str = "",
    look_s: float = 30,
    **case: str,
) -> TimedTree:
    """A diagnosis without the tree, within `limit_s` of the cluster's time; a look takes `look_s`.

    `case` as for `walk`.
    """

    def look() -> Mapping[str, Any]:
        cluster.run(look_s)
        return signals(cluster, **case)

    return TimedTree(trees.load(tree), look, lambda: cluster.now_s, limit_s, told)


def blank(
    tree: str, cases: Callable[[], Mapping[str, Mapping[str, Any]]] | None = None, **case: str
) -> BlankTree:
    """A decision tree to fill in, and to run against `cases`: snapshots by name.

    By default these are the incidents that the tree's own leaves name; `case` as for `walk`.
    """
    loaded = trees.load(tree)

    def incidents() -> dict[str, Mapping[str, Any]]:
        return {name: signals(Lab(name), **case) for name in proved_by(loaded)}

    return BlankTree(loaded, cases or incidents)


def _brief(value: Any) -> Any:
    """Lists and dictionaries inside a table read better as text."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return value
