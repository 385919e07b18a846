"""Feedback as a page: safe to open, readable on a phone, without a script and without a request.

`FeedbackExporter` stands where nbgrader's GenerateFeedback has nbconvert's HTMLExporter, so that
`nbgrader generate_feedback`, the formgrader's button and `autograder feedback` write the same
page. `summary` is one page for all notebooks of a student.

All text of the author's is escaped; rendered Markdown is sanitised by bleach, after it was defused
at the door (submission.py). The page's policy forbids scripts and requests, whatever it holds.
Templates and style are in templates/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bleach
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from nbconvert.exporters import Exporter
from nbconvert.filters import Highlight2HTML, markdown2html, strip_ansi
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, is_solution

from autograder.feedback import failure, named
from autograder.submission import exercise_of

FOLDER = Path(__file__).parent / "templates"
PLACE = re.compile(r" \((line \d+ of your code[^\n]*)\)$")
NO_RESPONSE = "No response."  # nbgrader's own comment; the message says more
POINTS = re.compile(r"\s*\(\d+ points?\)$")
TAGS = {
    "a", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "table", "thead", "tbody", "tr",
    "th", "td", "code", "pre", "em", "strong", "br", "hr", "blockquote", "del", "sup", "sub",
}  # fmt: skip
LONGEST_TASK = 300  # characters, after which no further paragraph is repeated
LONGEST_OUTPUT = 20_000  # characters shown of one output


@dataclass(frozen=True)
class Result:
    """One exercise on a page."""

    id: str
    title: str
    score: float
    max_score: float
    asked: str
    seen: str | None
    hint: str | None
    comment: str | None
    waiting: bool  # for a person to grade it

    @property
    def anchor(self) -> str:
        """The id of its place in the page."""
        return f"exercise-{self.id}"

    @property
    def grade(self) -> str:
        """all, some or none of the points."""
        if self.score >= self.max_score:
            return "all"
        return "some" if self.score or self.waiting else "none"


@dataclass(frozen=True)
class Overview:
    """One notebook among a student's notebooks."""

    name: str
    title: str
    score: float
    max_score: float
    exercises: tuple[Result, ...] = ()


