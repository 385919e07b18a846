"""A decision tree to fill in: say where each answer leads, then run it against known faults.

What is filled in is plain data (`filled`), so that an exercise can grade it by
`course.catalogue.trees.blank.against`. The cases are snapshots that were taken outside.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import traitlets as t

from course.catalogue.trees import Snapshot, Tree
from course.catalogue.trees.blank import against, check, destinations, places
from course.widgets.fallback import html_table
from course.widgets.panel import Panel, front


class BlankTree(Panel):
    """`tree` without its turns. `cases()` gives case -> snapshot; it is asked at the first run."""

    _esm = front("blank")

    questions: t.List = t.List(help="rows {id, ask, answers: [[place, text]]}").tag(sync=True)
    choices: t.List = t.List(help="rows [destination, its words]").tag(sync=True)
    filled = t.Dict(help="place -> destination").tag(sync=True)
    results: t.List = t.List(help="rows of the last run: case, right, path, led to, should be").tag(
        sync=True
    )

    def __init__(self, tree: Tree, cases: Callable[[], Mapping[str, Snapshot]]) -> None:
        super().__init__(title=f"{tree.id} {tree.title}, to fill in")
        self.tree, self._cases = tree, cases
        self._known: Mapping[str, Snapshot] | None = None
        self.questions = [
            {"id": q.id, "ask": q.ask, "answers": [[f"{q.id} {a.text}", a.text] for a in q.answers]}
            for q in tree.questions.values()
        ]
        self.choices = [list(row) for row in destinations(tree).items()]

    def fill(self, place: str, to: str) -> None:
        """Say where a place leads; an empty text empties it. ValueError lists what there is."""
        check(self.tree, place, to)
        rest = {key: value for key, value in self.filled.items() if key != place}
        self.filled, self.results = rest | ({place: to} if to else {}), []

    def run(self) -> list[dict[str, Any]]:
        """Walk every case along what is filled in."""
        if self._known is None:
            self._known = self._cases()
        self.results = against(self.tree, self.filled, self._known)
        right = sum(row["right"] for row in self.results)
        left = len(places(self.tree)) - len(self.filled)
        self.note = (
            f"{right} of {len(self.results)} cases end where they should; {left} places are empty."
        )
        return self.results

    def intend(self, content: dict[str, Any]) -> None:
        """Fill in, run, or empty all."""
        match content:
            case {"intent": "fill", "place": str(place), "to": str(to)}:
                self.fill(place, to)
            case {"intent": "run"}:
                self.run()
            case {"intent": "clear"}:
                self.filled, self.results = {}, []

    def as_html(self) -> str:
        """The questions with what is filled in, and what it can be."""
        rows = [
            {"question": f"{row['id']}. {row['ask']}", "answer": text, "leads to": self._to(place)}
            for row in self.questions
            for place, text in row["answers"]
        ]
        items = "".join(f"<li>{escape(words)}</li>" for _, words in self.choices)
        table = html_table(self.title, rows) + (
            html_table("The last run", self.results) if self.results else ""
        )
        return f"{table}<p>Where an answer can lead:</p><ul>{items}</ul>"

    def as_text(self) -> str:
        """The same as plain text."""
        lines = [self.title]
        for row in self.questions:
            lines.append(f"{row['id']}. {row['ask']}")
            lines += [f"     {text}: {self._to(place)}" for place, text in row["answers"]]
        return "\n".join([*lines, "Where an answer can lead:", *(w for _, w in self.choices)])

    def _to(self, place: str) -> str:
        return dict(self.choices)[self.filled[place]] if place in self.filled else "____"
