"""A decision tree to walk: the question, the evidence for its answer, and where one stands.

The widget knows the tree and nothing of the cluster. Evidence comes from `look`, a function given
from outside that returns a plain snapshot; the walk itself is `course.catalogue.trees.Walk`. The
view (tree.js) shows what stands in the traits and sends intents: look, answer, back, restart.
"""

from collections.abc import Callable
from dataclasses import asdict
from html import escape
from typing import Any

import traitlets as t

from course.catalogue.trees import Answer, Leaf, MissingSignal, Question, Snapshot, Tree, Walk
from course.widgets.panel import Panel, front


class TreeWidget(Panel):
    """Walk `tree`; `look()` gives the cluster's signals, `clock()` the time of a step in s."""

    _esm = front("tree")

    questions: t.List = t.List(help="rows {id, ask, look, answers: [{text, leads}]}").tag(sync=True)
    path: t.List = t.List(help="rows {question, ask, answer, told, at_s} so far").tag(sync=True)
    current = t.Unicode(help="the id of the question to answer; empty at a leaf").tag(sync=True)
    leaf = t.Dict(help="{do, verify, go} where the walk ended, else empty").tag(sync=True)
    evidence = t.Dict(help="{rows: [[signal, value]], told, problem} of the last look").tag(
        sync=True
    )
    can_look = t.Bool(help="whether there is a cluster to look at").tag(sync=True)

    def __init__(
        self,
        tree: Tree,
        look: Callable[[], Snapshot] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(title=f"{tree.id} {tree.title}", can_look=look is not None)
        self.tree, self._look, self._clock = tree, look, clock
        self.questions = [_row(question) for question in tree.questions.values()]
        self._stand(Walk(tree))

    @property
    def walk(self) -> list[dict[str, Any]]:
        """The path so far as plain records, for an exercise or an incident report."""
        return self._walk.as_data()

    def look(self) -> None:
        """Read the signals and say what they answer to the question at hand."""
        here = self._walk.at
        if self._look is None or isinstance(here, Leaf):
            return
        snapshot = self._look()
        shown = [name for name in (here.signal, *here.shows) if name in snapshot]
        rows = [[name, plain(snapshot[name])] for name in shown]
        try:
            self.evidence = {"rows": rows, "told": here.read(snapshot).text, "problem": ""}
        except MissingSignal as missing:
            self.evidence = {"rows": rows, "told": "", "problem": f"{missing}. Answer by hand."}

    def answer(self, text: str) -> None:
        """Answer the question at hand; another answer than the signal's is noted, not barred."""
        told = self.evidence.get("told") or None
        walk = self._walk.answer(text, told, self._clock() if self._clock else None)
        differs = told is not None and told != text
        note = f"You answered “{text}”; the signal says “{told}”." if differs else ""
        self._stand(walk, note)

    def back(self) -> None:
        """One step back."""
        self._stand(self._walk.back())

    def restart(self) -> None:
        """To the first question."""
        self._stand(Walk(self.tree))

    def _stand(self, walk: Walk, note: str = "") -> None:
        """Show where `walk` stands."""
        self._walk, here = walk, walk.at
        with self.hold_trait_notifications():
            self.path, self.evidence, self.note = walk.as_data(), {}, note
            self.current = here.id if isinstance(here, Question) else ""
            self.leaf = asdict(here) if isinstance(here, Leaf) else {}

    def intend(self, content: dict[str, Any]) -> None:
        """An intent of the view. Nothing that a view sends can do more than walk."""
        match content:
            case {"intent": "answer", "text": str(text)}:
                self.answer(text)
            case {"intent": "look"}:
                self.look()
            case {"intent": "back"}:
                self.back()
            case {"intent": "restart"}:
                self.restart()

    def as_html(self) -> str:
        """The whole tree as a list."""
        return as_html(self.tree)

    def as_text(self) -> str:
        """The whole tree as plain text."""
        return as_text(self.tree)


def as_text(tree: Tree) -> str:
    """The whole tree as plain text."""
    lines = [f"{tree.id} {tree.title}"]
    for question in tree.questions.values():
        lines.append(f"{question.id}. {question.ask} (look: {question.evidence})")
        lines += [f"     {answer.text}: {_leads(answer)}" for answer in question.answers]
    return "\n".join(lines)


def as_html(tree: Tree) -> str:
    """The whole tree as a list that reads without a kernel, a script or a style sheet."""
    items = []
    for question in tree.questions.values():
        answers = "".join(
            f"<li><b>{escape(answer.text)}</b>: {escape(_leads(answer))}</li>"
            for answer in question.answers
        )
        asked = f"<b>{escape(question.id)}.</b> {escape(question.ask)}"
        looked = f"<code>{escape(question.evidence)}</code>"
        items.append(f"<li>{asked} Look: {looked}<ul>{answers}</ul></li>")
    heading = f"<p><b>{escape(tree.id)} {escape(tree.title)}</b></p>"
    return f"{heading}<ul style='list-style:none'>{''.join(items)}</ul>"


def _row(question: Question) -> dict[str, Any]:
    answers = [{"text": answer.text, "leads": _leads(answer)} for answer in question.answers]
    look = question.evidence
    return {"id": question.id, "ask": question.ask, "look": look, "answers": answers}


def _leads(answer: Answer) -> str:
    leaf = answer.leaf
    if leaf is None:
        return f"question {answer.next}"
    return leaf.do if leaf.go else f"{leaf.do} Verify within {leaf.minutes} min: {leaf.verify}"


def plain(value: Any) -> str:
    """A signal's value in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return "not known" if value is None else str(value)