class FeedbackExporter(Exporter):
    """An autograded notebook, with its grades, as one HTML page."""

    @property
    def file_extension(self) -> str:  # type: ignore[override]
        """What nbconvert ends the file's name with."""
        return ".html"

    def from_notebook_node(self, nb, resources=None, **kw):  # type: ignore[no-untyped-def]
        """The page, after the preprocessors."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        resources["output_extension"] = self.file_extension
        graded = resources["nbgrader"]
        page = render(
            "page.html.j2",
            name=graded["notebook"],
            assignment=graded["assignment"],
            title=title_of(nb, graded["notebook"]),
            score=graded["score"],
            max_score=graded["max_score"],
            penalty=graded["late_penalty"],
            notices=graded.get("notices", []),
            exercises=graded["results"],
            notebooks=graded.get("overview", []),
            cells=[shown(cell) for cell in nb.cells],
        )
        return page, resources


def summary(student: str, assignment: str, notebooks: Iterable[Overview], penalty: float) -> str:
    """One page for all notebooks of a student."""
    return render(
        "summary.html.j2",
        student=student, assignment=assignment, notebooks=list(notebooks), penalty=penalty,
    )  # fmt: skip


def render(template: str, **values: Any) -> str:
    """Fill in a template; everything is escaped that is not marked as safe in it."""
    style = (FOLDER / "style.css").read_text("utf-8")
    return _environment().get_template(template).render(style=style, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["points"] = lambda value: f"{value:g}"
    environment.filters["spoken"] = spoken
    return environment


def spoken(text: str) -> Markup:
    """A sentence of ours: escaped, with what stands between backquotes as code."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def title_of(nb: NotebookNode, name: str) -> str:
    """The first heading of the notebook, else its name."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.splitlines()[0][2:].strip())
    return name


def results(nb: NotebookNode) -> list[Result]:
    """Every graded exercise of a notebook that GetGrades has filled in, in order."""
    cells = named(nb)
    found = []
    for name, cell in cells.items():
        if not (is_grade(cell) or cell.metadata.nbgrader.get("task")):
            continue
        exercise = exercise_of(name)
        answer = cells.get(exercise)
        message = failure(cell, answer) if cell.cell_type == "code" else None
        place = PLACE.search(message or "")
        heading, asked = _task_before(nb, answer if answer is not None else cell)
        role = cell.metadata.nbgrader
        comment = role.get("comment") or (answer.metadata.nbgrader.get("comment") if answer else "")
        by_hand = is_solution(cell) or cell.cell_type == "markdown"
        found.append(Result(
            exercise, heading or exercise, role.get("score") or 0, role.get("points") or 0, asked,
            PLACE.sub("", message) if message else None,
            place.group(1).capitalize() if place else None,
            comment if comment and comment != NO_RESPONSE else None,
            by_hand and role.get("score") is None,
        ))  # fmt: skip
    return found


def _task_before(nb: NotebookNode, cell: NotebookNode) -> tuple[str, str]:
    """(heading, first paragraphs as HTML) of the text that asks for an answer.

    That is the nearest text with a heading above the answer, below the exercise before.
    """
    place = next(i for i, other in enumerate(nb.cells) if other is cell)
    for above in reversed(nb.cells[:place]):
        if above.cell_type == "code" and is_grade(above):
            break
        if above.cell_type == "markdown" and above.source.startswith("#"):
            heading, _, rest = above.source.partition("\n")
            asked: list[str] = []
            for block in rest.strip().split("\n\n"):
                if block.startswith("```") or sum(map(len, asked)) > LONGEST_TASK:
                    break
                asked.append(block)
            title = POINTS.sub("", heading.lstrip("#").strip())
            return title, _rendered("\n\n".join(asked))
    return "", ""


def shown(cell: NotebookNode) -> dict[str, Any]:
    """A cell as the template needs it."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    anchor = f"exercise-{name}" if name and is_solution(cell) else None
    if cell.cell_type != "code":
        return {"anchor": anchor, "html": _rendered(cell.source)}
    return {
        "anchor": anchor,
        "code": _highlighted(cell.source),
        "folded": _fold(cell),
        "outputs": [_output(output) for output in cell.outputs],
    }


def _rendered(markdown: str) -> str:
    """The Markdown as HTML of text alone."""
    html = re.sub(r'<a class="anchor-link".*?</a>', "", markdown2html(markdown))
    return str(
        bleach.clean(html, TAGS, {"a": ["href"], "*": ["align"]}, {"http", "https", "mailto"})
    )


def _highlighted(source: str) -> str:
    html = Highlight2HTML()(source, language="python")
    inner = re.search(r"<pre>(.*)</pre>", html, re.DOTALL)
    return inner.group(1).removeprefix("<span></span>") if inner else ""


def _fold(cell: NotebookNode) -> str | None:
    """The words over a cell whose code is not the author's, if it is not."""
    if is_locked(cell) and not is_solution(cell):
        return (
            "The tests of this exercise"
            if is_grade(cell)
            else "A check that came with the notebook"
        )
    return None


def _output(output: NotebookNode) -> dict[str, Any]:
    data = output.get("data", {})
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            return {"image": re.sub(r"[^A-Za-z0-9+/=]", "", data[mime]), "mime": mime}
    if output.output_type == "error":
        text = "\n".join(output.traceback) or output.evalue
        return {"image": None, "kind": "error", "text": strip_ansi(text)[:LONGEST_OUTPUT]}
    text = output.get("text") or data.get("text/plain", "")
    return {"image": None, "kind": "said", "text": strip_ansi(text)[:LONGEST_OUTPUT]}
